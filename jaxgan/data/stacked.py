"""StackedMNIST: a digit in each color channel, and so 1000 classes of known frequency.

It is the standard data set for counting lost modes: Metz et al., "Unrolled generative adversarial
networks", 2017, https://arxiv.org/abs/1611.02163.
"""

from collections.abc import Callable

import numpy as np

from jaxgan._checks import ImageSize
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError

SIZE = 128_000

_NAMES = tuple(f"{i:03d}" for i in range(1000))


def load_stacked(
    name: str, image_size: ImageSize | None, load_single: Callable[[], Dataset]
) -> Dataset:
    """Stack digits: always the same 128,000 triples, drawn independently and with replacement.

    This is the protocol of Lin et al., "PacGAN", 2018, https://arxiv.org/abs/1712.04086. The images
    take 300 MB of memory, or 390 MB at 32 pixels.

    Args:
        name: `stacked_mnist`, for MNIST's train split, or `stacked_digits`, for `digits`.
        image_size: 28 or None, or 32, which pads the images with two black pixels on each side, as
            is common.
        load_single: loads the single digits.

    Returns:
        uint8 `[128000, 28, 28, 3]`; y is 100 r + 10 g + b for the red, green and blue digit.

    Raises:
        DataError: if `image_size` has another value.
    """
    if image_size not in (None, 28, 32):
        raise DataError(
            f"{name} cannot have image_size={image_size}: expected image_size=28 or image_size=32"
        )
    single = load_single()
    assert single.y is not None  # digits are labeled
    rows = np.random.default_rng(0).integers(len(single.x), size=(SIZE, 3))
    margin = 2 if image_size == 32 else 0
    x = np.zeros((SIZE, 28 + 2 * margin, 28 + 2 * margin, 3), np.uint8)
    inside = x[:, margin : margin + 28, margin : margin + 28]
    for channel in range(3):
        inside[..., channel] = single.x[rows[:, channel], ..., 0]
    y = single.y[rows] @ np.array([100, 10, 1], np.int32)
    return Dataset(x, y.astype(np.int32), name, _NAMES)
