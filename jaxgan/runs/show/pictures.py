"""Pictures as files: with labels, and as animations of how they changed."""

import io
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from jaxgan.runs.files import write_whole

_GIF_FRAMES = 100
_GIF_SIDE = 640
_GIF_MILLISECONDS = 150
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


def save(picture: np.ndarray, path: Path) -> None:
    """Write a uint8 `[H, W, 3]` picture atomically."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG")
    write_whole(path, content.getvalue())


def evolution(directory: Path) -> Path | None:
    """Combine `step_*.png` into `evolution.gif`: at most 100 frames, the last one held.

    Returns:
        Its path, or None if there are no pictures.
    """
    paths = sorted(directory.glob("step_*.png"))
    if not paths:
        return None
    kept = sorted({round(i) for i in np.linspace(0, len(paths) - 1, min(len(paths), _GIF_FRAMES))})
    return animate([np.asarray(Image.open(paths[i])) for i in kept], directory / "evolution.gif")


def animate(frames: list[np.ndarray], path: Path, *, hold: int = 10) -> Path:
    """Write uint8 `[H, W, 3]` frames as an endless GIF that shows the last one `hold` times."""
    pictures = [Image.fromarray(frame) for frame in frames]
    for picture in pictures:
        picture.thumbnail((_GIF_SIDE, _GIF_SIDE))
    durations = [_GIF_MILLISECONDS] * (len(pictures) - 1) + [hold * _GIF_MILLISECONDS]
    pictures[0].save(
        path, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0
    )
    return path
