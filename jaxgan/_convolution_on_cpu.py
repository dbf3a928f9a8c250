"""The three maps that convolutions are made of on CPU, each in the form that is fast there.

    gather(x, kernel)            a strided convolution
    paint(y, kernel)             its adjoint in x: a transposed convolution
    kernel_gradient(x, y)        its adjoint in the kernel

Each is linear in either argument, and its adjoints in them are the other two, or itself. So they
are closed under differentiation: as primitives they have derivatives of every order and in both
directions, all in these forms. `docs/adr/0007-convolutions-on-cpu.md` says why.
"""

import math
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.ad_checkpoint import checkpoint_name
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from jaxgan._alone import alone, on_cpu
from jaxgan._checks import check_array, check_integers

OUTPUT = "convolution"
"""What `jax.checkpoint_policies` know the results by."""

_NARROW = 8  # channels
_LARGE = 32  # pixels of a window
_FEW = 16  # pixels of an example; that of all would depend on a batch that exports leave open


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


class _Geometry(NamedTuple):
    """What the three maps of a convolution agree on: sizes along the spatial axes."""

    space: tuple[int, ...]  # of x
    window: tuple[int, ...]
    stride: int
    padding: tuple[tuple[int, int], ...]

    @property
    def outputs(self):
        """The space of y."""
        sizes = zip(self.space, self.window, self.padding, strict=True)
        return tuple(max(0, (n + sum(pads) - k) // self.stride + 1) for n, k, pads in sizes)

    @property
    def is_pixelwise(self):
        return self.stride == 1 and {*self.window} == {1} and {*self.padding} == {(0, 0)}


def conv_on_cpu(x, kernel, *, stride, padding):
    geometry = _Geometry(x.shape[1:-1], kernel.shape[:-2], stride, tuple(padding))
    return _gather_p.bind(x, kernel, geometry=geometry)


def conv_transpose_on_cpu(x, kernel, *, stride, padding):
    """The adjoint of the strided convolution with the same kernel, turned around."""
    window = kernel.shape[:-2]
    sizes = zip(x.shape[1:-1], window, padding, strict=True)
    space = tuple(max(0, (n - 1) * stride + sum(pads) - k + 2) for n, k, pads in sizes)
    pads = tuple(
        (k - 1 - before, k - 1 - after) for k, (before, after) in zip(window, padding, strict=True)
    )
    return _paint_p.bind(x, _turned(kernel), geometry=_Geometry(space, window, stride, pads))


def _turned(kernel):
    return jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)


def _gather(x, kernel, geometry):
    """Narrow ones, and those of an image below its window, see blocks of `stride` pixels a side."""
    stride, padding = geometry.stride, geometry.padding
    by_products = geometry.is_pixelwise or _makes_products(geometry.window, *kernel.shape[-2:])
    is_tiny = any(n < k for n, k in zip(geometry.space, geometry.window, strict=True))
    if not by_products and not is_tiny:
        strides = (stride,) * len(padding)
        return _convolve(x, kernel, window_strides=strides, padding=padding)
    taps = _blocks(kernel, stride)
    # Exactly the blocks that the outputs see, which may also crop the end.
    sizes = zip(geometry.space, geometry.outputs, taps.shape[:-2], padding, strict=True)
    pads = [(before, (m + t - 1) * stride - n - before) for n, m, t, (before, _) in sizes]
    blocks = space_to_depth(_pad(x, pads), stride)
    return (_correlate_by_products if by_products else _correlate)(blocks, taps)


def _paint(y, kernel, geometry, *, by_products=False):
    """Every block of pixels is a sum over the windows that see it: a convolution of stride 1."""
    stride, (channels, features) = geometry.stride, kernel.shape[-2:]
    taps = _blocks(kernel, stride)
    pads, crops = [], []
    sizes = zip(geometry.space, y.shape[1:-1], taps.shape[:-2], geometry.padding, strict=True)
    for n, m, t, (before, _) in sizes:
        # The blocks in which the image lies, and none that would crop y.
        first, last = min(before // stride, t - 1), max(-(-(before + n) // stride), m)
        pads.append((t - 1 - first, last - m))
        crops.append((first * stride - before, before + n - last * stride))
    is_small = math.prod(y.shape[1:-1]) <= _FEW  # to turn the kernel would take longer
    if by_products or geometry.is_pixelwise or is_small or channels < _NARROW:
        sums = _overlapping_sums(y, taps)
        blocks = _pad(
            sums, [(lo - t + 1, hi - t + 1) for t, (lo, hi) in zip(taps.shape, pads, strict=False)]
        )
    elif _makes_products(geometry.window, features, channels):
        blocks = _correlate_by_products(_pad(y, pads), _turned(taps))
    else:
        blocks = _correlate(y, _turned(taps), pads)
    return _pad(depth_to_space(blocks, stride), crops)


def _kernel_gradient(x, y, geometry):
    """The gradient of `sum(gather(x, kernel) * y)`: x is seen through a window the size of y.

    The channels of x take the place of the examples, and the examples that of the channels.
    """
    if geometry.is_pixelwise:
        wide = jnp.promote_types(x.dtype, jnp.float32)
        axes = list(range(x.ndim - 1))
        gradient = jnp.tensordot(x, y, (axes, axes), preferred_element_type=wide)
        return gradient.astype(x.dtype).reshape(*geometry.window, x.shape[-1], y.shape[-1])
    if geometry.stride == 1 and y.shape[-1] < min(_NARROW, x.shape[-1]):
        # An image makes a better image than window: y is seen through x instead.
        pads = zip(geometry.window, geometry.padding, strict=True)
        pads = tuple((k - 1 - before, k - 1 - after) for k, (before, after) in pads)
        swapped = geometry._replace(space=geometry.outputs, padding=pads)
        return _turned(_kernel_gradient(y, x, swapped))
    stride, window = geometry.stride, geometry.window
    sizes = zip(geometry.space, y.shape[1:-1], window, geometry.padding, strict=True)
    pads = [(before, k + (m - 1) * stride - n - before) for n, m, k, (before, _) in sizes]
    # Padded here: XLA takes up to 30 times as long where it pads an image by most of a window.
    gradient = _convolve(
        _pad(x, pads).swapaxes(0, -1),
        jnp.moveaxis(y, 0, -2),
        window_strides=(1,) * len(window),
        padding="VALID",
        rhs_dilation=(stride,) * len(window),
    )
    return jnp.moveaxis(gradient, 0, -2)


def _makes_products(window, channels, features):
    """Whether one side is an image, or nearly so: then matrix products are the fastest.

    Not so where a large window sees an image: it would be copied for every pixel of the window.
    """
    return features < _NARROW or (channels < _NARROW and math.prod(window) < _LARGE)


def _primitive(name, function, shape, vectorized=None) -> Primitive:
    """A primitive of two arrays and a geometry.

    Args:
        name: what it is called in traces.
        function: computes it.
        shape: `(a, b, geometry) -> shape` of the result.
        vectorized: what `vmap` maps where it cannot join the mapped axis to the examples.
    """
    primitive = Primitive(name)
    compiled = jax.jit(function, static_argnames="geometry")
    primitive.def_impl(lambda a, b, geometry: compiled(a, b, geometry=geometry))
    primitive.def_abstract_eval(
        lambda a, b, geometry: a.update(shape=shape(a.shape, b.shape, geometry), weak_type=False)
    )
    mlir.register_lowering(primitive, mlir.lower_fun(function, multiple_results=False))

    def batch(operands, axes, *, geometry):
        a, b = operands
        if axes[1] is None and primitive is not _kernel_gradient_p:
            a = jnp.moveaxis(a, axes[0], 0)
            y = primitive.bind(a.reshape(-1, *a.shape[2:]), b, geometry=geometry)
            return y.reshape(*a.shape[:2], *y.shape[1:]), 0
        mapped = partial(vectorized or function, geometry=geometry)
        return jax.vmap(mapped, axes)(a, b), 0

    batching.primitive_batchers[primitive] = batch
    return primitive


_gather_p = _primitive(
    "gather_windows", _gather, lambda x, kernel, geometry: (x[0], *geometry.outputs, kernel[-1])
)
_paint_p = _primitive(
    "paint_windows",
    _paint,
    lambda y, kernel, geometry: (y[0], *geometry.space, kernel[-2]),
    partial(_paint, by_products=True),
)
_kernel_gradient_p = _primitive(
    "kernel_gradient", _kernel_gradient, lambda x, y, geometry: (*geometry.window, x[-1], y[-1])
)
ad.defbilinear(
    _gather_p,
    lambda y, x, kernel, geometry: _paint_p.bind(y, kernel, geometry=geometry),
    lambda y, x, kernel, geometry: _kernel_gradient_p.bind(x, y, geometry=geometry),
)
ad.defbilinear(
    _paint_p,
    lambda x, y, kernel, geometry: _gather_p.bind(x, kernel, geometry=geometry),
    lambda x, y, kernel, geometry: _kernel_gradient_p.bind(x, y, geometry=geometry),
)
ad.defbilinear(
    _kernel_gradient_p,
    lambda kernel, x, y, geometry: _paint_p.bind(y, kernel, geometry=geometry),
    lambda kernel, x, y, geometry: _gather_p.bind(x, kernel, geometry=geometry),
)


def _convolve(x, kernel, **settings):
    """The one order of axes that is fast on CPU. Its low-precision convolutions are slow."""
    wide = jnp.promote_types(x.dtype, jnp.float32)
    y = lax.conv_general_dilated(
        x.astype(wide), kernel.astype(wide), dimension_numbers=layout(kernel.ndim - 2), **settings
    )
    return y.astype(x.dtype)


def _correlate(x, taps, padding: str | list[tuple[int, int]] = "VALID"):
    return _convolve(x, taps, window_strides=(1,) * (taps.ndim - 2), padding=padding)


def _correlate_by_products(x, taps):
    """Sums `x[p + i] @ taps[i]` over `i` for `x` `[B, *n, C]` and `taps` `[*t, C, F]`.

    This is one matrix product. The shifts are of `x`, unless `x` has at least four times as many
    channels as the result, as where a layer ends in an image: then they are of the products.
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


def _overlapping_sums(y, taps):
    """Every value of `y` `[B, *m, F]` paints a window of `taps` `[*t, C, F]`; they are added."""
    *window, channels, features = taps.shape
    offsets = list(np.ndindex(*window))
    products = _product(y, jnp.moveaxis(taps, -1, 0).reshape(features, -1))
    parts = lax.split(products, [channels] * len(offsets), axis=products.ndim - 1)
    padded = (
        _pad(part, [(i, t - 1 - i) for i, t in zip(offset, window, strict=True)])
        for part, offset in zip(parts, offsets, strict=True)
    )
    return reduce(jnp.add, padded).astype(y.dtype)


def _product(x, matrix):
    return jnp.dot(x, matrix, preferred_element_type=jnp.promote_types(x.dtype, jnp.float32))


def _blocks(kernel, block):
    """Moves the pixels of a window into its input channels: `[*t, block^d C, F]`."""
    *window, channels, features = kernel.shape
    d, zero = len(window), jnp.zeros((), kernel.dtype)
    kernel = lax.pad(kernel, zero, [*((0, -k % block, 0) for k in window), (0, 0, 0), (0, 0, 0)])
    split = [size for k in kernel.shape[:d] for size in (k // block, block)]
    kernel = kernel.reshape(*split, channels, features)
    kernel = kernel.transpose(*range(0, 2 * d, 2), *range(1, 2 * d, 2), 2 * d, 2 * d + 1)
    return kernel.reshape(*kernel.shape[:d], -1, features)


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
