"""What `jaxgan.data.load` returns."""

from typing import NamedTuple

import numpy as np


class Dataset(NamedTuple):
    """A data set in memory, or mapped into memory from the cache on disk.

    Attributes:
        x: uint8 images `[N, H, W, C]`, C being 1 or 3; for 2-D toys float32 points `[N, 2]`
            within [-1, 1]. Images that came through the cache are a read-only memory map.
        y: int32 labels `[N]`, or None.
        name: The name the set was loaded by.
        class_names: The name of each label; empty where there are no labels.
    """

    x: np.ndarray
    y: np.ndarray | None
    name: str
    class_names: tuple[str, ...] = ()
