"""Files of JSON lines, and the writing of whole files."""

import errno
import json
import math
import os
from pathlib import Path
from typing import Any

from jaxgan._files import write_whole

__all__ = ["Lines", "read_lines", "write_whole"]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file of JSON objects, one per line; a line that was cut short or damaged is left out.

    Returns:
        The objects; none if there is no such file.
    """
    found = []
    for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
        try:
            # A line that was cut short when a program was killed has no newline.
            content = json.loads(line) if line.endswith(b"\n") else None
        except ValueError:
            continue
        if isinstance(content, dict):
            found.append(content)
    return found


class Lines:
    """A file of JSON objects that grows, each of them in a line: whole, once, and in order.

    Lines that cannot be written now, because the disk is full, wait for the next call.

    Args:
        path: the file.
        last_step: lines about later steps are dropped; they are going to be written anew.
    """

    def __init__(self, path: Path, last_step: float = math.inf):
        self._path = path
        self._waiting = b""
        self.kept = [line for line in read_lines(path) if _step(line) <= last_step]
        if path.exists():
            write_whole(path, "".join(json.dumps(line) + "\n" for line in self.kept))

    def append(self, *lines: dict[str, Any]) -> None:
        """Write lines, after those that are still waiting.

        Raises:
            OSError: they cannot be written yet.
        """
        self._waiting += "".join(json.dumps(line) + "\n" for line in lines).encode()
        if not self._waiting:
            return
        with self._path.open("ab", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            try:
                if file.write(self._waiting) != len(self._waiting):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            except OSError:
                file.truncate(size)
                raise
        self._waiting = b""

    def read(self) -> list[dict[str, Any]]:
        """Return all lines, also those that wait."""
        waiting = [json.loads(line) for line in self._waiting.splitlines()]
        return read_lines(self._path) + waiting


def _step(line: dict[str, Any]) -> float:
    step = line.get("step")
    return step if isinstance(step, int) else math.inf
