"""Data sets of image files in a directory or a zip file."""

import os
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from jaxgan._checks import ImageSize, told
from jaxgan.data._homes import expanded
from jaxgan.data.cache import Decoded, cached, recalled
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError
from jaxgan.data.image_files import SUFFIXES, Found, named
from jaxgan.data.images import (
    color_of,
    to_array,
)
from jaxgan.data.layout import Layout, arrange, counts_of, of_classes, split_counts
from jaxgan.data.places import place_at
from jaxgan.data.reading import Reading
from jaxgan.data.slices import Part, evenly, part_of
from jaxgan.data.stack import stack

__all__ = ["load_folder"]


def load_folder(
    path: str,
    image_size: ImageSize | None,
    cache_root: Path | None,
    *,
    split: str = "train",
    crop: str = "center",
    background: str = "white",
    side_by_side: bool = False,
) -> Dataset:
    """Load all images below a directory or in a zip file, folder by folder, sorted by name.

    If all images are in subfolders, the names of the top-level subfolders are the classes; if some
    are in the directory itself, there are no labels. Subfolders that are all named train, val,
    valid, validation or test are splits, with the classes in them; a label means the same in each.
    A folder around all others does not count.

    A slice has examples of every class in their proportions, in the order of the whole. The slices
    `[:90%]` and `[90%:]` have no example in common.

    The images become gray if all files are gray (by mode or palette, not by their pixels), and
    color otherwise. They are rotated as EXIF says, and of several frames the first counts. Files
    that cannot be read or have more than `images.PIXELS` pixels are left out, and so are classes
    without any other; `image_files` describes what else is. One line says what was taken, by class,
    and what was left out and why, at every load.

    Args:
        path: the directory, or a symbolic link to it; links below it are followed if they stay
            below it. Or the zip file.
        image_size: the side to resize to; None for images that are all of one size.
        cache_root: folder of the cache; None is the user's.
        split: a split or a slice of one, such as `test` or `train[:90%]`; without folders that are
            splits, all is `train`.
        crop: how images come to that size; see `jaxgan.data.images.framed`.
        background: color of transparent areas, and of margins.
        side_by_side: whether every file holds two pictures, left and right, as the archives of
            pix2pix do (https://arxiv.org/abs/1611.07004). They are resized separately and stay
            side by side.

    Returns:
        uint8 images `[N, H, W, C]`, C being 1 or 3.

    Raises:
        DataError: if there is no such split or no readable image, if images differ in size and
            `image_size` is None, or if an image cannot be two pictures and `side_by_side` is set.

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
    root, name = expanded(path, "name=folder:").absolute(), f"folder:{path}"
    with place_at(root) as place:
        found = place.found()
        if not found.files:
            left_out = f" ({found.remark})" if found.remark else ""
            raise DataError(
                f"no image below {str(root)!r}{left_out}: expected {', '.join(SUFFIXES)} files"
            )
        layout = arrange(found.files)
        part = _part(split, layout, name)
        files = layout.splits[part.split]
        key = {
            "root": os.fspath(root),
            "image_size": image_size,
            "files": place.fingerprint(files),
            "classes": layout.class_names(part.split, files),
            "look": [crop, color_of(background), side_by_side],
        }
        convert = partial(to_array, image_size=image_size, crop=crop, background=background)
        reading = Reading(name, place, files, layout, part.split, convert, side_by_side)
        whole = recalled(cache_root, name, key, reading.decode)
    taken = _slice(whole.dataset, part, cache_root, key)
    logging.warning("%s", _line(part, found, layout, whole, taken))
    return taken


def _part(split: str, layout: Layout, name: str) -> Part:
    part = part_of(split)
    if part is None or part.split not in layout.splits:
        there = [f"split={one}" for one in sorted(layout.splits, key=lambda one: one != "train")]
        raise DataError(
            f"{name} has no split {(part or Part(split)).split!r}: expected {', '.join(there)}, "
            f"or a slice of it such as {there[0]}[:90%] or {there[0]}[100:200]"
        )
    return part


def _slice(dataset: Dataset, part: Part, cache_root: Path | None, key: dict[str, Any]) -> Dataset:
    """Take a slice of a split; one of sorted classes is evenly spread, so it is a copy."""
    start, stop = part.rows(len(dataset.x), dataset.name)
    if stop - start == len(dataset.x):
        return dataset
    y = dataset.y
    if y is None:
        return dataset._replace(x=dataset.x[start:stop])
    rows = np.sort(evenly(y)[start:stop])

    def copy(directory: Path | None) -> Decoded:
        x, labels = stack(((dataset.x[row], int(y[row])) for row in rows), len(rows), directory)
        return Decoded(dataset._replace(x=x, y=labels))

    return cached(cache_root, dataset.name, key | {"slice": [start, stop]}, copy)


def _line(part: Part, found: Found, layout: Layout, whole: Decoded, taken: Dataset) -> str:
    """Say what was taken, by class, what was left out and why, and what is unusual."""
    count, size = len(taken.x), len(whole.dataset.x)
    what = f"{count} picture{'s' * (size > 1)}"
    what = what if count == size else f"{part}: {count} of {size} pictures"
    text = f"{taken.name}: " + f"split {part.split}: " * (layout.said and count == size) + what
    remarks = list(layout.remarks)
    if taken.y is not None:
        numbers = np.bincount(taken.y, minlength=len(taken.class_names)).tolist()
        counts = dict(zip(taken.class_names, numbers, strict=True))
        text += f"{of_classes(counts)}: {counts_of(counts)}"
        missing = [name for name, number in counts.items() if not number]
        remarks += [f"no picture of {named(missing)}"] if missing else []
    damaged, *others = whole.remarks or [""]
    left_out = ", ".join([*found.kinds, *filter(None, [damaged])])
    there = split_counts(layout, part.split)
    parts = [
        text,
        f"other splits: {there}" if there else "",
        f"left out: {left_out}" if left_out else "",
        *remarks,
        *others,
    ]
    return "; ".join(filter(None, parts))
