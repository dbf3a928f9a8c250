"""The sizes of images that the convolutional networks are made for."""

from jax import Array

__all__ = ["IMAGE_SIZES", "check_image_size", "check_images"]

# The side of the coarsest stage and the number of doublings, for every size of image.
IMAGE_SIZES = {28: (7, 2), 32: (4, 3), 56: (7, 3), 64: (4, 4), 112: (7, 4), 128: (4, 5)}


def check_image_size(image_size: int, channels: int = 1) -> None:
    """Checks that the convolutional networks exist for an image.

    Raises:
        ValueError: if `image_size` or `channels` is none of the allowed ones, which it names.

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
    if channels not in (1, 3):
        raise ValueError(f"an image has 1 or 3 channels, not {channels}")


def check_images(x: Array, image_size: int) -> None:
    """Checks that images `[B, H, W, C]` are those a discriminator is made for.

    Raises:
        ValueError: if they are of another size, or of a size that no network takes.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.sizes import check_images
        >>> check_images(jnp.zeros((8, 64, 64, 3)), image_size=64)
    """
    check_image_size(image_size, x.shape[-1])
    if x.shape[1:3] != (image_size, image_size):
        height, width = x.shape[1:3]
        raise ValueError(f"images of {height}x{width} for image_size={image_size}")
