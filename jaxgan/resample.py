"""Larger and smaller images: by squares of pixels, or by a filter that leaves no checkerboards.

`upsample` and `downsample` are the resampling of StyleGAN2 (Karras et al. 2019, arXiv:1912.04958,
section 2), which goes back to Zhang 2019, arXiv:1904.11486. They are sums of shifted images: as
fast inside compiled loops as outside, on every backend, and with derivatives of every order.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from jaxgan._checks import check_array, check_integers

__all__ = ["box_downsample", "downsample", "nearest_upsample", "upsample"]


def nearest_upsample(x: Array, factor: int = 2) -> Array:
    """Turn every pixel into a square: `[B, H, W, C]` to `[B, factor H, factor W, C]`.

    Raises:
        ValueError: x is not `[B, H, W, C]`, or `factor` is below 1.

    Example:
        >>> x = jnp.array([[1, 2]]).reshape(1, 1, 2, 1)
        >>> print(resample.nearest_upsample(x)[0, :, :, 0].round(2))
        [[1 1 2 2]
         [1 1 2 2]]
    """
    check_array("x", x, "[B, H, W, C]", "numbers")
    check_integers(factor=factor)
    batch, height, width, channels = x.shape
    shape = (batch, height, factor, width, factor, channels)
    x = jnp.broadcast_to(x[:, :, None, :, None], shape)
    return x.reshape(batch, factor * height, factor * width, channels)


def box_downsample(x: Array, factor: int = 2) -> Array:
    """Turn every square into its mean: `[B, factor H, factor W, C]` to `[B, H, W, C]`.

    Raises:
        ValueError: x is not `[B, H, W, C]`, or its sides are not multiples of `factor`.

    Example:
        >>> x = jnp.array([[1.0, 3.0], [5.0, 7.0]]).reshape(1, 2, 2, 1)
        >>> float(resample.box_downsample(x).squeeze())
        4.0
    """
    check_array("x", x, "[B, H, W, C]", "numbers")
    check_integers(factor=factor)
    batch, height, width, channels = x.shape
    if height % factor or width % factor:
        raise ValueError(f"x is of {height}x{width}; expected multiples of factor={factor}")
    return jnp.mean(
        x.reshape(batch, height // factor, factor, width // factor, factor, channels), axis=(2, 4)
    )


def upsample(x: Array, kernel: Sequence[float] = (1, 3, 3, 1)) -> Array:
    """Double height and width: `[B, H, W, C]` to `[B, 2H, 2W, C]`.

    A zero is set behind every row and every column, and the result is convolved with the outer
    product of `kernel` with itself, scaled to a sum of 4 so that a flat image keeps its brightness.
    Outside the image all is 0. (1, 3, 3, 1) is bilinear interpolation between centers of pixels.

    Args:
        x: images `[B, H, W, C]`.
        kernel: the filter along each axis; its sum must not be 0.

    Returns:
        `[B, 2H, 2W, C]`, of the type of `x`.

    Raises:
        ValueError: x is not floats `[B, H, W, C]`, or the sum of `kernel` is 0 or not finite.

    Example:
        >>> print(resample.upsample(jnp.ones((1, 4, 4, 1)))[0, 4, :, 0].round(2))
        [0.75 1.   1.   1.   1.   1.   1.   0.75]
    """
    _check(x, kernel)
    taps = [2 * tap / sum(kernel) for tap in reversed(kernel)]
    for axis in (1, 2):
        x = _upsample_along(axis, x, taps)
    return x


def downsample(x: Array, kernel: Sequence[float] = (1, 3, 3, 1)) -> Array:
    """Halve height and width: `[B, H, W, C]` to `[B, H // 2, W // 2, C]`.

    The image is convolved with the outer product of `kernel` with itself, scaled to a sum of 1,
    and every second row and column of the result is kept. Outside the image all is 0.

    Args:
        x: images `[B, H, W, C]`.
        kernel: the filter along each axis; its sum must not be 0.

    Returns:
        `[B, H // 2, W // 2, C]`, of the type of `x`.

    Raises:
        ValueError: x is not floats `[B, H, W, C]`, or the sum of `kernel` is 0 or not finite.

    Example:
        >>> print(resample.downsample(jnp.ones((1, 8, 8, 1)))[0, 2, :, 0].round(2))
        [0.88 1.   1.   0.88]
    """
    _check(x, kernel)
    taps = [tap / sum(kernel) for tap in reversed(kernel)]
    for axis in (1, 2):
        x = _downsample_along(axis, x, taps)
    return x


def _check(x: Array, kernel: Sequence[float]) -> None:
    check_array("x", x, "[B, H, W, C]")
    if np.ndim(kernel) != 1 or not 0 < abs(sum(kernel)) < np.inf:
        raise ValueError(f"kernel is {kernel}; expected finite numbers whose sum is not 0")


def _upsample_along(axis: int, x: Array, taps: Sequence[float]) -> Array:
    """out[j] = sum_k taps[k] zeros_inserted[j + k - before]; every second term is 0."""
    before = (len(taps) + 1) // 2

    def phase(parity):
        offsets = [(k + parity - before, tap) for k, tap in enumerate(taps)]
        terms = [tap * _shift(x, offset // 2, axis) for offset, tap in offsets if offset % 2 == 0]
        return sum(terms, jnp.zeros((), x.dtype))

    even, odd = (jnp.broadcast_to(phase(parity), x.shape) for parity in (0, 1))
    shape = list(x.shape)
    shape[axis] *= 2
    return jnp.stack([even, odd], axis=axis + 1).reshape(shape)


def _downsample_along(axis: int, x: Array, taps: Sequence[float]) -> Array:
    """out[i] = sum_k taps[k] x[2i + k - before]."""
    before = (len(taps) - 1) // 2
    stop = x.shape[axis] // 2 * 2
    terms = [
        tap * lax.slice_in_dim(_shift(x, k - before, axis), 0, stop, stride=2, axis=axis)
        for k, tap in enumerate(taps)
    ]
    return sum(terms[1:], terms[0])


def _shift(x: Array, by: int, axis: int) -> Array:
    """out[i] = x[i + by], and 0 where that is outside."""
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (-by, by, 0)
    return lax.pad(x, jnp.zeros((), x.dtype), pads)
