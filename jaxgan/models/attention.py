"""Self-attention between the positions of a feature map (SAGAN, Zhang et al. 2018)."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.models.layers import Conv, Initializer, Module, at_least_float32

__all__ = ["SelfAttention", "check_attention"]


class SelfAttention(Module):
    """Self-attention over all positions of a feature map (arXiv:1805.08318, section 3).

        o_i = sum_j softmax_j(<query_i, key_j>) value_j,    y = x + gamma W o

    Queries and keys have an eighth of the channels, and values half of them. Keys and values are
    max-pooled over 2x2 positions, as in the authors' code, to a quarter of their number. gamma
    starts at 0, so that the layer starts as the identity.

    Attributes:
        kernel_init: initializer of the four 1x1 convolutions.
        dtype: type of the computation; the softmax is at least float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import attention
        >>> network = attention.SelfAttention()
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 16, 16, 64)))
        >>> y, variables = jax.eval_shape(init, jax.random.key(0))
        >>> y.shape, variables["params"]["query"]["kernel"].shape
        ((8, 16, 16, 64), (1, 1, 64, 8))
    """

    kernel_init: Initializer = nn.initializers.xavier_uniform()
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[B, H, W, C]` to `[B, H, W, C]`."""
        channels = x.shape[-1]
        narrow, half = max(1, channels // 8), max(1, channels // 2)
        conv = partial(
            Conv,
            kernel_size=(1, 1),
            use_bias=False,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
        )
        pool = partial(nn.max_pool, window_shape=(2, 2), strides=(2, 2), padding="SAME")
        query = _places(conv(narrow, name="query")(x))
        key = _places(pool(conv(narrow, name="key")(x)))
        value = _places(pool(conv(half, name="value")(x)))

        scores = jnp.einsum("bic,bjc->bij", query, key)
        weights = jax.nn.softmax(scores.astype(at_least_float32(scores.dtype))).astype(value.dtype)
        attended = jnp.einsum("bij,bjc->bic", weights, value).reshape(*x.shape[:-1], half)
        gamma = self.param("gamma", nn.initializers.zeros, (), jnp.float32)
        return x + gamma.astype(x.dtype) * conv(channels, name="output")(attended).astype(x.dtype)


def check_attention(attention: int, sides: list[int]) -> None:
    """Check that a network has a feature map of the side that self-attention is asked for.

    Args:
        attention: the side, or 0 for no self-attention.
        sides: of the feature maps.

    Raises:
        ValueError: if `attention` is neither 0 nor one of `sides`.

    Example:
        >>> from jaxgan.models.attention import check_attention
        >>> check_attention(14, sides=[7, 14])
        >>> check_attention(16, sides=[7, 14])
        Traceback (most recent call last):
            ...
        ValueError: attention=16; expected 0 for none, or one of the sides [7, 14]
    """
    if attention and attention not in sides:
        raise ValueError(f"attention={attention}; expected 0 for none, or one of the sides {sides}")


def _places(x: Array) -> Array:
    return x.reshape(x.shape[0], -1, x.shape[-1])
