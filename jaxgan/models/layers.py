"""Layers that the networks of this package share."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, get_args

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from jaxgan import convolution
from jaxgan._checks import (
    check_array,
    check_integers,
    check_labels,
    check_lengths,
    check_numbers,
    told,
)
from jaxgan.convolution import Padding, depth_to_space
from jaxgan.models.sizes import sides_of
from jaxgan.resample import nearest_upsample

__all__ = [
    "UPSAMPLE_METHODS",
    "BatchNorm",
    "Conv",
    "ConvTranspose",
    "InstanceNorm",
    "Module",
    "Upsample",
    "append_label",
    "at_least_float32",
    "bilinear_upsample",
    "check_label",
    "leaky_relu",
]

Initializer = Callable[..., Array]

small_normal = nn.initializers.normal(0.02)
"""Initial weights from N(0, 0.02^2), as in DCGAN and many networks since."""

UPSAMPLE_METHODS = ("transposed", "nearest", "bilinear", "pixel_shuffle")


Steps = int | tuple[int, ...]

_MAY_BE_ZERO = ("attention", "blocks", "layers", "mapping_layers", "shared", "shuffle")
_INTERVALS = {"dropout": "[0, 1)", "mixing": "[0, 1]"}


class Module(nn.Module):
    """A module that checks the numbers it is made with, before anything is computed.

    Whole numbers are sizes and counts, at least 1, or 0 where that stands for none; others are
    finite.

    Raises:
        TypeError: a number has another type.
        ValueError: a number is out of range.

    Example:
        >>> from jaxgan.models import mlp
        >>> mlp.Encoder(features=-3)
        Traceback (most recent call last):
            ...
        ValueError: features is -3; expected at least 1
    """

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        for field in dataclasses.fields(self):
            name, kind, value = field.name, field.type, getattr(self, field.name)
            if value is None or name in ("name", "parent", "padding"):
                continue
            if name == "image_size":
                sides_of(value)
                continue
            if kind is float:
                check_numbers(_INTERVALS.get(name, "(-inf, inf)"), **{name: value})
            elif kind in (int, int | None):
                check_integers(int(name not in _MAY_BE_ZERO), **{name: value})
            elif get_args(kind)[:1] == (int,):
                if kind == Steps and not isinstance(value, Sequence):
                    value = (value,)
                if not isinstance(value, Sequence):
                    raise TypeError(f"{name} is {told(value)}; expected a sequence of integers")
                for one in value:
                    check_integers(**{name: one})


def leaky_relu(x: Array) -> Array:
    """Apply LeakyReLU with a slope of 0.2, as in DCGAN and most papers since: max(x, 0.2 x).

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.layers import leaky_relu
        >>> leaky_relu(jnp.array([-5.0, 0.0, 5.0])).tolist()
        [-1.0, 0.0, 5.0]
    """
    return nn.leaky_relu(x, negative_slope=0.2)


class Conv(Module):
    """`nn.Conv` on `[B, *space, C]` by `jaxgan.convolution.conv`, with the same parameters.

    Attributes:
        features: channels of the output.
        kernel_size: size of the kernel along each spatial axis.
        strides: step along all axes, or along each.
        padding: `"SAME"`, `"VALID"` or one pair (before, after) per spatial axis.
        use_bias: whether to add a bias per channel.
        kernel_init: initializer of the kernel.
        dtype: type of the computation; parameters stay float32.
    """

    features: int
    kernel_size: tuple[int, ...]
    strides: Steps = 1
    padding: Padding = "SAME"
    use_bias: bool = True
    kernel_init: Initializer = nn.linear.default_kernel_init
    dtype: Any = None

    _operation = staticmethod(convolution.conv)

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[B, *space, C]` to `[B, *space', features]`."""
        shape = (*self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape, jnp.float32)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = self._operation(x, kernel, strides=self.strides, padding=self.padding)
        return y if bias is None else y + bias


class ConvTranspose(Conv):
    """`nn.ConvTranspose` by `jaxgan.convolution.conv_transpose`; attributes as in `Conv`."""

    _operation = staticmethod(convolution.conv_transpose)


