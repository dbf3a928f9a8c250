"""What the metrics of a call say about its updates: which were skipped, and why."""

import numpy as np

from jaxgan.core import NORMS

Metrics = dict[str, np.ndarray]
"""Metrics by name, `[..., steps]` each."""


def skipped(metrics: Metrics) -> np.ndarray:
    """Return in which steps a player skipped all of its updates, bool `[..., steps]`."""
    return np.maximum(metrics["d_skipped"], metrics["g_skipped"]) == 1


def streak(is_skipped: np.ndarray, before: int | np.ndarray) -> np.ndarray:
    """Return how many steps in a row were skipped up to now, int `[...]`.

    Args:
        is_skipped: bool `[..., steps]`.
        before: how many in a row were skipped before these steps.
    """
    steps = is_skipped.shape[-1]
    last_good = np.max(np.where(is_skipped, 0, np.arange(1, steps + 1)), axis=-1)
    return np.where(last_good == 0, before + steps, steps - last_good)


def mean(values: np.ndarray) -> np.ndarray:
    """Return the mean over the steps whose value is finite, `[...]`; NaN where none is."""
    good = np.isfinite(values)
    total = np.sum(np.where(good, values, 0), axis=-1)
    with np.errstate(invalid="ignore"):
        return total / good.sum(axis=-1)


def first_fault(metrics: Metrics, first_step: int) -> str:
    """Name the first metric that is not finite, or the gradient, and its step; "" if all are well.

    Args:
        metrics: of a single GAN, `[steps]` each.
        first_step: the number of the first of these steps.
    """
    any_skipped = np.maximum(metrics["d_skipped"], metrics["g_skipped"]) > 0
    if not any_skipped.any():
        return ""
    i = int(np.argmax(any_skipped))
    player = "d" if metrics["d_skipped"][i] else "g"
    named = [f"{player}_loss", *sorted(metrics.keys() - {*NORMS, f"{player}_loss"})]
    for name in named:
        if name.startswith(player) and not np.isfinite(metrics[name][i]):
            return f"{name} is {metrics[name][i]} at step {first_step + i}"
    return f"the gradient of {player.upper()} is not finite at step {first_step + i}"
