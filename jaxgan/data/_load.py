"""One function that loads any data set by its name."""

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from jaxgan.data.cache import default_root
from jaxgan.data.dataset import Dataset
from jaxgan.data.digits import load_digits
from jaxgan.data.domains import PREFIXES, load_derived
from jaxgan.data.errors import DataError
from jaxgan.data.notes import load_notes
from jaxgan.data.solids import load_solids
from jaxgan.data.stacked import load_stacked
from jaxgan.data.toys import load_toy


def load(
    name: str,
    *,
    split: str = "train",
    image_size: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Loads a data set: what is on disk, as arrays.

    Names:
        `digits`: the 10,000 images of MNIST's test split, part of the package; split `train`.
        `mnist`, `fashion_mnist`, `kmnist`: through tensorflow-datasets, without TensorFlow.
        `stacked_digits`, `stacked_mnist`: three of these digits as one picture's colours, 128,000
            of 1000 classes; split `train`, see `jaxgan.data.stacked`.
        `emoji`: the 3926 colour pictures of Debian's package fonts-noto-color-emoji, where it is
            installed; split `train`, see `jaxgan.data.emoji`.
        `photos`: 542 patches of the photographs in the package scikit-image; split `train`, see
            `jaxgan.data.photos`.
        `folder:DIRECTORY`: the image files below a directory; split `train`.
        `ring`, `grid`: 2-D mixtures of 8 and 25 Gaussians, see `jaxgan.data.toys`; split `train`.
        `notes`: 4000 sounds of eight pitches, see `jaxgan.data.notes`; split `train`.
        `solids`: 4000 solids of five kinds, see `jaxgan.data.solids`; split `train`.
        Any image set of tensorflow-datasets, such as `cifar10` or `cycle_gan/horse2zebra`: if it
        has been prepared, or if TensorFlow is there to prepare it.

    Decoded images are cached on disk, except for `digits`, and come back as a read-only memory
    map; see `jaxgan.data.cache`.

    Args:
        name: One of the above.
        split: A split, or a slice of one, such as `train[:50%]` or `train[9000:]`; of a derived
            set, the slice of what it is derived from.
        image_size: Brings all images to this side: the short side is resized (Lanczos), the
            middle is cut out. None keeps them, which takes images that all have one size.
        data_dir: Where tensorflow-datasets keeps prepared data sets; None is its own default,
            `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        manual_dir: Folder with the published files of a data set, where they cannot be
            downloaded; they may also lie in a sub-folder named as the data set.
        cache_dir: Folder of the cache; None is `$XDG_CACHE_HOME/jaxgan/data`, or
            `~/.cache/jaxgan/data`.

    Returns:
        uint8 images `[N, H, W, C]`, or float32 points `[N, 2]`, and labels where there are any,
        or pictures as y. Of `notes` and `solids`, float32 sounds and uint8 solids.

    Raises:
        DataError: if that cannot be had; the one-line message says why and what to do.
    """
    if image_size is not None and (not isinstance(image_size, int) or image_size < 1):
        raise DataError(f"image size {image_size!r} (--image_size): expected 1 pixel or more")
    data = None if data_dir is None else Path(data_dir).expanduser()
    manual = None if manual_dir is None else _existing(Path(manual_dir).expanduser())
    folders = _Folders(
        data, manual, default_root() if cache_dir is None else Path(cache_dir).expanduser()
    )
    return _load(name, split=split, image_size=image_size, folders=folders)


_WITHOUT_SIZE = {
    "ring": "points, not images",
    "grid": "points, not images",
    "notes": "sounds, not images",
    "solids": "solids of one size",
}


class _Folders(NamedTuple):
    """Where prepared data sets, files of the user and the cache are."""

    data: Path | None
    manual: Path | None
    cache: Path


def _load(
    name: str,
    *,
    split: str,
    image_size: int | None,
    folders: _Folders,
    side_by_side: bool = False,
) -> Dataset:
    prefix, colon, _ = name.partition(":")
    if colon and prefix in PREFIXES:
        return load_derived(name, image_size, partial(_load, split=split, folders=folders))
    load_whole = _packaged(name, image_size, folders, side_by_side)
    if load_whole is not None:
        return _load_slice(load_whole, name, split)

    from jaxgan.data.tfds_source import load_tfds  # imports TFDS

    return load_tfds(
        name,
        split=split,
        image_size=image_size,
        data_dir=folders.data,
        manual_dir=folders.manual,
        cache_root=folders.cache,
    )


def _packaged(
    name: str, image_size: int | None, folders: _Folders, side_by_side: bool
) -> Callable[[str], Dataset] | None:
    """Returns what loads a split of a set that this package reads itself; None for others."""
    kind, _, path = name.partition(":")
    if kind == "folder" and path:
        from jaxgan.data.folder import load_folder  # imports Pillow

        return lambda split: load_folder(
            path, image_size, folders.cache, split=split, side_by_side=side_by_side
        )
    if name in _WITHOUT_SIZE:
        if image_size is not None:
            raise DataError(f"{name} holds {_WITHOUT_SIZE[name]}: leave --image_size out")
        return {
            "ring": partial(load_toy, "ring"),
            "grid": partial(load_toy, "grid"),
            "notes": load_notes,
            "solids": load_solids,
        }[name]

    def load_emoji(split: str) -> Dataset:
        from jaxgan.data import emoji  # imports Pillow

        return emoji.load_emoji(split, image_size, folders.cache)

    def load_photos(split: str) -> Dataset:
        from jaxgan.data import photos  # imports Pillow

        return photos.load_photos(split, image_size)

    def load_stack(split: str) -> Dataset:
        digits = name.removeprefix("stacked_")
        single = partial(_load, digits, split="train", image_size=None, folders=folders)
        return load_stacked(name, split, image_size, single)

    return {
        "digits": partial(load_digits, image_size=image_size),
        "stacked_digits": load_stack,
        "stacked_mnist": load_stack,
        "emoji": load_emoji,
        "photos": load_photos,
    }.get(name)


def _load_slice(load_whole: Callable[[str], Dataset], name: str, split: str) -> Dataset:
    """Loads a split, or a slice of one as tensorflow-datasets writes it."""
    bound = r"(-?\d+%?)?"
    parts = re.fullmatch(rf"(\w+)(?:\[{bound}:{bound}\])?", split)
    if parts is None:
        raise DataError(
            f"{name} has no split {split!r} (--split): expected one such as 'train', or a slice "
            "of one such as 'train[:90%]' or 'train[100:200]'"
        )
    dataset = load_whole(parts[1])
    size = len(dataset.x)
    start = _position(parts[2] or "0", size)
    stop = _position(parts[3] or "100%", size)
    if not 0 <= start < stop <= size:
        raise DataError(
            f"{split!r} (--split) is no part of the {size} examples of {name}: they have the "
            f"numbers 0 to {size - 1}"
        )
    if stop - start == size:
        return dataset
    y = None if dataset.y is None else dataset.y[start:stop]
    return dataset._replace(x=dataset.x[start:stop], y=y)


def _position(bound: str, size: int) -> int:
    """The number of the example at a bound, which counts from the end if it is negative."""
    percent = bound.endswith("%")
    position = round(int(bound[:-1]) * size / 100) if percent else int(bound)
    return position + size if bound.startswith("-") else position


def _existing(manual_dir: Path) -> Path:
    if not manual_dir.is_dir() or not any(manual_dir.iterdir()):
        state = "is empty" if manual_dir.is_dir() else "does not exist"
        raise DataError(
            f"{str(manual_dir)!r} (--manual_dir) {state}: put the files of the data set there"
        )
    return manual_dir