class Upsample(Module):
    """An upsampling layer: `[B, H, W, C]` to `[B, 2H, 2W, features]`.

    Attributes:
        features: channels of the output.
        method: `"transposed"`, a 4x4 transposed convolution of stride 2; `"nearest"` or
            `"bilinear"`, interpolation and a 3x3 convolution, without the checkerboard artifacts of
            the first (https://distill.pub/2016/deconv-checkerboard); or `"pixel_shuffle"`, a 3x3
            convolution to `4 features` channels, which become pixels (arXiv:1609.05158).
        use_bias: whether to add a bias per channel.
        kernel_init: initializer of the kernel.
        dtype: type of the computation; parameters stay float32.

    Raises:
        ValueError: if there is no such method.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import layers
        >>> network = layers.Upsample(features=32, method="pixel_shuffle")
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 16, 16, 64)))
        >>> y, variables = jax.eval_shape(init, jax.random.key(0))
        >>> y.shape
        (8, 32, 32, 32)
    """

    features: int
    method: str = "transposed"
    use_bias: bool = True
    kernel_init: Initializer = nn.linear.default_kernel_init
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[B, H, W, C]` to `[B, 2H, 2W, features]`."""
        settings: dict[str, Any] = {
            "use_bias": self.use_bias,
            "kernel_init": self.kernel_init,
            "dtype": self.dtype,
        }
        match self.method:
            case "transposed":
                return ConvTranspose(self.features, (4, 4), strides=2, **settings)(x)
            case "nearest":
                return Conv(self.features, (3, 3), **settings)(nearest_upsample(x))
            case "bilinear":
                return Conv(self.features, (3, 3), **settings)(bilinear_upsample(x, 2))
            case "pixel_shuffle":
                return depth_to_space(Conv(4 * self.features, (3, 3), **settings)(x), 2)
        raise ValueError(f"upsampling is one of {UPSAMPLE_METHODS}, not {self.method!r}")


def bilinear_upsample(x: Array, scale: int) -> Array:
    """Enlarge images by bilinear interpolation between the centers of pixels.

    Args:
        x: `[B, H, W, C]`.
        scale: factor by which both sides grow.

    Returns:
        `[B, scale H, scale W, C]`.

    Raises:
        ValueError: if x is not `[B, H, W, C]`, or `scale` is below 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.layers import bilinear_upsample
        >>> bilinear_upsample(jnp.array([[0.0, 4.0]]).reshape(1, 1, 2, 1), 2)[0, 0, :, 0].tolist()
        [0.0, 1.0, 3.0, 4.0]
    """
    check_array("x", x, "[B, H, W, C]", "numbers")
    check_integers(scale=scale)
    batch, height, width, channels = x.shape
    return jax.image.resize(x, (batch, scale * height, scale * width, channels), "bilinear")


def BatchNorm(  # noqa: N802 - it makes a module and reads like one
    *, train: bool, axis_name: str | None = None, dtype: Any = None
) -> nn.BatchNorm:
    """Make a batch normalization as in DCGAN: momentum 0.9, eps 1e-5, scales from N(1, 0.02^2).

    Args:
        train: whether to use the statistics of the batch and update the running ones.
        axis_name: device axis to average the statistics over. It must be None if there is no such
            axis, as under plain `jit`, where the statistics are those of the whole batch anyway.
        dtype: type of the output; statistics are always float32.

    Returns:
        The module.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import layers
        >>> network = layers.BatchNorm(train=True)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 16, 16, 64)))
        >>> y, variables = jax.eval_shape(init, jax.random.key(0))
        >>> y.shape, variables["batch_stats"]["mean"].shape
        ((8, 16, 16, 64), (64,))
    """
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=1e-5,
        scale_init=_scale_init,
        axis_name=axis_name,
        dtype=dtype,
    )


def InstanceNorm(*, dtype: Any = None) -> nn.InstanceNorm:  # noqa: N802 - likewise
    """Make an instance normalization (Ulyanov et al. 2016, arXiv:1607.08022), without parameters.

    Every channel of every image gets mean 0 and variance 1 over its pixels; eps is 1e-5. A channel
    of a single pixel becomes 0.

    Args:
        dtype: type of the output; statistics are always float32.

    Returns:
        The module.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import layers
        >>> x = jnp.arange(8.0).reshape(1, 4, 2, 1)
        >>> y = layers.InstanceNorm().apply({}, x)
        >>> round(abs(float(y.mean())), 3), round(float(y.std()), 3)
        (0.0, 1.0)
    """
    return nn.InstanceNorm(epsilon=1e-5, use_bias=False, use_scale=False, dtype=dtype)


def _scale_init(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    return 1 + 0.02 * jax.random.normal(key, shape, dtype)


def check_label(y: Array | None, num_classes: int | None) -> None:
    """Check that a conditional network is given labels, and an unconditional one is not.

    Raises:
        ValueError: if `y` is missing, or given to an unconditional network; if it is not integers
            `[B]`, or, where NumPy holds it, not from 0 to num_classes - 1, or -1 for unknown.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.layers import check_label
        >>> check_label(jnp.array([3, 1]), num_classes=10)
        >>> check_label(None, num_classes=None)
    """
    if num_classes is not None and y is None:
        raise ValueError(f"the network has num_classes={num_classes} but was given no labels y")
    if num_classes is None and y is not None:
        raise ValueError("the network was given labels y but has num_classes=None")
    if num_classes is not None:
        check_labels("y", y, num_classes)


def append_label(features: Array, y: Array | None, num_classes: int | None) -> Array:
    """Append labels as one-hot vectors: `[B, N]` to `[B, N + num_classes]`.

    Args:
        features: `[B, N]`.
        y: int32 `[B]`, in 0..num_classes-1, or None.
        num_classes: number of classes, or None to return the features as they are.

    Returns:
        `[B, N + num_classes]`.

    Raises:
        ValueError: if only one of `y` and `num_classes` is None, features are not floats `[B, N]`,
            or there is not one label for each; or as in `check_label`.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.layers import append_label
        >>> append_label(jnp.array([[0.5], [0.25]]), jnp.array([0, 2]), num_classes=3).tolist()
        [[0.5, 1.0, 0.0, 0.0], [0.25, 0.0, 0.0, 1.0]]
    """
    check_array("features", features, "[B, N]")
    check_label(y, num_classes)
    if num_classes is None:
        return features
    check_lengths("y", y, features.shape[0], "the other input")
    one_hot = jax.nn.one_hot(y, num_classes, dtype=features.dtype)
    return jnp.concatenate([features, one_hot], axis=-1)


def at_least_float32(dtype: Any) -> Any:
    """Return `dtype`, promoted to float32 if it is narrower; None is float32.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.layers import at_least_float32
        >>> at_least_float32(None).name, at_least_float32(jnp.bfloat16).name
        ('float32', 'float32')
    """
    return jnp.promote_types(jnp.float32 if dtype is None else dtype, jnp.float32)
