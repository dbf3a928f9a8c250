"""Pictures as files, and pictures with labels."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxgan.runs.files import write_whole

_LABEL_HEIGHT = 16


def labelled(blocks: list[np.ndarray], labels: list[str], columns: int = 1) -> np.ndarray:
    """Arrange pictures in a grid, each under its label.

    Args:
        blocks: uint8 `[H, W, 3]`, all of one shape.
        labels: a label for each.
        columns: pictures per row.

    Returns:
        uint8 `[H', W', 3]`.
    """
    height, width, _ = blocks[0].shape
    height += _LABEL_HEIGHT
    page = Image.new("RGB", (columns * width, math.ceil(len(blocks) / columns) * height))
    pen = ImageDraw.Draw(page)
    for i, (block, text) in enumerate(zip(blocks, labels, strict=True)):
        left, top = i % columns * width, i // columns * height
        pen.text((left + 2, top + 2), text, fill="white")
        page.paste(Image.fromarray(block), (left, top + _LABEL_HEIGHT))
    return np.asarray(page)


def encoded(picture: np.ndarray) -> bytes:
    """Return a uint8 picture `[H, W, C]`, C 1 or 3, as PNG."""
    content = io.BytesIO()
    Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(content, "PNG")
    return content.getvalue()


def save(picture: np.ndarray, path: Path) -> None:
    """Write a uint8 `[H, W, 3]` picture atomically."""
    write_whole(path, encoded(picture))
