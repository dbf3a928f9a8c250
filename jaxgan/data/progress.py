"""How far the decoding of many files has come, so that one that was cut short is continued."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from tqdm import tqdm

from jaxgan._files import write_whole

FILE = "progress.json"
"""The name of the file beside the array."""


class Progress(NamedTuple):
    """What is known about files of which the first ones are decoded.

    Attributes:
        gray: whether all files are gray, by their headers.
        several: those of several frames.
        unreadable: those without a readable header, with the reasons.
        done: how many of the others were decoded, or found to be damaged.
        damaged: those among them, with the reasons.
        depth: what `Depth.seen` says about them.
    """

    gray: bool
    several: list[str]
    unreadable: dict[str, str]
    done: int
    damaged: dict[str, str]
    depth: dict[str, list[float]]

    def save(self, directory: Path) -> None:
        """Write it beside the array, which must have reached the disk already."""
        write_whole(directory / FILE, json.dumps(self._asdict()))


def bar(doing: str, total: int, initial: int = 0) -> tqdm:
    """Return a bar for so many pictures, which a terminal shows if they take longer than moments.

    Args:
        doing: what is done with them.
        total: how many there are.
        initial: how many are done already.
    """
    text = "{desc}: {n_fmt} of {total_fmt} pictures |{bar}| {percentage:.0f}%, {remaining} left"
    return tqdm(
        desc=doing,
        total=total,
        initial=initial,
        leave=False,
        disable=None,
        delay=1,
        bar_format=text,
    )


def found(directory: Path | None, files: list[str]) -> Progress | None:
    """Read the progress that was saved in a directory; None if there is none that can be trusted.

    Args:
        directory: of the array `x.npy`, or None.
        files: all files, in the order in which they are decoded.
    """
    if directory is None or not (directory / FILE).exists():
        return None
    try:
        progress = Progress(**json.loads((directory / FILE).read_text()))
        _check(
            progress, set(files), np.load(directory / "x.npy", mmap_mode="r", allow_pickle=False)
        )
    except Exception as error:  # NumPy and JSON raise errors of many kinds on damaged files
        logging.warning("%s cannot be continued (%s): decoding from the start", directory, error)
        return None
    return progress


def _check(progress: Progress, files: set[str], x: Any) -> None:
    readable = len(files) - len(progress.unreadable)
    if x.dtype != np.uint8 or x.ndim != 4 or len(x) != readable:
        raise ValueError(f"x.npy is {x.dtype} {x.shape} for {readable} files")
    if not 0 < progress.done - len(progress.damaged) <= progress.done <= readable:
        raise ValueError(f"{progress.done} files are done")
    named = {*progress.several, *progress.unreadable, *progress.damaged}
    if not named <= files or not isinstance(progress.gray, bool):
        raise ValueError("it is about other files")
    if not all(count >= 0 and most >= 0 for count, most in progress.depth.values()):
        raise ValueError("it counts pictures wrongly")
