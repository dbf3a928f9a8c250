"""Convolutions that are fast on every backend, inside compiled loops too.

On GPU and TPU these are `lax.conv_general_dilated` and `lax.conv_transpose`. XLA's CPU backend has
two weak places there. A convolution is fast only if its operands lie in one particular order of
axes; others are put into that order, but not inside a while loop, which is what `lax.scan` becomes,
and the convolutions that autodiff makes have others: they run 4 to 100 times slower there. And the
weight gradient of a transposed convolution, as autodiff states it, has a window as large as the
image. On CPU both operations are therefore made of three linear maps, each in its fast form
(`_convolution_on_cpu`), and `fast` gives these forms to the convolutions of any function.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from jax import Array, lax
from jax.ad_checkpoint import checkpoint_name

from jaxgan._checks import check_array, check_integers
from jaxgan._convolution_on_cpu import (
    OUTPUT,
    conv_on_cpu,
    conv_transpose_on_cpu,
    depth_to_space,
    layout,
    on_each_platform,
    space_to_depth,
)
from jaxgan._fast import fast

__all__ = ["conv", "conv_transpose", "depth_to_space", "fast", "space_to_depth"]

Padding = str | Sequence[tuple[int, int]]


def conv(
    x: Array, kernel: Array, *, strides: int | Sequence[int] = 1, padding: Padding = "SAME"
) -> Array:
    """Convolution over any number of spatial axes; on images `[B, H, W, C]` with `[h, w, C, F]`.

    Equal to `lax.conv_general_dilated` without dilation. Low-precision inputs are accumulated in
    float32 and the result has the inputs' type.

    Args:
        x: inputs `[B, *space, C]`.
        kernel: weights `[*window, C, F]`, of the type of `x`.
        strides: step of the window, on all axes or on each; fast on CPU where all are equal.
        padding: `"SAME"`, `"VALID"` or one pair (before, after) per spatial axis.

    Returns:
        Outputs `[B, *space', F]`.

    Raises:
        ValueError: if `padding` is another word, x and the kernel do not fit together, or one of
            the `strides` is below 1.

    Example:
        >>> from jaxgan.convolution import conv
        >>> images, kernel = jnp.ones((2, 8, 8, 3)), jnp.ones((4, 4, 3, 16))
        >>> conv(images, kernel, strides=2).shape
        (2, 4, 4, 16)
    """
    steps = _check(x, kernel, strides, padding)
    window = kernel.shape[:-2]
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape[1:-1], window, steps, padding)
    plain = partial(
        lax.conv_general_dilated,
        window_strides=steps,
        padding=padding,
        dimension_numbers=layout(len(window)),
    )
    if len(set(steps)) > 1:
        return checkpoint_name(plain(x, kernel), OUTPUT)
    on_cpu = partial(conv_on_cpu, stride=steps[0], padding=tuple(padding))
    return on_each_platform(on_cpu, plain)(x, kernel)


def conv_transpose(
    x: Array, kernel: Array, *, strides: int | Sequence[int] = 1, padding: Padding = "SAME"
) -> Array:
    """Transposed, or fractionally strided, convolution; the adjoint of one that strides.

    Equal to `lax.conv_transpose` with `transpose_kernel=False`: a convolution of `x` with
    `strides - 1` zeros set between its values. `"SAME"` multiplies height and width by `strides`.

    Args:
        x: inputs `[B, *space, C]`; images are `[B, H, W, C]`.
        kernel: weights `[*window, C, F]`, of the type of `x`.
        strides: factor by which the space grows, on all axes or on each; as in `conv`.
        padding: `"SAME"`, `"VALID"` or one pair (before, after) per spatial axis, which pads `x`
            with the zeros set in.

    Returns:
        Outputs `[B, *space', F]`.

    Raises:
        ValueError: as in `conv`.

    Example:
        >>> from jaxgan.convolution import conv_transpose
        >>> images, kernel = jnp.ones((2, 4, 4, 16)), jnp.ones((4, 4, 16, 3))
        >>> conv_transpose(images, kernel, strides=2).shape
        (2, 8, 8, 3)
    """
    steps = _check(x, kernel, strides, padding)
    window = kernel.shape[:-2]
    if isinstance(padding, str):
        padding = [
            _transposed_padding(k, step, padding) for k, step in zip(window, steps, strict=True)
        ]
    plain = partial(
        lax.conv_transpose,
        strides=steps,
        padding=padding,
        dimension_numbers=layout(len(window)),
    )
    if len(set(steps)) > 1:
        return checkpoint_name(plain(x, kernel), OUTPUT)
    on_cpu = partial(conv_transpose_on_cpu, stride=steps[0], padding=tuple(padding))
    return on_each_platform(on_cpu, plain)(x, kernel)


def _check(x, kernel, strides, padding):
    """Return the step on each axis.

    Operands that do not fit together are refused: XLA says so in many lines, or not at all.
    """
    check_array("kernel", kernel, "[h, C, ...]", "numbers")
    check_array("x", x, "[B, ...]", "numbers")
    if x.ndim != kernel.ndim or x.shape[-1] != kernel.shape[-2]:
        raise ValueError(
            f"x has shape {x.shape}, the kernel {kernel.shape}; expected [B, *space, C] and "
            f"[*window, C, F]"
        )
    steps = tuple(strides) if isinstance(strides, Sequence) else (strides,) * (x.ndim - 2)
    for step in steps:
        check_integers(strides=step)
    if len(steps) != x.ndim - 2:
        raise ValueError(f"strides is {strides}; expected an integer, or {x.ndim - 2} of them")
    if isinstance(padding, str):
        if padding not in ("SAME", "VALID"):
            raise ValueError(f'padding is "SAME", "VALID" or explicit pairs, not {padding!r}')
    elif np.shape(padding) != (x.ndim - 2, 2):
        raise ValueError(f"padding is {padding}; expected {x.ndim - 2} pairs (before, after)")
    return steps


def _transposed_padding(window, stride, word):
    """`lax.conv_transpose`'s reading of "SAME" and "VALID": (before, after) of the input."""
    if word == "VALID":
        return window - 1, max(window, stride) - 1
    total = window + stride - 2
    before = window - 1 if stride > window - 1 else -(-total // 2)
    return before, total - before
