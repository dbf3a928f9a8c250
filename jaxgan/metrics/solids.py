"""Checks of voxel grids: whether each is one solid without cavities."""

from typing import Any

import numpy as np
from scipy import ndimage  # a dependency of JAX itself

from jaxgan._checks import check_numbers
from jaxgan.metrics.checks import MetricError, as_array

__all__ = ["closed", "volume"]


def closed(voxels: Any, threshold: float | None = None, *, share: float = 0.95) -> np.ndarray:
    """Return whether each grid holds one closed solid.

    It does if it has full and empty voxels, at least `share` of the full ones are in one piece, and
    every empty voxel is connected to the outside. Voxels are connected through their faces, so a
    piece that touches another at an edge only is not connected to it, and a cavity is not open if
    it meets the outside at an edge only. A torus is closed: its hole is outside.

    Args:
        voxels: uint8 or float in [-1, 1], `[N, S, S, S, 1]`.
        threshold: voxels above it are full; None for the middle of the range: 127.5, or 0.
        share: the share of the full voxels that has to be in one piece.

    Returns:
        bool `[N]`.

    Raises:
        ValueError: if a number is out of range.
        MetricError: if the voxels have another shape or type, or are not finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics.solids import closed
        >>> ball = np.zeros((1, 8, 8, 8, 1), np.uint8)
        >>> ball[:, 2:6, 2:6, 2:6] = 255
        >>> hollow = ball.copy()
        >>> hollow[:, 3:5, 3:5, 3:5] = 0
        >>> closed(np.concatenate([ball, hollow])).tolist()
        [True, False]
    """
    check_numbers("[0, 1]", share=share)
    return np.array([_is_closed(grid, share) for grid in _full(voxels, threshold)])


def volume(voxels: Any, threshold: float | None = None) -> np.ndarray:
    """Return the share of each grid that is full.

    Args:
        voxels: uint8 or float in [-1, 1], `[N, S, S, S, 1]`.
        threshold: as in `closed`.

    Returns:
        float64 `[N]` in [0, 1].

    Raises:
        ValueError: if a number is out of range.
        MetricError: if the voxels have another shape or type, or are not finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics.solids import volume
        >>> half = np.zeros((1, 8, 8, 8, 1), np.uint8)
        >>> half[:, :4] = 255
        >>> volume(half).tolist()
        [0.5]
    """
    return _full(voxels, threshold).mean(axis=(1, 2, 3))


def _full(voxels: Any, threshold: float | None) -> np.ndarray:
    """Return which voxels are full, bool `[N, S, S, S]`."""
    voxels = as_array("solids", voxels)
    if threshold is not None:
        check_numbers("(-inf, inf)", threshold=threshold)
    if voxels.ndim != 5 or voxels.shape[-1] != 1 or 0 in voxels.shape:
        raise MetricError(f"solids are {voxels.shape}; expected [N, S, S, S, 1]")
    is_float = np.issubdtype(voxels.dtype, np.floating)
    if not is_float and voxels.dtype != np.uint8:
        raise MetricError(f"voxels are {voxels.dtype}; expected uint8, or floats in [-1, 1]")
    if is_float and not np.isfinite(voxels).all():
        raise MetricError(
            "voxels are NaN or infinite; expected finite ones: look at what they were computed from"
        )
    if threshold is None:
        threshold = 0.0 if is_float else 127.5
    return voxels[..., 0] > threshold


def _is_closed(full: np.ndarray, share: float) -> bool:
    if not full.any() or full.all():
        return False
    pieces, _ = ndimage.label(full)  # pyright: ignore[reportGeneralTypeIssues]
    largest = np.bincount(pieces[full]).max()
    _, outside = ndimage.label(~np.pad(full, 1))  # pyright: ignore[reportGeneralTypeIssues]
    return bool(largest >= share * np.count_nonzero(full) and outside == 1)
