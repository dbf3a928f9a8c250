"""Voxel grids of balls, boxes, cylinders, tori and cones, each filled and in one piece.

They have the form of 3D-GAN's data, https://arxiv.org/abs/1610.07584, at a quarter of the side.
"""

import numpy as np

from jaxgan.data.dataset import Dataset

__all__ = ["NAMES", "SIDE", "SIZE", "load_solids"]

SIZE = 4000
SIDE = 16

NAMES = ("ball", "box", "cylinder", "torus", "cone")

_TILT = np.pi / 8


def load_solids() -> Dataset:
    """Build the solids: always the same 4000, each of the five kinds equally often.

    Their sizes, proportions and positions are random. They are rotated by any angle about the
    vertical axis and tilted by up to 22 degrees, and none touches the border of the grid. A voxel
    is full if its center is inside. The axes are depth, height and width, so that `x[i, depth]` is
    a picture, in which a cone stands on its base.

    Returns:
        uint8 `[4000, 16, 16, 16, 1]`, 0 for empty voxels and 255 for full ones; y is the kind.

    Example:
        >>> from jaxgan.data.solids import load_solids
        >>> solids = load_solids()
        >>> solids.x.shape, [solids.class_names[kind] for kind in solids.y[:2]]
        ((4000, 16, 16, 16, 1), ['ball', 'box'])
    """
    y = np.arange(SIZE, dtype=np.int32) % len(NAMES)
    x = np.zeros((SIZE, SIDE**3), np.uint8)
    for kind, name in enumerate(NAMES):
        rows = y == kind
        x[rows] = 255 * _inside(name, int(rows.sum()), np.random.default_rng([0, kind]))
    return Dataset(x.reshape(SIZE, SIDE, SIDE, SIDE, 1), y, "solids", NAMES)


def _inside(name: str, n: int, random: np.random.Generator) -> np.ndarray:
    """Return which centers of voxels are inside each of `n` solids, bool `[n, SIDE^3]`.

    The grid is the cube [-1, 1]^3. A solid fits into a ball of radius `size`, which is the unit of
    its own coordinates.
    """

    def draw(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, (n, 1)).astype(np.float32)

    ticks = (np.arange(SIDE, dtype=np.float32) + 0.5) * (2 / SIDE) - 1
    voxels = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), axis=-1).reshape(-1, 3)
    size = draw(0.75, 0.9)
    y, down, x = (voxels[:, i] - draw(-1, 1) * (1 - 1 / SIDE - size) for i in range(3))
    z = -down
    turn, tilt = draw(0, 2 * np.pi), draw(-_TILT, _TILT)
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    y, z = np.cos(tilt) * y - np.sin(tilt) * z, np.sin(tilt) * y + np.cos(tilt) * z
    x, y, z = x / size, y / size, z / size
    around = np.hypot(x, y)
    if name == "ball":
        return np.hypot(around, z) < draw(0.6, 1)
    if name == "box":
        longest = [np.abs(side) / draw(0.38, 0.57) for side in (x, y, z)]
        return np.maximum.reduce(longest) < 1
    if name == "cylinder":
        return (around < draw(0.4, 0.6)) & (np.abs(z) < draw(0.6, 0.8))
    if name == "torus":
        return np.hypot(around - 0.68, z) < draw(0.25, 0.32)
    # The tip and the rim of a cone are blunt: sharp ones may touch the rest at an edge only.
    apex, base = 0.95, -0.65
    taper = np.minimum((apex - z) / (apex - base), 0.85)
    return (base < z) & (z < 0.7) & (around < draw(0.7, 0.9) * taper)
