"""StackedMNIST: three digits as the colors of one picture, and so 1000 classes of known frequency.

The set on which lost modes are counted: Metz et al., "Unrolled generative adversarial networks",
2017, https://arxiv.org/abs/1611.02163.
"""

from collections.abc import Callable

import numpy as np

from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError

SIZE = 128_000

_NAMES = tuple(f"{i:03d}" for i in range(1000))


def load_stacked(name: str, image_size: int | None, load_single: Callable[[], Dataset]) -> Dataset:
    """Stacks digits: always the same 128,000 triples, drawn independently and with replacement.

    128,000 fixed triples are the protocol of Lin et al., "PacGAN", 2018,
    https://arxiv.org/abs/1712.04086. They take 300 MB of memory, 390 MB at 32 pixels.

    Args:
        name: `stacked_mnist`, of MNIST's train split, or `stacked_digits`, of the shipped digits.
        image_size: None for 28 pixels, or 32, which pads two black ones on each side as in the
            literature.
        load_single: loads the single digits.

    Returns:
        uint8 `[128000, 28, 28, 3]`; y is 100 a + 10 b + c, of the red, green and blue digit.

    Raises:
        DataError: if `image_size` is another one.
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
