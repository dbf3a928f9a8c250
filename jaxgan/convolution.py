"""Convolutions that are fast on every backend, inside compiled loops too.

On GPU and TPU these are `lax.conv_general_dilated` and `lax.conv_transpose`. XLA's CPU backend runs
those two 10 to 20 times below the speed of its matrix products in two places: the weight gradient
of a transposed convolution, and every gradient inside a while loop, which is what `lax.scan`
becomes. On CPU they are therefore matrix products between plain reshapes, slices and pads. Autodiff
turns each of these into another of the same kind, so derivatives of every order are fast as well.
"""

from collections.abc import Sequence
from functools import partial, reduce

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

__all__ = ["conv", "conv_transpose", "depth_to_space", "space_to_depth"]

Padding = str | Sequence[tuple[int, int]]


def conv(x: Array, kernel: Array, *, stride: int = 1, padding: Padding = "SAME") -> Array:
    """Convolution over any number of spatial axes; on images `[B, H, W, C]` with `[h, w, C, F]`.

    Equal to `lax.conv_general_dilated` without dilation. Low-precision inputs are accumulated in
    float32 and the result has the inputs' type.

    Args:
        x: inputs `[B, *space, C]`.
        kernel: weights `[*window, C, F]`, of the type of `x`.
        stride: step of the window, the same on all axes.
        padding: `"SAME"`, `"VALID"` or one pair (before, after) per spatial axis.

    Returns:
        Outputs `[B, *space', F]`.

    Raises:
        ValueError: if `padding` is another word.
    """
    window = kernel.shape[:-2]
    strides = (stride,) * len(window)
    if isinstance(padding, str):
        _check_padding(padding)
        padding = lax.padtype_to_pads(x.shape[1:-1], window, strides, padding)
    return lax.platform_dependent(
        x,
        kernel,
        cpu=partial(_conv_by_products, stride=stride, padding=tuple(padding)),
        default=partial(
            lax.conv_general_dilated,
            window_strides=strides,
            padding=padding,
            dimension_numbers=_layout(len(window)),
        ),
    )


def conv_transpose(x: Array, kernel: Array, *, stride: int = 1, padding: Padding = "SAME") -> Array:
    """Transposed, or fractionally strided, convolution; the adjoint of one that strides.

    Equal to `lax.conv_transpose` with `transpose_kernel=False`: a convolution of `x` with
    `stride - 1` zeros set between its values. `"SAME"` multiplies height and width by `stride`.

    Args:
        x: inputs `[B, *space, C]`; images are `[B, H, W, C]`.
        kernel: weights `[*window, C, F]`, of the type of `x`.
        stride: factor by which the space grows, the same on all axes.
        padding: `"SAME"`, `"VALID"` or one pair (before, after) per spatial axis, which pads `x`
            with the zeros set in.

    Returns:
        Outputs `[B, *space', F]`.

    Raises:
        ValueError: if `padding` is another word.
    """
    window = kernel.shape[:-2]
    if isinstance(padding, str):
        _check_padding(padding)
        padding = [_transposed_padding(k, stride, padding) for k in window]
    return lax.platform_dependent(
        x,
        kernel,
        cpu=partial(_conv_transpose_by_products, stride=stride, padding=tuple(padding)),
        default=partial(
            lax.conv_transpose,
            strides=(stride,) * len(window),
            padding=padding,
            dimension_numbers=_layout(len(window)),
        ),
    )


