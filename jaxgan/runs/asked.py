"""The samples that a command asks for: each has a seed, a number and perhaps a class."""

import re
from typing import NamedTuple

import numpy as np

from jaxgan.runs.config import Config
from jaxgan.runs.settings import ConfigError, largest
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import VARIANTS

_MOST_SEEDS = 10_000_000


class Asked(NamedTuple):
    """Samples that are asked for; each is a function of its seed, its number and its class.

    Attributes:
        n: how many.
        seed: the seed of them all, unless each has its own.
        seeds: the seed of each, `[n]`, or None.
        classes: the classes or sentences to draw in turn; None for a run without labels.
    """

    n: int
    seed: int = 0
    seeds: np.ndarray | None = None
    classes: tuple[int, ...] | np.ndarray | None = None

    def names(self, rows: np.ndarray) -> np.ndarray:
        """Return seeds and numbers `[len(rows), 2]`."""
        if self.seeds is not None:
            return np.stack([self.seeds[rows], np.zeros_like(rows)], axis=1)
        return np.stack([np.full_like(rows, self.seed), rows], axis=1)

    def labels(self, rows: np.ndarray) -> np.ndarray | None:
        """Return the labels or sentences of samples; that of a seed is always the same."""
        if self.classes is None:
            return None
        numbers = rows if self.seeds is None else self.seeds[rows]
        return np.asarray(self.classes)[numbers % len(self.classes)]

    def draw(self, trained: Trained, rows: np.ndarray | None = None) -> tuple:
        """Draw some of the samples, or all of them; return them and their labels."""
        rows = np.arange(self.n) if rows is None else rows
        y = self.labels(rows)
        return trained.draw_each(self.names(rows), y), y


def check_draws_from_noise(config: Config) -> None:
    """Refuse a run that makes pictures from others.

    Raises:
        ConfigError: it does.
    """
    if not VARIANTS[config.recipe].draws_from_noise:
        raise ConfigError(
            f"--recipe={config.recipe}: it makes pictures from others; give --input=FILE, "
            f"--input=DIRECTORY or --from_data"
        )


def seeds_of(text: str) -> np.ndarray:
    """Return the seeds that `0-35` or `0-3,17` stands for, in this order.

    Raises:
        ConfigError: it cannot be parsed, or a seed is given twice.
    """
    parts, most = [], largest("seed", int)
    for piece in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,10})(?:\s*-\s*(\d{1,10}))?\s*", piece, re.ASCII)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first or last > most:
            raise ConfigError(
                f"--seeds={text}: expected whole numbers up to {most} and ranges, as 0-35 or 1,4,9"
            )
        if last - first + sum(map(len, parts)) >= _MOST_SEEDS:
            raise ConfigError(f"--seeds={text}: expected at most {_MOST_SEEDS:,} seeds")
        parts.append(np.arange(first, last + 1))
    seeds = np.concatenate(parts)
    if len(np.unique(seeds)) < len(seeds):
        raise ConfigError(f"--seeds={text}: a seed is given twice; give it once")
    return seeds
