"""Random changes of pictures, drawn anew for each, differentiable, made in few operations.

Pictures are `[B, H, W, C]` in [-1, 1], where 0 is the gray that fills gaps. `color`, `translation`
and `cutout` are those of DiffAugment (arXiv:2006.10738), `pipeline` is that of ADA
(arXiv:2006.06676); `jaxgan.augment` puts them in front of a discriminator.
"""

from functools import partial, reduce
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from jaxgan._checks import check_array, check_numbers

__all__ = ["Change", "Distortion", "color", "cutout", "pipeline", "translation"]


class Change(Protocol):
    """A random change of every picture."""

    def __call__(self, key: Array, x: Array, /) -> Array:
        """Change pictures.

        Args:
            key: random key.
            x: `[B, H, W, C]`.

        Returns:
            Pictures like x.

        Raises:
            ValueError: x is not floats `[B, H, W, C]`.
        """
        ...


class Distortion(Protocol):
    """Random changes of pictures, each of which is made with some probability."""

    def __call__(self, key: Array, x: Array, p: Array | float, /) -> Array:
        """Change pictures.

        Args:
            key: random key.
            x: `[B, H, W, C]`.
            p: the probability of each change of each picture, in [0, 1].

        Returns:
            Pictures like x.

        Raises:
            ValueError: x is not floats `[B, H, W, C]`.
        """
        ...


def color() -> Change:
    """Change brightness, saturation and contrast, in this order.

        x + U[-1/2, 1/2],    gray + U[0, 2] (x - gray),    mean + U[1/2, 3/2] (x - mean)

    where gray is the mean of a pixel's channels, and mean that of the picture.

    Returns:
        The change; its pictures may leave [-1, 1].

    Example:
        >>> x = jnp.zeros((2, 4, 4, 3))
        >>> jax.jit(distortions.color())(jax.random.key(0), x).shape
        (2, 4, 4, 3)
    """

    def change(key: Array, x: Array) -> Array:
        _check(x)
        brightness, saturation, contrast = jax.random.uniform(key, (3, len(x), 1, 1, 1), x.dtype)
        x = x + (brightness - 0.5)
        gray = jnp.mean(x, axis=3, keepdims=True)
        x = gray + 2 * saturation * (x - gray)
        mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
        return mean + (contrast + 0.5) * (x - mean)

    return change


def translation(*, share: float = 1 / 8) -> Change:
    """Shift by whole pixels, by up to a share of each side, rounded half up; the gap is 0.

    Args:
        share: of the side, in [0, 1]; DiffAugment's is an eighth.

    Returns:
        The change.

    Raises:
        ValueError: `share` is out of range.

    Example:
        >>> x = jnp.ones((1, 8, 8, 1))
        >>> y = jax.jit(distortions.translation(share=0.25))(jax.random.key(0), x)
        >>> y.shape, bool(jnp.isin(y, jnp.array([0, 1])).all())
        ((1, 8, 8, 1), True)
    """
    _check_share(share)

    def change(key: Array, x: Array) -> Array:
        _check(x)
        n, *sides, _ = x.shape
        down, right = (
            _shift(u, side, _rounded(share * side), x.dtype)
            for u, side in zip(jax.random.uniform(key, (2, n)), sides, strict=True)
        )
        x = jnp.einsum("bij,bjwc->biwc", down, x, precision="highest")
        return jnp.einsum("bij,bhjc->bhic", right, x, precision="highest")

    return change


