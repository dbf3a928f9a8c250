"""Checks of what is to be measured."""

import numpy as np

__all__ = ["MetricError"]


class MetricError(ValueError):
    """Input on which a metric is not defined; the message is one line that says why."""


def check_features(*, of: str = "features", **sets: np.ndarray) -> None:
    """Check that features are matrices of one width, with finite values.

    Args:
        of: what the message calls them, if they are not features.
        **sets: features `[N, width]`, by their names in the message.

    Raises:
        MetricError: if they are not; the message names the set.
    """
    for name, features in sets.items():
        if features.ndim != 2 or 0 in features.shape:
            raise MetricError(f"{name} {of} are {features.shape}; expected [N, width]")
        if np.issubdtype(features.dtype, np.inexact) and not np.isfinite(features).all():
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
