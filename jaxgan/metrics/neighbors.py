"""Nearest neighbors, to detect memorized training examples."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan.metrics.checks import MetricError, as_array, check_features, check_result
from jaxgan.metrics.pairs import over_chunks, squared_distances

__all__ = ["Neighbors", "nearest"]

# How much is in memory as float64 at a time: whole data sets of images would not fit.
_QUERIES, _REFERENCES = 256, 10_000


class Neighbors(NamedTuple):
    """The nearest reference of each query.

    Attributes:
        distance: float64 `[N]`.
        which: int `[N]`, the index of that reference.
    """

    distance: np.ndarray
    which: np.ndarray


def nearest(queries: Any, references: Any, *, norm: str = "l2") -> Neighbors:
    """Find the nearest reference of each query.

        l1: sum |q - r|,    l2: (sum (q - r)^2)^(1/2)

    The search is exact, and the distance of a copy is 0. Compare pixels and features: in pixels, a
    copy that is shifted by one pixel already seems new.

    Args:
        queries: `[N, ...]`, images or features.
        references: `[M, ...]`, likewise.
        norm: "l1" or "l2".

    Returns:
        Distances, in the unit of the values, and indices.

    Raises:
        MetricError: if the norm is another one, values are not finite or too large to be squared,
            or shapes differ.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import nearest
        >>> distance, which = nearest(np.array([[3.0, 4.0]]), np.array([[9.0, 9.0], [0.0, 0.0]]))
        >>> distance.tolist(), which.tolist()
        ([5.0], [1])
    """
    if norm not in ("l1", "l2"):
        raise MetricError(f"there is no norm {norm!r}; choose l1 or l2")
    queries, references = as_array("queries", queries), as_array("references", references)
    for name, given in ("queries", queries), ("references", references):
        if not given.ndim or 0 in given.shape:
            raise MetricError(f"{name} are of shape {given.shape}; expected [N, ...], not empty")
    if queries.shape[1:] != references.shape[1:]:
        raise MetricError(
            f"queries are {queries.shape[1:]} and references {references.shape[1:]}; "
            f"expected one shape"
        )
    queries, references = (a.reshape(len(a), -1) for a in (queries, references))
    check_features(query=queries, reference=references, of="values")
    search = _nearest_l1 if norm == "l1" else _nearest_l2
    found = None
    for start in range(0, len(references), _REFERENCES):
        part = references[start : start + _REFERENCES]
        distance, which = over_chunks(search, queries, part, chunk=_QUERIES)
        new = Neighbors(distance, which + start)
        found = new if found is None else _nearer(found, new)
    assert found is not None  # there is at least one reference
    check_result("largest distance", found.distance.max())
    return found


def _nearer(a: Neighbors, b: Neighbors) -> Neighbors:
    closer = b.distance < a.distance
    return Neighbors(*(np.where(closer, y, x) for x, y in zip(a, b, strict=True)))


@jax.jit
def _nearest_l2(queries: jax.Array, references: jax.Array) -> tuple[jax.Array, jax.Array]:
    distances = squared_distances(queries, references)
    index = jnp.argmin(distances, axis=1)
    # Computed again from the difference: a difference of two large products is not exact.
    difference = queries - references[index]
    return jnp.sqrt(jnp.sum(difference * difference, axis=1)), index


@jax.jit
def _nearest_l1(queries: jax.Array, references: jax.Array) -> tuple[jax.Array, jax.Array]:
    def one(query):
        distances = jnp.sum(jnp.abs(references - query), axis=1)
        index = jnp.argmin(distances)
        return distances[index], index

    return lax.map(one, queries)
