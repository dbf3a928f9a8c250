"""Smoothness of interpolations through latent space."""

from typing import Any, NamedTuple

import numpy as np

from jaxgan.metrics.checks import MetricError, as_array, check_features, check_result

__all__ = ["Path", "path_length"]


class Path(NamedTuple):
    """The smoothness of samples along paths through latent space.

    Attributes:
        length: length of a path, divided by the distance of its ends, in features; at least 1.
        jump: the longest step, divided by the mean step; 1 if all are equal.
    """

    length: float
    jump: float


def path_length(features: Any) -> Path:
    """Compute the length of paths through feature space, in finite steps.

        length = mean over paths of  sum_t |f_{t+1} - f_t| / |f_T - f_0|
        jump   = mean over paths of  max_t |f_{t+1} - f_t| / mean_t |f_{t+1} - f_t|

    StyleGAN (arXiv:1812.04948, section 4.1) takes steps of 1e-4, which are invisible in pictures of
    256 levels; these are as long as those of interpolations that people look at. A generator that
    memorizes stands still and then jumps; a smooth one moves a little in every step.

    Args:
        features: `[paths, steps + 1, width]`, of pictures at equal distances along each path.

    Returns:
        The mean length and jump.

    Raises:
        MetricError: if there are fewer than two steps, or features are not finite.

    Example:
        >>> from jaxgan.metrics import path_length
        >>> smooth, jumpy = [[0.0], [1.0], [2.0], [3.0]], [[0.0], [0.0], [3.0], [3.0]]
        >>> path_length([smooth]), path_length([jumpy])
        (Path(length=1.0, jump=1.0), Path(length=1.0, jump=3.0))
    """
    features = as_array("features of paths", features).astype(np.float64)
    if features.ndim != 3 or features.shape[1] < 3 or 0 in features.shape:
        raise MetricError(
            f"features of paths are {features.shape}; expected [paths, 3 or more, width]"
        )
    check_features(given=features.reshape(len(features), -1))
    with np.errstate(over="ignore"):
        steps = np.linalg.norm(np.diff(features, axis=1), axis=-1)
        ends = np.linalg.norm(features[:, -1] - features[:, 0], axis=-1)
        check_result("length of the paths", steps.sum() + ends.sum())
    # Paths that never move do not show smoothness; a generator may draw a single picture.
    moving = ends > 1e-9 * (1 + np.abs(features).max())
    if not moving.any():
        return Path(1.0, 1.0)
    steps, ends = steps[moving], ends[moving]
    return Path(
        float(np.mean(steps.sum(axis=1) / ends)),
        float(np.mean(steps.max(axis=1) / steps.mean(axis=1))),
    )
