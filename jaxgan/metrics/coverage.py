"""Quality and variety as separate numbers: samples within the data, and data within the samples.

What is within a set is defined by balls around its examples, each of which extends to the k-th
nearest neighbor.
"""

from functools import cached_property, partial
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
    check_integers(k=k)
    return Balls(real, k).precision_recall(fake, k)


def density_coverage(real: Any, fake: Any, *, k: int = 5) -> DensityCoverage:
    """Compute density and coverage (Naeem et al. 2020, arXiv:2002.09797).

    Density is the mean number of real balls that a fake is in, divided by k. Unlike precision, it
    is not inflated by a single outlier in the data. Coverage is the share of real balls that
    contain a fake. As in the authors' code, what is on the edge of a ball is outside of it, which
    it is not in `precision_recall`.

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
    check_integers(k=k)
    return Balls(real, k).density_coverage(fake, k)


class Balls:
    """Real examples with balls around them, whose radii serve all fakes that are compared.

    Args:
        real: features `[N, width]`.
        k: the farthest neighbor to which balls extend; from 1 to N - 1.

    Raises:
        MetricError: if there are k or fewer examples, or features are not finite.
    """

    def __init__(self, real: Any, k: int):
        self._real = real = as_array("real features", real)
        check_features(real=real)
        check_count("real", len(real), k + 1, f"for {k} neighbors each")
        self._k = k

    @cached_property
    def _distances(self) -> np.ndarray:
        return over_chunks(partial(_nearest_others, k=self._k), self._real, self._real)

    def precision_recall(self, fake: Any, k: int = 3) -> PrecisionRecall:
        """Compare features `[M, width]` as `precision_recall` does."""
        fake = self._checked(fake, k)
        radii = over_chunks(partial(_nearest_others, k=k), fake, fake)[:, -1]
        # `over_chunks` slices one array: the radii are its last column.
        with_radii = np.concatenate([fake.astype(np.float64), radii[:, None]], axis=1)
        within, covered = over_chunks(_within, with_radii, self._real, self._radii(k))
        return PrecisionRecall(float(np.mean(within)), float(np.mean(covered.any(axis=0))))

    def density_coverage(self, fake: Any, k: int = 5) -> DensityCoverage:
        """Compare features `[M, width]` as `density_coverage` does."""
        fake = self._checked(fake, k)
        counts, nearest = over_chunks(_counted, fake, self._real, self._radii(k))
        covered = nearest.min(axis=0) < self._radii(k)
        return DensityCoverage(float(np.mean(counts)) / k, float(np.mean(covered)))

    def _checked(self, fake: Any, k: int) -> np.ndarray:
        fake = as_array("fake features", fake)
        check_features(real=self._real, fake=fake)
        check_count("fake", len(fake), k + 1, f"for {k} neighbors each")
        return fake

    def _radii(self, k: int) -> np.ndarray:
        """Return the squared distance of each example to its k-th nearest neighbor, `[N]`."""
        return self._distances[:, k - 1]


@partial(jax.jit, static_argnames="k")
def _nearest_others(rows: jax.Array, points: jax.Array, k: int) -> jax.Array:
    """Return the squared distances of each row to the k points nearest to it, `[N, k]`, sorted.

    The rows are some of the points; the nearest one is the row itself, and is left out.
    """
    distances = squared_distances(rows, points)
    found = []
    # Taking the nearest away one by one is faster than sorting, or `lax.top_k`, which sorts float64
    # on CPU.
    for _ in range(k):
        nearest = jnp.argmin(distances, axis=1)
        distances = distances.at[jnp.arange(len(rows)), nearest].set(jnp.inf)
        found.append(jnp.min(distances, axis=1))
    return jnp.stack(found, axis=1)


@jax.jit
def _within(fake: jax.Array, real: jax.Array, real_radii: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return which fakes are in a ball of a real example, and which real ones in one of these."""
    features, radii = fake[:, :-1], fake[:, -1:]
    distances = squared_distances(features, real)
    return jnp.any(distances <= real_radii, axis=1), jnp.any(distances <= radii, axis=0)[None]


@jax.jit
def _counted(fake: jax.Array, real: jax.Array, radii: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return how many balls each fake is in, and how near the nearest of them is to each ball."""
    distances = squared_distances(fake, real)
    counts = jnp.sum(distances < radii, axis=1, dtype=jnp.int32)
    return counts, jnp.min(distances, axis=0)[None]
