"""The three linear maps that convolutions are made of on CPU, each in the form that is fast there.

    gather(x, kernel)            a strided convolution
    paint(y, kernel)             its adjoint in x: a transposed convolution
    kernel_gradient(x, y)        its adjoint in the kernel

Gather's two reverse derivatives are the other two; paint's are gather and, with the arguments
exchanged, kernel_gradient. All are made of ordinary JAX operations, so derivatives of every order
and in both directions exist, `vmap` works, and those of second order are matrix products again.
`docs/adr/0007-convolutions-on-cpu.md` says why.
"""

from functools import partial, reduce

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.ad_checkpoint import checkpoint_name

from jaxgan._alone import alone, on_cpu
from jaxgan._checks import check_array, check_integers

OUTPUT = "convolution"
"""What `jax.checkpoint_policies` know the results by."""

_NARROW = 8  # channels


def on_each_platform(cpu, default):
    """A function of arrays: by `cpu` on CPU, by `default` elsewhere and where it runs alone."""

    def run(*arrays):
        arrays = _vary_alike(*arrays)
        if alone.value:
            y = default(*arrays)
        elif on_cpu.value:
            y = cpu(*arrays)
        else:
            y = lax.platform_dependent(*arrays, cpu=cpu, default=default)
        return checkpoint_name(y, OUTPUT)

    return run


def _vary_alike(x, kernel):
    """Gives both operands the type of what varies over the same axes of a `jax.shard_map`.

    JAX's own operations do so themselves; derivatives that are stated by hand have to be told.
    """
    x_axes, kernel_axes = (jax.typeof(a).manual_axis_type.varying for a in (x, kernel))
    x = lax.pcast(x, tuple(kernel_axes - x_axes), to="varying")
    return x, lax.pcast(kernel, tuple(x_axes - kernel_axes), to="varying")


def layout(dimensions):
    """Channels-last names of the axes, as lax.conv wants them."""
    space = "DHW"[-dimensions:]
    return f"N{space}C", f"{space}IO", f"N{space}C"


def conv_on_cpu(x, kernel, *, stride, padding):
    if _is_narrow(kernel):
        return _gather_by_products(x, kernel, stride, padding)
    return _gather(x, kernel, stride, padding)


def conv_transpose_on_cpu(x, kernel, *, stride, padding):
    """The adjoint of the strided convolution with the same kernel, turned around."""
    turned = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    sizes = zip(x.shape[1:-1], kernel.shape[:-2], padding, strict=True)
    space = tuple(max(0, (n - 1) * stride + sum(pads) - k + 2) for n, k, pads in sizes)
    pads = tuple(
        (k - 1 - before, k - 1 - after)
        for k, (before, after) in zip(kernel.shape[:-2], padding, strict=True)
    )
    paint = _paint_by_products if _is_narrow(kernel) else _paint
    return paint(x, turned, stride, pads, space)


def _is_narrow(kernel):
    """Whether one side is an image, or nearly so: then matrix products alone are the fastest."""
    return min(kernel.shape[-2:]) < _NARROW


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def _gather(x, kernel, stride, padding):
    return _gather_by_convolution(x, kernel, stride, padding)


@_gather.defjvp
def _gather_jvp(stride, padding, primals, tangents):
    (x, kernel), (dx, dkernel) = primals, tangents
    y = _gather(x, kernel, stride, padding)
    space, window = x.shape[1:-1], kernel.shape[:-2]
    from_x = _adjoint(lambda y: _paint_by_products(y, kernel, stride, padding, space), y)
    from_kernel = _adjoint(lambda y: _kernel_gradient(x, y, stride, padding, window), y)
    return y, from_x(dx) + from_kernel(dkernel)


@partial(jax.custom_jvp, nondiff_argnums=(2, 3, 4))
def _paint(y, kernel, stride, padding, space):
    return _paint_by_products(y, kernel, stride, padding, space)


@_paint.defjvp
def _paint_jvp(stride, padding, space, primals, tangents):
    (y, kernel), (dy, dkernel) = primals, tangents
    x = _paint(y, kernel, stride, padding, space)
    window = kernel.shape[:-2]
    from_y = _adjoint(lambda x: _gather_by_convolution(x, kernel, stride, padding), x)
    from_kernel = _adjoint(lambda x: _kernel_gradient(x, y, stride, padding, window), x)
    return x, from_y(dy) + from_kernel(dkernel)


def _adjoint(linear, like):
    """The adjoint of `linear`, an operation on arrays like `like`.

    A derivative stated in this way is `linear` itself when autodiff transposes it.
    """
    transposed = jax.linear_transpose(linear, like)
    return lambda a: transposed(a)[0]


def _gather_by_convolution(x, kernel, stride, padding):
    return _convolve(x, kernel, window_strides=(stride,) * len(padding), padding=padding)


def _kernel_gradient(x, y, stride, padding, window):
    """The gradient of `sum(gather(x, kernel) * y)`: x is seen through a window the size of y.

    The channels of x take the place of the examples, and the examples that of the channels.
    """
    sizes = zip(x.shape[1:-1], y.shape[1:-1], window, padding, strict=True)
    pads = [(before, k + (m - 1) * stride - n - before) for n, m, k, (before, _) in sizes]
    gradient = _convolve(
        x.swapaxes(0, -1),
        jnp.moveaxis(y, 0, -2),
        window_strides=(1,) * len(window),
        padding=pads,
        rhs_dilation=(stride,) * len(window),
    )
    return jnp.moveaxis(gradient, 0, -2)


