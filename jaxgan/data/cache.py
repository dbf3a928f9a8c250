"""A cache of decoded data sets on disk, so that images are decoded once and not in every run.

An entry is a folder: `x.npy`, `y.npy` if there are labels, and `entry.json`, which describes both
arrays. It is written under a temporary name and renamed when it is complete, so neither a killed
process nor two concurrent ones can leave half an entry. A process that is killed or interrupted may
leave a folder `.partial-...`, from which the next one goes on (`progress`); it is safe to delete.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from jaxgan.data._homes import user_cache
from jaxgan.data.dataset import Dataset
from jaxgan.data.scratch import scratch

FORMAT = 3  # increment it when the same key would yield different arrays than before


class Decoded(NamedTuple):
    """A freshly decoded data set.

    Attributes:
        dataset: the data set; its images are in `x.npy` of the folder that was given, or in
            memory.
        remarks: what the user is told at every load.
    """

    dataset: Dataset
    remarks: tuple[str, ...] = ()


def default_root() -> Path:
    """Return the folder of the cache that is used if the user names none; see `user_cache`.

    Raises:
        OSError: if none can be made.
    """
    return user_cache("data")


Build = Callable[[Path | None], Decoded]


def cached(root: Path | None, name: str, key: Mapping[str, Any], build: Build) -> Dataset:
    """Return a data set from the cache, or build it and cache it; see `recalled`."""
    return recalled(root, name, key, build).dataset


def recalled(root: Path | None, name: str, key: Mapping[str, Any], build: Build) -> Decoded:
    """Return a data set and the remarks on it from the cache, or build it and cache it.

    A damaged entry is rebuilt. If the folder is not writable, the data set is decoded in every run.
    Both are logged, and neither is an error.

    Args:
        root: folder of the cache, which is created if it is missing; None is `default_root()`.
        name: name of the data set.
        key: everything that the arrays depend on, as JSON values.
        build: decodes the data set, given a folder to write `x.npy` to, or None.
    """
    key = {"format": FORMAT, "name": name, **key}
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    entry = f"{re.sub(r'[^A-Za-z0-9_.-]+', '_', name)[-40:]}-{digest}"
    with contextlib.ExitStack() as stack:
        decoded, new = None, None
        try:
            root = default_root() if root is None else root
            decoded = _read(root / entry, name)
            if decoded is None:
                new = stack.enter_context(scratch(root, entry))
        except OSError as error:
            logging.warning(
                "cannot cache %s (%s): give a folder that is writable, cache_dir=DIRECTORY",
                name,
                error,
            )
        if decoded is None:
            decoded = build(new)
            if new is not None:
                decoded = _publish(decoded, new, new.parents[1] / entry)
    return decoded


def _read(entry: Path, name: str) -> Decoded | None:
    """Open an entry; return None if there is none that is intact."""
    if not entry.exists():
        return None
    try:
        content = json.loads((entry / "entry.json").read_text())
        x = _open(entry / "x.npy", content["x"])
        y = None if content["y"] is None else np.array(_open(entry / "y.npy", content["y"]))
        names, remarks = tuple(content["class_names"]), tuple(content["remarks"])
        _check(y, len(x), names, remarks)
        return Decoded(Dataset(x, y, name, names), remarks)
    except Exception as error:  # NumPy and JSON raise errors of many kinds on damaged files
        logging.warning("cached data %s is damaged (%s): decoding it again", entry, error)
        return None


def _check(y: np.ndarray | None, count: int, names: tuple, remarks: tuple) -> None:
    """Check what `entry.json` cannot describe: that labels are those of classes."""
    if not all(isinstance(text, str) for text in (*names, *remarks)):
        raise ValueError("entry.json names classes by other things than text")
    if y is None:
        return
    if y.shape != (count,) or y.dtype != np.int32:
        raise ValueError(f"y.npy holds {_describe(y)} for {count} images")
    if count and not -1 <= y.min() <= y.max() < len(names):  # TFDS has -1 for unknown labels
        raise ValueError("y.npy holds labels without a class")


def _publish(decoded: Decoded, new: Path, entry: Path) -> Decoded:
    """Complete an entry and rename it; if that fails, the data set remains usable."""
    x, y, name, class_names = decoded.dataset[:4]
    if not (new / "x.npy").exists():  # it was kept in memory
        return decoded
    content = {
        "x": _describe(x),
        "y": None if y is None else _describe(y),
        "class_names": class_names,
        "remarks": decoded.remarks,
    }
    try:
        if isinstance(x, np.memmap):
            x.flush()
        if y is not None:
            np.save(new / "y.npy", y)
        (new / "entry.json").write_text(json.dumps(content, indent=1))
        if entry.exists():  # damaged, or another process has just completed the same one
            entry.rename(new.with_name("old"))
        new.rename(entry)
    except OSError as error:
        logging.info("%s was not published: %s", entry, error)
    published = _read(entry, name)
    if published is None:
        logging.warning("cannot cache %s in %s: the next run decodes it again", name, entry.parent)
    return published or decoded


def _describe(array: np.ndarray) -> list[Any]:
    return [str(array.dtype), *array.shape]


def _open(path: Path, description: list[Any]) -> np.ndarray:
    array = np.lib.format.open_memmap(path, "r")  # .npy only, and no pickled objects
    if _describe(array) != description:
        raise ValueError(f"{path.name} is {_describe(array)}, expected {description}")
    return array
