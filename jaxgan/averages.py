"""Running averages of other widths, after the run: the post-hoc EMA of arXiv:2312.02696.

How far a generator's running average should reach back is known when the run is over. An average
by `schedules.power_ema` is linear in the weights of all steps, so a few of those that were stored
on the way, combined, are nearly the average of any other width.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_integers
from jaxgan.schedules import power_of

__all__ = ["Combination", "Snapshot", "combination", "reconstruct"]


class Snapshot(NamedTuple):
    """A running average by `schedules.power_ema`, as it was at a step.

    Attributes:
        step: updates of G so far, at least 1: `state.g.step`.
        sigma: width of the average.
        variables: any pytree of arrays: `state.ema`.
    """

    step: int
    sigma: float
    variables: Any = ()


class Combination(NamedTuple):
    """How snapshots are combined.

    Attributes:
        coefficients: float64 `[snapshots]`, which add up to 1.
        error: what is left of the weights of the steps, as a share of their length.
    """

    coefficients: np.ndarray
    error: float


def combination(snapshots: Sequence[Snapshot], *, sigma: float) -> Combination:
    """Find the combination that weighs the steps most nearly as an average of another width does.

        min_c |sum_i c_i p_i - p|_2,    sum_i c_i = 1,
        p_i(t) = (g_i + 1) t^g_i / T_i^(g_i + 1)  for t in (0, T_i], else 0

    where p is the profile of the wanted average at the newest step. Inner products of profiles have
    a closed form (Karras et al. 2024, arXiv:2312.02696, appendix C). The paper does not ask for a
    sum of 1, with which weights that no longer change stay as they are.

    Snapshots of two widths, such as 0.05 and 0.1, reach those around them with few steps: at 8
    steps, the error is 0.013 for 0.07 and 0.08 for 0.2. With 0.1 alone it is 0.14 and 0.24.

    Args:
        snapshots: at least one; their variables are not looked at.
        sigma: the wanted width, in (0, 0.3].

    Raises:
        ValueError: there are no snapshots, a step is below 1, or a width is out of range.

    Example:
        >>> steps, widths = (200, 400, 600, 800), (0.05, 0.1)
        >>> stored = [averages.Snapshot(step, sigma) for step in steps for sigma in widths]
        >>> found = averages.combination(stored, sigma=0.1)  # it is one of them
        >>> print(abs(found.coefficients).round(3), f"{found.error:.3f}")
        [0. 0. 0. 0. 0. 0. 0. 1.] 0.000
        >>> f"{averages.combination(stored, sigma=0.07).error:.2f}"
        '0.03'
    """
    if not snapshots:
        raise ValueError("snapshots are empty; expected at least one Snapshot")
    for one in snapshots:
        check_integers(step=one.step)
    newest = max(one.step for one in snapshots)
    times = np.array([*(one.step for one in snapshots), newest], float) / newest
    powers = np.array([power_of(width) for width in [*(one.sigma for one in snapshots), sigma]])
    products = _products(times, powers)
    among, wanted = products[:-1, :-1], products[:-1, -1]
    # The stationary point of the Lagrangian; the least of them, where snapshots are too much alike.
    ones = np.ones((len(snapshots), 1))
    system = np.block([[among, ones], [ones.T, np.zeros((1, 1))]])
    coefficients = np.linalg.lstsq(system, np.append(wanted, 1.0), rcond=None)[0][:-1]
    both = np.append(coefficients, -1.0)
    left = max(both @ products @ both, 0.0)
    return Combination(coefficients, float(np.sqrt(left / products[-1, -1])))


def reconstruct(snapshots: Sequence[Snapshot], *, sigma: float) -> Any:
    """Make the running average of another width, at the newest step of the snapshots.

        sum_i c_i variables_i,    c of `combination`

    Args:
        snapshots: at least one, with variables of one structure.
        sigma: the wanted width, in (0, 0.3].

    Returns:
        NumPy arrays like the variables, summed in float64. What is not float, such as a counter, is
        that of the newest snapshot.

    Raises:
        ValueError: as in `combination`, or the snapshots differ in structure.

    Example:
        >>> stored = [
        ...     averages.Snapshot(100, 0.05, {"weight": jnp.float32(1.0)}),
        ...     averages.Snapshot(200, 0.05, {"weight": jnp.float32(1.0)}),
        ... ]
        >>> print(averages.reconstruct(stored, sigma=0.1)["weight"].round(5))
        1.0
    """
    coefficients = combination(snapshots, sigma=sigma).coefficients
    newest = int(np.argmax([one.step for one in snapshots]))

    def combine(*leaves: Any) -> np.ndarray:
        dtype = np.asarray(leaves[newest]).dtype
        if not jnp.issubdtype(dtype, jnp.inexact):
            return np.asarray(leaves[newest])
        parts = zip(coefficients, leaves, strict=True)
        total = sum(weight * np.asarray(leaf, np.float64) for weight, leaf in parts)
        return np.asarray(total, dtype)

    return jax.tree.map(combine, *(one.variables for one in snapshots))


def _products(times: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """Integrate the product of each pair of profiles.

        (g + 1) (h + 1) / (g + h + 1) S^h / T^(h + 1),    S <= T,

    where g is of the one that ends at S, and h of the one that ends at T.
    """
    earlier = times[:, None] <= times
    first, last = np.minimum(times[:, None], times), np.maximum(times[:, None], times)
    of_last = np.where(earlier, powers, powers[:, None])
    scale = (powers + 1) * (powers[:, None] + 1) / (powers + powers[:, None] + 1)
    return scale * (first / last) ** of_last / last
