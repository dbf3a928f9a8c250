"""Labels in residual networks: scales and shifts in G, an inner product in D."""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan._checks import check_array
from jaxgan.models.layers import (
    BatchNorm,
    Initializer,
    Module,
    at_least_float32,
    check_label,
    small_normal,
)

__all__ = ["ConditionalBatchNorm", "Projection", "normalize"]


class ConditionalBatchNorm(Module):
    """Batch normalization whose scale and shift depend on a condition (arXiv:1707.00683).

        (1 + V c) * (x - mean) / std + U c

    With one-hot labels c, V and U are tables with one row per class.

    Attributes:
        train: whether to use the statistics of the batch and update the running ones.
        axis_name: device axis to average the statistics over, as in `layers.BatchNorm`.
        kernel_init: initializer of V and U.
        dtype: type of the output; statistics are always float32.
    """

    train: bool
    axis_name: str | None = None
    # Not zero, because spectral norm, if G has it, divides by the norm of these weights.
    kernel_init: Initializer = small_normal
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, condition: Array) -> Array:
        """Normalize `[B, H, W, C]`, given conditions `[B, N]`."""
        dense = partial(
            nn.Dense, x.shape[-1], use_bias=False, kernel_init=self.kernel_init, dtype=self.dtype
        )
        scale = 1 + dense(name="scale")(condition)
        shift = dense(name="shift")(condition)
        x = nn.BatchNorm(
            use_running_average=not self.train,
            momentum=0.9,
            epsilon=1e-5,
            use_scale=False,
            use_bias=False,
            axis_name=self.axis_name,
            dtype=self.dtype,
        )(x)
        return x * scale[:, None, None] + shift[:, None, None]


def normalize(
    x: Array,
    condition: Array | None,
    *,
    train: bool,
    axis_name: str | None = None,
    kernel_init: Initializer = small_normal,
    dtype: Any = None,
) -> Array:
    """Apply batch normalization inside a module, conditional if there is a condition.

    Args:
        x: `[B, H, W, C]`.
        condition: `[B, N]`, or None.
        train: as in `ConditionalBatchNorm`.
        axis_name: as in `ConditionalBatchNorm`.
        kernel_init: as in `ConditionalBatchNorm`.
        dtype: type of the output; statistics are always float32.

    Returns:
        `[B, H, W, C]`.

    Raises:
        ValueError: if x is not `[B, H, W, C]`, or the condition not `[B, N]`.

    Example:
        >>> import flax.linen as nn
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.conditional import normalize
        >>> class Block(nn.Module):
        ...     @nn.compact
        ...     def __call__(self, x, condition):
        ...         return nn.relu(normalize(x, condition, train=True))
        >>> x, condition = jnp.zeros((8, 4, 4, 16)), jnp.zeros((8, 10))
        >>> init = lambda key: Block().init_with_output(key, x, condition)
        >>> y, variables = jax.eval_shape(init, jax.random.key(0))
        >>> y.shape, variables["params"]["ConditionalBatchNorm_0"]["scale"]["kernel"].shape
        ((8, 4, 4, 16), (10, 16))
    """
    check_array("x", x, "[B, H, W, C]")
    if condition is not None:
        check_array("condition", condition, f"[{x.shape[0]}, N]")
    if condition is None:
        return BatchNorm(train=train, axis_name=axis_name, dtype=dtype)(x)
    return ConditionalBatchNorm(train, axis_name, kernel_init, dtype=dtype)(x, condition)


class Projection(Module):
    """The head of the projection discriminator (Miyato and Koyama 2018, arXiv:1802.05637).

        logit(h, y) = w h + b + <embedding(y), h>

    Attributes:
        num_classes: number of classes; None for a head without labels.
        kernel_init: initializer of w and of the embedding.
        dtype: type of the computation, at least float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import conditional
        >>> network = conditional.Projection(num_classes=10)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64)), jnp.zeros(8, int))
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0))
        >>> logits.shape, variables["params"]["embedding"]["kernel"].shape
        ((8,), (10, 64))
    """

    num_classes: int | None = None
    kernel_init: Initializer = nn.initializers.xavier_uniform()
    dtype: Any = None

    @nn.compact
    def __call__(self, h: Array, y: Array | None = None) -> Array:
        """Map features `[B, N]` and labels `[B]` to logits `[B]`."""
        check_array("h", h, "[B, N]")
        check_label(y, self.num_classes)
        dense = partial(nn.Dense, kernel_init=self.kernel_init, dtype=at_least_float32(self.dtype))
        logits = dense(1, name="score")(h).squeeze(-1)
        if self.num_classes is None:
            return logits
        embed = dense(h.shape[-1], use_bias=False, name="embedding")
        embedding = embed(jax.nn.one_hot(y, self.num_classes))
        return logits + jnp.sum(embedding * h, axis=-1)
