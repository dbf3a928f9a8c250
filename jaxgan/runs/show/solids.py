"""Rendering of solids: the first surface that each pixel sees, with Lambertian shading."""

import numpy as np
from scipy import ndimage

from jaxgan.data import to_unit
from jaxgan.runs.show.grids import grid

_SIDE = 96
# Directions in depth, height (downwards) and width: seen from the front, above and the right.
_LOOK = np.array([1.6, 1.2, -1.0])
_UP = np.array([0.0, -1.0, 0.0])
_LIGHT = np.array([0.2, -1.0, 0.9])  # towards it
_COLOR = np.array([255, 176, 96])
_AMBIENT = 0.25


def picture(voxels: np.ndarray, columns: int | None = None) -> np.ndarray:
    """Draw solids, all from the same viewpoint; empty voxels and NaN are black.

    The surface is where the values, interpolated linearly between the centers of voxels, cross the
    middle of their range, so that gray or uncertain voxels move it a little.

    Args:
        voxels: uint8 or float in [-1, 1], `[N, S, S, S, 1]`: depth, height (downwards) and width.
        columns: solids per row; about as many as rows if None.

    Returns:
        uint8 `[H, W, 3]`; each solid is 96 x 96 pixels.
    """
    values = to_unit(voxels) if voxels.dtype == np.uint8 else np.nan_to_num(voxels, nan=-1)
    rays = _rays(voxels.shape[1])
    return grid(np.stack([_tile(solid, rays) for solid in values[..., 0]]), columns)


def _rays(side: int) -> np.ndarray:
    """Return points along the ray of each pixel, from the eye: indices `[3, 96, 96, depth]`."""
    look = _LOOK / np.linalg.norm(_LOOK)
    right = np.cross(_UP, look)
    right /= np.linalg.norm(right)
    down = np.cross(right, look)
    reach = 0.62 * side  # only the corners of the grid, 0.87 sides from its middle, may be cut off
    across = np.linspace(-reach, reach, _SIDE)
    along = np.arange(-0.87 * side, 0.87 * side, 0.5)
    middle = (side - 1) / 2
    points = (
        down[:, None, None, None] * across[:, None, None]
        + right[:, None, None, None] * across[:, None]
        + look[:, None, None, None] * along
    )
    return middle + points


def _tile(solid: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Render one solid `[S, S, S]` by Lambert's law, uint8 `[96, 96, 3]`."""

    def at(values: np.ndarray, points: np.ndarray, outside: float) -> np.ndarray:
        return ndimage.map_coordinates(values, points, order=1, mode="constant", cval=outside)

    solid = np.pad(solid.astype(np.float32), 1, constant_values=-1)
    full = at(solid, rays + 1, -1) > 0
    first = full.argmax(axis=-1)
    surface = np.take_along_axis(rays, first[None, ..., None], axis=-1)[..., 0] + 1
    # The field is smoothed only for the slopes, because voxels have steps instead of slopes.
    slopes = [at(slope, surface, 0) for slope in np.gradient(ndimage.gaussian_filter(solid, 1.0))]
    normal = -np.stack(slopes, axis=-1)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    light = _AMBIENT + (1 - _AMBIENT) * np.maximum(normal @ _LIGHT / np.linalg.norm(_LIGHT), 0)
    seen = np.any(full, axis=-1)
    return np.round((light * seen)[..., None] * _COLOR).astype(np.uint8)
