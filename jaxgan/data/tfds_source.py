"""The image data sets of tensorflow-datasets, read without TensorFlow.

Source: https://www.tensorflow.org/datasets/catalog/overview
"""

import difflib
import importlib.util
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants, read_only_builder, registered
from tensorflow_datasets.proto import tf_example_pb2

from jaxgan._checks import ImageSize
from jaxgan.data import mnist_family, network
from jaxgan.data._homes import home, private_folder
from jaxgan.data.cache import Decoded, cached
from jaxgan.data.dataset import Dataset
from jaxgan.data.domains import PREFIXES
from jaxgan.data.errors import DataError
from jaxgan.data.images import decode
from jaxgan.data.records import raw_examples
from jaxgan.data.stack import Example, stack

BUILT_IN = (
    *("digits", *mnist_family.NAMES, "stacked_digits", "stacked_mnist", "emoji", "photos"),
    *("ring", "grid", "notes", "solids"),
)

_OF_BOTH_DOMAINS = r"\b(train|test)\b"  # cycle_gan itself has trainA, trainB and so on


def load_tfds(
    name: str,
    *,
    split: str,
    image_size: ImageSize | None,
    data_dir: Path | None,
    manual_dir: Path | None,
    cache_root: Path | None,
) -> Dataset:
    """Load an image data set by its TFDS name, after preparing it if necessary.

    Reading does not need TensorFlow, and neither does preparing MNIST, Fashion-MNIST or KMNIST;
    preparing others does: `pip install "jaxgan[tfds]"`. The images are those of the feature
    `image`, or of the only image feature, gray if it has one channel and color otherwise. The
    labels are those of the feature `label`, if it is a ClassLabel.

    Data sets of low and high resolution (features `lr` and `hr`, as in `div2k`) are pairs: x is the
    high resolution, and y the low one, smaller by the scale of the config. The splits `train` and
    `test` of `cycle_gan` are its two domains: x is A, and y is B.

    Args:
        name: `name`, `name/config` or either with `:version`.
        split: a split or a slice of one, such as `train[:50%]`.
        image_size: the side of x to resize to; None for images that are all of one size.
        data_dir: folder of the data sets that TFDS has prepared; None is TFDS's default.
        manual_dir: folder with files that the user has downloaded.
        cache_root: folder of the cache; None is the user's.

    Raises:
        DataError: if the name is unknown, or the set has no images or cannot be prepared.
    """
    data_dir = data_dir or _default_dir()
    try:
        builder = _builder(name, data_dir)
        return _load(_Source(name, builder, data_dir, manual_dir, cache_root), split, image_size)
    except DataError:
        raise
    except Exception as error:  # TFDS and decoders raise errors of any kind on damaged files
        raise DataError(
            f"{name} cannot be read from data_dir={data_dir or constants.DATA_DIR} "
            f"({type(error).__name__}: {_one_line(error)}): prepare it again in another "
            "data_dir=DIRECTORY"
        ) from error


class _Source(NamedTuple):
    """A data set, with the folders of its data, its original files and the cache."""

    name: str
    builder: Any
    data_dir: Path | None
    manual_dir: Path | None
    cache_root: Path | None

    def prepared(self) -> Any:
        """Return the builder of the data set, prepared if it was not."""
        if self.builder.info.splits:
            return self.builder
        _prepare(self.builder, self.manual_dir)
        return _builder(self.name, self.data_dir)


def _load(source: _Source, split: str, image_size: ImageSize | None) -> Dataset:
    name, builder = source.name, source.builder
    if {"lr", "hr"} <= set(builder.info.features):
        high = _load_images(source, split, image_size, "hr")
        low = _load_images(source, split, _low_size(source, split, image_size), "lr")
        return high._replace(y=low.x)
    if builder.name == "cycle_gan" and re.search(_OF_BOTH_DOMAINS, split):
        first, second = (
            _load_images(source, re.sub(_OF_BOTH_DOMAINS, rf"\g<0>{domain}", split), image_size)
            for domain in "AB"
        )
        return Dataset(first.x, second.x, name, paired=False)
    return _load_images(source, split, image_size)