def cutout(*, share: float = 1 / 2) -> Change:
    """Make a rectangle 0; it may reach over the edge (DeVries and Taylor 2017, arXiv:1708.04552).

    Args:
        share: of each side that the rectangle has, rounded half up, in [0, 1]; DiffAugment's is a
            half.

    Returns:
        The change.

    Raises:
        ValueError: `share` is out of range.

    Example:
        >>> x = jnp.ones((1, 8, 8, 1))
        >>> y = jax.jit(distortions.cutout(share=0.5))(jax.random.key(0), x)
        >>> y.shape, bool(jnp.isin(y, jnp.array([0, 1])).all())
        ((1, 8, 8, 1), True)
    """
    _check_share(share)

    def change(key: Array, x: Array) -> Array:
        _check(x)
        gone = []
        for u, side in zip(jax.random.uniform(key, (2, len(x))), x.shape[1:3], strict=True):
            length = _rounded(share * side)
            # As in the authors' code: an even rectangle has its center between two pixels, or at
            # either edge.
            center = jnp.floor(u * (side + 1 - length % 2)).astype(jnp.int32)
            gone.append(_stretch(center - length // 2, length, side))
        return _blank(x, *gone)

    return change


def pipeline(
    *, blit: float = 1.0, geometry: float = 1.0, color: float = 1.0, cutout: float = 1.0
) -> Distortion:
    """Make ADA's changes, each with probability p (Karras et al. 2020, arXiv:2006.06676, app. B).

        blit      flip left to right, quarter turns, translation by whole pixels, U[-1/8, 1/8]
        geometry  scale 2^N(0, 0.2^2), rotation, one side against the other 2^N(0, 0.2^2),
                  rotation again, translation by N(0, (1/8)^2) of the side
        color     brightness + N(0, 0.2^2), contrast 2^N(0, 0.5^2), the grays' negative; on three
                  channels also rotation of the hue, saturation 2^N(0, 1)
        cutout    a rectangle of half the sides becomes 0

    All of blit and geometry is one affine map, sampled once: bilinearly, with the picture mirrored
    at its edges (the paper filters at twice the resolution instead). All of color is another. At
    p = 0 every picture stays as it is, to the last bit.

    Args:
        blit: factor on p for this group, in [0, 1]; 0 leaves it out.
        geometry: likewise.
        color: likewise; R3GAN has 0.5.
        cutout: likewise.

    Returns:
        The distortion.

    Raises:
        ValueError: a factor is outside [0, 1].

    Example:
        >>> distort = jax.jit(distortions.pipeline(geometry=0.0))
        >>> x = jnp.ones((2, 8, 8, 3))
        >>> bool((distort(jax.random.key(0), x, 0.0) == x).all())
        True
    """
    check_numbers("[0, 1]", blit=blit, geometry=geometry, color=color, cutout=cutout)

    def distort(key: Array, x: Array, p: Array | float) -> Array:
        _check(x)
        if not isinstance(p, Array):
            check_numbers("[0, 1]", p=p)
        # Few large draws rather than many small ones: random numbers are slow to compile.
        uniform_key, normal_key = jax.random.split(key)
        uniform = jax.random.uniform(uniform_key, (24, len(x)))
        normal = jax.random.normal(normal_key, (7, len(x)))
        place, shade, cut = jnp.split(uniform, [14, 21])
        if blit or geometry:
            x = _resample(x, _affine(place, normal[:4], x.shape, blit * p, geometry * p))
        if color:
            x = _recolor(x, shade, normal[4:], color * p)
        if cutout:
            x = jnp.where((cut[0] < cutout * p)[:, None, None, None], _cut(cut[1:], x), x)
        return x

    return distort


def _shift(u: Array, side: int, most: int, dtype) -> Array:
    """`[B]` in [0, 1) -> `[B, side, side]`: matrices that shift by up to `most` pixels.

    A product with them is cheaper than a gather, whose gradient is slow on CPU.
    """
    shift = jnp.floor(u * (2 * most + 1)).astype(jnp.int32) - most
    rows, columns = jnp.arange(side)[:, None], jnp.arange(side)
    return (rows - columns == shift[:, None, None]).astype(dtype)


def _rounded(size: float) -> int:
    return int(size + 0.5)


def _cut(center: Array, x: Array) -> Array:
    """ADA's cutout: half of each side, around places `[2, B]` in [0, 1)."""
    gone = []
    for u, side in zip(center, x.shape[1:3], strict=True):
        first = jnp.round(u * side).astype(jnp.int32) - side // 4
        gone.append(_stretch(first, side // 2, side))
    return _blank(x, *gone)


def _stretch(first: Array, length: int, side: int) -> Array:
    """First pixels `[B]` -> `[B, side]`: which pixels are among so many from there on."""
    place = jnp.arange(side) - first[:, None]
    return (place >= 0) & (place < length)


def _blank(x: Array, rows: Array, columns: Array) -> Array:
    return jnp.where((rows[:, :, None] & columns[:, None, :])[..., None], 0, x)


def _affine(uniform: Array, normal: Array, shape: tuple[int, ...], p_blit, p_geometry) -> Array:
    """`[B, 3, 3]`: the place in the old picture of one in the new: (column, row, 1), centered."""
    _, height, width, _ = shape
    sides = jnp.array([width, height])[:, None]
    # Of two rotations each has the chance that leaves a share of 1 - p without any.
    p_rotation = 1 - jnp.sqrt(1 - p_geometry)
    chances = [p_blit] * 3 + [p_geometry, p_rotation, p_geometry, p_rotation, p_geometry]
    chosen = uniform[:8] < jnp.stack([jnp.float32(chance) for chance in chances])[:, None]

    flip = jnp.where(chosen[0] & (uniform[8] < 0.5), -1, 1)
    quarter = jnp.where(chosen[1], jnp.floor(4 * uniform[9]), 0) * jnp.pi / 2
    shift = jnp.where(chosen[2], jnp.round((uniform[10:12] - 0.5) / 4 * sides), 0)
    scale = jnp.exp2(jnp.where(chosen[3], 0.2 * normal[0], 0))
    before = jnp.where(chosen[4], 2 * jnp.pi * uniform[12], 0)
    stretch = jnp.exp2(jnp.where(chosen[5], 0.2 * normal[1], 0))
    after = jnp.where(chosen[6], 2 * jnp.pi * uniform[13], 0)
    drift = jnp.where(chosen[7], normal[2:] / 8 * sides, 0)
    to_source = [
        _matrix(flip, 0, 0, 1),
        _matrix(*jnp.round(_rotation(quarter))),
        _matrix(1, 0, 0, 1, *shift),
        _matrix(scale, 0, 0, scale),
        _matrix(*_rotation(before)),
        _matrix(stretch, 0, 0, 1 / stretch),
        _matrix(*_rotation(after)),
        _matrix(1, 0, 0, 1, *drift),
    ]
    return reduce(partial(jnp.matmul, precision="highest"), to_source)


def _rotation(angle: Array) -> Array:
    cosine, sine = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cosine, -sine, sine, cosine])


def _matrix(a, b, c, d, right=0, down=0) -> Array:
    """Affine maps (column, row) -> (a column + b row + right, c column + d row + down)."""
    entries = jnp.broadcast_arrays(*map(jnp.float32, (a, b, right, c, d, down, 0, 0, 1)))
    return jnp.stack(entries, axis=-1).reshape(*entries[0].shape, 3, 3)


def _resample(x: Array, to_source: Array) -> Array:
    """Bilinear samples of x `[B, H, W, C]` at affinely mapped places, mirrored at the edges."""
    n, height, width, channels = x.shape
    row, column = jnp.meshgrid(
        jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij"
    )
    places = jnp.stack([column.ravel(), row.ravel(), jnp.ones(row.size)])
    source = jnp.matmul(to_source, places, precision="highest")
    left, right_share = _mirror(source[:, 0] + (width - 1) / 2, width)
    top, bottom_share = _mirror(source[:, 1] + (height - 1) / 2, height)

    # The four neighbors of a place side by side, to be gathered at once: a quarter of the indices
    # in the gradient, which is slow on CPU.
    rows = jnp.concatenate([x[:, :-1], x[:, 1:]], axis=-1)
    corners = jnp.concatenate([rows[:, :, :-1], rows[:, :, 1:]], axis=-1)
    index = (top * (width - 1) + left)[..., None]
    found = jnp.take_along_axis(corners.reshape(n, -1, 4 * channels), index, axis=1)
    top_left, bottom_left, top_right, bottom_right = jnp.split(found, 4, axis=-1)
    right, bottom = right_share[..., None], bottom_share[..., None]
    above = (1 - right) * top_left + right * top_right
    below = (1 - right) * bottom_left + right * bottom_right
    return ((1 - bottom) * above + bottom * below).reshape(x.shape).astype(x.dtype)


def _mirror(place: Array, side: int) -> tuple[Array, Array]:
    """The neighbor before a place on an axis mirrored at its ends, and the share of the next."""
    last = side - 1
    place = last - jnp.abs(place % (2 * last) - last)
    first = jnp.minimum(jnp.floor(place), last - 1)
    return first.astype(jnp.int32), place - first


def _recolor(x: Array, uniform: Array, normal: Array, p) -> Array:
    """All changes of color as one affine map: a matrix `[B, C, C]` and one offset per picture."""
    channels = x.shape[-1]
    chosen = (uniform[:5] < p)[..., None, None]
    uniform, normal = uniform[5:, :, None, None], normal[..., None, None]
    identity, gray = jnp.eye(channels), jnp.full((channels, channels), 1 / channels)

    brightness = jnp.where(chosen[0], 0.2 * normal[0], 0)
    contrast = jnp.exp2(jnp.where(chosen[1], 0.5 * normal[1], 0))
    # Only the grays are mirrored: what is above or below them keeps its hue.
    negative = jnp.where(chosen[2] & (uniform[0] < 0.5), 2, 0)
    matrix = contrast * (identity - negative * gray)
    offset = brightness * contrast * (1 - negative)
    if channels == 3:
        angle = jnp.where(chosen[3], 2 * jnp.pi * uniform[1], 0)
        saturation = jnp.exp2(jnp.where(chosen[4], normal[2], 0))
        # Rodrigues' formula: a rotation about the axis of the grays.
        cross = jnp.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / jnp.sqrt(3.0)
        turned = jnp.cos(angle) * (identity - gray) + jnp.sin(angle) * cross
        matrix = jnp.matmul(matrix, gray + saturation * turned, precision="highest")
    recolored = jnp.einsum("bhwc,bcd->bhwd", x, matrix, precision="highest") + offset[..., None]
    return recolored.astype(x.dtype)


def _check_share(share: float) -> None:
    check_numbers("[0, 1]", share=share)


def _check(x: Array) -> None:
    check_array("x", x, "[B, H, W, C]")
