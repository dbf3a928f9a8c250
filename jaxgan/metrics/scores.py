"""What a classifier says of samples: how clear and how varied they are, and which classes occur."""

from typing import Any

import numpy as np

from jaxgan.metrics.checks import check_count, check_features
from jaxgan.metrics.distances import Estimate

__all__ = ["class_shares", "classifier_score"]


def classifier_score(logits: Any, *, splits: int = 10) -> Estimate:
    """Exponential of the mean KL(p(y | x) || p(y)) (Salimans et al. 2016, arXiv:1606.03498).

    It is high if each sample is clearly of one class, and all classes occur; it does not see modes
    lost within a class, nor copies of the data. It is called Inception Score if the classifier is
    that of the FID Inception network.

    Args:
        logits: `[N, classes]`.
        splits: parts of N / splits samples each, of which the score is taken and averaged.

    Returns:
        Mean and standard deviation over the parts, in [1, classes].

    Raises:
        MetricError: fewer samples than parts, or logits that are not finite.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import classifier_score
        >>> logits = 100 * np.eye(4)[np.arange(40) % 4]  # all sure, and all 4 classes equally often
        >>> round(classifier_score(logits, splits=10).value, 2)
        4.0
    """
    logits = np.asarray(logits, np.float64)
    check_features(given=logits, of="logits")
    check_count("", len(logits), splits, f"for {splits} parts")
    log_p = logits - logits.max(axis=1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    scores = []
    for part in np.array_split(log_p, splits):
        p = np.exp(part)
        # A class without any share has p = 0 in every row, and contributes nothing.
        log_mean = np.log(np.maximum(p.mean(axis=0), np.finfo(np.float64).tiny))
        scores.append(np.exp(np.mean(np.sum(p * (part - log_mean), axis=1))))
    return Estimate(float(np.mean(scores)), float(np.std(scores)))


def class_shares(logits: Any) -> np.ndarray:
    """How often each class is the most likely one, `[classes]`, summing to 1.

    Args:
        logits: `[N, classes]`.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics import class_shares
        >>> class_shares(np.array([[2.0, 1.0], [0.0, 3.0], [5.0, 4.0], [1.0, 0.0]])).tolist()
        [0.75, 0.25]
    """
    logits = np.asarray(logits)
    return np.bincount(logits.argmax(axis=1), minlength=logits.shape[1]) / len(logits)
