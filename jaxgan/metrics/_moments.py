"""Mean and covariance of features, in float64 and mergeable.

The Frechet distance is a difference of large traces, for which float32 is not enough: products and
sums are computed in float64, on the device, chunk by chunk, and each chunk about its own mean.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_types
from jaxgan.metrics.checks import MetricError, as_array, check_count, check_features

__all__ = ["Moments", "merge", "moments"]

_CHUNK = 4096


class Moments(NamedTuple):
    """The first two moments of a set of features.

    Attributes:
        number: of examples, N.
        mean: float64 `[width]`.
        scatter: sum over examples of (f - mean)(f - mean)^T, float64 `[width, width]`.
    """

    number: int
    mean: np.ndarray
    scatter: np.ndarray

    def covariance(self) -> np.ndarray:
        """Return the unbiased covariance, scatter / (N - 1), float64 `[width, width]`.

        Raises:
            MetricError: if there are fewer than two examples.
        """
        check_count("", self.number, 2, "for a covariance")
        return self.scatter / (self.number - 1)


def moments(features: Any) -> Moments:
    """Compute the mean and scatter of features.

    Args:
        features: `[N, width]`, on the host or on a device; at most 4096 of them are converted to
            float64 at a time.

    Returns:
        The moments, on the host.

    Raises:
        MetricError: if the features are not a matrix, not finite, or too large to be squared.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import moments
        >>> found = moments(np.array([[0.0, 1.0], [2.0, 5.0]]))
        >>> found.number, found.mean.tolist(), found.covariance().tolist()
        (2, [1.0, 3.0], [[2.0, 4.0], [4.0, 8.0]])
    """
    check_features(given=as_array("given features", features))
    features = features if isinstance(features, jax.Array) else np.asarray(features)
    total = None
    for start in range(0, len(features), _CHUNK):
        part = features[start : start + _CHUNK]
        with jax.enable_x64(True):
            mean, scatter = jax.device_get(_of_chunk(jnp.asarray(part, jnp.float64)))
        chunk = Moments(len(part), mean, scatter)
        total = chunk if total is None else merge(total, chunk)
    assert total is not None  # there is at least one example
    check_moments(given=total)
    return total


def merge(a: Moments, b: Moments) -> Moments:
    """Merge the moments of two sets (Chan, Golub, LeVeque 1979, equation 2.1).

        mean = mean_a + d n_b / n,    scatter = scatter_a + scatter_b + d d^T n_a n_b / n,

    where d = mean_b - mean_a. So devices, hosts and chunks can each compute their own moments, and
    `functools.reduce(merge, parts)` returns those of all examples.

    Args:
        a: moments of one set.
        b: moments of the other, of the same width.

    Returns:
        The moments of the union.

    Raises:
        TypeError: if one of them is no `Moments`.
        MetricError: if they differ in width, are not finite, or too far apart to be squared.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import merge, moments
        >>> features = np.random.default_rng(0).normal(size=(100, 8))
        >>> parts = merge(moments(features[:30]), moments(features[30:]))
        >>> parts.number, np.allclose(parts.scatter, moments(features).scatter)
        (100, True)
    """
    check_moments(first=a, second=b)
    count = a.number + b.number
    with np.errstate(over="ignore", invalid="ignore"):
        difference = b.mean - a.mean
        between = np.outer(difference, difference) * (a.number * b.number / count)
        merged = Moments(
            count, a.mean + difference * (b.number / count), a.scatter + b.scatter + between
        )
    check_moments(merged=merged)
    return merged


def check_moments(**given: Moments) -> None:
    """Check that moments are finite, and of features of one width.

    Raises:
        TypeError: if they are no `Moments`.
        MetricError: if they are not.
    """
    for name, one in given.items():
        check_types(Moments, **{name: one})
        mean, scatter = np.asarray(one.mean), np.asarray(one.scatter)
        if mean.ndim != 1 or scatter.shape != 2 * mean.shape or not one.number >= 1:
            raise MetricError(
                f"{name} moments are of {one.number} examples, mean {mean.shape} and scatter "
                f"{scatter.shape}; expected at least one, [width] and [width, width]"
            )
        if not (np.isfinite(mean).all() and np.isfinite(scatter).all()):
            raise MetricError(
                f"{name} moments are NaN or infinite; expected finite ones: look at what they were "
                f"computed from"
            )
    widths = [len(one.mean) for one in given.values()]
    if len(set(widths)) > 1:
        raise MetricError(
            f"features differ in width: {' and '.join(map(str, widths))}; "
            f"compute all of them with one network"
        )


@jax.jit
def _of_chunk(features: jax.Array) -> tuple[jax.Array, jax.Array]:
    mean = jnp.mean(features, axis=0)
    centered = features - mean
    return mean, centered.T @ centered
