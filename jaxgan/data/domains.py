"""Pairs and domains of pictures, derived from other data sets.

A derived set is named `PREFIX:NAME`, and prefixes can be chained. Its x is what is to be generated,
and its y is what to generate it from: `outlines:digits` holds the digits and their outlines. If y
becomes pictures, the labels are dropped. Derived pictures are computed at each load, in memory.
"""

import re
from collections.abc import Callable
from functools import reduce
from typing import Any, Protocol

import numpy as np

from jaxgan._checks import ImageSize, check_array, check_integers
from jaxgan.data._homes import expanded
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError

__all__ = ["PREFIXES", "gray", "outlines", "reduced", "silhouettes"]

Derive = Callable[[np.ndarray], np.ndarray]

_AT_ONCE = 32  # pictures whose intermediate results are in memory at a time
_SLOPE = 12  # an edge is drawn where the slope is above this, of 255 levels a pixel
_CONTRAST = 32  # a pixel that differs by more than this, of 255 levels, is not background


class LoadNamed(Protocol):
    """A function that loads the underlying set, with the settings of the derived one."""

    def __call__(
        self, name: str, *, image_size: ImageSize | None, side_by_side: bool = False
    ) -> Dataset:
        """Load a set; with `side_by_side`, each image of a folder is two pictures."""
        ...


def load_derived(name: str, image_size: ImageSize | None, load_named: LoadNamed) -> Dataset:
    """Load a set whose name starts with one of the `PREFIXES`.

        outlines:NAME      y is the outline of x, `[N, H, W, 1]`: white lines on black
        silhouettes:NAME   y is the silhouette of x, `[N, H, W, 1]`: white where x is not background
        halved:NAME        y is x at half its side, `[N, H / 2, W / 2, C]`
        quartered:NAME     y is x at a quarter of its side
        gray:NAME          y is x in gray, `[N, H, W, 1]`, for color pictures
        colored:NAME       x is y in a random hue on black; both `[N, H, W, 3]`, for gray pictures
        rotated:NAME       x is y rotated by 90 degrees counterclockwise
        sides:NAME         each image is two pictures side by side: y is the left one, x the right
        swapped:NAME       a set of pairs or domains with x and y exchanged
        unpaired:NAME      a set of pairs as two domains: every second x, and the y of the others
        unpaired:ONE,TWO   two data sets as two domains: the x of ONE, and as y the x of TWO

    Args:
        name: `PREFIX:NAME`.
        image_size: side of the underlying images, and of both pictures of `sides`.
        load_named: loads the underlying set.

    Raises:
        DataError: if the underlying set cannot be loaded, or does not suit the prefix.
    """
    prefix, _, rest = name.partition(":")
    names = domains_of(rest) if prefix == "unpaired" else [rest]
    if not all(names):
        raise DataError(f"{name!r} names no data set: expected a name such as name={prefix}:digits")
    if len(names) > 2:
        raise DataError(
            f"{name!r} has {len(names)} domains: expected two, name=unpaired:ONE,TWO; a comma in "
            "the name of a folder counts as part of it if there is such a folder"
        )
    if prefix == "sides":
        return _sides(name, rest, image_size, load_named)
    sets = [_pictures(load_named(each, image_size=image_size)) for each in names]
    if len(sets) == 2:
        return _two_domains(name, *sets)
    return _DERIVED[prefix](sets[0])._replace(name=name)


def domains_of(names: str) -> list[str]:
    """Split `ONE,TWO` at its comma, and not at those in the names of folders that exist.

    Args:
        names: what follows `unpaired:`.

    Returns:
        One name or two; more if there is no way to read them as two.

    Example:
        >>> from jaxgan.data.domains import domains_of
        >>> domains_of("digits,folder:horses")
        ['digits', 'folder:horses']
    """
    pieces = names.split(",")
    if len(pieces) < 2 or _folder_exists(names):
        return [names]
    cuts = [(",".join(pieces[:i]), ",".join(pieces[i:])) for i in range(1, len(pieces))]
    likely = [cut for cut in cuts if all("," not in one or _folder_exists(one) for one in cut)]
    return list(likely[0]) if len(likely) == 1 else pieces


def _folder_exists(name: str) -> bool:
    path = re.fullmatch(r"(?:\w+:)*folder:(.+)", name)
    return path is not None and expanded(path[1], "name=folder:").exists()


def _pictures(dataset: Dataset) -> Dataset:
    if dataset.x.ndim != 4:
        raise DataError(
            f"{dataset.name} holds no images: expected a set that does, such as "
            "name=outlines:digits"
        )
    return dataset


def _with_source(derive: Derive) -> Callable[[Dataset], Dataset]:
    """Return what makes a set whose y is derived from its x."""
    return lambda dataset: Dataset(dataset.x, _in_parts(derive, dataset.x), dataset.name)


def _in_parts(derive: Derive, x: np.ndarray) -> np.ndarray:
    parts = [derive(np.asarray(x[i : i + _AT_ONCE])) for i in range(0, len(x), _AT_ONCE)]
    return np.concatenate(parts)


