"""Patches of the photographs that ship with scikit-image."""

import importlib.util
from pathlib import Path

import numpy as np

from jaxgan._checks import ImageSize
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError
from jaxgan.data.images import decode, sides_of

PHOTOS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "rocket.jpg",
    "motorcycle_left.png",
    "ihc.png",
    "hubble_deep_field.jpg",
)


def load_photos(image_size: ImageSize | None) -> Dataset:
    """Cut seven color photographs into squares that do not overlap, one photograph after another.

    They show a face, a cat, a cup, a rocket, a motorcycle, tissue under the microscope and the
    Hubble Deep Field, and are not resized. The remainders at the right and at the bottom are
    dropped.

    Args:
        image_size: side of the squares, or height and width; None is 64, which makes 542 of them.

    Returns:
        uint8 images `[N, image_size, image_size, 3]`, without labels.

    Raises:
        DataError: if the squares are larger than all photographs, or scikit-image is missing.
    """
    height, width = sides_of(64 if image_size is None else image_size)
    # Only its files are used: importing scikit-image takes a second.
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise DataError(
            "the data set photos needs scikit-image, whose photographs it is cut from: "
            'pip install "jaxgan[photos]"'
        )
    folder = Path(found.submodule_search_locations[0]) / "data"
    x = np.concatenate([patches(_read(folder / name), height, width) for name in PHOTOS])
    if not len(x):
        raise DataError(
            f"no photograph is as large as image_size={height}x{width}: give less, such as "
            "image_size=64"
        )
    return Dataset(x, None, "photos")


def patches(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Cut an image `[H, W, C]` into pieces `[N, height, width, C]`, row by row."""
    rows, columns, channels = image.shape[0] // height, image.shape[1] // width, image.shape[2]
    whole = image[: rows * height, : columns * width]
    pieces = whole.reshape(rows, height, columns, width, channels).swapaxes(1, 2)
    return pieces.reshape(rows * columns, height, width, channels)


def _read(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as file:
            return decode(file, 3)
    except OSError as error:
        raise DataError(
            f"the data set photos needs {str(path)!r} ({error.strerror or error}): pip install "
            '--upgrade "scikit-image>=0.24"'
        ) from error
