"""Data sets of image files in a directory."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging
from PIL import Image

from jaxgan._checks import told
from jaxgan.data.cache import Decoded, cached
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError
from jaxgan.data.images import check_side_by_side, halves, is_gray, to_array, upright
from jaxgan.data.stack import Example, stack

__all__ = ["SUFFIXES", "image_files", "load_folder"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")


def load_folder(
    path: str,
    image_size: int | None,
    cache_root: Path,
    *,
    side_by_side: bool = False,
) -> Dataset:
    """Load all images below a directory, folder by folder, sorted by name within each.

    If all images are in subfolders, the names of the top-level subfolders are the classes; if some
    are in the directory itself, there are no labels. The images become gray if all files are gray
    (by mode or palette, not by their pixels), and color otherwise. They are rotated as EXIF says,
    transparent areas become white, and animations are reduced to their first frame. Files that
    cannot be read are skipped, and named in one warning at every load.

    Args:
        path: the directory; symbolic links are followed.
        image_size: the side to resize to; None for images that are all of one size.
        cache_root: folder of the cache.
        side_by_side: whether every file holds two pictures, left and right, as the archives of
            pix2pix do (https://arxiv.org/abs/1611.07004). They are resized separately and stay
            side by side.

    Returns:
        uint8 images `[N, H, W, C]`, C being 1 or 3.

    Raises:
        DataError: if there is no readable image, if images differ in size and `image_size` is
            None, or if an image cannot be two pictures and `side_by_side` is set.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from jaxgan.data.folder import load_folder
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     for kind in "cat", "dog":
        ...         (Path(directory) / kind).mkdir()
        ...         Image.new("RGB", (40, 30)).save(Path(directory) / kind / "a.png")
        ...     found = load_folder(directory, 16, Path(directory) / "cache")
        >>> found.x.shape, found.y.tolist(), found.class_names
        ((2, 16, 16, 3), [0, 1], ('cat', 'dog'))
    """
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"path is {told(path)}: expected the name of a directory")
    root = Path(path).expanduser().absolute()
    if not root.is_dir():
        raise DataError(f"no directory {str(root)!r}: give an existing one, name=folder:DIRECTORY")
    files = list(image_files(root))
    if not files:
        raise DataError(f"no image below {str(root)!r}: expected {', '.join(SUFFIXES)} files")
    key = {"image_size": image_size, "files": [_fingerprint(root, file) for file in files]}
    if side_by_side:
        key["side_by_side"] = True
    name = f"folder:{path}"
    return cached(
        cache_root,
        name,
        {"root": os.fspath(root), **key},
        lambda directory: _decode(name, root, files, image_size, directory, side_by_side),
    )


def image_files(root: Path) -> Iterator[str]:
    """Yield the image files below `root` as relative paths, sorted within each folder.

    Symbolic links are followed, but no folder is entered twice, so circular links are harmless.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from jaxgan.data.folder import image_files
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     for name in "b.png", "a.JPG", "notes.txt":
        ...         (Path(directory) / name).touch()
        ...     list(image_files(Path(directory)))
        ['a.JPG', 'b.png']
    """
    entered = set()
    for folder, subfolders, files in os.walk(root, onerror=_warn, followlinks=True):
        real = os.path.realpath(folder)
        if real in entered:
            subfolders.clear()
            continue
        entered.add(real)
        subfolders.sort()
        for file in sorted(files):
            if file.lower().endswith(SUFFIXES):
                yield os.path.relpath(os.path.join(folder, file), root)


def _warn(error: OSError) -> None:
    logging.warning("skipped a folder that cannot be read: %s", error)


def _fingerprint(root: Path, file: str) -> list[Any]:
    try:
        status = (root / file).stat()
    except OSError:  # such as a broken link, which will be reported as unreadable
        return [file]
    return [file, status.st_size, status.st_mtime_ns]


def _decode(
    name: str,
    root: Path,
    files: list[str],
    image_size: int | None,
    directory: Path | None,
    side_by_side: bool,
) -> Decoded:
    unreadable: dict[str, str] = {}
    channels = 1 if _all_gray(root, files, unreadable) else 3
    readable = [file for file in files if file not in unreadable]
    classes = _classes(readable)

    def examples() -> Iterator[Example]:
        for file in readable:
            try:
                with Image.open(root / file) as opened:
                    image = upright(opened)
                    if side_by_side:
                        check_side_by_side(image.height, image.width, str(root / file))
                    parts = halves(image) if side_by_side else [image]
                    arrays = [to_array(part, channels, image_size) for part in parts]
            except DataError:
                raise
            except Exception as error:  # decoders raise errors of any kind on damaged files
                unreadable[file] = _reason(error)
                continue
            yield (
                np.concatenate(arrays, axis=1),
                classes.index(Path(file).parts[0]) if classes else None,
            )

    x, y = stack(examples(), len(readable), directory)
    remarks = [_on_unreadable(root, unreadable, len(files)), _on_labels(root, readable)]
    if not len(x):
        raise DataError(f"{remarks[0]}: expected at least one that can")
    return Decoded(Dataset(x, y, name, classes), "; ".join(filter(None, remarks)))


def _all_gray(root: Path, files: list[str], unreadable: dict[str, str]) -> bool:
    """Return whether all files are gray, by their headers; add non-images to `unreadable`."""
    gray = True
    for file in files:
        try:
            with Image.open(root / file) as image:
                gray = is_gray(image) and gray
        except Exception as error:  # see `_decode`
            unreadable[file] = _reason(error)
    return gray


def _classes(files: list[str]) -> tuple[str, ...]:
    parts = [Path(file).parts for file in files]
    if any(len(names) == 1 for names in parts):
        return ()
    return tuple(sorted({names[0] for names in parts}))


def _on_labels(root: Path, files: list[str]) -> str:
    depths = {len(Path(file).parts) > 1 for file in files}
    if depths != {True, False}:
        return ""
    return f"there are images both in {str(root)!r} and in its subfolders, so they have no labels"


def _reason(error: Exception) -> str:
    return str(error).split("\n", maxsplit=1)[0] or type(error).__name__


def _on_unreadable(root: Path, unreadable: dict[str, str], total: int) -> str:
    if not unreadable:
        return ""
    named = [f"{file!r} ({reason})" for file, reason in sorted(unreadable.items())]
    more = [f"and {len(named) - 10} more"] if len(named) > 10 else []
    count = f"skipped {len(named)} of {total} image files below {str(root)!r}"
    return f"{count} that cannot be read: {', '.join(named[:10] + more)}"
