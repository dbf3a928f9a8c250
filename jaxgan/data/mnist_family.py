"""The preparation of MNIST, Fashion-MNIST and KMNIST for tensorflow-datasets without TensorFlow.

The builders of tensorflow-datasets read the published files through TensorFlow. The subclass below
differs only in how it reads them: name, version, features and the order of the examples are the
same, and so are the files that it writes.
"""

import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core import registered
from tensorflow_datasets.core.download import resource

from jaxgan.data import network
from jaxgan.data.errors import DataError
from jaxgan.data.idx import read_idx

NAMES = ("mnist", "fashion_mnist", "kmnist")


def prepare(builder: Any, manual_dir: Path | None) -> None:
    """Prepare one of the three data sets in array_record format, from files or a download.

    Args:
        builder: the TFDS builder of the data set.
        manual_dir: folder with the four published .gz files, directly or in a subfolder with the
            name of the data set; None downloads them.

    Raises:
        DataError: if files are missing or are not the published ones, or cannot be downloaded.
    """
    if manual_dir is not None:
        manual_dir = _checked_manual_dir(builder, manual_dir)
    else:
        _check_download(builder)
    config = tfds.download.DownloadConfig(
        manual_dir=manual_dir, force_checksums_validation=True, try_download_gcs=False
    )
    reader = _without_tensorflow(type(builder))(data_dir=builder.data_dir_root)
    reader.download_and_prepare(download_config=config, file_format="array_record")


def _checked_manual_dir(builder: Any, manual_dir: Path) -> Path:
    """Return the folder that holds all files, after verifying their checksums."""
    below = manual_dir / builder.name
    expected = {info.filename: info for info in builder.url_infos.values()}
    folder = below if any((below / name).exists() for name in expected) else manual_dir
    missing = {name: info for name, info in expected.items() if not (folder / name).exists()}
    if missing:
        raise DataError(
            f"{builder.name}: {listed(missing)} missing in manual_dir={folder}: put all "
            f"{len(expected)} published files there, as .gz and under their original names"
        )
    for name, info in expected.items():
        with open(folder / name, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != info.checksum:
            raise DataError(
                f"{str(folder / name)!r} is not the published file of {builder.name}: expected "
                f"sha256 {info.checksum}, found {found}; download it again"
            )
    return folder


def _check_download(builder: Any) -> None:
    """Check that the files that are not downloaded yet can be downloaded now."""
    downloads = Path(builder.data_dir_root) / "downloads" / builder.name
    missing = {
        url: info
        for url, info in builder.url_infos.items()
        if not (downloads / resource.get_dl_fname(url, info.checksum)).exists()
    }
    if missing and not network.answers(next(iter(missing))):
        address = next(iter(missing)).rpartition("/")[0]
        files = listed({info.filename: info for info in missing.values()})
        raise DataError(
            f"{builder.name} is not prepared in data_dir={builder.data_dir_root} and {address} "
            f"does not answer: put {files} from there into a folder and give manual_dir=DIRECTORY"
        )


def listed(files: Mapping[str, Any]) -> str:
    """List files by name and size, from `{name: UrlInfo}`, at most five of them."""
    names = [f"{name} ({info.size})" for name, info in sorted(files.items())]
    return ", ".join(names[:5] + ["..."] * (len(names) > 5))


def _without_tensorflow(parent: Any) -> Any:
    with registered.skip_registration():

        class WithoutTensorFlow(parent):
            name = parent.name

            def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
                urls = {info.filename: url for url, info in parent.url_infos.items()}
                files = dl_manager.download(urls)
                return {
                    split: self._generate_examples(
                        files[f"{prefix}-images-idx3-ubyte.gz"],
                        files[f"{prefix}-labels-idx1-ubyte.gz"],
                    )
                    for split, prefix in {"train": "train", "test": "t10k"}.items()
                }

            def _generate_examples(self, images: Any, labels: Any) -> Iterator[tuple[int, Any]]:
                with open(images, "rb") as image_file, open(labels, "rb") as label_file:
                    pairs = zip(read_idx(image_file), read_idx(label_file), strict=True)
                    for number, (pixels, label) in enumerate(pairs):
                        png = io.BytesIO()
                        Image.fromarray(pixels).save(png, "PNG")
                        yield number, {"image": png.getvalue(), "label": int(label)}

    return WithoutTensorFlow
