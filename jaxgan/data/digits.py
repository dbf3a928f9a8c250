"""The handwritten digits that ship with the package."""

from importlib import resources

import numpy as np

from jaxgan._checks import ImageSize
from jaxgan.data.dataset import Dataset
from jaxgan.data.idx import read_idx


def load_digits(image_size: ImageSize | None = None) -> Dataset:
    """Load the 10,000 images of MNIST's test split, without a download.

    They are MNIST's test images, so results on `digits` are not results on MNIST; use `mnist` for
    those.

    Args:
        image_size: the side to resize to; None keeps 28.

    Returns:
        uint8 images `[10000, 28, 28, 1]`, white on black, and labels 0 to 9.

    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document
    recognition", 1998; CC BY-SA 3.0, see `digits/LICENSE`.
    """
    images = _read("t10k-images-idx3-ubyte.gz")[..., np.newaxis]
    labels = _read("t10k-labels-idx1-ubyte.gz").astype(np.int32)
    if image_size is not None:
        from jaxgan.data.images import resize  # imports Pillow

        images = resize(images, image_size)
    return Dataset(images, labels, "digits", tuple("0123456789"))


def _read(name: str) -> np.ndarray:
    with resources.files("jaxgan.data").joinpath("digits", name).open("rb") as file:
        return read_idx(file)
