"""How the samples of a run are shown: grids of pictures, points, notes and solids."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pictures
import solids
import sounds
from choices import PICTURE_TO_PICTURE
from conditions import condition
from config import Config

from jaxgan import data
from jaxgan.data import notes

_POINTS = 1000
_SOLIDS = 20
_SOUNDS = 24
_COLUMNS = 10


def show(samples: Any, columns: int | None = None) -> np.ndarray:
    """Draw samples of any kind: uint8 or [-1, 1] pictures, points, notes or solids.

    Args:
        samples: `[N, H, W, C]`, `[N, 2]`, `[N, T, 1]` or `[N, S, S, S, 1]`; of the last three,
            floats.
        columns: samples in a row; about as many as rows if None.

    Returns:
        uint8 `[H', W', 3]`.
    """
    match samples.ndim:
        case 2:
            return pictures.scatter(samples)
        case 3:
            return sounds.picture(samples, notes.RATE, columns=columns)
        case 5:
            return solids.picture(samples, columns)
    return pictures.grid(as_uint8(samples), columns)


def as_uint8(samples: np.ndarray) -> np.ndarray:
    """Pictures as they are saved, whether they come in [-1, 1] or are saved already."""
    return samples if samples.dtype == np.uint8 else data.to_uint8(samples)


def stacked_rows(rows: list[np.ndarray], columns: int) -> np.ndarray:
    """Pictures that belong together above each other: the first of each list, the second, ...

    Args:
        rows: uint8 `[N, H, W, C]` each; smaller ones are enlarged by whole factors to the largest.
        columns: how many of the N stand beside each other.

    Returns:
        uint8 `[H', W', 3]`.
    """
    side = max(row.shape[1] for row in rows)
    count = len(rows[0])
    columns = min(columns, count)
    rows = [_enlarged(row, max(1, side // row.shape[1])) for row in rows]
    missing = -count % columns  # in the last row of the page, where there is black
    rows = [np.concatenate([row, np.zeros_like(row[:missing])]) for row in rows]
    parts = [row[start : start + columns] for start in range(0, count, columns) for row in rows]
    return pictures.grid(np.concatenate(parts), columns)


def _enlarged(images: np.ndarray, factor: int) -> np.ndarray:
    images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def view(
    config: Config, dataset: data.Dataset, images: int
) -> tuple[int, np.ndarray | None, Callable[[Any], np.ndarray]]:
    """How samples are shown: how many, what they are drawn from, and `samples -> picture`.

    With labels each class has a column of its own. What is made of pictures stands between these
    and what it was to be, where that is known; the two domains of a CoGAN stand above each other.
    """
    if config.recipe in PICTURE_TO_PICTURE:
        return _view_of_pairs(config, dataset, images // 2)
    count = {2: _POINTS, 3: _SOUNDS, 4: images, 5: _SOLIDS}[dataset.x.ndim]
    y, columns = None, _COLUMNS
    if config.conditional:
        classes = len(dataset.class_names)
        y = np.arange(count) % classes
        columns = classes if classes <= _COLUMNS else _COLUMNS

    def draw(samples: Any) -> np.ndarray:
        if isinstance(samples, tuple):
            return stacked_rows([as_uint8(part) for part in samples], _COLUMNS)
        if samples.ndim == 2:
            return pictures.scatter(samples, dataset.x[:count])
        return show(samples, columns)

    return count, y, draw


def _view_of_pairs(config: Config, dataset: data.Dataset, count: int):
    rows = np.arange(min(count, len(dataset.x)))
    if config.recipe == "cyclegan":
        assert dataset.y is not None
        rows = rows[: len(dataset.y)]
    y = condition(config, dataset, rows)
    assert y is not None
    known = [] if config.recipe == "cyclegan" else [np.asarray(dataset.x[rows])]
    channels = (
        dataset.x.shape[-1] if config.recipe not in ("pix2pix", "cyclegan", "srgan") else None
    )

    def draw(samples: np.ndarray) -> np.ndarray:
        return stacked_rows([as_uint8(y[..., :channels]), as_uint8(samples), *known], _COLUMNS)

    return len(rows), y, draw
