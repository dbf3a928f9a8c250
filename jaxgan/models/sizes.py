"""The sizes of the images that the convolutional networks support, and checks of sizes.

The networks double a coarsest feature map until it has the size of the image, so both sides are
multiples of one power of two. The shorter one is 3 to 7 times that power, from 4 on:

    image     coarsest    doublings         image     coarsest    doublings
     24         6x6           2               48x32       6x4          3
     28         7x7           2               96x128      6x8          4
     32         4x4           3              128x32      16x4          3
     96         6x6           4              256          4x4          6
    100      no: 96 or 112                   512          4x4          7
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jax import Array

from jaxgan._checks import ImageSize, check_array, check_integers, told

__all__ = [
    "ImageSize",
    "Stages",
    "check_channels",
    "check_image_size",
    "check_images",
    "check_side",
    "hidden_widths",
    "maps_of",
    "nearest_sizes",
    "sides_of",
    "stages_of",
    "written",
]

_FEWEST = 2  # doublings
_COARSEST = range(3, 8)  # what the shorter side of the coarsest feature map can be


class Stages(NamedTuple):
    """The feature maps of a network.

    Attributes:
        height: of the coarsest one.
        width: likewise.
        doublings: from there to the image.
    """

    height: int
    width: int
    doublings: int


def sides_of(image_size: ImageSize) -> tuple[int, int]:
    """Return height and width.

    Raises:
        TypeError: `image_size` is neither a number nor a pair of them.
        ValueError: a side is below 1.

    Example:
        >>> from jaxgan.models.sizes import sides_of
        >>> sides_of(64), sides_of((48, 32))
        ((64, 64), (48, 32))
    """
    pair = image_size if isinstance(image_size, Sequence) else (image_size, image_size)
    if len(pair) != 2 or isinstance(pair, str):
        raise TypeError(
            f"image_size is {told(image_size)}; expected the side of squares, or height and width"
        )
    for side in pair:
        check_integers(image_size=side)
    return int(pair[0]), int(pair[1])


def written(image_size: ImageSize) -> str:
    """Write a size as HEIGHTxWIDTH, or as one number if both are the same.

    Raises:
        TypeError: as in `sides_of`.
        ValueError: likewise.

    Example:
        >>> from jaxgan.models.sizes import written
        >>> written((48, 32)), written((64, 64)), written(64)
        ('48x32', '64', '64')
    """
    height, width = sides_of(image_size)
    return str(height) if height == width else f"{height}x{width}"


def stages_of(image_size: ImageSize) -> Stages:
    """Return the stages of networks for a size of images, of which there are as few as possible.

    Raises:
        TypeError: as in `sides_of`.
        ValueError: there are no networks for this size; the message names the nearest.

    Example:
        >>> from jaxgan.models.sizes import stages_of
        >>> tuple(stages_of(28)), tuple(stages_of((48, 32)))
        ((7, 7, 2), (6, 4, 3))
    """
    sides = sides_of(image_size)
    found = _stages(*sides)
    if found is None:
        near = " or ".join(map(written, nearest_sizes(sides)))
        raise ValueError(
            f"image_size is {written(sides)}; expected sides that are multiples of one power of "
            f"two, the shorter one 3 to 7 times that, such as {near}"
        )
    return found


def maps_of(image_size: ImageSize, coarsest: int = 7) -> list[tuple[int, int]]:
    """Return height and width of every feature map, from the coarsest to the image.

    They are those of `stages_of`. Where the shorter side of its coarsest one is above `coarsest`,
    that is halved once more, and rounded up.

    Args:
        image_size: side of squares, or height and width.
        coarsest: 4 to 7; with 7 there is nothing more to halve.

    Raises:
        TypeError: as in `sides_of`.
        ValueError: there are no networks for this size, or `coarsest` is not allowed.

    Example:
        >>> from jaxgan.models.sizes import maps_of
        >>> maps_of(28), maps_of(28, coarsest=4)
        ([(7, 7), (14, 14), (28, 28)], [(4, 4), (7, 7), (14, 14), (28, 28)])
    """
    if coarsest not in range(4, 8):  # to halve 4 would leave 2
        raise ValueError(f"coarsest is {coarsest}; expected 4, 5, 6 or 7")
    height, width, doublings = stages_of(image_size)
    maps = [(height << stage, width << stage) for stage in range(doublings + 1)]
    if min(height, width) > coarsest:
        maps.insert(0, (-(-height // 2), -(-width // 2)))
    return maps


def _stages(height: int, width: int) -> Stages | None:
    doublings = _FEWEST
    while min(height, width) >= _COARSEST.start << doublings:
        scale = 1 << doublings
        if height % scale or width % scale:
            return None
        if min(height, width) // scale in _COARSEST:
            return Stages(height // scale, width // scale, doublings)
        doublings += 1
    return None


def nearest_sizes(image_size: ImageSize) -> list[tuple[int, int]]:
    """Return the sizes next to one, nearest first: neither side larger, and neither smaller.

    They are the size itself if there are networks for it.

    Raises:
        TypeError: as in `sides_of`.
        ValueError: likewise.

    Example:
        >>> from jaxgan.models.sizes import nearest_sizes
        >>> nearest_sizes(30), nearest_sizes((100, 60))
        ([(32, 32), (28, 28)], [(96, 56), (112, 64)])
    """
    height, width = sides_of(image_size)
    scales = [1 << k for k in range(_FEWEST, max(height, width).bit_length() + 1)]

    def distance(size: tuple[int, int]) -> float:
        return abs(math.log(size[0] / height)) + abs(math.log(size[1] / width))

    down = {(height // scale * scale, width // scale * scale) for scale in scales}
    up = {(-(-height // scale) * scale, -(-width // scale) * scale) for scale in scales}
    least = _COARSEST.start << _FEWEST
    up.add((max(height, least), max(width, least)))
    found = [[size for size in sizes if _stages(*size)] for sizes in (down, up)]
    return sorted({min(sizes, key=distance) for sizes in found if sizes}, key=distance)


def check_image_size(image_size: ImageSize, channels: int = 1) -> None:
    """Check that the convolutional networks support a size of images.

    Raises:
        TypeError: as in `sides_of`.
        ValueError: if `image_size` or `channels` is not supported; the message says what is.

    Example:
        >>> from jaxgan.models.sizes import check_image_size
        >>> check_image_size(64, channels=3)
        >>> check_image_size((48, 32))
        >>> check_image_size(60)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        ValueError: image_size is 60; expected sides that are ... such as 64 or 56
    """
    stages_of(image_size)
    check_channels(channels)


def check_channels(channels: int) -> None:
    """Check that an image is gray or in color.

    Raises:
        ValueError: if `channels` is neither 1 nor 3.

    Example:
        >>> from jaxgan.models.sizes import check_channels
        >>> check_channels(4)
        Traceback (most recent call last):
            ...
        ValueError: an image has 1 or 3 channels, not 4
    """
    if channels not in (1, 3):
        raise ValueError(f"an image has 1 or 3 channels, not {channels}")


def check_side(x: Array, side: ImageSize, setting: str = "image_size") -> None:
    """Check that images `[B, H, W, C]` have the sides that they should have.

    Args:
        x: the images.
        side: of squares, or height and width.
        setting: what the network calls this.

    Raises:
        ValueError: if they are of another size, or no images at all.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.sizes import check_side
        >>> check_side(jnp.zeros((8, 28, 28, 1)), 32)
        Traceback (most recent call last):
            ...
        ValueError: images of 28x28 for image_size=32; expected 32x32
    """
    check_array("x", x, "[B, H, W, C]")
    (height, width), wanted = x.shape[1:3], sides_of(side)
    if (height, width) != wanted:
        raise ValueError(
            f"images of {height}x{width} for {setting}={written(side)}; "
            f"expected {wanted[0]}x{wanted[1]}"
        )


def hidden_widths(size: int, width: int, stages: Mapping[int, int], setting: str) -> list[int]:
    """Return the channels of the hidden stages, from the finest to the coarsest.

    Args:
        size: of an example along each axis.
        width: channels of the finest stage; every coarser one has twice as many.
        stages: the number of stages for every size.
        setting: what the network calls its size.

    Raises:
        ValueError: if there are no stages for this size, or `width` is below 1.

    Example:
        >>> from jaxgan.models.sizes import hidden_widths
        >>> hidden_widths(32, 64, {16: 2, 32: 3}, "side")
        [64, 128, 256]
    """
    check_integers(width=width)
    if size not in stages:
        raise ValueError(f"{setting} is one of {sorted(stages)}, not {size}")
    return [width * 2**stage for stage in range(stages[size])]


def check_images(x: Array, image_size: ImageSize) -> None:
    """Check that images `[B, H, W, C]` have the size that a discriminator expects.

    They may have any channels: of several images that are judged together (`nets.pack`).

    Raises:
        ValueError: if they have another size, or it is not supported, or they are no images at all.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.sizes import check_images
        >>> check_images(jnp.zeros((8, 64, 64, 3)), image_size=64)
    """
    check_array("x", x, "[B, H, W, C]")
    check_image_size(image_size)
    check_side(x, image_size)
