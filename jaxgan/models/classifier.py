"""A classifier that also returns its features, for semi-supervised GANs."""

from typing import Any

import flax.linen as nn
from jax import Array

from jaxgan.models.layers import Module, at_least_float32, leaky_relu

__all__ = ["Classifier"]


class Classifier(Module):
    """A dense layer of class logits on the features of a body: the D of `recipes.sgan`.

    Attributes:
        body: maps x `[B, ...]` to `[B, N]`, such as `dcgan.Encoder` or `mlp.Encoder`.
        classes: number of classes.
        dtype: type of the computation; parameters and the results stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import classifier, mlp
        >>> network = classifier.Classifier(mlp.Encoder(features=64), classes=10)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 28, 28, 1)), train=True)
        >>> (logits, features), variables = jax.eval_shape(init, jax.random.key(0))
        >>> logits.shape, features.shape
        ((8, 10), (8, 64))
    """

    body: nn.Module
    classes: int
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> tuple[Array, Array]:
        """Return class logits `[B, classes]` and the features `[B, N]` they are computed from."""
        features = leaky_relu(self.body(x, train=train))
        return nn.Dense(self.classes, dtype=at_least_float32(self.dtype))(features), features
