"""The record of a checkpoint: what it is of, and the SHA-256 of everything in it."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["RecordError", "check_files", "flush", "read", "seal"]

_NAME, _ARRAYS = "record.json", "state"
_OF_BEFORE = "record/metadata"  # in checkpoints of version 0.1, without sums of the files
_KEYS = {"step", "digest", "notes", "files", "sha256"}


class RecordError(ValueError):
    """The error that a checkpoint is not what its record says, or has no whole record."""


def read(checkpoint: Path) -> dict[str, Any]:
    """Read the record of a checkpoint, a directory named after its step.

    Raises:
        OSError: there is none.
        RecordError: it is damaged, or of another step.
    """
    if (checkpoint / _OF_BEFORE).exists():
        record = _parse(checkpoint / _OF_BEFORE)
        if record.keys() != {"digest", "notes"} or not isinstance(record["notes"], dict):
            raise RecordError("its record is damaged")
        return {**record, "files": {}}
    record = _parse(checkpoint / _NAME)
    if record.keys() != _KEYS:
        raise RecordError("its record is damaged")
    if _hash_of(record) != record["sha256"]:
        raise RecordError("its record does not match its SHA-256")
    if str(record["step"]) != checkpoint.name:
        raise RecordError(f"it is the checkpoint of step {record['step']}")
    return record


def check_files(checkpoint: Path, record: dict[str, Any]) -> None:
    """Compare the files of the arrays with their sums.

    Raises:
        OSError: one is missing.
        RecordError: one is damaged.
    """
    for name, expected in record["files"].items():
        if _sha256(checkpoint / _ARRAYS / name) != expected:
            raise RecordError(f"{_ARRAYS}/{name} does not match its SHA-256")


def seal(checkpoint: Path, record: dict[str, Any]) -> None:
    """Complete a record with the sums, write it, and wait until all of it is on disk."""
    arrays = checkpoint / _ARRAYS
    files = sorted(path for path in arrays.rglob("*") if path.is_file())
    record = {
        **record,
        "files": {path.relative_to(arrays).as_posix(): _sha256(path) for path in files},
    }
    record["sha256"] = _hash_of(record)
    (checkpoint / _NAME).write_text(json.dumps(record, indent=1))
    for path in [*files, checkpoint / _NAME, checkpoint]:
        flush(path)


def flush(path: Path) -> None:
    """Wait until a file, or the list of files of a directory, survives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        raise RecordError("its record is damaged")
    return content


def _hash_of(record: dict[str, Any]) -> str:
    content = {name: value for name, value in record.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
