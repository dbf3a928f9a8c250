"""Images as sequences of tokens, and where these are (Dosovitskiy et al. 2020, arXiv:2010.11929).

An image becomes one token for each square patch, row by row. Its place, row and column, is told
either by waves that are added to it or by an angle that its channels are turned by.
"""

import jax.numpy as jnp
from jax import Array

from jaxgan._checks import check_array, check_integers, check_lengths, check_numbers
from jaxgan.models.sizes import ImageSize, sides_of, written

__all__ = ["from_patches", "patch_grid", "places", "rotate", "sine_table", "to_patches"]


def patch_grid(image_size: ImageSize, patch: int) -> tuple[int, int]:
    """Return how many patches an image has, along its height and its width.

    Args:
        image_size: side of the images, or height and width.
        patch: side of a patch.

    Raises:
        TypeError: `image_size` is neither a number nor a pair of them.
        ValueError: a number is below 1, or the patches do not fill the image.

    Example:
        >>> from jaxgan.models.tokens import patch_grid
        >>> patch_grid((32, 48), patch=8)
        (4, 6)
    """
    check_integers(patch=patch)
    height, width = sides_of(image_size)
    if height % patch or width % patch:
        raise ValueError(
            f"image_size={written(image_size)} does not divide into patches of patch={patch}; "
            f"expected a divisor of both sides"
        )
    return height // patch, width // patch


def to_patches(x: Array, patch: int) -> Array:
    """Cut images into patches, row by row: `[B, H, W, C]` to `[B, N, patch * patch * C]`.

    Args:
        x: images.
        patch: side of a patch.

    Raises:
        ValueError: x is not floats `[B, H, W, C]`, or the patches do not fill it.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.tokens import to_patches
        >>> to_patches(jnp.arange(16.0).reshape(1, 4, 4, 1), patch=2)[0, :2].tolist()
        [[0.0, 1.0, 4.0, 5.0], [2.0, 3.0, 6.0, 7.0]]
    """
    check_array("x", x, "[B, H, W, C]")
    rows, columns = patch_grid((x.shape[1], x.shape[2]), patch)
    cut = x.reshape(x.shape[0], rows, patch, columns, patch, x.shape[3])
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(x.shape[0], rows * columns, -1)


def from_patches(tokens: Array, image_size: ImageSize, patch: int) -> Array:
    """Put patches together, the inverse of `to_patches`: `[B, N, patch^2 C]` to `[B, H, W, C]`.

    Args:
        tokens: the patches.
        image_size: side of the images, or height and width.
        patch: side of a patch.

    Raises:
        ValueError: tokens are not floats `[B, N, C]`, not as many as the image has patches, or do
            not divide into the pixels of one; or as in `patch_grid`.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.tokens import from_patches
        >>> from_patches(jnp.ones((2, 4, 12)), image_size=4, patch=2).shape
        (2, 4, 4, 3)
    """
    check_array("tokens", tokens, "[B, N, C]")
    rows, columns = patch_grid(image_size, patch)
    if tokens.shape[1] != rows * columns or tokens.shape[2] % patch**2:
        raise ValueError(
            f"tokens has shape {tokens.shape}; expected {rows * columns} of a multiple of "
            f"{patch**2} numbers for each image"
        )
    cut = tokens.reshape(tokens.shape[0], rows, columns, patch, patch, -1)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(tokens.shape[0], *sides_of(image_size), -1)


def places(rows: int, columns: int) -> Array:
    """Return row and column of every token, row by row: float32 `[rows * columns, 2]`.

    Raises:
        ValueError: a number is below 1.

    Example:
        >>> from jaxgan.models.tokens import places
        >>> places(2, 2).tolist()
        [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    check_integers(rows=rows, columns=columns)
    grid = jnp.meshgrid(jnp.arange(rows), jnp.arange(columns), indexing="ij")
    return jnp.stack(grid, axis=-1).reshape(-1, 2).astype(jnp.float32)


def sine_table(place: Array, width: int) -> Array:
    """Describe places by waves of many lengths (Vaswani et al. 2017, arXiv:1706.03762).

        sin(p f_i), cos(p f_i),    f_i = 10000^(-i / n),  i < n = width / 4

    for both coordinates p, one after the other.

    Args:
        place: row and column of each token `[N, 2]`.
        width: channels, a multiple of 4.

    Returns:
        `[N, width]`, in [-1, 1].

    Raises:
        ValueError: place is not floats `[N, 2]`, or `width` no multiple of 4.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.tokens import places, sine_table
        >>> print(sine_table(places(3, 5), width=64).shape, sine_table(places(1, 1), width=4))
        (15, 64) [[0. 1. 0. 1.]]
    """
    angles = place[..., None] * _frequencies(place, width, "width")
    waves = jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)
    return waves.reshape(len(place), width)


def rotate(x: Array, place: Array, *, theta: float = 10_000.0) -> Array:
    """Turn pairs of channels by angles that grow with the place (RoPE, Su et al. 2021).

        (a, b) -> (a cos p f - b sin p f, a sin p f + b cos p f),    f_i = theta^(-i / n)

    One half of the pairs turns with the row p, the other with the column, n = D / 4 of each
    (arXiv:2104.09864, section 3.4, and arXiv:2403.13298 for two axes). The inner product of a query
    and a key that are turned so depends on their distance along both axes, not on where they are. A
    token at place 0, such as one that stands for the whole image, is not turned.

    Args:
        x: `[B, N, heads, D]`, D a multiple of 4.
        place: row and column of each token `[N, 2]`.
        theta: the longest waves are nearly 2 pi theta tokens long.

    Returns:
        `[B, N, heads, D]`, of the type of `x`.

    Raises:
        ValueError: shapes are not such, or `theta` is not positive.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.tokens import places, rotate
        >>> turned = rotate(jnp.ones((1, 2, 1, 4)), places(1, 2))
        >>> turned[0, :, 0].round(2).tolist()[0], round(float(jnp.sum(turned[0, 1] ** 2)), 3)
        ([1.0, 1.0, 1.0, 1.0], 4.0)
    """
    check_array("x", x, "[B, N, heads, D]")
    check_numbers("(0, inf)", theta=theta)
    frequencies = _frequencies(place, x.shape[3], "the channels of a head", theta)
    check_lengths("place", place, x.shape[1], "the tokens of x")
    angles = (place[..., None] * frequencies).reshape(len(place), 1, -1)
    cosine, sine = jnp.cos(angles).astype(x.dtype), jnp.sin(angles).astype(x.dtype)
    a, b = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([a * cosine - b * sine, a * sine + b * cosine], axis=-1)


def _frequencies(place: Array, width: int, setting: str, theta: float = 10_000.0) -> Array:
    """Return the angles between neighbors, of a quarter of the channels: `[width / 4]`."""
    check_array("place", place, "[N, 2]")
    if width % 4 or width < 4:
        raise ValueError(f"{setting} is {width}; expected a multiple of 4")
    return theta ** (-jnp.arange(width // 4) / (width // 4))
