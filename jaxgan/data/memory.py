"""How much memory there is, for arrays that cannot fit."""

import math
import os
from functools import cache
from pathlib import Path

from jaxgan.data.errors import DataError

# Where Linux says how much the processes of a container may take together, in both its versions.
_LIMITS = ("memory.max", "memory/memory.limit_in_bytes")
_GROUPS = Path("/sys/fs/cgroup")


@cache
def machine_memory() -> int:
    """Return the bytes of memory of this machine, or those that its container may take."""
    known = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in _LIMITS:
        try:
            text = (_GROUPS / name).read_text().strip()
        except OSError:  # there is no such limit, or no such system
            continue
        known += [int(text)] if text.isdecimal() else []
    return min(known)


def gigabytes(size: float) -> str:
    """Format a number of bytes for a message."""
    return f"{size / 1e12:.3g} TB" if size >= 1e12 else f"{size / 1e9:.3g} GB"


def check_images(shape: tuple[int, ...]) -> None:
    """Refuse to make uint8 images `[N, H, W, C]` that this machine cannot hold in memory.

    Raises:
        DataError: they take more than there is.
    """
    need, room = math.prod(shape), machine_memory()
    if need > room:
        size = shape[1] if shape[1] == shape[2] else f"{shape[1]}x{shape[2]}"
        what = f"{shape[0]} images take" if shape[0] > 1 else "a single image takes"
        raise DataError(
            f"image_size={size}: {what} {gigabytes(need)} and this machine has "
            f"{gigabytes(room)}; choose a smaller one"
        )
