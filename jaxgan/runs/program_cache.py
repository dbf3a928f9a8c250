"""Compiled programs that are kept on disk, so that a start does not compile what another did.

JAX takes the program that it finds under the name of the one that it needs, whole or not, that one
or another. So this notes what was written under which name, and takes away what is not that.
"""

import atexit
import contextlib
import hashlib
import json
import os
import re
import zlib
from pathlib import Path
from typing import NamedTuple

import jax
from absl import logging

from jaxgan._files import write_whole
from jaxgan.data._homes import user_cache

MOST = 2**30  # bytes of all programs together
_NOTES = "programs.json"
_PROGRAM = re.compile(r".+-[0-9a-f]{64}-cache")  # as JAX calls them; other files are the user's
_ZSTD = b"\x28\xb5\x2f\xfd"  # what JAX compresses programs with, where Python or a package has it


class _Kept:
    path: str | None = None
    """The directory that JAX was told to keep its programs in from here."""


class _Note(NamedTuple):
    """What a program was: `stamp` changes when its file is written, replaced or renamed."""

    stamp: list[int]
    sha256: str


def keep_compiled(directory: str) -> None:
    """Cache compiled programs on disk, so that the next start does not compile them again.

    Cached programs are executed, so only the user may have write access to the directory; if others
    do, or it cannot be written, nothing is cached. A directory that is configured in JAX already,
    for example by JAX_COMPILATION_CACHE_DIR, is left as it is.

    Args:
        directory: the cache; the user's cache directory if empty, no cache if "none".
    """
    if directory == "none" or jax.config.values["jax_compilation_cache_dir"]:
        return
    try:
        path = Path(directory) if directory else user_cache("compiled")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o022:
            logging.warning("compiled programs are not cached: other users may write to %s", path)
            return
        path = path.resolve()
        tidy(path)
    except OSError as error:
        logging.warning("compiled programs are not cached: %s", error)
        return
    _Kept.path = str(path)
    jax.config.update("jax_compilation_cache_dir", _Kept.path)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)  # many small ones add up
    if jax.default_backend() == "cpu":
        # A cache of XLA's for GPUs, whose path would be part of the name of every program.
        jax.config.update("jax_persistent_cache_enable_xla_caches", "none")
    atexit.register(_tidy_at_last, path)


def directory() -> Path | None:
    """Return where programs are kept; None if nowhere, or where the user told JAX itself to."""
    path = jax.config.values["jax_compilation_cache_dir"]
    return Path(path) if path is not None and path == _Kept.path else None


def tidy(directory: Path) -> None:
    """Remove programs that are not what they were, or not whole, and the oldest if there are many.

    Any number of processes may do this at once, and may be killed meanwhile: whatever one of them
    misses, or removes too much, is compiled again.

    Raises:
        OSError: the directory cannot be read or written.
    """
    noted = _read(directory / _NOTES)
    notes, used = {}, {}
    for path in directory.glob("*-cache"):
        if not _PROGRAM.fullmatch(path.name):
            continue
        try:
            status = path.stat()
            note = _note(path, status, noted.get(path.name))
            if note is None:
                logging.warning("%s is damaged, or another program: it is compiled again", path)
                path.unlink()
                continue
        except FileNotFoundError:  # by another process
            continue
        notes[path.name] = note
        used[path] = max(status.st_atime_ns, status.st_mtime_ns), status.st_size
    surplus = sum(size for _, size in used.values()) - MOST
    for path in sorted(used, key=lambda path: used[path]):
        if surplus <= 0:
            break
        path.unlink(missing_ok=True)
        surplus -= used[path][1]
        del notes[path.name]
    if notes != noted:
        with contextlib.suppress(FileNotFoundError):  # another process is writing them, too
            write_whole(directory / _NOTES, json.dumps(notes))


def _tidy_at_last(directory: Path) -> None:
    try:
        tidy(directory)
    except OSError as error:
        logging.info("compiled programs: %s", error)


def _note(path: Path, status: os.stat_result, noted: _Note | None) -> _Note | None:
    """Return what to note about a program, or None if it is not what it was, or not whole."""
    stamp = [status.st_ino, status.st_size, status.st_ctime_ns]
    if noted and noted.stamp == stamp:
        return noted
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    good = noted.sha256 == sha256 if noted else _is_whole(content)
    return _Note(stamp, sha256) if good else None


def _is_whole(content: bytes) -> bool:
    try:
        zlib.decompress(content)
    except zlib.error:
        return content.startswith(_ZSTD)
    return True


def _read(path: Path) -> dict[str, _Note]:
    """Return what was noted; nothing if that is damaged."""
    try:
        notes = json.loads(path.read_bytes())
        return {name: _Note(stamp, sha256) for name, (stamp, sha256) in notes.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}
