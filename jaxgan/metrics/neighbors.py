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
_SIDES = 8, 4  # of the blocks whose sums tell which images are too far away
_TRIED = 16  # images for which a distance is computed before others are ruled out


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
    copy that is shifted by one pixel already seems new. Among uint8 images, L1 distances are first
    bounded by those of the sums over blocks of 8 x 8 and 4 x 4 pixels, which rules out nearly all
    references, unless the images are noise.

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
    if norm == "l1" and queries.ndim == 4 and queries.dtype == references.dtype == np.uint8:
        return _nearest_images(queries, references)
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


def _nearest_images(queries: np.ndarray, references: np.ndarray) -> Neighbors:
    """Find the nearest reference of uint8 images `[N, H, W, C]` by L1, from coarse to fine.

    The distance of the sums over blocks is at most that of the images, so an image whose blocks are
    farther away than another image is not the nearest.
    """
    fine = references.reshape(len(references), -1)
    coarse = [(_block_sums(queries, side), _block_sums(references, side)) for side in _SIDES]
    found = [
        _search_image(query.reshape(-1), fine, [(sums[i], others) for sums, others in coarse])
        for i, query in enumerate(queries)
    ]
    distance, which = zip(*found, strict=True)
    return Neighbors(np.array(distance, np.float64), np.array(which))


def _search_image(
    query: np.ndarray, references: np.ndarray, levels: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[int, int]:
    """Return the distance of the nearest reference and its index, ruling out others by levels."""
    rows, best = np.arange(len(references)), np.inf
    for sums, others in levels:
        bound = _l1(others if len(rows) == len(others) else others[rows], sums)
        tried = np.argpartition(bound, _TRIED)[:_TRIED] if len(bound) > _TRIED else slice(None)
        best = min(best, _l1(references[rows[tried]], query).min())
        rows = rows[bound <= best]
    distance = _l1(references[rows], query)
    return distance.min(), rows[np.argmin(distance)]


def _l1(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the L1 distance of each row, without the overflow of unsigned differences."""
    # In sums of 32 bits where they suffice: they are faster.
    dtype = np.uint32 if rows.shape[1] <= 2**24 else np.int64
    return (np.maximum(rows, query) - np.minimum(rows, query)).sum(axis=1, dtype=dtype)


def _block_sums(images: np.ndarray, side: int) -> np.ndarray:
    """Return the sums over blocks of pixels of each channel, int16 `[N, blocks]`."""
    padding = [(0, 0), *((0, -size % side) for size in images.shape[1:3]), (0, 0)]
    sums = []
    for start in range(0, len(images), _REFERENCES):
        part = np.pad(images[start : start + _REFERENCES], padding)
        n, height, width, channels = part.shape
        blocks = part.reshape(n, height // side, side, width // side, side, channels)
        sums.append(blocks.sum((2, 4), dtype=np.int16).reshape(n, -1))
    return np.concatenate(sums)


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
