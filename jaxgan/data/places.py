"""Where image files are: a directory, or a zip file, which is read without unpacking it."""

import contextlib
import io
import itertools
import os
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from jaxgan.data.errors import DataError
from jaxgan.data.image_files import (
    HIDDEN,
    Found,
    image_files,
    is_hidden,
    reason_against,
)
from jaxgan.data.images import is_picture

MOST = 2**29  # bytes of a member of a zip file: more than those of the largest picture in RGB

_ENCRYPTED = "encrypted"
_LARGE = f"larger than {MOST // 2**20} MiB"
_LEADS_OUT = "with names that lead out of the zip file"
_LINKS = "links"
_REPLACED = "replaced by a later one of the same name"


class Place(Protocol):
    """A directory or a zip file."""

    def found(self) -> Found:
        """Return the image files in it."""
        ...

    def open(self, name: str) -> str | os.PathLike[str] | BinaryIO:
        """Return one of them in a form that Pillow opens."""
        ...

    def fingerprint(self, names: list[str]) -> list[Any]:
        """Return what changes when these files do, as JSON values."""
        ...


class Directory:
    """The image files below a directory."""

    def __init__(self, root: Path):
        self._root = root

    def found(self) -> Found:
        """Return the image files in it."""
        return image_files(self._root)

    def open(self, name: str) -> Path:
        """Return the path of one of them."""
        return self._root / name

    def fingerprint(self, names: list[str]) -> list[Any]:
        """Return names, sizes and times."""
        return [self._status(name) for name in names]

    def _status(self, name: str) -> list[Any]:
        try:
            status = (self._root / name).stat()
        except OSError:  # such as a broken link, which will be reported as unreadable
            return [name]
        return [name, status.st_size, status.st_mtime_ns]


class Archive:
    """The image files in a zip file.

    Nothing is written to disk. A member is unpacked in memory when it is opened, if it says that it
    has at most `MOST` bytes, and only as far as it says.
    """

    def __init__(self, path: Path, file: zipfile.ZipFile):
        self._path, self._file = path, file
        self._members: dict[str, zipfile.ZipInfo] = {}
        self._lock = threading.Lock()  # of the file, from which several threads unpack

    def found(self) -> Found:
        """Return the image files in it, in the order that they would have in a directory.

        Raises:
            DataError: if members share bytes, as in archives that are made to unpack endlessly.
        """
        self._check_overlaps()
        left_out: dict[str, list[str]] = {}
        files = []
        for name, member in self._named(left_out).items():
            self._members[name] = member
            reason = _reason_against(member) or reason_against(name, self._is_picture)
            (left_out.setdefault(reason, []) if reason else files).append(name)
        ordered = {why: sorted(dict.fromkeys(names)) for why, names in left_out.items()}
        return Found(sorted(files, key=_of_directories), ordered)

    def open(self, name: str) -> BinaryIO:
        """Unpack one of them in memory.

        Raises:
            ValueError: if it has not the size that it says.
        """
        member = self._members[name]
        with self._lock, self._file.open(member) as packed:
            content = packed.read(member.file_size)
        if len(content) != member.file_size:
            raise ValueError(f"it ends after {len(content)} of {member.file_size} bytes")
        return io.BytesIO(content)

    def fingerprint(self, names: list[str]) -> list[Any]:
        """Return names and checksums."""
        members = [self._members[name] for name in names]
        return [
            [name, member.file_size, member.CRC]
            for name, member in zip(names, members, strict=True)
        ]

    def _named(self, left_out: dict[str, list[str]]) -> dict[str, zipfile.ZipInfo]:
        """Return the files, by name; note those that are hidden or lead outside."""
        members: dict[str, zipfile.ZipInfo] = {}
        for member in self._file.infolist():
            if member.filename.endswith("/"):  # `is_dir` fails on empty names
                continue
            name = _name(member)
            parts = PurePosixPath(name).parts
            hidden = [i for i, part in enumerate(parts) if is_hidden(part) and part != ".."]
            if not parts or name.startswith("/") or ".." in parts or ":" in parts[0]:
                left_out.setdefault(_LEADS_OUT, []).append(name)
            elif hidden:
                left_out.setdefault(HIDDEN, []).append("/".join(parts[: hidden[0] + 1]))
            else:
                if "/".join(parts) in members:
                    left_out.setdefault(_REPLACED, []).append(name)
                members["/".join(parts)] = member
        return members

    def _is_picture(self, name: str) -> bool:
        try:
            return is_picture(self.open(name))
        except Exception:  # damaged members end in errors of any kind
            return False

    def _check_overlaps(self) -> None:
        members = sorted(self._file.infolist(), key=lambda member: member.header_offset)
        for one, following in itertools.pairwise(members):
            if one.header_offset + one.compress_size > following.header_offset:
                raise DataError(
                    f"{str(self._path)!r}: {one.filename!r} and {following.filename!r} share "
                    "bytes, which no program that makes zip files does: make it anew"
                )


@contextlib.contextmanager
def place_at(root: Path) -> Iterator[Place]:
    """Open a directory or a zip file.

    Raises:
        DataError: if there is neither.
    """
    if root.is_dir():
        yield Directory(root)
        return
    if not root.is_file():
        raise DataError(
            f"no directory {str(root)!r}: give an existing one, or a zip file, "
            "name=folder:DIRECTORY"
        )
    try:
        file = zipfile.ZipFile(root)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise DataError(
            f"{str(root)!r} is no directory, and cannot be read as a zip file ({error}): give one "
            "of both, name=folder:DIRECTORY"
        ) from error
    with file:
        yield Archive(root, file)


def _name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member, also if a program for Windows or macOS wrote it oddly."""
    name = member.filename
    if not member.flag_bits & 0x800:  # it does not say that it is in UTF-8, and may be
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name if "/" in name else name.replace("\\", "/")


def _reason_against(member: zipfile.ZipInfo) -> str:
    """Return why a member is left out; empty if it is not."""
    if member.flag_bits & 0x1:
        return _ENCRYPTED
    if stat.S_ISLNK(member.external_attr >> 16):
        return _LINKS
    return _LARGE if member.file_size > MOST else ""


def _of_directories(name: str) -> list[tuple[bool, str]]:
    """Return a key by which files come before the folders beside them, as in `image_files`."""
    *folders, file = PurePosixPath(name).parts
    return [*((True, folder) for folder in folders), (False, file)]
