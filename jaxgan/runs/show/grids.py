"""Grids of images."""

import math

import numpy as np


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Arrange images in a grid.

    Args:
        images: uint8 `[N, H, W, C]`, where C is 1 or 3.
        columns: images per row; about as many as rows if None.
        gap: black pixels between two images.

    Returns:
        uint8 `[H', W', 3]`.
    """
    count, height, width, _ = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    page = np.zeros((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), np.uint8)
    for i, image in enumerate(images):
        top = gap + i // columns * (height + gap)
        left = gap + i % columns * (width + gap)
        page[top : top + height, left : left + width] = image
    return page
