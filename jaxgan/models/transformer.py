"""Blocks of transformers: attention between all tokens, then a gated layer for each.

Queries and keys are normalized and turned by the places of their tokens (`models.tokens`), as in
recent transformers. A block is normalized before each of its two layers, by the root of the mean
square alone, and either has weights of its own for that or is modulated by a style w.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.models.equalized import pixel_norm
from jaxgan.models.layers import Module
from jaxgan.models.tokens import rotate

__all__ = ["Attention", "Block", "ModulatedBlock", "Modulation", "SwiGLU"]

EPSILON = 1e-6
"""Of the normalizations by the root of the mean square."""

xavier = nn.initializers.xavier_uniform()


class Attention(Module):
    """Attention between all tokens, with several heads: `[B, N, C]` to `[B, N, C]`.

        o_i = sum_j softmax_j(<q_i, k_j> / sqrt(D)) v_j,    D = C / heads

    Queries and keys are divided by the root of their mean square and multiplied by a learned scale
    (arXiv:2302.05442), which keeps the softmax from saturating, and turned by `rotate`.

    Attributes:
        heads: number of heads; a divisor of C, with a multiple of 4 channels for each.
        dtype: type of the computation; the softmax is at least float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import tokens, transformer
        >>> network, place = transformer.Attention(heads=4), tokens.places(4, 4)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 16, 64)), place)
        >>> y, variables = jax.eval_shape(init, jax.random.key(0))
        >>> y.shape, variables["params"]["qkv"]["kernel"].shape
        ((8, 16, 64), (64, 192))
    """

    heads: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, place: Array) -> Array:
        """Map tokens `[B, N, C]` at the places `[N, 2]` to the same shape.

        Raises:
            ValueError: if the channels do not divide into such heads.
        """
        width = x.shape[-1]
        if width % (4 * self.heads):
            raise ValueError(
                f"width={width} does not divide into heads={self.heads} of a multiple of 4 "
                f"channels each; expected a multiple of {4 * self.heads}"
            )
        qkv = nn.Dense(3 * width, kernel_init=xavier, dtype=self.dtype, name="qkv")(x)
        parts = qkv.reshape(*x.shape[:2], 3, self.heads, width // self.heads)
        query, key, value = jnp.moveaxis(parts, 2, 0)
        query = nn.RMSNorm(epsilon=EPSILON, dtype=self.dtype, name="query")(query)
        key = nn.RMSNorm(epsilon=EPSILON, dtype=self.dtype, name="key")(key)
        seen = jax.nn.dot_product_attention(rotate(query, place), rotate(key, place), value)
        return nn.Dense(width, kernel_init=xavier, dtype=self.dtype, name="output")(
            seen.reshape(x.shape)
        )


class SwiGLU(Module):
    """A gated layer for each token (Shazeer 2020, arXiv:2002.05202): `[..., C]` to `[..., C]`.

        (silu(x U) * (x V)) W,    of floor(8 C / 3) hidden channels

    Attributes:
        dtype: type of the computation; parameters stay float32.
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[..., C]` to the same shape."""
        hidden = 8 * x.shape[-1] // 3
        both = nn.Dense(2 * hidden, kernel_init=xavier, dtype=self.dtype, name="input")(x)
        gate, value = jnp.split(both, 2, axis=-1)
        output = nn.Dense(x.shape[-1], kernel_init=xavier, dtype=self.dtype, name="output")
        return output(nn.silu(gate) * value)


class ModulatedBlock(Module):
    """A block of G: `[B, N, C]` to the same shape, as the style w wants it.

        h + g1 attention((1 + s1) norm(h) + b1),    then h + g2 SwiGLU((1 + s2) norm(h) + b2)

    norm divides by the root of the mean square of a token, and g, s and b are linear in silu(w),
    near 0 at the start.

    Attributes:
        heads: of the attention.
        shift: whether there is a b; GAT has none.
        dtype: type of the computation; parameters stay float32.
    """

    heads: int
    shift: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, h: Array, w: Array, place: Array) -> Array:
        """Map tokens `[B, N, C]` at the places `[N, 2]`, with styles w `[B, W]`."""
        count = 2 + self.shift
        parts = Modulation(2 * count, h.shape[-1], self.dtype)(w)
        gate, *change = parts[:count]
        h = h + gate * Attention(self.heads, self.dtype)(modulate(h, *change), place)
        gate, *change = parts[count:]
        return h + gate * SwiGLU(self.dtype)(modulate(h, *change))


class Block(Module):
    """A block of D: `[B, N, C]` to the same shape.

        h + c1 attention(norm(h)),    then h + c2 SwiGLU(norm(h))

    where c is a learned scale for each channel, 0.1 at the start (arXiv:2103.17239).

    Attributes:
        heads: of the attention.
        dtype: type of the computation; parameters stay float32.
    """

    heads: int
    dtype: Any = None

    @nn.compact
    def __call__(self, h: Array, place: Array) -> Array:
        """Map tokens `[B, N, C]` at the places `[N, 2]`."""

        def scale(name: str) -> Array:
            start = nn.initializers.constant(0.1)
            return self.param(name, start, h.shape[-1:], jnp.float32).astype(h.dtype)

        seen = nn.RMSNorm(epsilon=EPSILON, dtype=self.dtype)(h)
        h = h + scale("attention_scale") * Attention(self.heads, self.dtype)(seen, place)
        seen = nn.RMSNorm(epsilon=EPSILON, dtype=self.dtype)(h)
        return h + scale("layer_scale") * SwiGLU(self.dtype)(seen)


class Modulation(Module):
    """What a style does to the channels: w `[B, W]` to vectors `[B, 1, features]`, near 0.

    Attributes:
        parts: how many vectors.
        features: channels.
        dtype: type of the computation; parameters stay float32.
    """

    parts: int
    features: int
    dtype: Any = None

    @nn.compact
    def __call__(self, w: Array) -> list[Array]:
        """Map `[B, W]` to a list of `[B, 1, features]`."""
        start = nn.initializers.variance_scaling(0.1**2, "fan_avg", "uniform")
        size = self.parts * self.features
        vectors = nn.Dense(size, kernel_init=start, dtype=self.dtype)(nn.silu(w))
        return jnp.split(vectors[:, None], self.parts, axis=-1)


def modulate(h: Array, scale: Array, shift: Array | float = 0.0) -> Array:
    """Normalize tokens `[B, N, C]` and change their channels, as a style wants it."""
    return (1 + scale) * pixel_norm(h, epsilon=EPSILON) + shift
