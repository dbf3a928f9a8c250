"""The user's own folders, on accounts with a home, without one, and with one that is read-only."""

import os
import stat
import tempfile
from functools import cache
from pathlib import Path

from absl import logging

from jaxgan.data.errors import DataError

__all__ = ["expanded", "home", "private_folder", "user_cache"]


def home() -> Path | None:
    """Return the user's home; None for accounts without one, such as a bare number's."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expanded(path: str | os.PathLike[str], argument: str) -> Path:
    """Return a path with `~` replaced by the user's home.

    Raises:
        DataError: if there is no such home; `argument` is what the path was given as.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(
            f"{argument}{path}: there is no such home directory: give the folder without ~"
        ) from error


def user_cache(name: str) -> Path:
    """Return a folder of the user's cache; if it is missing, it is made for the user alone.

    It is `$XDG_CACHE_HOME/jaxgan/NAME` or `~/.cache/jaxgan/NAME`, and a private folder below the
    temporary one if neither can be made.

    Raises:
        OSError: if none can be made, or that private one is not the user's alone.
    """
    below = os.environ.get("XDG_CACHE_HOME")
    own = home()
    base = Path(below) if below else own and own / ".cache"
    if base is None:
        return private_folder(name, "there is no home directory")
    folder = base / "jaxgan" / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return private_folder(name, str(error))
    return folder


def private_folder(name: str, reason: str) -> Path:
    """Return a folder below the temporary one that only the user can read, and say so once.

    Raises:
        OSError: if it cannot be made, or is not the user's alone.
    """
    root = Path(tempfile.gettempdir()) / f"jaxgan-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    status = root.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{root} is not a folder that only this user can access")
    (root / name).mkdir(mode=0o700, exist_ok=True)
    _say(root, reason)
    return root / name


@cache
def _say(root: Path, reason: str) -> None:
    logging.warning(
        "%s: using %s, which the system may delete; set HOME to a folder that can be written, or "
        "give cache_dir=DIRECTORY",
        reason,
        root,
    )
