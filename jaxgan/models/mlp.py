"""Dense networks for small images and points (Goodfellow et al. 2014, arXiv:1406.2661)."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.heads import last_layers
from jaxgan.models.layers import Module, append_label, at_least_float32, leaky_relu

__all__ = ["Discriminator", "Encoder", "Generator"]


class Generator(Module):
    """Dense layers with ReLU (arXiv:1406.2661): z `[B, latent]` to x `[B, *shape]`.

    Attributes:
        shape: of a sample, such as `(28, 28, 1)` for digits and `(2,)` for points in the plane.
        widths: sizes of the hidden layers.
        output: `"tanh"` for samples in [-1, 1], `"linear"` for samples of any range.
        num_classes: number of classes; None for a generator without labels.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import mlp
        >>> network = mlp.Generator(shape=(2,), widths=(128, 128), output="linear")
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 16)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 2)
    """

    shape: Sequence[int] = (28, 28, 1)
    widths: Sequence[int] = (256, 512)
    output: Literal["tanh", "linear"] = "tanh"
    num_classes: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate samples.

        Args:
            z: latents `[B, latent]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Samples `[B, *shape]`.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or `output` is unknown.
        """
        if self.output not in ("tanh", "linear"):
            raise ValueError(f'output is "tanh" or "linear", not {self.output!r}')
        h = append_label(z, y, self.num_classes)
        for width in self.widths:
            h = nn.relu(nn.Dense(width, dtype=self.dtype)(h))
        x = nn.Dense(math.prod(self.shape), dtype=self.dtype)(h)
        x = jnp.tanh(x) if self.output == "tanh" else x
        return x.reshape(-1, *self.shape)


class Encoder(Module):
    """Dense layers with LeakyReLU 0.2: x `[B, ...]` to `[B, features]`.

    Attributes:
        features: number of outputs.
        widths: sizes of the hidden layers.
        dropout: share of the hidden units, in [0, 1), that training sets to zero; it draws from the
            random stream `"dropout"`.
        dtype: type of the computation; parameters and the result stay float32.
    """

    features: int
    widths: Sequence[int] = (512, 256)
    dropout: float = 0.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Encode examples `[B, ...]` as `[B, features]`, float32."""
        h = x.reshape(x.shape[0], -1)
        for width in self.widths:
            h = leaky_relu(nn.Dense(width, dtype=self.dtype)(h))
            h = nn.Dropout(self.dropout, deterministic=not train)(h)
        return nn.Dense(self.features, dtype=at_least_float32(self.dtype))(h)


class Discriminator(Module):
    """Dense layers with LeakyReLU 0.2: x `[B, ...]` to logits `[B]`.

    The paper, arXiv:1406.2661, used maxout units and dropout. LeakyReLU has since replaced maxout;
    dropout is off by default, and draws from the random stream `"dropout"`.

    Attributes:
        widths: sizes of the hidden layers.
        num_classes: number of classes; None for a discriminator without labels.
        dropout: share of the hidden units, in [0, 1), that training sets to zero.
        dtype: type of the computation; parameters and logits stay float32.
        classes: number of classes it predicts, as in ACGAN; None for none.
        last: `"linear"`, or `"san"` for the last layer that `recipes.slicing` trains.
    """

    widths: Sequence[int] = (512, 256)
    num_classes: int | None = None
    dropout: float = 0.0
    dtype: Any = None
    classes: int | None = None
    last: str = "linear"

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Any:
        """Score samples: high for real ones.

        Args:
            x: samples `[B, ...]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether dropout is on.

        Returns:
            Logits `[B]`, float32; with `classes`, a pair of them and class logits `[B, classes]`;
            with `last="san"`, a pair of equal logits, as from `heads.Slice`.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or `last` is none of the two or `"san"`
                with `classes`.
        """
        h = append_label(x.reshape(x.shape[0], -1), y, self.num_classes)
        for width in self.widths:
            h = leaky_relu(nn.Dense(width, dtype=self.dtype)(h))
            h = nn.Dropout(self.dropout, deterministic=not train)(h)
        return last_layers(h, self.last, self.classes, dtype=at_least_float32(self.dtype))
