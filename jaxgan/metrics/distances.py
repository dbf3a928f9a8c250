"""How far two sets of features are from each other, as distributions."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan.metrics._moments import Moments
from jaxgan.metrics.checks import MetricError, check_count, check_features

__all__ = ["Estimate", "frechet_distance", "kernel_distance"]


class Estimate(NamedTuple):
    """A number with its uncertainty.

    Attributes:
        value: mean over parts of the samples.
        spread: standard deviation over these parts.
    """

    value: float
    spread: float


def frechet_distance(a: Moments, b: Moments) -> float:
    """Frechet distance of two Gaussians with these moments (Heusel et al. 2017, arXiv:1706.08500).

        |mean_a - mean_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2))

    It is called FID if the features are those of the FID Inception network, and only then. It is
    biased: it falls as the number of samples grows, so compare at equal numbers.

    The trace of the root is the sum of the roots of the eigenvalues of the symmetric matrix
    S_a^(1/2) S_b S_a^(1/2), so that it is real whatever the rank.

    Args:
        a: moments of one set of features.
        b: moments of the other.

    Returns:
        At least 0, up to rounding.

    Raises:
        MetricError: fewer than width + 1 examples in one of them, with which a covariance is
            singular, or different widths.
    """
    if a.mean.shape != b.mean.shape:
        raise MetricError(
            f"features differ in width: {len(a.mean)} and {len(b.mean)}; "
            f"take one network for all of them"
        )
    width = len(a.mean)
    for one in a, b:
        check_count("", one.number, width + 1, f"for the covariance of {width} features")
    s_a, s_b = a.covariance(), b.covariance()
    values, vectors = np.linalg.eigh(s_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    trace_of_root = np.sum(np.sqrt(np.maximum(np.linalg.eigvalsh(root @ s_b @ root), 0)))
    difference = a.mean - b.mean
    return float(difference @ difference + np.trace(s_a) + np.trace(s_b) - 2 * trace_of_root)


def kernel_distance(
    a: Any, b: Any, *, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> Estimate:
    """Unbiased squared MMD with k(x, y) = (x.y / width + 1)^3 (Binkowski 2018, arXiv:1801.01401).

        mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i, j} k(a_i, b_j)

    It is called KID if the features are those of the FID Inception network. Unlike the Frechet
    distance it does not depend on the number of samples but in its noise; it may be negative.
    Subsets are drawn as torch-fidelity draws them, so that numbers agree.

    Args:
        a: features `[N, width]`.
        b: features `[M, width]`.
        subsets: how many pairs of subsets are compared.
        subset_size: examples in each, at least 2.
        seed: of the choice of subsets.

    Returns:
        Mean and standard deviation over the subsets.

    Raises:
        MetricError: fewer examples than a subset has, different widths, or features that are not
            finite.
    """
    a, b = np.asarray(a), np.asarray(b)
    check_features(first=a, second=b)
    for features in a, b:
        check_count("", len(features), subset_size, f"for subsets of {subset_size}")
    random = np.random.RandomState(seed)
    chosen = [
        [random.choice(len(features), subset_size, replace=False) for features in (a, b)]
        for _ in range(subsets)
    ]
    with jax.enable_x64(True):
        values = np.asarray(_discrepancies(a, b, np.asarray(chosen, np.int32)))
    return Estimate(float(values.mean()), float(values.std()))


@jax.jit
def _discrepancies(a: jax.Array, b: jax.Array, chosen: jax.Array) -> jax.Array:
    def one(rows):
        x, y = a[rows[0]].astype(jnp.float64), b[rows[1]].astype(jnp.float64)
        return _mean_of_pairs(x) + _mean_of_pairs(y) - 2 * jnp.mean(_kernel(x, y))

    return lax.map(one, chosen)


def _kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    # A device may otherwise multiply with fewer bits than the numbers have.
    products = partial(jnp.matmul, precision=lax.Precision.HIGHEST)(x, y.T)
    return (products / x.shape[1] + 1) ** 3


def _mean_of_pairs(x: jax.Array) -> jax.Array:
    count = len(x)
    kernel = _kernel(x, x)
    return (jnp.sum(kernel) - jnp.trace(kernel)) / (count * (count - 1))
