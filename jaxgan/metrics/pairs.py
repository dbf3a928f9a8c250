"""Computations on all pairs of two sets, in slices, so that no N x M matrix is in memory."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan._checks import check_array, check_integers

__all__ = ["over_chunks", "squared_distances"]

_CHUNK = 1000


def squared_distances(a: jax.Array, b: jax.Array) -> jax.Array:
    """Return |a_i - b_j|^2, `[N, M]`, for a `[N, width]` and b `[M, width]`.

    In float64 it is exact for integers.

    Raises:
        ValueError: if a or b is no matrix, or their widths differ.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics.pairs import squared_distances
        >>> squared_distances(jnp.array([[0.0, 0.0]]), jnp.array([[3.0, 4.0], [1.0, 0.0]])).tolist()
        [[25.0, 1.0]]
    """
    check_array("a", a, "[N, width]", "numbers")
    check_array("b", b, f"[M, {a.shape[1]}]", "numbers")
    products = jnp.matmul(a, b.T, precision=lax.Precision.HIGHEST)
    return jnp.maximum(jnp.sum(a * a, 1)[:, None] + jnp.sum(b * b, 1) - 2 * products, 0)


def over_chunks(function: Callable, rows: Any, *others: Any, chunk: int = _CHUNK) -> Any:
    """Compute `function(rows, *others)` in float64, some rows at a time.

    Args:
        function: compiled; returns arrays whose first axis is that of the rows.
        rows: `[N, ...]`.
        *others: float arrays, which are passed to each call whole.
        chunk: number of rows in a call.

    Returns:
        The results for all rows, on the host.

    Raises:
        ValueError: if there are no rows, or `chunk` is below 1.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics.pairs import over_chunks
        >>> add = jax.jit(lambda rows, offset: rows + offset)
        >>> over_chunks(add, jnp.arange(5), jnp.ones(1), chunk=2).tolist()
        [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    check_integers(chunk=chunk)
    check_array("rows", rows, "[N, ...]", "numbers")
    with jax.enable_x64(True):
        others = tuple(jnp.asarray(other, jnp.float64) for other in others)
        parts = [
            jax.device_get(function(jnp.asarray(rows[i : i + chunk], jnp.float64), *others))
            for i in range(0, len(rows), chunk)
        ]
    return jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
