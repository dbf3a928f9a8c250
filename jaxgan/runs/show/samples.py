"""How samples of any kind are drawn: grids of pictures, points, notes and solids."""

from typing import Any

import numpy as np

from jaxgan import data
from jaxgan.data import notes
from jaxgan.runs.show.grids import grid


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
            from jaxgan.runs.show.plots import scatter

            return scatter(samples)
        case 3:
            from jaxgan.runs.show import sounds

            return sounds.picture(samples, notes.RATE, columns=columns)
        case 5:
            from jaxgan.runs.show import solids

            return solids.picture(samples, columns)
    return grid(as_uint8(samples), columns)


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
    return grid(np.concatenate(parts), columns)


def _enlarged(images: np.ndarray, factor: int) -> np.ndarray:
    images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]
    return images.repeat(factor, axis=1).repeat(factor, axis=2)