def outlines(x: np.ndarray) -> np.ndarray:
    """Draw the edges of uint8 pictures, one pixel wide: `[N, H, W, C]` to `[N, H, W, 1]`.

    An edge is where the slope of the blurred picture is steeper than that of its neighbors, along
    the axis on which it is steepest, as in Canny, "A computational approach to edge detection",
    1986.

    Raises:
        ValueError: if x is not of uint8 pictures.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data.domains import outlines
        >>> square = np.zeros((1, 8, 8, 1), np.uint8)
        >>> square[:, 2:6, 2:6] = 255
        >>> print(outlines(square)[0, ..., 0] // 255)
        [[0 0 0 0 0 0 0 0]
         [0 0 0 0 0 0 0 0]
         [0 0 1 1 1 1 0 0]
         [0 0 1 0 0 1 0 0]
         [0 0 1 0 0 1 0 0]
         [0 0 1 1 1 1 0 0]
         [0 0 0 0 0 0 0 0]
         [0 0 0 0 0 0 0 0]]
    """
    check_array("x", x, "[N, H, W, C]", "uint8")
    above, here, below = _rows(x.astype(np.float32), mode="edge")
    left, middle, right = _columns(above + 2 * here + below, mode="edge")
    blurred = (left + 2 * middle + right) / 16
    down, across = (_largest(np.abs(slope)) for slope in np.gradient(blurred, axis=(1, 2)))
    slope = np.hypot(down, across)
    above, _, below = _rows(slope)
    left, _, right = _columns(slope)
    # A half-open comparison: of two adjacent pixels of equal slope, one is the edge.
    is_ridge = np.where(
        down > across, (slope > above) & (slope >= below), (slope > left) & (slope >= right)
    )
    return _white(is_ridge & (slope > _SLOPE))


def _rows(x: np.ndarray, mode: Any = "constant") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is above each place of `[N, H, W, ...]`, the place itself, and what is below."""
    padded = np.pad(x, [(0, 0), (1, 1), *[(0, 0)] * (x.ndim - 2)], mode=mode)
    return padded[:, :-2], x, padded[:, 2:]


def _columns(x: np.ndarray, mode: Any = "constant") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what is left of each place of `[N, H, W, ...]`, the place, and what is right of it."""
    left, _, right = _rows(x.swapaxes(1, 2), mode)
    return left.swapaxes(1, 2), x, right.swapaxes(1, 2)


def silhouettes(x: np.ndarray) -> np.ndarray:
    """Draw what differs from the background in white: `[N, H, W, C]` to uint8 `[N, H, W, 1]`.

    The color of the background is the median of the four corners, so a shape may cover one of them.

    Raises:
        ValueError: if x is not of uint8 pictures.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data.domains import silhouettes
        >>> picture = np.full((1, 4, 4, 3), 200, np.uint8)  # a light background
        >>> picture[:, 1:3, 1:3] = 20, 20, 180
        >>> print(silhouettes(picture)[0, ..., 0])
        [[  0   0   0   0]
         [  0 255 255   0]
         [  0 255 255   0]
         [  0   0   0   0]]
    """
    check_array("x", x, "[N, H, W, C]", "uint8")
    corners = x[:, [0, 0, -1, -1], [0, -1, 0, -1]].astype(np.float32)
    background = np.median(corners, axis=1)[:, np.newaxis, np.newaxis]
    return _white(_largest(np.abs(x - background)) > _CONTRAST)


def _largest(x: np.ndarray) -> np.ndarray:
    """Return the largest channel of each pixel, ten times as fast as `x.max(axis=-1)`."""
    return reduce(np.maximum, np.moveaxis(x, -1, 0))


def _white(mask: np.ndarray) -> np.ndarray:
    return np.where(mask, 255, 0).astype(np.uint8)[..., np.newaxis]


def gray(x: np.ndarray) -> np.ndarray:
    """Convert uint8 color `[N, H, W, 3]` to gray `[N, H, W, 1]`, with the weights of ITU-R BT.601.

    Raises:
        ValueError: if x is not of uint8 pictures in color.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data.domains import gray
        >>> red_green_blue = 255 * np.eye(3, dtype=np.uint8).reshape(1, 1, 3, 3)
        >>> gray(red_green_blue).ravel().tolist()
        [76, 150, 29]
    """
    check_array("x", x, "[N, H, W, 3]", "uint8")
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return (x.astype(np.float32) @ weights).round().astype(np.uint8)[..., np.newaxis]


