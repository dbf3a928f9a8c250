"""The layers of progressive growing and StyleGAN (arXiv:1710.10196, sections 3 and 4).

Equalized learning rate: weights start from N(0, 1) and are scaled at run time by the constant of He
et al.'s initialization (arXiv:1502.01852). An optimizer such as Adam, whose steps do not depend on
the scale of the gradient, then updates all layers at the same relative speed.
"""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from jaxgan import convolution
from jaxgan._checks import check_array, check_integers, check_labels, check_lengths, check_numbers
from jaxgan.models.layers import Module, at_least_float32

__all__ = [
    "EqualizedConv",
    "EqualizedDense",
    "equalized",
    "minibatch_stddev",
    "pixel_norm",
    "select_logit",
]


class EqualizedDense(Module):
    """A dense layer with an equalized learning rate: `[..., N]` to `[..., features]`.

        y = x W gain lr_multiplier / sqrt(N) + b lr_multiplier

    Attributes:
        features: channels of the output.
        gain: what the outputs' standard deviation is multiplied by; sqrt(2) before a ReLU.
        lr_multiplier: below 1 the layer learns slower than others, as in StyleGAN's mapping
            network (arXiv:1812.04948, appendix C).
        bias_init: initial value of the bias b lr_multiplier.
        use_bias: whether there is one.
        dtype: type of the computation; parameters stay float32.
    """

    features: int
    gain: float = 1.0
    lr_multiplier: float = 1.0
    bias_init: float = 0.0
    use_bias: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[..., N]` to `[..., features]`."""
        shape = (x.shape[-1], self.features)
        kernel = equalized(self, shape, self.gain, self.lr_multiplier)
        bias = None
        if self.use_bias:
            start = nn.initializers.constant(self.bias_init / self.lr_multiplier)
            bias = self.lr_multiplier * self.param("bias", start, (self.features,), jnp.float32)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = x @ kernel
        return y if bias is None else y + bias


class EqualizedConv(Module):
    """A convolution with an equalized learning rate: `[B, H, W, C]` to `[B, H', W', features]`.

    Attributes:
        features: channels of the output.
        kernel_size: size of the kernel along each spatial axis.
        gain: what the outputs' standard deviation is multiplied by; sqrt(2) before a ReLU.
        use_bias: whether to add a bias per channel.
        strides: stride along both axes.
        padding: `"SAME"` or `"VALID"`.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import equalized
        >>> network = equalized.EqualizedConv(features=32)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 16, 16, 3)))
        >>> y, variables = jax.eval_shape(init, jax.random.key(0))
        >>> y.shape, variables["params"]["kernel"].shape
        ((8, 16, 16, 32), (3, 3, 3, 32))
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    gain: float = 1.0
    use_bias: bool = True
    strides: int = 1
    padding: str = "SAME"
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[B, H, W, C]` to `[B, H', W', features]`."""
        kernel = equalized(self, (*self.kernel_size, x.shape[-1], self.features), self.gain)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        y = convolution.conv(x, kernel, strides=self.strides, padding=self.padding)
        return y if bias is None else y + bias


def equalized(
    module: nn.Module, shape: Sequence[int], gain: float = 1.0, lr_multiplier: float = 1.0
) -> Array:
    """Return a module's parameter "kernel", scaled by gain lr_multiplier / sqrt(fan_in).

    It starts from N(0, 1 / lr_multiplier^2), so the multiplier affects only the speed of learning.

    Args:
        module: the module that the parameter belongs to, in its compact call.
        shape: of the kernel; fan_in is the product of all axes but the last.
        gain: standard deviation of the outputs for inputs of variance 1.
        lr_multiplier: see `EqualizedDense`.

    Returns:
        The kernel, float32.

    Raises:
        ValueError: if an axis of `shape` is below 1, or a number not positive.

    Example:
        >>> import flax.linen as nn
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.equalized import equalized
        >>> class Linear(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x):
        ...         return x @ equalized(self, (100, 1000))
        >>> init = lambda key: Linear().init_with_output(key, jnp.ones((1, 100)))
        >>> y, variables = jax.jit(init)(jax.random.key(0))
        >>> round(float(variables["params"]["kernel"].std()), 1), round(float(y.std()), 1)
        (1.0, 1.0)
    """
    for size in shape:
        check_integers(shape=size)
    check_numbers("(0, inf)", gain=gain, lr_multiplier=lr_multiplier)
    start = nn.initializers.normal(1 / lr_multiplier)
    kernel = module.param("kernel", start, tuple(shape), jnp.float32)
    return kernel * (gain * lr_multiplier / math.sqrt(math.prod(shape[:-1])))


def pixel_norm(x: Array, *, epsilon: float = 1e-8) -> Array:
    """Scale the channels of every pixel to a mean square of 1 (arXiv:1710.10196, section 4.2).

        x / sqrt(mean_c x^2 + epsilon)

    Args:
        x: `[..., C]`.
        epsilon: keeps the derivative at 0 finite.

    Returns:
        `[..., C]`, of the type of `x`.

    Raises:
        ValueError: if x is not of floats, or `epsilon` negative.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.equalized import pixel_norm
        >>> pixel_norm(jnp.array([[3.0, 3.0, 3.0], [0.0, 0.0, 0.0]])).round(3).tolist()
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]
    """
    check_array("x", x, "[C, ...]")
    check_numbers("[0, inf)", epsilon=epsilon)
    wide = x.astype(at_least_float32(x.dtype))
    scale = jax.lax.rsqrt(jnp.mean(jnp.square(wide), axis=-1, keepdims=True) + epsilon)
    return (wide * scale).astype(x.dtype)


def minibatch_stddev(x: Array, *, group_size: int = 4, epsilon: float = 1e-8) -> Array:
    """Append the variation within groups of examples as a channel (arXiv:1710.10196, section 3).

        mean over h, w, c of sqrt(var over the group of x[:, h, w, c] + epsilon)

    So a discriminator notices a generator whose samples are all alike. Groups consist of
    consecutive examples of the batch, as many in each as divide it, at most `group_size`. If that
    is only 1, whose variation is none, groups are larger than asked for.

    Args:
        x: `[B, H, W, C]`.
        group_size: number of examples that are compared with one another.
        epsilon: keeps the derivative at 0 finite.

    Returns:
        `[B, H, W, C + 1]`, of the type of `x`.

    Raises:
        ValueError: if x is not floats `[B, H, W, C]`, `group_size` below 1, or `epsilon` negative.

    Example:
        >>> import jax
        >>> import numpy as np
        >>> from jaxgan.models.equalized import minibatch_stddev
        >>> x = np.ones((8, 4, 4, 16), np.float32)
        >>> x[6:] = -1  # the first four examples are alike, the others are not
        >>> y = np.asarray(jax.jit(minibatch_stddev)(x))
        >>> y.shape, y[[0, 4], 0, 0, -1].round(3).tolist()
        ((8, 4, 4, 17), [0.0, 1.0])
    """
    check_array("x", x, "[B, H, W, C]")
    check_integers(group_size=group_size)
    check_numbers("[0, inf)", epsilon=epsilon)
    batch, height, width, _ = x.shape
    wide = x.astype(at_least_float32(x.dtype))
    groups = wide.reshape(-1, _group_size(batch, group_size), *x.shape[1:])
    deviation = jnp.sqrt(jnp.var(groups, axis=1) + epsilon)
    per_group = jnp.mean(deviation, axis=(1, 2, 3))
    per_example = jnp.repeat(per_group, groups.shape[1], total_repeat_length=batch)
    plane = jnp.broadcast_to(per_example[:, None, None, None], (batch, height, width, 1))
    return jnp.concatenate([x, plane.astype(x.dtype)], axis=-1)


def _group_size(batch: int, most: int) -> int:
    divisors = [size for size in range(2, batch + 1) if batch % size == 0]
    within = [size for size in divisors if size <= most]
    if most == 1 or not divisors:
        return 1
    return max(within) if within else min(divisors)


def select_logit(logits: Array, y: Array | None) -> Array:
    """Return the logit of each image's class (Mescheder et al. 2018, arXiv:1801.04406).

    Args:
        logits: `[B, num_classes]`, or `[B, 1]` without labels.
        y: labels int32 `[B]`, or None.

    Returns:
        `[B]`.

    Raises:
        ValueError: if logits are not such, or y is not one label for each; where NumPy holds y, it
            has to be in range, too.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.equalized import select_logit
        >>> select_logit(jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1, 0])).tolist()
        [2.0, 3.0]
    """
    check_array("logits", logits, "[B, 1]" if y is None else "[B, num_classes]")
    if y is None:
        return logits.squeeze(1)
    check_labels("y", y, logits.shape[1])
    check_lengths("y", y, logits.shape[0], "logits")
    return jnp.take_along_axis(logits, y[:, None], axis=1).squeeze(1)
