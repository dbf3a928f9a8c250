"""Rendering of samples of any kind: grids of pictures, points, notes and solids."""

from typing import Any

import numpy as np

from jaxgan import data
from jaxgan.data import notes
from jaxgan.runs.show.grids import grid


def show(samples: Any, columns: int | None = None) -> np.ndarray:
    """Draw samples of any kind: uint8 or [-1, 1] pictures, points, notes or solids.

    Args:
        samples: `[N, H, W, C]`, `[N, 2]`, `[N, T, 1]` or `[N, S, S, S, 1]`; the last three as
            floats.
        columns: samples per row; about as many as rows if None.

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
    """Convert pictures in [-1, 1] to uint8, NaN to black; what is uint8 already stays as it is."""
    if samples.dtype == np.uint8:
        return samples
    return data.to_uint8(np.nan_to_num(samples, nan=-1))


def stacked_rows(rows: list[np.ndarray], columns: int) -> np.ndarray:
    """Arrange pictures that belong together above each other, one column for each of N groups.

    Args:
        rows: uint8 `[N, H, W, C]` each; smaller ones are enlarged by integer factors.
        columns: how many of the N groups are side by side.

    Returns:
        uint8 `[H', W', 3]`.
    """
    side = max(row.shape[1] for row in rows)
    count = len(rows[0])
    columns = min(columns, count)
    rows = [_enlarged(row, max(1, side // row.shape[1])) for row in rows]
    missing = -count % columns  # in the last row of the page, filled with black
    rows = [np.concatenate([row, np.zeros_like(row[:missing])]) for row in rows]
    parts = [row[start : start + columns] for start in range(0, count, columns) for row in rows]
    return grid(np.concatenate(parts), columns)


def _enlarged(images: np.ndarray, factor: int) -> np.ndarray:
    images = np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images[..., :3]
    return images.repeat(factor, axis=1).repeat(factor, axis=2)
