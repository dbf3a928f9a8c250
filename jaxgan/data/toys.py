"""Two-dimensional mixtures of Gaussians, on which lost modes can be counted.

Both are scaled so that all points are in [-1, 1], the range of a generator that ends in tanh. A
threshold in standard deviations (three, for VEEGAN's "high quality samples") still means the same
as in the papers.
"""

import numpy as np

from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError

__all__ = [
    "GRID_SCALE",
    "GRID_SD",
    "RING_SCALE",
    "RING_SD",
    "SIZE",
    "grid_modes",
    "load_toy",
    "ring_modes",
]

SIZE = 50_000

RING_SCALE = 0.4  # radius 2 -> 0.8
RING_SD = 0.02 * RING_SCALE

GRID_SCALE = 0.2  # centers -4..4 -> -0.8..0.8
GRID_SD = 0.05 * GRID_SCALE


def ring_modes() -> np.ndarray:
    """Return the 8 centers of `ring`, float32 `[8, 2]`: a circle of radius 2 * RING_SCALE.

    Source: Metz et al., "Unrolled generative adversarial networks", 2017 (8 Gaussians
    of standard deviation 0.02 on a circle of radius 2), https://arxiv.org/abs/1611.02163

    Example:
        >>> from jaxgan.data.toys import ring_modes
        >>> print(abs(ring_modes())[:3].round(2))
        [[0.8  0.  ]
         [0.57 0.57]
         [0.   0.8 ]]
    """
    angles = 2 * np.pi * np.arange(8) / 8
    centers = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (RING_SCALE * centers).astype(np.float32)


def grid_modes() -> np.ndarray:
    """Return the 25 centers of `grid`, float32 `[25, 2]`: 5 x 5, from -4 to 4 * GRID_SCALE.

    Source: Srivastava et al., "VEEGAN", 2017, https://arxiv.org/abs/1705.07761; the
    numbers (-4, -2, 0, 2, 4 and standard deviation 0.05) are spelled out in Lin et al., "PacGAN",
    2018, https://arxiv.org/abs/1712.04086

    Example:
        >>> from jaxgan.data.toys import grid_modes
        >>> print(grid_modes()[:3].round(2))
        [[-0.8 -0.8]
         [-0.8 -0.4]
         [-0.8  0. ]]
    """
    ticks = np.arange(-4, 5, 2)
    centers = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 2)
    return (GRID_SCALE * centers).astype(np.float32)


def load_toy(name: str) -> Dataset:
    """Draw `ring` or `grid`: always the same 50,000 points, each mode equally often.

    Args:
        name: `ring` or `grid`.

    Returns:
        float32 points `[50000, 2]` in [-1, 1]; y is the index of the point's mode.

    Raises:
        DataError: if it has another name.

    Example:
        >>> from jaxgan.data.toys import load_toy
        >>> grid = load_toy("grid")
        >>> grid.x.shape, len(set(grid.y.tolist()))
        ((50000, 2), 25)
    """
    if name not in ("ring", "grid"):
        raise DataError(f"there are no points name={name}: expected name=ring or name=grid")
    modes, sd = (ring_modes(), RING_SD) if name == "ring" else (grid_modes(), GRID_SD)
    y = np.arange(SIZE, dtype=np.int32) % len(modes)
    noise = np.random.default_rng(0).standard_normal((SIZE, 2), dtype=np.float32)
    names = tuple(f"{a:+.2f},{b:+.2f}" for a, b in modes)
    return Dataset(modes[y] + np.float32(sd) * noise, y, name, names)
