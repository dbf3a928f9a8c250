"""The collection of decoded images in one array, in memory or in a file."""

import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from jaxgan.data.errors import DataError
from jaxgan.data.memory import check_images
from jaxgan.data.progress import bar

Example = tuple[np.ndarray, int | None]

_SAVE_EVERY = 2.0  # seconds


def stack(
    examples: Iterable[Example],
    size: int,
    directory: Path | None = None,
    *,
    before: Sequence[int | None] = (),
    save: Callable[[], None] = lambda: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Stack images and labels; with a directory, only one image is in memory at a time.

    A bar shows the progress in a terminal.

    Args:
        examples: pairs of a uint8 image `[H, W, C]`, the same shape for all, and a label or None.
        size: the largest number of examples that there can be.
        directory: folder to write `x.npy` to; if it is None, or its disk is too full, the images
            are kept in memory.
        before: labels of the images that `x.npy` holds already, which the examples go on from.
        save: called every few seconds, when all images so far are in the file on the disk.

    Returns:
        Images `[N, H, W, C]`, N being 0 to `size`, and int32 labels `[N]` or None.

    Raises:
        DataError: if images differ in shape, or fit neither on the disk nor in memory.
    """
    x, labels = np.empty((0, 0, 0, 0), np.uint8), list(before)
    if labels:
        assert directory is not None  # they are in a file of it
        x = np.lib.format.open_memmap(directory / "x.npy", "r+")
    with bar("decoding", size, len(labels)) as shown:
        saved = time.monotonic()
        for image, label in examples:
            if not labels:
                x = _allocate((size, *image.shape), directory)
            if image.shape != x.shape[1:]:
                raise DataError(
                    f"images differ in size ({_sides(x[0])} and {_sides(image)}, height x width): "
                    "give one size for all, such as image_size=64"
                )
            x[len(labels)] = image
            labels.append(label)
            shown.update()
            if isinstance(x, np.memmap) and time.monotonic() - saved > _SAVE_EVERY:
                x.flush()
                save()
                saved = time.monotonic()
    if len(labels) < size:
        x = _shorten(x, len(labels), directory)
    labeled = bool(labels) and labels[0] is not None
    return x, np.asarray(labels, np.int32) if labeled else None


def _sides(image: np.ndarray) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"


def _allocate(shape: tuple[int, ...], directory: Path | None) -> np.ndarray:
    if directory is None:
        check_images(shape)
        return np.empty(shape, np.uint8)
    need, free = int(np.prod(shape)), shutil.disk_usage(directory).free
    if need > free:  # writing to a memory map on a full disk kills the process
        check_images(shape)
        logging.warning(
            "%.1f GB of images do not fit in the %.1f GB that are free in the cache: keeping them "
            "in memory; give a folder with more room, cache_dir=DIRECTORY",
            need / 1e9,
            free / 1e9,
        )
        return np.empty(shape, np.uint8)
    return np.lib.format.open_memmap(directory / "x.npy", "w+", np.uint8, shape)


def _shorten(x: np.ndarray, count: int, directory: Path | None) -> np.ndarray:
    if directory is None or not isinstance(x, np.memmap):
        return x[:count]
    shorter = directory / "shorter.npy"
    np.save(shorter, x[:count])
    shorter.replace(directory / "x.npy")
    return np.load(directory / "x.npy", mmap_mode="r", allow_pickle=False)
