"""The image files below a directory, and what there is beside them."""

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from absl import logging

__all__ = ["SUFFIXES", "Found", "image_files"]

SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"),
    *(".ico", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm"),
)
"""Ends of names that say that a file is a picture. Others are known by their content."""

HIDDEN = "hidden"
DAMAGED = "damaged"
UNREAD = "of kinds that are not read"
_OUTSIDE = "links to places outside, whose targets have to be copied here to be used"
_AROUND = "links to folders around them"
_AGAIN = "folders that were read before"
_SPECIAL = "neither a file nor a folder"
# What macOS, Windows and Synology leave in archives and on disks; copies of pictures are in them.
_OF_SYSTEMS = ("__MACOSX", "$RECYCLE.BIN", "@eaDir", "Thumbs.db", "desktop.ini", "Icon\r")
# The raw photographs of cameras are TIFF files of a small preview.
_RAW = (".dng", ".nef", ".cr2", ".arw", ".pef", ".orf", ".rw2", ".srw", ".3fr", ".nrw")
_NAMED = 3  # of the names of a kind, so many are said


class Found(NamedTuple):
    """The image files below a directory.

    Attributes:
        files: their relative paths, sorted within each folder.
        left_out: relative paths of what is no picture of the data, by the reason.
    """

    files: list[str]
    left_out: dict[str, list[str]]

    @property
    def kinds(self) -> list[str]:
        """What was left out, a reason each: `12 hidden ('.DS_Store', ...)`."""
        return [
            f"{len(some)} {why} ({_suffixes(some) if why == UNREAD else named(some)})"
            for why, some in self.left_out.items()
        ]

    @property
    def remark(self) -> str:
        """One line about what was left out; empty if nothing was."""
        return f"left out: {', '.join(self.kinds)}" if self.left_out else ""


def image_files(root: Path, *, readable: bool = False) -> Found:
    """Find the image files below `root`, by the ends of their names, or else by their content.

    Hidden files and folders, and what operating systems leave, are left out. So is what cannot be
    read like a file, such as a pipe. `root` may be a symbolic link. Links below it are followed
    unless they lead outside of `root`, or to a folder that they are in. Two links to one folder
    are two folders, in the first two levels.

    Args:
        root: the directory.
        readable: whether to open every file, and leave out those that are no pictures in spite of
            their names.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from jaxgan.data.image_files import image_files
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     for name in "b.png", "a.JPG", "notes.txt", "._b.png":
        ...         (Path(directory) / name).touch()
        ...     found = image_files(Path(directory))
        >>> found.files
        ['a.JPG', 'b.png']
        >>> found.remark
        "left out: 1 hidden ('._b.png'), 1 of kinds that are not read (.txt 1)"
    """
    from jaxgan.data.images import is_picture  # imports Pillow

    files: list[str] = []
    left_out: dict[str, list[str]] = {}
    for name in _walk(root, left_out):
        reason = reason_against(name, lambda name: is_picture(root / name), readable=readable)
        (left_out.setdefault(reason, []) if reason else files).append(name)
    return Found(files, left_out)


def reason_against(name: str, is_picture: Callable[[str], bool], *, readable: bool = False) -> str:
    """Return why a file is left out, by its name or by its content; empty if it is not."""
    if name.lower().endswith(SUFFIXES):
        return DAMAGED if readable and not is_picture(name) else ""
    return UNREAD if name.lower().endswith(_RAW) or not is_picture(name) else ""


def is_hidden(name: str) -> bool:
    """Return whether a file or a folder of this name is left out."""
    return name.startswith(".") or name in _OF_SYSTEMS


def named(names: Iterable[str]) -> str:
    """List names, only the first of many."""
    first = [repr(name) for name in names]
    rest = len(first) - _NAMED
    return ", ".join(first[:_NAMED]) + f" and {rest} more" * (rest > 0)


def _walk(root: Path, left_out: dict[str, list[str]]) -> Iterable[str]:
    """Yield the relative paths of all files, folder by folder, and note what is left out."""
    top = os.path.realpath(root)
    entered: set[tuple[str, ...]] = set()
    waiting: list[tuple[str, tuple[str, ...]]] = [("", ())]  # folders, and the real ones around
    while waiting:
        folder, around = waiting.pop()
        real = os.path.realpath(root / folder)
        # Those of the first two levels may be classes, so each is one, whatever it leads to.
        place = (*Path(folder).parts[:2], real)
        if real in around or place in entered:
            left_out.setdefault(_AROUND if real in around else _AGAIN, []).append(folder)
            continue
        entered.add(place)
        below = []
        for name in _names(root / folder):
            path = os.path.join(folder, name)
            reason = _reason_against(root / path, name, top)
            if reason:
                left_out.setdefault(reason, []).append(path)
            elif os.path.isdir(root / path):
                below.append((path, (*around, real)))
            else:
                yield path
        waiting += reversed(below)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError as error:
        logging.warning("skipped a folder that cannot be read: %s", error)
        return []


def _suffixes(names: list[str]) -> str:
    """Count names by their suffixes: `.txt 2, .heic 1`."""
    counts = Counter(Path(name).suffix.lower() or "without a suffix" for name in names)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    first = [f"{suffix} {count}" for suffix, count in ordered[: 2 * _NAMED]]
    return ", ".join(first) + ", ..." * (len(counts) > len(first))


def _reason_against(path: Path, name: str, top: str) -> str:
    """Return why a file or folder is left out; empty if it is not."""
    if is_hidden(name):
        return HIDDEN
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            if os.path.commonpath([os.path.realpath(path), top]) != top:
                return _OUTSIDE
            mode = os.stat(path).st_mode
    except OSError:  # such as a broken link, which will be reported as unreadable
        return ""
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _SPECIAL
