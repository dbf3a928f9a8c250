"""Checks of the paths that flags give, before anything is computed, and without a trace on disk."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jaxgan.runs.settings import ConfigError


def check_directory(flag: str, directory: str | Path) -> None:
    """Refuse a directory in which no file could be written, whether it exists or not.

    Args:
        flag: name of the flag.
        directory: the directory; missing ones above it would be made as well.

    Raises:
        ConfigError: it cannot be made, or files cannot be written there.
    """
    path = Path(directory)
    _check_ups(flag, path)
    try:
        there = next(parent for parent in (path, *path.parents, Path()) if _exists(parent))
        if not there.is_dir():
            what = "it is a file" if there == path else f"{there} is a file"
            raise ConfigError(f"--{flag}={directory}: {what}; expected a directory")
        # Only an attempt tells what the file system allows: whether a name is too long, say.
        with _made(there, path.relative_to(there).parts):
            _write_nothing(path)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(
            f"--{flag}={directory}: {reason}; expected a directory to write to"
        ) from error


def check_output(
    flag: str, file: str | Path, suffixes: tuple[str, ...] = (), *, made: bool = False
) -> None:
    """Refuse a file that could not be written.

    Args:
        flag: name of the flag.
        file: the file.
        suffixes: endings of its name that are allowed, in small letters; empty for any.
        made: whether its directory is going to be made if there is none.

    Raises:
        ConfigError: it has another ending, there is no such directory, or it cannot be written.
    """
    path = Path(file)
    if suffixes and path.suffix.lower() not in suffixes:
        *first, last = suffixes
        names = f"{', '.join(first)} or {last}" if first else last
        raise ConfigError(f"--{flag}={file}: expected a name that ends in {names}")
    try:
        if not path.absolute().parent.is_dir():
            if made:
                check_directory(flag, path.parent)
                return
            raise ConfigError(
                f"--{flag}={file}: there is no directory {path.parent}; make it first"
            )
        if path.is_dir():
            raise ConfigError(f"--{flag}={file}: it is a directory; expected the name of a file")
        if _exists(path):
            if not os.access(path, os.W_OK):
                raise ConfigError(f"--{flag}={file}: it cannot be written; choose another file")
        else:
            _write_nothing(path.absolute().parent)
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"--{flag}={file}: {reason}; choose another file") from error


def is_folder(path: str | Path) -> bool:
    """Whether a path names a directory: it is one, ends with a slash, or its name has no ending."""
    # os.path, since Path.is_dir raises an error for a name that is too long.
    return str(path).endswith(os.sep) or os.path.isdir(path) or not Path(path).suffix


def make_room(file: Path) -> None:
    """Make the directory of a file, if there is none."""
    file.absolute().parent.mkdir(parents=True, exist_ok=True)


def check_input(flag: str, path: str | Path, *, directory: bool = False) -> None:
    """Refuse a file, or a directory, that cannot be read.

    Raises:
        ConfigError: there is none.
    """
    what = "directory" if directory else "file"
    try:
        found = Path(path).expanduser()
        if not (found.is_dir() if directory else found.is_file()):
            raise ConfigError(f"--{flag}={path}: there is no such {what}; give an existing one")
        if not os.access(found, os.R_OK):
            raise ConfigError(f"--{flag}={path}: it cannot be read; give another {what}")
    except (OSError, RuntimeError) as error:  # RuntimeError: a ~name that nobody has
        raise ConfigError(f"--{flag}={path}: {error}; give an existing {what}") from error


def _exists(path: Path) -> bool:
    """Whether there is something, be it a link that leads nowhere."""
    return os.path.lexists(path) if path != Path() else True


@contextlib.contextmanager
def _made(directory: Path, names: tuple[str, ...]) -> Iterator[None]:
    """Make directories inside each other, and remove them afterwards."""
    made: list[Path] = []
    try:
        for name in names:
            directory /= name
            directory.mkdir()
            made.append(directory)
        yield
    finally:
        for one in reversed(made):
            one.rmdir()


def _write_nothing(directory: Path) -> None:
    with tempfile.TemporaryFile(dir=directory):
        pass


def _check_ups(flag: str, path: Path) -> None:
    """Refuse `new/../run`, which would leave the directory `new` behind."""
    parts = path.parts
    for i, part in enumerate(parts):
        above = Path(*parts[:i])
        if part == ".." and i and not above.is_dir():
            raise ConfigError(
                f"--{flag}={path}: there is no directory {above}; write the path without it"
            )