def _convolve(x, kernel, **settings):
    """The one order of axes that is fast on CPU. Its low-precision convolutions are slow."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    y = lax.conv_general_dilated(
        x.astype(wide), kernel.astype(wide), dimension_numbers=layout(kernel.ndim - 2), **settings
    )
    return y.astype(x.dtype)


def _gather_by_products(x, kernel, stride, padding):
    """A strided convolution is one of stride 1 between blocks of `stride` pixels a side."""
    taps = _blocks(kernel, stride)
    pads = []
    for n, k, t, (before, after) in zip(
        x.shape[1:-1], kernel.shape[:-2], taps.shape[:-2], padding, strict=True
    ):
        size = max(0, (n + before + after - k) // stride + 1)
        # Exactly the blocks that the outputs see, which may also crop the end.
        pads.append((before, (size + t - 1) * stride - n - before))
    return _correlate(space_to_depth(_pad(x, pads), stride), taps)


def _paint_by_products(y, kernel, stride, padding, space):
    """Every value of y paints one window, block by block; the paintings are added."""
    taps = _blocks(kernel, stride)
    window = taps.shape[:-2]
    products = _product(y, jnp.moveaxis(taps, -1, 0).reshape(y.shape[-1], -1))
    offsets = list(np.ndindex(*window))
    parts = lax.split(products, [taps.shape[-2]] * len(offsets), axis=products.ndim - 1)
    blocks = reduce(
        jnp.add,
        (
            _pad(part, [(i, t - 1 - i) for i, t in zip(offset, window, strict=True)])
            for part, offset in zip(parts, offsets, strict=True)
        ),
    )
    image = depth_to_space(blocks, stride)
    crops = [
        (-before, before + n - painted)
        for n, painted, (before, _) in zip(space, image.shape[1:-1], padding, strict=True)
    ]
    return _pad(image, crops).astype(y.dtype)


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

    taps = taps.reshape(len(offsets), channels, features)
    if channels < 4 * features:
        patches = jnp.concatenate([shifted(x, offset) for offset in offsets], axis=-1)
        y = _product(patches, taps.reshape(-1, features))
    else:
        products = _product(x, taps.swapaxes(0, 1).reshape(channels, -1))
        parts = lax.split(products, [features] * len(offsets), axis=products.ndim - 1)
        y = reduce(jnp.add, map(shifted, parts, offsets))
    return y.astype(x.dtype)


def _product(x, matrix):
    return jnp.dot(x, matrix, preferred_element_type=jnp.promote_types(x.dtype, jnp.float32))


def _blocks(kernel, block):
    """Moves the pixels of a window into its input channels: `[*t, block^d C, F]`."""
    kernel = jnp.moveaxis(kernel, -1, 0)
    kernel = _pad(kernel, [(0, -k % block) for k in kernel.shape[1:-1]])
    return jnp.moveaxis(space_to_depth(kernel, block), 0, -1)


def _pad(x, pads):
    """Pads the space of `[B, *n, C]` with zeros, or crops it where a pad is negative."""
    zero = jnp.zeros((), x.dtype)
    return lax.pad(x, zero, [(0, 0, 0), *((lo, hi, 0) for lo, hi in pads), (0, 0, 0)])


def space_to_depth(x: Array, block: int) -> Array:
    """Move blocks of space into channels: `[B, *n block, C]` to `[B, *n, block^d C]`.

    Raises:
        ValueError: if an axis of the space is not a multiple of `block`.

    Example:
        >>> from jaxgan.convolution import space_to_depth
        >>> space_to_depth(jnp.arange(4).reshape(1, 2, 2, 1), 2).tolist()
        [[[[0, 1, 2, 3]]]]
    """
    check_array("x", x, "[B, ...]", "numbers")
    check_integers(block=block)
    batch, *space, channels = x.shape
    if any(size % block for size in space):
        raise ValueError(f"x has shape {x.shape}; expected a space of multiples of block={block}")
    axes = range(1, 2 * len(space), 2)
    split = [size for n in space for size in (n // block, block)]
    x = x.reshape(batch, *split, channels)
    x = x.transpose(0, *axes, *(axis + 1 for axis in axes), x.ndim - 1)
    return x.reshape(batch, *(n // block for n in space), -1)


def depth_to_space(x: Array, block: int) -> Array:
    """Undo `space_to_depth`: `[B, *n, block^d C]` to `[B, *n block, C]`.

    Raises:
        ValueError: if the channels are not a multiple of `block^d`.

    Example:
        >>> from jaxgan.convolution import depth_to_space
        >>> depth_to_space(jnp.arange(4).reshape(1, 1, 1, 4), 2)[0, ..., 0].tolist()
        [[0, 1], [2, 3]]
    """
    check_array("x", x, "[B, ...]", "numbers")
    check_integers(block=block)
    batch, *space, channels = x.shape
    d = len(space)
    if channels % block**d:
        raise ValueError(
            f"x has {channels} channels; expected a multiple of {block**d} for block={block}"
        )
    x = x.reshape(batch, *space, *(block,) * d, channels // block**d)
    pairs = [axis for i in range(1, d + 1) for axis in (i, i + d)]
    x = x.transpose(0, *pairs, x.ndim - 1)
    return x.reshape(batch, *(n * block for n in space), -1)
