"""Work on many files in threads, in their order."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from jaxgan._checks import check_integers

_TOGETHER = 8  # items that a thread is given at a time: handing them over costs time, too

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Return how many cores this process may use.

    Example:
        >>> from jaxgan.data.threads import cores
        >>> cores() >= 1
        True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Iterator[Result]:
    """Yield `function(item)` for all items, in their order, computed by threads a little ahead.

    Args:
        function: what to compute; it may be called by several threads at once.
        items: what to compute it for.
        threads: how many threads; at least 1.

    Raises:
        ValueError: if `threads` is below 1. Errors of `function` come where its result would.

    Example:
        >>> from jaxgan.data.threads import in_threads
        >>> list(in_threads(str.upper, ["a", "b", "c"], threads=2))
        ['A', 'B', 'C']
    """
    check_integers(threads=threads)
    return _ahead(function, items, threads)


def _ahead(
    function: Callable[[Item], Result], items: Sequence[Item], threads: int
) -> Iterator[Result]:
    def work(start: int) -> list[Result]:
        return [function(item) for item in items[start : start + _TOGETHER]]

    pool, waiting = ThreadPoolExecutor(threads), deque()
    try:
        for start in range(0, len(items), _TOGETHER):
            waiting.append(pool.submit(work, start))
            if len(waiting) > threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
