"""Splits and slices of them, in the syntax of tensorflow-datasets: `train[:90%]`."""

import re
from typing import NamedTuple

import numpy as np

from jaxgan.data.errors import DataError

_BOUND = r"(-?[0-9]{1,18}%?)?"


class Part(NamedTuple):
    """A slice of a split; its bounds are None where it has none."""

    split: str
    start: str | None = None
    stop: str | None = None

    def rows(self, size: int, name: str) -> tuple[int, int]:
        """Return the first example of the slice and the one after its last.

        Args:
            size: number of examples of the split.
            name: of the data set.

        Raises:
            DataError: if it is not within the split.
        """
        start = _position(self.start or "0", size)
        stop = _position(self.stop or "100%", size)
        if not 0 <= start < stop <= size:
            raise DataError(
                f"split={self} is not part of the {size} examples of {name}: expected a slice "
                f"between 0 and {size}, such as split={self.split}[:{max(1, size // 2)}]"
            )
        return start, stop

    def __str__(self) -> str:
        if self.start is self.stop is None:
            return self.split
        return f"{self.split}[{self.start or ''}:{self.stop or ''}]"


def part_of(split: str) -> Part | None:
    """Read `train`, `train[:90%]` and the like; None if it is nothing like that."""
    parts = re.fullmatch(rf"(\w+)(?:\[{_BOUND}:{_BOUND}\])?", split)
    return parts and Part(parts[1], parts[2] or None, parts[3] or None)


def evenly(y: np.ndarray) -> np.ndarray:
    """Return an order of examples, every stretch of which has the classes in their proportions.

    Example j of the n of a class is at j / n of the way. So the first example of every class comes
    before all others, and the examples of a class stay in their order.

    Args:
        y: labels `[N]`.

    Returns:
        Indices `[N]`.
    """
    order = np.argsort(y, kind="stable")
    _, first, counts = np.unique(y[order], return_index=True, return_counts=True)
    within = np.arange(len(y)) - np.repeat(first, counts)
    way = within / np.repeat(counts, counts)
    return order[np.argsort(way, kind="stable")]


def _position(bound: str, size: int) -> int:
    """Return the index that a bound stands for; negative bounds count from the end."""
    percent = bound.endswith("%")
    position = round(int(bound[:-1]) * size / 100) if percent else int(bound)
    return position + size if bound.startswith("-") else position
