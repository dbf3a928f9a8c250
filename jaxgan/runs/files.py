"""Files that are written whole or not at all."""

from pathlib import Path


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file that appears when it is complete; until then, what was there before stays.

    Raises:
        OSError: it cannot be written; nothing half-written is left.
    """
    content = content.encode() if isinstance(content, str) else content
    temporary = path.with_name(f".{path.name}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
