"""The image files below a directory, and what there is beside them."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from absl import logging

__all__ = ["SUFFIXES", "Found", "image_files"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")

_HIDDEN = "hidden or of the system"
_OUTSIDE = "links to places outside, whose targets have to be copied here to be used"
_SPECIAL = "neither a file nor a folder"
# What macOS, Windows and Synology leave in archives and on disks; copies of pictures are in them.
_OF_SYSTEMS = ("__MACOSX", "$RECYCLE.BIN", "@eaDir")


class Found(NamedTuple):
    """The image files below a directory.

    Attributes:
        files: their relative paths, sorted within each folder.
        left_out: relative paths of what is no picture of the data, by the reason.
    """

    files: list[str]
    left_out: dict[str, list[str]]

    @property
    def remark(self) -> str:
        """One line about what was left out; empty if nothing was."""
        kinds = [f"{len(some)} {why} ({named(some)})" for why, some in self.left_out.items()]
        return f"left out: {'; '.join(kinds)}" if kinds else ""


def image_files(root: Path) -> Found:
    """Find the image files below `root`, by the ends of their names.

    Hidden files and folders, and what operating systems leave, are left out. So is what cannot be
    read like a file, such as a pipe. `root` may be a symbolic link. Links below it are followed
    unless they lead outside of `root`; no folder is entered twice, so circles of links are
    harmless.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from jaxgan.data.image_files import image_files
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     for name in "b.png", "a.JPG", "notes.txt", "._b.png":
        ...         (Path(directory) / name).touch()
        ...     found = image_files(Path(directory))
        >>> found.files, found.remark
        (['a.JPG', 'b.png'], "left out: 1 hidden or of the system ('._b.png')")
    """
    top, entered = os.path.realpath(root), set()
    files: list[str] = []
    left_out: dict[str, list[str]] = {}

    def chosen(folder: str, names: Iterable[str]) -> list[str]:
        kept = []
        for name in sorted(names):
            path = os.path.join(folder, name)
            reason = _reason_against(path, name, top)
            if reason:
                left_out.setdefault(reason, []).append(os.path.relpath(path, root))
            else:
                kept.append(name)
        return kept

    for folder, subfolders, names in os.walk(root, onerror=_warn, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            subfolders.clear()
            continue
        entered.add(real)
        subfolders[:] = chosen(folder, subfolders)
        pictures = chosen(folder, (name for name in names if name.lower().endswith(SUFFIXES)))
        files += [os.path.relpath(os.path.join(folder, name), root) for name in pictures]
    return Found(files, left_out)


def named(names: Iterable[str]) -> str:
    """List names, at most ten of them."""
    first = [repr(name) for name in names]
    return ", ".join(first[:10] + [f"and {len(first) - 10} more"] * (len(first) > 10))


def _reason_against(path: str, name: str, top: str) -> str:
    """Return why a file or folder is left out; empty if it is not."""
    if name.startswith(".") or name in _OF_SYSTEMS:
        return _HIDDEN
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            if os.path.commonpath([os.path.realpath(path), top]) != top:
                return _OUTSIDE
            mode = os.stat(path).st_mode
    except OSError:  # such as a broken link, which will be reported as unreadable
        return ""
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else _SPECIAL


def _warn(error: OSError) -> None:
    logging.warning("skipped a folder that cannot be read: %s", error)
