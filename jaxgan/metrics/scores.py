"""Scores by a classifier: how clear and varied samples are, and which classes occur."""

from typing import Any

import numpy as np

from jaxgan._checks import check_integers
from jaxgan.metrics.checks import as_array, check_count, check_features
from jaxgan.metrics.distances import Estimate

__all__ = ["class_shares", "classifier_score"]


def classifier_score(logits: Any, *, splits: int = 10) -> Estimate:
    """Compute the classifier score (Salimans et al. 2016, arXiv:1606.03498).

        exp(mean KL(p(y | x) || p(y)))

    It is high if each sample is clearly of one class and all classes occur. It is blind to modes
    that are lost within a class, and to copies of the data. It is called Inception score if the
    classifier is that of the FID Inception network.

    Args:
        logits: `[N, classes]`.
        splits: number of parts, of N / splits samples each, for which the score is computed. The
            samples are shuffled before, always in the same way: sorted by class, as they may come,
            parts would have few classes.

    Returns:
        Mean and standard deviation over the parts, in [1, classes].

    Raises:
        ValueError: if `splits` is below 1.
        MetricError: if there are fewer samples than parts, or logits are not finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import classifier_score
        >>> logits = 100 * np.eye(4)[np.arange(40) % 4]  # all sure, and all 4 classes equally often
        >>> round(classifier_score(logits, splits=1).value, 2)
        4.0
    """
    check_integers(splits=splits)
    logits = as_array("given logits", logits).astype(np.float64)
    check_features(given=logits, of="logits")
    check_count("", len(logits), splits, f"for {splits} parts")
    with np.errstate(over="ignore"):  # what is infinitely less likely has the probability 0
        log_p = logits - logits.max(axis=1, keepdims=True)
    log_p = np.maximum(log_p, np.finfo(np.float64).min)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    scores = []
    shuffled = log_p[np.random.default_rng(0).permutation(len(log_p))]
    for part in np.array_split(shuffled, splits):
        p = np.exp(part)
        # A class that never occurs has p = 0 in every row, and contributes nothing.
        log_mean = np.log(np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny))
        scores.append(np.exp(np.mean(np.sum(p * (part - log_mean), axis=1))))
    return Estimate(float(np.mean(scores)), float(np.std(scores)))


def class_shares(logits: Any) -> np.ndarray:
    """Return how often each class is the most likely one.

    Args:
        logits: `[N, classes]`.

    Returns:
        float64 `[classes]`, with the sum 1.

    Raises:
        MetricError: if logits are not a matrix, or not finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import class_shares
        >>> class_shares(np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])).tolist()
        [0.75, 0.25]
    """
    logits = as_array("given logits", logits)
    check_features(given=logits, of="logits")
    return np.bincount(logits.argmax(axis=1), minlength=logits.shape[1]) / len(logits)
