"""Pictures that are there several times: exactly, or with small differences.

The perceptual hash is that of a discrete cosine transform: the signs of the lowest 8x8 frequencies
of a gray picture of 32x32, without their mean. Zauner, "Implementation and benchmarking of
perceptual image hash functions", 2010.
"""

import hashlib

import numpy as np
from PIL import Image
from scipy.fft import dctn

from jaxgan.data.images import from_array

SEARCHED = 100_000  # pictures that are compared with each other; twice as many take four times

_BITS = 8  # hashes of 64 bits that differ in at most so many may be of one picture,
_ALIKE = 0.98  # if the pictures, at 16x16, correlate at least so much
_FLAT = 4.0  # a picture with a smaller standard deviation has no features to compare
_AT_ONCE = 1024


class Duplicates:
    """Finds the duplicates among pictures that are added one by one."""

    def __init__(self):
        self._names: dict[bytes, list[str]] = {}
        self._searched: list[str] = []
        self._hashes: list[np.ndarray] = []
        self._small: list[np.ndarray] = []

    def add(self, name: str, picture: np.ndarray) -> None:
        """Add a picture, uint8 `[H, W, C]`."""
        same = self._names.setdefault(_digest(picture), [])
        same.append(name)
        if len(same) > 1 or len(self._searched) == SEARCHED:
            return
        gray = from_array(picture).convert("L")
        large = np.asarray(gray.resize((32, 32), Image.Resampling.LANCZOS), np.float32)
        if large.std() < _FLAT:
            return
        small = large.reshape(16, 2, 16, 2).mean(axis=(1, 3))
        low = np.asarray(dctn(large))[:8, :8].ravel()
        low[0] = 0.0
        self._searched.append(name)
        self._hashes.append(np.where(low > np.median(low), 1, -1).astype(np.int8))
        small = (small - small.mean()) / small.std() / 16  # of length 1
        self._small.append(small.astype(np.float16).ravel())

    def exact(self) -> list[list[str]]:
        """Return the names of pictures whose pixels are the same, group by group."""
        return [names for names in self._names.values() if len(names) > 1]

    def near(self) -> list[list[str]]:
        """Return the names of pictures that are nearly the same, pair by pair."""
        if not self._hashes:
            return []
        hashes, small = np.stack(self._hashes), np.stack(self._small)
        signs = hashes.astype(np.float32)
        pairs = []
        for start in range(0, len(signs), _AT_ONCE):
            alike = signs[start : start + _AT_ONCE] @ signs[start:].T  # 64 - 2 * different bits
            first, second = np.nonzero(alike >= 64 - 2 * _BITS)
            first, second = (first + start)[first < second], (second + start)[first < second]
            products = small[first].astype(np.float32) * small[second]
            close = products.sum(axis=1) >= _ALIKE
            pairs += zip(first[close].tolist(), second[close].tolist(), strict=True)
        return [[self._searched[i], self._searched[j]] for i, j in pairs]


def _digest(picture: np.ndarray) -> bytes:
    shape = "x".join(map(str, picture.shape)).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(picture).tobytes()).digest()[:16]
