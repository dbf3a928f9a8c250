"""Data sets of image files in a directory."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from jaxgan._checks import ImageSize, told
from jaxgan.data._homes import expanded
from jaxgan.data.cache import Decoded, cached
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError
from jaxgan.data.image_files import SUFFIXES, image_files, named
from jaxgan.data.images import check_side_by_side, halves, is_gray, opened, to_array, upright
from jaxgan.data.stack import Example, stack

__all__ = ["load_folder"]

_ANIMATED = ("GIF", "PNG", "WEBP")  # other files of several frames hold previews and pages


def load_folder(
    path: str,
    image_size: ImageSize | None,
    cache_root: Path | None,
    *,
    side_by_side: bool = False,
) -> Dataset:
    """Load all images below a directory, folder by folder, sorted by name within each.

    If all images are in subfolders, the names of the top-level subfolders are the classes; if some
    are in the directory itself, there are no labels. The images become gray if all files are gray
    (by mode or palette, not by their pixels), and color otherwise. They are rotated as EXIF says,
    transparent areas become white, and animations are reduced to their first frame. Files that
    cannot be read or have more than `images.PIXELS` pixels are skipped, and so are classes without
    any other; `image_files` describes what else is left out. All are named in a warning at every
    load.

    Args:
        path: the directory, or a symbolic link to it; links below it are followed if they stay
            below it.
        image_size: the side to resize to; None for images that are all of one size.
        cache_root: folder of the cache; None is the user's.
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
    root = expanded(path, "name=folder:").absolute()
    if not root.is_dir():
        raise DataError(f"no directory {str(root)!r}: give an existing one, name=folder:DIRECTORY")
    files, _ = found = image_files(root)
    if not files:
        left_out = f" ({found.remark})" if found.remark else ""
        raise DataError(
            f"no image below {str(root)!r}{left_out}: expected {', '.join(SUFFIXES)} files"
        )
    if found.remark:
        logging.warning("%r: %s", str(root), found.remark)
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
    image_size: ImageSize | None,
    directory: Path | None,
    side_by_side: bool,
) -> Decoded:
    headers = _headers(root, files)
    unreadable = headers.unreadable
    readable = [file for file in files if file not in unreadable]
    classes = _classes(readable)

    def examples() -> Iterator[Example]:
        for file in readable:
            try:
                with opened(root / file) as image:
                    turned = upright(image)
                    if side_by_side:
                        check_side_by_side(turned.height, turned.width, str(root / file))
                    parts = halves(turned) if side_by_side else [turned]
                    arrays = [
                        to_array(part, 1 if headers.gray else 3, image_size) for part in parts
                    ]
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
    skipped = _on_unreadable(root, unreadable, len(files))
    if not len(x):
        raise DataError(f"{skipped}: expected at least one that can")
    if y is not None:  # a class may have had damaged images only
        present, y = np.unique(y, return_inverse=True)
        classes, y = tuple(classes[i] for i in present), y.astype(np.int32)
    remarks = [skipped, _on_classes(files, classes), _on_labels(root, readable), headers.remark]
    return Decoded(Dataset(x, y, name, classes), "; ".join(filter(None, remarks)))


class _Headers(NamedTuple):
    """What the headers of all files say; files without a readable one, with the reasons."""

    gray: bool
    animated: int
    unreadable: dict[str, str]

    @property
    def remark(self) -> str:
        return f"of {self.animated} animated images, the first frame is used" * bool(self.animated)


def _headers(root: Path, files: list[str]) -> _Headers:
    gray, animated, unreadable = True, 0, {}
    for file in files:
        try:
            with opened(root / file) as image:
                gray = is_gray(image) and gray
                animated += image.format in _ANIMATED and getattr(image, "is_animated", False)
        except Exception as error:  # see `_decode`
            unreadable[file] = _reason(error)
    return _Headers(gray, animated, unreadable)


def _classes(files: list[str]) -> tuple[str, ...]:
    parts = [Path(file).parts for file in files]
    if any(len(names) == 1 for names in parts):
        return ()
    return tuple(sorted({names[0] for names in parts}))


def _on_classes(files: list[str], classes: tuple[str, ...]) -> str:
    lost = sorted({Path(file).parts[0] for file in files} - set(classes)) if classes else []
    return f"no class without a readable image: left out {named(lost)}" if lost else ""


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
    reasons = [f"{file!r} ({reason})" for file, reason in sorted(unreadable.items())]
    more = [f"and {len(reasons) - 10} more"] if len(reasons) > 10 else []
    count = f"skipped {len(reasons)} of {total} image files below {str(root)!r}"
    return f"{count} that cannot be read: {', '.join(reasons[:10] + more)}"
