"""Parsing of --eval_metrics and --stop_when."""

import math
import re
from typing import NamedTuple

from jaxgan.runs.settings import METRICS, ConfigError


class StopRule(NamedTuple):
    """A rule for when to stop training.

    Attributes:
        metric: name of the metric that has to reach a target; "" for none.
        above: whether the metric has to be at least the target, instead of at most.
        target: the target.
        patience: evaluations to wait for a better one; 0 for no limit.
    """

    metric: str = ""
    above: bool = False
    target: float = math.nan
    patience: int = 0

    def reached(self, value: float) -> bool:
        """Whether a value of the metric reaches the target."""
        return value >= self.target if self.above else value <= self.target


def stop_rule(text: str) -> StopRule:
    """Parse --stop_when: `fid<5`, `modes>8` or `patience=10`.

    Raises:
        ConfigError: it is none of these.
    """
    if not text:
        return StopRule()
    patience = re.fullmatch(r"patience=([1-9]\d*)", text)
    if patience:
        return StopRule(patience=int(patience[1]))
    target = re.fullmatch(r"(\w+)([<>])(\d*\.?\d+(?:e-?\d+)?)", text)
    if target:
        return StopRule(target[1], target[2] == ">", float(target[3]))
    raise ConfigError(
        f"--stop_when={text}: expected a metric and its target, as fid<5 or modes>8, or "
        f"patience=N to stop after N evaluations without a better one"
    )


def chosen_metrics(text: str) -> tuple[str, ...]:
    """Parse --eval_metrics; the result is empty if the data decide.

    Raises:
        ConfigError: there is no such metric.
    """
    chosen = tuple(filter(None, text.split(",")))
    for name in chosen:
        if name not in METRICS:
            raise ConfigError(f"--eval_metrics={name}: choose one of {', '.join(METRICS)}")
    return chosen
