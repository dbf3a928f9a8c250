"""What is refused before anything is computed."""

import numpy as np

__all__ = ["MetricError"]


class MetricError(ValueError):
    """Something cannot be measured on what was given; one line says what and why."""


def check_features(*, of: str = "features", **sets: np.ndarray) -> None:
    """Refuse features that are no matrix, are not finite, or differ in width.

    Args:
        of: what they are called if they are not features.
        **sets: features `[N, width]` by the name they have in the message.

    Raises:
        MetricError: one line that names the set.
    """
    for name, features in sets.items():
        if features.ndim != 2 or 0 in features.shape:
            raise MetricError(f"{name} {of} are {features.shape}; expected [N, width]")
        if np.issubdtype(features.dtype, np.inexact) and not np.isfinite(features).all():
            rows = np.count_nonzero(~np.isfinite(features).all(axis=1))
            raise MetricError(
                f"{rows} of {len(features)} {name} {of} are NaN or infinite; "
                f"look at what they were made of"
            )
    widths = {name: features.shape[1] for name, features in sets.items()}
    if len(set(widths.values())) > 1:
        found = ", ".join(f"{name} {width}" for name, width in widths.items())
        raise MetricError(f"{of} differ in width: {found}; take one network for all of them")


def check_count(name: str, count: int, least: int, why: str) -> None:
    """Refuse too few examples.

    Raises:
        MetricError: one line that says how many there are, and how many are needed.
    """
    if count < least:
        what = f"{count} {name}".rstrip()
        raise MetricError(f"{what} samples are too few {why}; expected at least {least}")
