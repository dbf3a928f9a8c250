"""What `jaxgan.data.load` returns."""

from typing import NamedTuple

import numpy as np

__all__ = ["Dataset"]


class Dataset(NamedTuple):
    """A data set in memory, or mapped into memory from the cache on disk.

    Attributes:
        x: uint8 images `[N, H, W, C]`, C being 1 or 3; for 2-D toys float32 points `[N, 2]`
            within [-1, 1], sounds `[N, T, 1]` likewise; uint8 solids `[N, D, H, W, 1]`. Images
            that came through the cache are a read-only memory map.
        y: int32 labels `[N]`; or uint8 images, from which those of x are to be made: the
            counterparts `[N, H', W', C']` of x, or, if the set is not paired, `[M, H', W', C']` of
            another domain; or None.
        name: The name the set was loaded by.
        class_names: The name of each label; empty where there are no labels.
        paired: Whether `y[i]` belongs to `x[i]`.

    Example:
        >>> from jaxgan.data import load
        >>> ring = load("ring")
        >>> ring.x.shape, ring.y.shape, ring.class_names[:2], ring.has_pictures
        ((50000, 2), (50000,), ('+0.80,+0.00', '+0.57,+0.57'), False)
    """

    x: np.ndarray
    y: np.ndarray | None
    name: str
    class_names: tuple[str, ...] = ()
    paired: bool = True

    @property
    def has_pictures(self) -> bool:
        """Whether y holds pictures rather than labels."""
        return self.y is not None and self.y.ndim > 1
