"""All pairs of two sets, a slice at a time, so that no N x M matrix is ever whole."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

__all__ = ["over_chunks", "squared_distances"]

_CHUNK = 1000


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """|a_i - b_j|^2, `[N, M]`, of `[N, width]` and `[M, width]`; exact for integers in float64.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics.pairs import squared_distances
        >>> squared_distances(jnp.array([[0.0, 0.0]]), jnp.array([[3.0, 4.0], [1.0, 0.0]])).tolist()
        [[25.0, 1.0]]
    """
    products = jnp.matmul(a, b.T, precision=lax.Precision.HIGHEST)
    return jnp.maximum(jnp.sum(a * a, 1)[:, None] + jnp.sum(b * b, 1) - 2 * products, 0)


def over_chunks(function: Callable, rows: Any, *others: Any, chunk: int = _CHUNK) -> Any:
    """`function(rows, *others)` in float64, for so many rows at a time; the result on the host.

    Args:
        function: compiled; gives arrays whose first axis is that of the rows.
        rows: `[N, ...]`.
        *others: float arrays that each call is given whole.
        chunk: rows in a call.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics.pairs import over_chunks
        >>> add = jax.jit(lambda rows, offset: rows + offset)
        >>> over_chunks(add, jnp.arange(5), jnp.ones(1), chunk=2).tolist()
        [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    with jax.enable_x64(True):
        others = tuple(jnp.asarray(other, jnp.float64) for other in others)
        parts = [
            jax.device_get(function(jnp.asarray(rows[i : i + chunk], jnp.float64), *others))
            for i in range(0, len(rows), chunk)
        ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
