"""The type of a loaded data set."""

from typing import NamedTuple

import numpy as np

__all__ = ["Dataset"]


class Dataset(NamedTuple):
    """A data set in memory, or memory-mapped from the cache on disk.

    Attributes:
        x: uint8 images `[N, H, W, C]`, C being 1 or 3; float32 points `[N, 2]` or sounds
            `[N, T, 1]` in [-1, 1]; or uint8 solids `[N, D, H, W, 1]`. Images from the cache are a
            read-only memory map.
        y: int32 labels `[N]`; or the uint8 images that x is to be generated from: the counterparts
            `[N, H', W', C']` of x or, if the set is not paired, images `[M, H', W', C']` of
            another domain; or sentences int32 `[N, L]`, the numbers of their words, -1 where there
            is none; or None.
        name: the name by which the set was loaded.
        class_names: the name of each label, or the words of the sentences; empty if there are
            neither.
        paired: whether `y[i]` belongs to `x[i]`.

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
        return self.y is not None and self.y.ndim > 2

    @property
    def has_sentences(self) -> bool:
        """Whether y holds sentences rather than labels."""
        return self.y is not None and self.y.ndim == 2