def space_to_depth(x: Array, block: int) -> Array:
    """Moves blocks of space into channels: `[B, *n block, C]` to `[B, *n, block^d C]`."""
    batch, *space, channels = x.shape
    axes = range(1, 2 * len(space), 2)
    split = [size for n in space for size in (n // block, block)]
    x = x.reshape(batch, *split, channels)
    x = x.transpose(0, *axes, *(axis + 1 for axis in axes), x.ndim - 1)
    return x.reshape(batch, *(n // block for n in space), -1)


def depth_to_space(x: Array, block: int) -> Array:
    """Inverse of `space_to_depth`: `[B, *n, block^d C]` to `[B, *n block, C]`."""
    batch, *space, channels = x.shape
    d = len(space)
    x = x.reshape(batch, *space, *(block,) * d, channels // block**d)
    pairs = [axis for i in range(1, d + 1) for axis in (i, i + d)]
    x = x.transpose(0, *pairs, x.ndim - 1)
    return x.reshape(batch, *(n * block for n in space), -1)


def _conv_by_products(x, kernel, *, stride, padding):
    """A strided convolution is one of stride 1 between blocks of `stride` pixels a side."""
    taps = _blocks(kernel, stride, keep=-1)
    pads = []
    for n, k, t, (before, after) in zip(
        x.shape[1:-1], kernel.shape[:-2], taps.shape[:-2], padding, strict=True
    ):
        size = max(0, (n + before + after - k) // stride + 1)
        # Exactly the blocks that the outputs see, which may also crop the end.
        pads.append((before, (size + t - 1) * stride - n - before))
    return _correlate(space_to_depth(_pad(x, pads), stride), taps)


def _conv_transpose_by_products(x, kernel, *, stride, padding):
    """Every value of `x` paints one window; a block of outputs gathers the parts painted on it."""
    space = tuple(range(kernel.ndim - 2))
    taps = _blocks(jnp.flip(kernel, space), stride, keep=-2)
    pads, crops = [], []
    for n, k, t, (before, after) in zip(
        x.shape[1:-1], kernel.shape[:-2], taps.shape[:-2], padding, strict=True
    ):
        size = max(0, (n - 1) * stride + before + after - k + 2)
        first = k - 1 - before
        pads.append((t - 1, t - 1))
        crops.append((-first, first + size - (n + t - 1) * stride))
    blocks = _correlate(_pad(x, pads), jnp.flip(taps, space))
    return _pad(depth_to_space(blocks, stride), crops)


def _correlate(x, taps):
    """Sums `x[p + i] @ taps[i]` over `i` for `x` `[B, *n, C]` and `taps` `[*t, C, F]`.

    This is one matrix product. The shifts are of `x`, unless `x` has at least four times as many
    channels as the result, as where a layer ends in an image: then they are of the products. Of the
    forms that were timed, layer by layer and with their gradients, these two won nearly everywhere.
    """
    *window, channels, features = taps.shape
    offsets = list(np.ndindex(*window))
    size = [n - t + 1 for n, t in zip(x.shape[1:-1], window, strict=True)]

    def shifted(a, offset):
        stop = [i + m for i, m in zip(offset, size, strict=True)]
        return lax.slice(a, (0, *offset, 0), (a.shape[0], *stop, a.shape[-1]))

    product = partial(jnp.dot, preferred_element_type=jnp.promote_types(x.dtype, jnp.float32))
    taps = taps.reshape(len(offsets), channels, features)
    if channels < 4 * features:
        patches = jnp.concatenate([shifted(x, offset) for offset in offsets], axis=-1)
        y = product(patches, taps.reshape(-1, features))
    else:
        products = product(x, taps.swapaxes(0, 1).reshape(channels, -1))
        parts = lax.split(products, [features] * len(offsets), axis=products.ndim - 1)
        y = reduce(jnp.add, map(shifted, parts, offsets))
    return y.astype(x.dtype)


def _blocks(kernel, block, keep):
    """Moves the pixels of a window into the channel axis that `keep` does not name."""
    kernel = jnp.moveaxis(kernel, keep, 0)
    kernel = _pad(kernel, [(0, -k % block) for k in kernel.shape[1:-1]])
    return jnp.moveaxis(space_to_depth(kernel, block), 0, keep)


def _pad(x, pads):
    """Pads the space of `[B, *n, C]` with zeros, or crops it where a pad is negative."""
    zero = jnp.zeros((), x.dtype)
    return lax.pad(x, zero, [(0, 0, 0), *((lo, hi, 0) for lo, hi in pads), (0, 0, 0)])


def _check_padding(word):
    if word not in ("SAME", "VALID"):
        raise ValueError(f'padding is "SAME", "VALID" or explicit pairs, not {word!r}')


def _transposed_padding(window, stride, word):
    """`lax.conv_transpose`'s reading of "SAME" and "VALID": (before, after) of the input."""
    if word == "VALID":
        return window - 1, max(window, stride) - 1
    total = window + stride - 2
    before = window - 1 if stride > window - 1 else -(-total // 2)
    return before, total - before


def _layout(dimensions):
    """Channels-last names of the axes, as lax.conv wants them."""
    space = "DHW"[-dimensions:]
    return f"N{space}C", f"{space}IO", f"N{space}C"
