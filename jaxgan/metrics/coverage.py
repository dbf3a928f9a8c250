"""Quality and variety as separate numbers: samples within the data, and data within the samples.

What is within a set is defined by balls around its examples, each of which extends to the k-th
nearest neighbor.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_integers
from jaxgan.metrics.checks import as_array, check_count, check_features
from jaxgan.metrics.pairs import over_chunks, squared_distances

__all__ = ["DensityCoverage", "PrecisionRecall", "density_coverage", "precision_recall"]


class PrecisionRecall(NamedTuple):
    """Two shares in [0, 1]: of samples that look real, and of real examples that are covered."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """The density of the data around samples (1 for real ones), and a share in [0, 1]."""

    density: float
    coverage: float


def precision_recall(real: Any, fake: Any, *, k: int = 3) -> PrecisionRecall:
    """Compute improved precision and recall (Kynkaanniemi et al. 2019, arXiv:1904.06991).

    Precision is the share of fakes that are in a ball of a real example, and recall the share of
    real examples that are in a ball of a fake. Both depend on the numbers of examples: use equal
    ones.

    Args:
        real: features `[N, width]`.
        fake: features `[M, width]`.
        k: a ball extends to the k-th nearest neighbor; at least 1.

    Returns:
        Both shares.

    Raises:
        ValueError: if `k` is below 1.
        MetricError: if there are k or fewer examples, or features differ in width or are not
            finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import precision_recall
        >>> rng = np.random.default_rng(0)
        >>> real, fake = rng.normal(size=(2, 500, 4))
        >>> precision, recall = precision_recall(real, 0.3 * fake)  # good samples without variety
        >>> round(precision, 2), round(recall, 2)
        (0.99, 0.13)
    """
    real, fake = _checked(real, fake, k)
    precision = np.mean(_balls(real, _radii(real, k), fake) > 0)
    recall = np.mean(_balls(fake, _radii(fake, k), real) > 0)
    return PrecisionRecall(float(precision), float(recall))


def density_coverage(real: Any, fake: Any, *, k: int = 5) -> DensityCoverage:
    """Compute density and coverage (Naeem et al. 2020, arXiv:2002.09797).

    Density is the mean number of real balls that a fake is in, divided by k. Unlike precision, it
    is not inflated by a single outlier in the data. Coverage is the share of real balls that
    contain a fake.

    Args:
        real: features `[N, width]`.
        fake: features `[M, width]`.
        k: a ball extends to the k-th nearest neighbor; at least 1.

    Returns:
        Both; density can exceed 1.

    Raises:
        ValueError: if `k` is below 1.
        MetricError: if there are k or fewer examples, or features differ in width or are not
            finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import density_coverage
        >>> rng = np.random.default_rng(0)
        >>> real, fake = rng.normal(size=(2, 500, 4))
        >>> density, coverage = density_coverage(real, 0.3 * fake)  # good samples without variety
        >>> round(density, 1), round(coverage, 2)
        (1.3, 0.3)
    """
    real, fake = _checked(real, fake, k)
    radii = _radii(real, k)
    density = np.mean(_balls(real, radii, fake)) / k
    coverage = np.mean(over_chunks(_nearest, real, fake) <= radii)
    return DensityCoverage(float(density), float(coverage))


def _checked(real: Any, fake: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    check_integers(k=k)
    real, fake = as_array("real features", real), as_array("fake features", fake)
    check_features(real=real, fake=fake)
    for name, features in ("real", real), ("fake", fake):
        check_count(name, len(features), k + 1, f"for {k} neighbors each")
    return real, fake


def _radii(features: np.ndarray, k: int) -> np.ndarray:
    """Return the squared distance of each example to its k-th nearest neighbor, `[N]`."""
    return over_chunks(partial(_kth_nearest, k=k), features, features)


def _balls(centers: np.ndarray, radii: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return how many balls each point is in, `[M]`."""
    return over_chunks(_balls_around, points, centers, radii)


@partial(jax.jit, static_argnames="k")
def _kth_nearest(rows: jax.Array, points: jax.Array, k: int) -> jax.Array:
    distances = squared_distances(rows, points)
    # The nearest one is the example itself. Taking the k nearest away one by one is faster than
    # sorting, or `lax.top_k`, which sorts float64 on CPU.
    for _ in range(k):
        nearest = jnp.argmin(distances, axis=1)
        distances = distances.at[jnp.arange(len(rows)), nearest].set(jnp.inf)
    return jnp.min(distances, axis=1)


@jax.jit
def _balls_around(rows: jax.Array, centers: jax.Array, radii: jax.Array) -> jax.Array:
    return jnp.sum(squared_distances(rows, centers) <= radii, axis=1)


@jax.jit
def _nearest(rows: jax.Array, points: jax.Array) -> jax.Array:
    return jnp.min(squared_distances(rows, points), axis=1)
