"""Distances between the distributions of two sets of features."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging
from jax import lax

from jaxgan._checks import check_integers
from jaxgan.metrics._moments import Moments, check_moments
from jaxgan.metrics.checks import as_array, check_count, check_features, check_result

__all__ = ["Estimate", "frechet_distance", "kernel_distance"]

_SUBSET = 1000  # examples, as torch-fidelity takes
_BLOCKS = 4  # of examples, each of which is compared with itself and those after it


class Estimate(NamedTuple):
    """An estimate with its uncertainty.

    Attributes:
        value: mean over parts of the samples.
        spread: standard deviation over these parts.
    """

    value: float
    spread: float


def frechet_distance(a: Moments, b: Moments) -> float:
    """Compute the Frechet distance of two Gaussians (Heusel et al. 2017, arXiv:1706.08500).

        |mean_a - mean_b|^2 + tr(S_a) + tr(S_b) - 2 tr((S_a S_b)^(1/2))

    It is called FID only if the features are those of the FID Inception network. It is biased: it
    decreases as the number of samples grows, so compare values for equal numbers only.

    The trace of the square root is computed from the eigenvalues of the symmetric matrix
    S_a^(1/2) S_b S_a^(1/2), so it is real whatever the rank.

    Args:
        a: moments of one set of features.
        b: moments of the other.

    Returns:
        The distance, at least 0 up to rounding.

    Raises:
        TypeError: if one of them is no `Moments`.
        MetricError: if the widths differ, or one has fewer than width + 1 examples, which makes
            its covariance singular, or they are not finite or too large to be squared.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import frechet_distance, moments
        >>> real = np.random.default_rng(0).normal(size=(500, 4))
        >>> round(frechet_distance(moments(real), moments(real + 1)), 6)  # 1 along each axis
        4.0
    """
    check_moments(first=a, second=b)
    width = len(a.mean)
    for one in a, b:
        check_count("", one.number, width + 1, f"for the covariance of {width} features")
    s_a, s_b = a.covariance(), b.covariance()
    values, vectors = np.linalg.eigh(s_a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    difference = a.mean - b.mean
    with np.errstate(over="ignore", invalid="ignore"):
        product, apart = root @ s_b @ root, difference @ difference
    check_result("Frechet distance", apart + np.abs(product).max())
    trace_of_root = np.sum(np.sqrt(np.maximum(np.linalg.eigvalsh(product), 0)))
    return check_result(
        "Frechet distance", apart + np.trace(s_a) + np.trace(s_b) - 2 * trace_of_root
    )


def kernel_distance(
    a: Any, b: Any, *, subsets: int = 100, subset_size: int | None = None, seed: int = 2020
) -> Estimate:
    """Compute the kernel distance (Binkowski et al. 2018, arXiv:1801.01401).

        mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i, j} k(a_i, b_j)

    with k(x, y) = (x.y / width + 1)^3: the unbiased estimate of the squared maximum mean
    discrepancy (MMD). It is called KID if the features are those of the FID Inception network.
    Unlike that of the Frechet distance, its expectation does not depend on the number of samples;
    it can be negative. Subsets are drawn as torch-fidelity draws them, so the numbers agree.

    Args:
        a: features `[N, width]`.
        b: features `[M, width]`.
        subsets: how many pairs of subsets are compared.
        subset_size: examples in each, at least 2; None for 1000, or for as many as the smaller set
            has, which is logged as a warning.
        seed: of the choice of subsets.

    Returns:
        Mean and standard deviation over the subsets.

    Raises:
        ValueError: if `subsets`, `subset_size` or `seed` is out of range.
        MetricError: if there are fewer than two examples, or fewer than a given `subset_size`, or
            features differ in width, are not finite, or are too large for their sixth powers.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import kernel_distance
        >>> real, fake = np.random.default_rng(0).normal(size=(2, 500, 4))
        >>> alike = kernel_distance(real, fake, subsets=10, subset_size=100)
        >>> shifted = kernel_distance(real, fake + 1, subsets=10, subset_size=100)
        >>> round(alike.value, 1), round(shifted.value, 1)
        (-0.1, 9.8)
    """
    check_integers(subsets=subsets)
    if subset_size is not None:
        check_integers(2, subset_size=subset_size)
    check_integers(0, seed=seed)
    a, b = as_array("first features", a), as_array("second features", b)
    check_features(first=a, second=b)
    if subset_size is None:
        subset_size = max(2, min(_SUBSET, len(a), len(b)))
        if subset_size < _SUBSET:
            logging.warning("the kernel distance is that of subsets of %d examples", subset_size)
    for features in a, b:
        check_count("", len(features), subset_size, f"for subsets of {subset_size}")
    random = np.random.RandomState(seed)
    chosen = [
        [random.choice(len(features), subset_size, replace=False) for features in (a, b)]
        for _ in range(subsets)
    ]
    with jax.enable_x64(True):
        values = np.asarray(_discrepancies(a, b, np.asarray(chosen, np.int32)))
    with np.errstate(over="ignore", invalid="ignore"):
        value, spread = values.mean(), values.std()
    return Estimate(
        check_result("kernel distance", value),
        check_result("spread of the kernel distance", spread),
    )


@jax.jit
def _discrepancies(a: jax.Array, b: jax.Array, chosen: jax.Array) -> jax.Array:
    def one(rows):
        x, y = a[rows[0]].astype(jnp.float64), b[rows[1]].astype(jnp.float64)
        return _mean_of_pairs(x) + _mean_of_pairs(y) - 2 * jnp.mean(_kernel(x, y))

    return lax.map(one, chosen)


def _kernel(x: jax.Array, y: jax.Array) -> jax.Array:
    # By default, some devices multiply in lower precision than that of the numbers.
    products = partial(jnp.matmul, precision=lax.Precision.HIGHEST)(x, y.T)
    return (products / x.shape[1] + 1) ** 3


def _mean_of_pairs(x: jax.Array) -> jax.Array:
    """Return the mean kernel of two different examples; most pairs are computed only once."""
    count, total = len(x), jnp.zeros((), x.dtype)
    block = -(-count // _BLOCKS)
    for start in range(0, count, block):
        kernel = _kernel(x[start : start + block], x[start:])
        total += 2 * jnp.sum(kernel) - jnp.sum(kernel[:, : len(kernel)])
    itself = jnp.sum((jnp.sum(jnp.square(x), axis=1) / x.shape[1] + 1) ** 3)
    return (total - itself) / (count * (count - 1))