def _load_images(
    source: _Source, split: str, image_size: ImageSize | None, feature: str | None = None
) -> Dataset:
    """Load the images of a feature, with their labels; None is the feature `image` or the only."""
    builder = source.builder
    key = {"full_name": builder.info.full_name, "split": split, "image_size": image_size}
    if feature is not None:
        key["feature"] = feature
    chosen = feature or _image_feature(builder)

    def build(directory: Path | None) -> Decoded:
        ready = source.prepared()
        size = _split_size(ready, split)
        label = dict(ready.info.features.items()).get("label")
        labeled = isinstance(label, tfds.features.ClassLabel)
        classes = label.num_classes if labeled else None
        examples = _examples(ready, split, chosen, classes, image_size)
        x, y = stack(examples, size, directory)
        if len(x) < size:
            raise ValueError(f"it ends after {len(x)} of {size} examples")
        return Decoded(Dataset(x, y, source.name, tuple(label.names) if labeled else ()))

    return cached(source.cache_root, source.name, key | _fingerprint(builder), build)


def _low_size(source: _Source, split: str, image_size: ImageSize | None) -> ImageSize | None:
    """Return the size of the images of low resolution: `image_size` / scale."""
    if image_size is None:
        return None
    config = source.builder.builder_config
    of_config = re.search(r"x(\d+)$", config.name if config else "")
    scale = int(of_config[1]) if of_config else _measured_scale(source.prepared(), split)
    sides = image_size if isinstance(image_size, tuple) else (image_size,)
    if any(side % scale for side in sides):
        given, better = (
            "x".join(str(side + up) for side, up in zip(sides, more, strict=True))
            for more in ([0] * len(sides), [-side % scale for side in sides])
        )
        raise DataError(
            f"{source.name} has its low resolution at 1/{scale} of the side, and {scale} does not "
            f"divide image_size={given}: give image_size={better}"
        )
    low = tuple(side // scale for side in sides)
    return low[0] if len(low) == 1 else (low[0], low[1])


def _measured_scale(builder: Any, split: str) -> int:
    _split_size(builder, split)
    high, low = (next(_examples(builder, split, name, None, None))[0] for name in ("hr", "lr"))
    return round(high.shape[0] / low.shape[0])


def _default_dir() -> Path | None:
    """Return a folder for accounts without a home; None for others, which have TFDS's default."""
    if os.environ.get("TFDS_DATA_DIR") or home() is not None:
        return None
    try:
        return private_folder("tensorflow_datasets", "there is no home directory")
    except OSError as error:
        raise DataError(
            f"no folder for prepared data ({error}): give data_dir=DIRECTORY"
        ) from error


def _builder(name: str, data_dir: Path | None) -> Any:
    # TFDS would look up other forms, such as "huggingface:name", on the network.
    if not re.fullmatch(r"\w+(/[\w.\-]+)?(:[\d.*]+)?", name, re.ASCII):
        raise DataError(_unknown(name))
    try:
        return tfds.builder(name, data_dir=data_dir)
    except registered.DatasetNotFoundError as error:
        raise DataError(_unknown(name)) from error
    except json.JSONDecodeError:  # a file of the data set is damaged
        raise
    except (ValueError, AssertionError) as error:
        raise DataError(f"no data set name={name}: {_one_line(error)} {_configs(name)}") from error


def _configs(name: str) -> str:
    try:
        configs = tfds.builder_cls(re.split("[/:]", name)[0]).builder_configs
    except registered.DatasetNotFoundError:
        return ""
    return f"its configs: {', '.join(configs) or 'none'}"


def _unknown(name: str) -> str:
    prefixes = [f"{prefix}:" for prefix in ("folder", *PREFIXES)]
    names = [*BUILT_IN, *prefixes, *tfds.list_builders(with_community_datasets=False)]
    word, colon, _ = name.partition("/")[0].lower().partition(":")
    close = difflib.get_close_matches(word + colon, dict.fromkeys(names))
    if _is_place(name):
        close = [f"name=folder:{name}"]
    hint = f"; did you mean {' or '.join(close)}?" if close else ""
    return (
        f"unknown data set {name!r}: expected {', '.join(BUILT_IN)}, folder:DIRECTORY, a name from "
        f"tensorflow-datasets, or any of these after {', '.join(prefixes[1:])} as in "
        f"name=outlines:digits{hint}"
    )


def _is_place(name: str) -> bool:
    """Return whether a name is that of a directory or a zip file."""
    try:
        path = Path(name).expanduser()
        return path.is_dir() or (path.is_file() and zipfile.is_zipfile(path))
    except (OSError, RuntimeError, ValueError):
        return False


def _image_feature(builder: Any) -> str:
    """Return the name of the feature that holds the images."""
    features = builder.info.features
    images = sorted(
        name for name, kind in features.items() if isinstance(kind, tfds.features.Image)
    )
    chosen = "image" if "image" in images else images[0] if len(images) == 1 else None
    if chosen is None:
        found = ", ".join(images) or "none"
        raise DataError(
            f"{builder.info.full_name} has no feature 'image', and not exactly one image feature "
            f"(found: {found}): give another data set, name=..."
        )
    dtype = np.dtype(features[chosen].np_dtype)
    if dtype != np.uint8:
        raise DataError(
            f"the images of {builder.info.full_name} are {dtype}, expected uint8: give another "
            "data set, name=..."
        )
    return chosen


def _fingerprint(builder: Any) -> dict[str, Any]:
    """Return what distinguishes data sets that TFDS knows from their files alone, not by code."""
    if not isinstance(builder, read_only_builder.ReadOnlyBuilder):
        return {}
    written = (Path(builder.data_dir) / "dataset_info.json").stat().st_mtime_ns
    return {"data_dir": str(builder.data_dir), "written": written}


def _prepare(builder: Any, manual_dir: Path | None) -> None:
    try:
        if builder.name in mnist_family.NAMES:
            mnist_family.prepare(builder, manual_dir)
        else:
            _prepare_with_tensorflow(builder, manual_dir)
    except DataError:
        raise
    except Exception as error:  # TFDS, its downloads and TensorFlow raise errors of any kind
        if (Path(builder.data_dir) / "dataset_info.json").exists():
            return  # another process has prepared the data set in the meantime
        raise DataError(
            f"tensorflow-datasets could not prepare {builder.info.full_name} in "
            f"data_dir={builder.data_dir_root}: {type(error).__name__}: {_one_line(error)}"
        ) from error


def _prepare_with_tensorflow(builder: Any, manual_dir: Path | None) -> None:
    name, files = builder.info.full_name, builder.url_infos or {}
    if importlib.util.find_spec("tensorflow") is None:
        raise DataError(
            f"{name} is not prepared in data_dir={builder.data_dir_root}, and preparing it needs "
            'TensorFlow: pip install "jaxgan[tfds]"'
        )
    if manual_dir is None and builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
        wanted = " ".join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())
        raise DataError(f"{name} has to be downloaded by hand: give manual_dir=DIRECTORY: {wanted}")
    by_hand = manual_dir and any((manual_dir / info.filename).exists() for info in files.values())
    if files and not by_hand and not network.answers(next(iter(files))):
        wanted = mnist_family.listed({info.filename: info for info in files.values()})
        raise DataError(
            f"{name} is not prepared in data_dir={builder.data_dir_root} and {next(iter(files))} "
            f"does not answer: put the files it needs (of {wanted}) into a folder and give "
            "manual_dir=DIRECTORY"
        )
    config = tfds.download.DownloadConfig(manual_dir=manual_dir, try_download_gcs=False)
    builder.download_and_prepare(download_config=config, file_format="array_record")


