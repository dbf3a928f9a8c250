"""Checks of what is to be measured."""

from typing import Any

import jax.numpy as jnp
import numpy as np

__all__ = ["MetricError"]


class MetricError(ValueError):
    """Input on which a metric is not defined; the message is one line that says why."""


def as_array(name: str, values: Any) -> np.ndarray:
    """Return real numbers as an array on the host.

    Raises:
        MetricError: if they are none, such as rows of different lengths.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise MetricError(f"{name} cannot be made an array: {error}") from error
    if not any(jnp.issubdtype(array.dtype, one) for one in (jnp.floating, jnp.integer, jnp.bool_)):
        raise MetricError(f"{name} are {array.dtype} {array.shape}; expected real numbers")
    return array


def check_result(name: str, value: float) -> float:
    """Return a result, which is not finite only if the squares of the input are too large.

    Raises:
        MetricError: if it is not finite.
    """
    if not np.isfinite(value):
        raise MetricError(
            f"the {name} is {value}: features are too large for float64; expected smaller ones: "
            f"look at what they were computed from"
        )
    return float(value)


def check_features(*, of: str = "features", **sets: np.ndarray) -> None:
    """Check that features are matrices of one width, with finite values.

    Args:
        of: what the message calls them, if they are not features.
        **sets: features `[N, width]`, by their names in the message.

    Raises:
        MetricError: if they are not; the message names the set.
    """
    for name, features in sets.items():
        as_array(f"{name} {of}", features)
        if features.ndim != 2 or 0 in features.shape:
            raise MetricError(f"{name} {of} are {features.shape}; expected [N, width]")
        if jnp.issubdtype(features.dtype, jnp.inexact) and not np.isfinite(features).all():
            rows = np.count_nonzero(~np.isfinite(features).all(axis=1))
            raise MetricError(
                f"{rows} of {len(features)} {name} {of} are NaN or infinite; "
                f"expected finite ones: look at what they were computed from"
            )
    widths = {name: features.shape[1] for name, features in sets.items()}
    if len(set(widths.values())) > 1:
        found = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise MetricError(f"{of} differ in width: {found}; compute all of them with one network")


def check_count(name: str, count: int, least: int, why: str) -> None:
    """Check that there are enough examples.

    Raises:
        MetricError: if there are not; the message says how many there are and how many are needed.
    """
    if count < least:
        what = f"{count} {name}".rstrip()
        raise MetricError(f"{what} samples are too few {why}; expected at least {least}")
