"""The sizes of the images that the convolutional networks support, and checks of sizes."""

from collections.abc import Mapping

from jax import Array

from jaxgan._checks import check_array, check_integers

__all__ = [
    "IMAGE_SIZES",
    "check_channels",
    "check_image_size",
    "check_images",
    "check_side",
    "hidden_widths",
]

# The side of the coarsest stage and the number of doublings, for every size of image.
IMAGE_SIZES = {28: (7, 2), 32: (4, 3), 56: (7, 3), 64: (4, 4), 112: (7, 4), 128: (4, 5)}


def check_image_size(image_size: int, channels: int = 1) -> None:
    """Check that the convolutional networks support a size of images.

    Raises:
        ValueError: if `image_size` or `channels` is not supported; the message lists what is.

    Example:
        >>> from jaxgan.models.sizes import check_image_size
        >>> check_image_size(64, channels=3)
        >>> check_image_size(60)
        Traceback (most recent call last):
            ...
        ValueError: image_size is one of [28, 32, 56, 64, 112, 128], not 60
    """
    if image_size not in IMAGE_SIZES:
        raise ValueError(f"image_size is one of {sorted(IMAGE_SIZES)}, not {image_size}")
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


def check_side(x: Array, side: int, setting: str = "image_size") -> None:
    """Check that images `[B, H, W, C]` are squares of one side.

    Args:
        x: the images.
        side: the side that they should have.
        setting: what the network calls this side.

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
    height, width = x.shape[1:3]
    if (height, width) != (side, side):
        raise ValueError(f"images of {height}x{width} for {setting}={side}; expected {side}x{side}")


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


def check_images(x: Array, image_size: int) -> None:
    """Check that images `[B, H, W, C]` have the size that a discriminator expects.

    Raises:
        ValueError: if they have another size, or it is not supported, or they are no images at all.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.sizes import check_images
        >>> check_images(jnp.zeros((8, 64, 64, 3)), image_size=64)
    """
    check_array("x", x, "[B, H, W, C]")
    check_image_size(image_size, x.shape[-1])
    check_side(x, image_size)
