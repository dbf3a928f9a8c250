"""Which part of a picture is missing: samplers of holes for inpainting.

A sampler is a `Mask`, `(key, n, height, width) -> mask`. Masks are `[n, H, W, 1]`, float32: 1 in
the hole and 0 where the picture is known.
"""

from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_array, check_integers, check_numbers

__all__ = ["Mask", "center", "check", "random_blocks", "random_box"]


class Mask(Protocol):
    """A sampler of masks."""

    def __call__(self, key: jax.Array, n: int, height: int, width: int, /) -> jax.Array:
        """Draw masks.

        Args:
            key: random key.
            n: how many.
            height: of the pictures.
            width: likewise.

        Returns:
            `[n, H, W, 1]`, float32: 1 in the hole and 0 elsewhere.
        """
        ...


def center(share: float = 0.5) -> Mask:
    """Hide a box in the middle, the same in all pictures (arXiv:1604.07379, section 3.3).

    Args:
        share: of the height and of the width, in (0, 1); rounded to whole pixels, of which at least
            one is missing and one known.

    Returns:
        `(key, n, height, width) -> [n, H, W, 1]`.

    Raises:
        ValueError: `share` is not in (0, 1); when called, the picture is less than 2x2.

    Example:
        >>> print(masks.center(0.5)(jax.random.key(0), 1, 4, 4)[0, :, :, 0])
        [[0. 0. 0. 0.]
         [0. 1. 1. 0.]
         [0. 1. 1. 0.]
         [0. 0. 0. 0.]]
    """
    _check_share(share)

    def sample(key: jax.Array, n: int, height: int, width: int) -> jax.Array:
        del key
        sides = _sides(share, height, width)
        top, left = (height - sides[0]) // 2, (width - sides[1]) // 2
        corners = jnp.broadcast_to(jnp.array([top, left]), (n, 2))
        return _boxes(corners, sides, height, width)

    return sample


def random_box(share: float = 0.5) -> Mask:
    """Hide a box anywhere inside, another in each picture (as in CC-GAN, arXiv:1611.06430).

    Args:
        share: as in `center`.

    Returns:
        `(key, n, height, width) -> [n, H, W, 1]`.

    Raises:
        ValueError: as in `center`.

    Example:
        >>> mask = masks.random_box(0.25)(jax.random.key(0), 3, 8, 8)
        >>> mask.shape, mask.sum(axis=(1, 2, 3)).tolist()
        ((3, 8, 8, 1), [4.0, 4.0, 4.0])
    """
    return random_blocks(1, share)


def random_blocks(count: int = 4, share: float = 0.25) -> Mask:
    """Hide several boxes anywhere, which may overlap (arXiv:1604.07379, sec. 3.3, "random block").

    By default they cover up to a quarter of the picture, as in the paper.

    Args:
        count: how many boxes each picture has.
        share: of each, as in `center`.

    Returns:
        `(key, n, height, width) -> [n, H, W, 1]`.

    Raises:
        ValueError: as in `center`; or `count` is below 1, or so many boxes could cover all.

    Example:
        >>> mask = masks.random_blocks(4, 0.25)(jax.random.key(0), 3, 16, 16)
        >>> bool((mask.mean(axis=(1, 2, 3)) <= 1 / 4).all())
        True
    """
    _check_share(share)
    check_integers(count=count)
    if count > 1 and count * share**2 >= 1:
        raise ValueError(
            f"{count} boxes of share {share} could make a mask that covers all; expected "
            f"count * share^2 < 1"
        )

    def sample(key: jax.Array, n: int, height: int, width: int) -> jax.Array:
        sides = _sides(share, height, width)
        places = jnp.array([height - sides[0] + 1, width - sides[1] + 1])
        corners = jnp.floor(places * jax.random.uniform(key, (count, n, 2))).astype(jnp.int32)
        boxes = jax.vmap(lambda corner: _boxes(corner, sides, height, width))(corners)
        return jnp.max(boxes, axis=0)

    return sample


def check(mask: np.ndarray, height: int, width: int) -> None:
    """Check masks drawn by hand, before anything is compiled for them.

    Args:
        mask: `[n, H, W, 1]`, of any type.
        height: of the pictures.
        width: likewise.

    Raises:
        ValueError: the masks are not of this size, are not 0 or 1 everywhere, or one of them covers
            all of its picture or nothing.

    Example:
        >>> masks.check(np.asarray(masks.center(0.5)(jax.random.key(0), 2, 8, 8)), 8, 8)
        >>> masks.check(np.ones((1, 8, 8, 1)), 8, 8)
        Traceback (most recent call last):
            ...
        ValueError: mask 0 covers all of its picture; expected a hole with surroundings
    """
    check_array("mask", mask, "[n, H, W, 1]", "numbers")
    if mask.shape[1:3] != (height, width):
        raise ValueError(
            f"a mask of {mask.shape[1]}x{mask.shape[2]} for pictures of {height}x{width}; "
            f"expected one size"
        )
    if not np.isin(mask, (0, 1)).all():
        raise ValueError("a mask is 1 in the hole and 0 elsewhere; this one has other values")
    covered = mask.astype(np.float32).mean(axis=(1, 2, 3))
    for wrong, what in ((covered == 1, "all of its picture"), (covered == 0, "nothing")):
        if wrong.any():
            raise ValueError(
                f"mask {wrong.argmax()} covers {what}; expected a hole with surroundings"
            )


def _check_share(share: float) -> None:
    check_numbers("(0, 1)", share=share)


def _sides(share: float, height: int, width: int) -> tuple[int, int]:
    """Height and width of a box, in pixels."""
    if min(height, width) < 2:
        raise ValueError(
            f"a picture of {height}x{width} has no room for a hole; expected at least 2x2"
        )

    def pixels(side: int) -> int:
        return min(max(1, round(share * side)), side - 1)

    return pixels(height), pixels(width)


def _boxes(corners: jax.Array, sides: tuple[int, int], height: int, width: int) -> jax.Array:
    """Boxes whose upper left corners are at `[n, 2]`: `[n, height, width, 1]`."""
    rows, columns = (
        (jnp.arange(length) >= first) & (jnp.arange(length) < first + side)
        for length, first, side in zip(
            (height, width), (corners[:, :1], corners[:, 1:]), sides, strict=True
        )
    )
    return (rows[:, :, None, None] & columns[:, None, :, None]).astype(jnp.float32)
