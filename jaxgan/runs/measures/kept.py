"""Yardsticks that are kept on disk: the same data get the same floor in every evaluation."""

import hashlib
import json
from pathlib import Path
from typing import Any

from absl import logging

from jaxgan.data._homes import user_cache
from jaxgan.metrics import Estimate
from jaxgan.runs.files import write_whole

FORMAT = 1  # increment it when a metric yields other numbers than before

Numbers = dict[str, Estimate]


class Kept:
    """The scores of real examples and of noise, by metric, in a file of the user's cache.

    A file that cannot be read is as good as none, and one that cannot be written only costs time.

    Args:
        key: everything that the numbers depend on, as JSON values.
        cache_dir: folder of the cache; "" for the user's.
    """

    def __init__(self, key: dict[str, Any], cache_dir: str = ""):
        text = json.dumps({"format": FORMAT, **key}, sort_keys=True)
        self._found: dict[str, tuple[Numbers, Numbers]] = {}
        self._path: Path | None = None
        try:
            root = Path(cache_dir).expanduser() if cache_dir else user_cache("yardsticks")
            self._path = root / f"yardsticks-{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
            if self._path.exists():
                content = json.loads(self._path.read_text())
                self._found = {metric: (_read(a), _read(b)) for metric, (a, b) in content.items()}
        except Exception as error:  # JSON raises errors of many kinds on damaged files
            logging.info("no yardsticks are read from %s: %s", self._path, error)

    def get(self, metric: str) -> tuple[Numbers, Numbers] | None:
        """Return the scores of real examples and of noise; None if they are not known."""
        return self._found.get(metric)

    def put(self, metric: str, real: Numbers, noise: Numbers) -> None:
        """Keep scores."""
        self._found[metric] = real, noise
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(self._found))
        except OSError as error:
            logging.info("yardsticks are not kept: %s", error)


def _read(numbers: dict[str, list[float]]) -> Numbers:
    return {str(name): Estimate(float(a), float(b)) for name, (a, b) in numbers.items()}
