"""A discriminator of pairs of an example and a latent.

It is D of BiGAN (Donahue et al. 2016, arXiv:1605.09782) and ALI (Dumoulin et al. 2016,
arXiv:1606.00704): x and z are encoded separately, and dense layers judge them together.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.layers import Module, at_least_float32, leaky_relu

__all__ = ["Discriminator"]


class Discriminator(Module):
    """Dense layers with LeakyReLU 0.2: x `[B, ...]` and z `[B, latent]` to logits `[B]`.

    This suits small pictures and points. For larger pictures, `body` encodes x first:
    `joint.Discriminator(dcgan.Encoder(256, image_size=32))`.

    Attributes:
        body: maps x to `[B, features]`, such as `dcgan.Encoder` or `mlp.Encoder`; a layer of as
            many features then encodes z. None flattens x instead.
        widths: sizes of the hidden layers on both.
        dtype: type of the computation; parameters and logits stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import joint
        >>> network = joint.Discriminator()
        >>> x, z = jnp.zeros((8, 28, 28, 1)), jnp.zeros((8, 50))
        >>> init = lambda key: network.init_with_output(key, x, z, train=True)
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0))
        >>> logits.shape
        (8,)
    """

    body: nn.Module | None = None
    widths: Sequence[int] = (512, 256)
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, z: Array, *, train: bool) -> Array:
        """Score pairs: high for real ones.

        Args:
            x: examples `[B, ...]`.
            z: latents or codes `[B, latent]`.
            train: passed to `body`.

        Returns:
            Logits `[B]`, float32.
        """
        dense = partial(nn.Dense, dtype=self.dtype)
        if self.body is None:
            h = x.reshape(x.shape[0], -1)
        else:
            h = leaky_relu(self.body(x, train=train))
            z = leaky_relu(dense(h.shape[-1], name="latent")(z))
        h = jnp.concatenate([h, z], axis=-1)
        for width in self.widths:
            h = leaky_relu(dense(width)(h))
        return nn.Dense(1, dtype=at_least_float32(self.dtype))(h).squeeze(-1)