def reduced(x: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of `factor` by `factor` pixels: `[N, H, W, C]` to `[N, H/f, W/f, C]`.

    Raises:
        ValueError: if x is not of uint8 pictures whose sides are multiples of `factor`.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data.domains import reduced
        >>> picture = np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1)
        >>> print(reduced(picture, 2)[0, ..., 0])
        [[ 2  4]
         [10 12]]
    """
    check_array("x", x, "[N, H, W, C]", "uint8")
    check_integers(factor=factor)
    count, height, width, channels = x.shape
    if height % factor or width % factor:
        raise ValueError(f"x is of {height}x{width}; expected multiples of factor={factor}")
    squares = x.reshape(count, height // factor, factor, width // factor, factor, channels)
    return squares.mean(axis=(2, 4), dtype=np.float32).round().astype(np.uint8)


def _reduced_by(factor: int, word: str) -> Callable[[Dataset], Dataset]:
    def derive(dataset: Dataset) -> Dataset:
        height, width = dataset.x.shape[1:3]
        if height % factor or width % factor:
            raise DataError(
                f"images of {dataset.name} are {height}x{width} and cannot be {word}: give a size "
                f"that {factor} divides, such as image_size={max(1, height // factor) * factor}"
            )
        return _with_source(lambda x: reduced(x, factor))(dataset)

    return derive


def _gray(dataset: Dataset) -> Dataset:
    if dataset.x.shape[-1] == 1:
        raise DataError(f"{dataset.name} is gray already: expected color, such as name=gray:emoji")
    return _with_source(gray)(dataset)


def _colored(dataset: Dataset) -> Dataset:
    """Give every picture a hue of its own, the same hues in the same order for every set."""
    if dataset.x.shape[-1] == 3:
        raise DataError(f"{dataset.name} has colors: expected gray, such as name=colored:digits")
    hue = 6 * np.random.default_rng(0).random((len(dataset.x), 1), np.float32)
    # Each of red, green and blue is full over a third of the circle and falls off on both sides.
    color = (np.abs((hue + np.array([0, 4, 2], np.float32)) % 6 - 3) - 1).clip(0, 1)
    x = (dataset.x * color[:, np.newaxis, np.newaxis]).round().astype(np.uint8)
    return Dataset(x, np.repeat(dataset.x, 3, axis=-1), dataset.name)


def _rotated(dataset: Dataset) -> Dataset:
    return Dataset(np.rot90(dataset.x, axes=(1, 2)), dataset.x, dataset.name)


def _swapped(dataset: Dataset) -> Dataset:
    y = _counterpart(dataset, "swapped")
    return dataset._replace(x=y, y=dataset.x)


def _unpaired(dataset: Dataset) -> Dataset:
    """Take alternate examples, so that both halves have the same classes if they are sorted."""
    y = _counterpart(dataset, "unpaired")
    if not dataset.paired:
        return dataset
    if len(y) < 2:
        raise DataError(f"{dataset.name} has one pair: expected 2 or more, to make two domains of")
    return dataset._replace(x=dataset.x[::2], y=y[1::2], paired=False)


def _counterpart(dataset: Dataset, prefix: str) -> np.ndarray:
    if dataset.y is None or not dataset.has_pictures:
        raise DataError(
            f"{dataset.name} has no pairs of pictures: {prefix}: expects a set that has, such as "
            f"name={prefix}:outlines:digits"
        )
    return dataset.y


def _two_domains(name: str, first: Dataset, second: Dataset) -> Dataset:
    if first.x.shape[-1] != second.x.shape[-1]:
        gray_one, color_one = sorted([first, second], key=lambda one: one.x.shape[-1])
        raise DataError(
            f"{gray_one.name} is gray and {color_one.name} has colors: expected both alike, such "
            f"as swapped:gray:{color_one.name} for the latter"
        )
    if first.x.shape != (len(first.x), *second.x.shape[1:]):
        raise DataError(
            f"images of {first.name} are {_size(first)} and those of {second.name} "
            f"{_size(second)}, height x width: give one size for both, such as image_size=32"
        )
    return Dataset(first.x, second.x, name, paired=False)


def _size(dataset: Dataset) -> str:
    return f"{dataset.x.shape[1]}x{dataset.x.shape[2]}"


def _sides(name: str, rest: str, image_size: ImageSize | None, load_named: LoadNamed) -> Dataset:
    from jaxgan.data.images import check_side_by_side, resize  # imports Pillow

    # Files may differ in size, so they are split before they are resized, and arrays after.
    is_folder = rest.startswith("folder:")
    size = image_size if is_folder else None
    wide = _pictures(load_named(rest, image_size=size, side_by_side=is_folder))
    height, width = wide.x.shape[1:3]
    check_side_by_side(height, width, rest)
    y, x = np.split(wide.x, 2, axis=2)
    if image_size is not None and not is_folder:
        x, y = resize(x, image_size), resize(y, image_size)
    return Dataset(x, y, name)


_DERIVED: dict[str, Callable[[Dataset], Dataset]] = {
    "outlines": _with_source(outlines),
    "silhouettes": _with_source(silhouettes),
    "halved": _reduced_by(2, "halved"),
    "quartered": _reduced_by(4, "quartered"),
    "gray": _gray,
    "grey": _gray,  # the former spelling, for one release
    "colored": _colored,
    "rotated": _rotated,
    "swapped": _swapped,
    "unpaired": _unpaired,
}

PREFIXES = (*_DERIVED, "sides")
