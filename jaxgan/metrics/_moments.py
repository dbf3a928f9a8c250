"""Mean and covariance of features, exact enough to subtract, and mergeable.

The Frechet distance subtracts large traces from each other, so float32 is not enough: products and
sums are taken in float64, on the device, chunk by chunk, and each chunk around its own mean.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.metrics.checks import check_count, check_features

__all__ = ["Moments", "merge", "moments"]

_CHUNK = 4096


class Moments(NamedTuple):
    """What is kept of a set of features.

    Attributes:
        number: of examples, N.
        mean: float64 `[width]`.
        scatter: sum over examples of (f - mean)(f - mean)^T, float64 `[width, width]`.
    """

    number: int
    mean: np.ndarray
    scatter: np.ndarray

    def covariance(self) -> np.ndarray:
        """The unbiased covariance, scatter / (N - 1), float64 `[width, width]`.

        Raises:
            MetricError: there are fewer than two examples.
        """
        check_count("", self.number, 2, "for a covariance")
        return self.scatter / (self.number - 1)


def moments(features: Any) -> Moments:
    """Mean and scatter of features.

    Args:
        features: `[N, width]`, on the host or on a device; at most 4096 of them are turned into
            float64 at a time.

    Returns:
        The moments, on the host.

    Raises:
        MetricError: not a matrix, or not finite.
    """
    check_features(given=np.asarray(features))
    total = None
    for start in range(0, len(features), _CHUNK):
        part = features[start : start + _CHUNK]
        with jax.enable_x64(True):
            mean, scatter = jax.device_get(_of_chunk(jnp.asarray(part, jnp.float64)))
        chunk = Moments(len(part), mean, scatter)
        total = chunk if total is None else merge(total, chunk)
    assert total is not None  # there is at least one example
    return total


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of both sets together (Chan, Golub, LeVeque 1979, equation 2.1).

        mean = mean_a + d n_b / n,    scatter = scatter_a + scatter_b + d d^T n_a n_b / n,

    where d = mean_b - mean_a. So devices, hosts and chunks may each take their own, and
    `functools.reduce(merge, parts)` is that of all.
    """
    count = a.number + b.number
    difference = b.mean - a.mean
    return Moments(
        count,
        a.mean + difference * (b.number / count),
        a.scatter + b.scatter + np.outer(difference, difference) * (a.number * b.number / count),
    )


@jax.jit
def _of_chunk(features: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean = jnp.mean(features, axis=0)
    centred = features - mean
    return mean, centred.T @ centred