def _split_size(builder: Any, split: str) -> int:
    splits = builder.info.splits
    if not splits:
        raise DataError(f"{builder.data_dir} exists but holds no prepared data: delete it")
    try:
        size = splits[split].num_examples
    except (KeyError, ValueError, NotImplementedError) as error:
        raise DataError(
            f"{builder.info.full_name} has no split {split!r}: expected one of "
            f"{', '.join(sorted(splits))}, or a slice such as split={min(splits)}[:50%]"
        ) from error
    if not size:
        raise DataError(
            f"split={split} of {builder.info.full_name} is empty: give one that has examples"
        )
    return size


def _examples(
    builder: Any, split: str, feature: str, classes: int | None, image_size: ImageSize | None
) -> Iterator[Example]:
    """Decode the image and the label of each example, and nothing else."""
    channels = 1 if builder.info.features[feature].shape[-1] == 1 else 3
    for record in raw_examples(builder, split):
        message = tf_example_pb2.Example  # pyright: ignore[reportAttributeAccessIssue]
        values = message.FromString(record).features.feature
        encoded = io.BytesIO(values[feature].bytes_list.value[0])
        label = None if classes is None else values["label"].int64_list.value[0]
        if label is not None and not -1 <= label < classes:  # -1 is a label that is not published
            raise ValueError(f"label {label} of {classes} classes")
        yield decode(encoded, channels, image_size), label


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:500]
