"""The folder in which an entry of the cache grows, until it is whole."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from jaxgan.data.progress import FILE

try:
    import fcntl
except ImportError:  # there are no such locks on this system
    fcntl = None


@contextlib.contextmanager
def scratch(root: Path, entry: str) -> Iterator[Path]:
    """Make a folder for a new entry, with what a process that was cut short has left of it.

    It is deleted afterwards, unless this one is interrupted as well and its progress can be gone on
    from. While another process is at the same entry, this one has a folder of its own.

    Args:
        root: the cache, which is made if it is missing; those who may not read the data do not see
            into it.
        entry: name of the entry.

    Raises:
        OSError: if nothing can be made there.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    around = root / f".partial-{entry}"
    lock = _locked(around)
    if lock is None:
        around = root / f".partial-{uuid.uuid4().hex}"
    new, keep = around / "new", False
    try:
        _clear(new)
        yield new
    except BaseException as error:
        is_interrupt = not isinstance(error, Exception)
        keep = is_interrupt and lock is not None and (new / FILE).exists()
        raise
    finally:
        if not keep:
            shutil.rmtree(around, ignore_errors=True)
        if lock is not None:
            lock.close()


def _clear(new: Path) -> None:
    """Delete what is left there, but for an array and the progress that goes with it."""
    if not (new / FILE).exists():
        shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True, exist_ok=True)
    for path in new.iterdir():
        if path.name not in (FILE, "x.npy"):
            path.unlink()


def _locked(around: Path) -> IO[str] | None:
    """Make and lock a folder; None if another process has it, or if there are no locks here."""
    if fcntl is None:
        return None
    around.mkdir(exist_ok=True)
    file = None
    try:
        file = (around / "lock").open("w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The one that had it before may have deleted the folder in the meantime.
        if os.path.samestat(os.fstat(file.fileno()), (around / "lock").stat()):
            return file
    except OSError:
        pass
    if file is not None:
        file.close()
    return None
