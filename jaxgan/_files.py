"""Writing of files: whole or not at all."""

from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file atomically: it replaces an existing one only when it is complete.

    Raises:
        OSError: it cannot be written; no partial file is left.
    """
    content = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
