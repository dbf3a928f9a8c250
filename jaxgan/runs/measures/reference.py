"""A set of examples that others are measured against, and how many examples each metric needs."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import numpy as np

from jaxgan import metrics
from jaxgan.data.toys import GRID_SD, RING_SD, grid_modes, ring_modes
from jaxgan.metrics import Estimate, FeatureNetwork
from jaxgan.metrics.coverage import Balls
from jaxgan.runs.measures.features import Features
from jaxgan.runs.settings import METRICS

_POINTS = {"ring": (ring_modes, RING_SD), "grid": (grid_modes, GRID_SD)}
_SUBSET = 1000  # of the kernel distance
_NEIGHBORS = 5  # of density and coverage; precision and recall take 3

# The names of metrics in the features of the FID Inception network, and only there.
_STANDARD = {
    "frechet_distance": "fid",
    "kernel_distance": "kid",
    "classifier_score": "inception_score",
}
# The fewest examples that each metric is defined for. The Fréchet distance needs one more than
# there are features.
_LEAST = {
    "kernel_distance": 2,
    "precision_recall": 4,
    "density_coverage": 6,
    "classifier_score": 10,
    "modes": 1,
}


class Reference:
    """Examples that others are measured against.

    Args:
        network: the network in whose features they are compared.
        name: of the data set.
        features: those of the examples, `[N, width]`.
        moments: mean and covariance, instead of the features: all that the Fréchet distance needs.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        name: str,
        features: np.ndarray | None = None,
        moments: metrics.Moments | None = None,
    ):
        self.network, self.name, self._features = network, name, features
        self._given = moments
        self._balls: dict[int, Balls] = {}  # around so many of the examples

    def __len__(self) -> int:
        return self.moments.number if self._features is None else len(self._features)

    @property
    def features(self) -> np.ndarray:
        """Features of the examples."""
        assert self._features is not None  # metrics other than the Fréchet distance are left out
        return self._features

    @cached_property
    def moments(self) -> metrics.Moments:
        """Mean and scatter of the features."""
        return metrics.moments(self._features) if self._given is None else self._given

    def missing(self, metric: str, count: int) -> str:
        """Return why a metric of `count` examples cannot be measured, or ""."""
        width = self.network.width
        least, why = _LEAST.get(metric, width + 1), ""
        if metric == "frechet_distance":
            why = f", more than the {width} features of {self.network.name}, for the covariance"
        elif self._features is None:
            return f"{metric} is left out: it needs the real pictures"
        fewest = min(count, len(self))
        if fewest < least:
            return f"{metric} is left out: it needs {least} examples{why}, and there are {fewest}"
        return ""

    def measure(self, x: np.ndarray, seen: Features, chosen: Iterable[str]) -> dict[str, Estimate]:
        """Measure examples by their features; metrics that need more of them are left out.

        Args:
            x: the examples, uint8 images or points.
            seen: their features.
            chosen: names from `METRICS`.

        Returns:
            The numbers; those that are not measured on parts have a spread of NaN.

        Raises:
            MetricError: features are not finite.
        """
        found: dict[str, Any] = {}
        for metric in chosen:
            if not self.missing(metric, len(x)):
                found |= _MEASURES[metric](self, x, seen)
        return {
            self.named(name): value
            if isinstance(value, Estimate)
            else Estimate(float(value), float("nan"))
            for name, value in found.items()
        }

    def named(self, number: str) -> str:
        """Return the name of a number in these features."""
        if self.network.name == "inception":
            number = _STANDARD.get(number, number)
        return f"{self.network.name}/{number}"

    def subset(self, count: int) -> int:
        """Return the size of the subsets of the kernel distance of `count` examples."""
        return min(_SUBSET, count, len(self))

    def _frechet_distance(self, x: np.ndarray, seen: Features) -> dict[str, Any]:
        del x
        moments = metrics.moments(seen.values)
        return {"frechet_distance": metrics.frechet_distance(moments, self.moments)}

    def _kernel_distance(self, x: np.ndarray, seen: Features) -> dict[str, Any]:
        size = self.subset(len(x))
        found = metrics.kernel_distance(seen.values, self.features, subset_size=size)
        # Subsets that are the sets themselves do not differ.
        return {"kernel_distance": found.value if len(x) == len(self) == size else found}

    def _precision_recall(self, x: np.ndarray, seen: Features) -> dict[str, Any]:
        del x
        real, fake = self._equal(seen.values)
        return real.precision_recall(fake)._asdict()

    def _density_coverage(self, x: np.ndarray, seen: Features) -> dict[str, Any]:
        del x
        real, fake = self._equal(seen.values)
        return real.density_coverage(fake)._asdict()

    def _equal(self, fake: np.ndarray) -> tuple[Balls, np.ndarray]:
        """Return as many of either: metrics that count neighbors depend on both numbers."""
        count = min(len(self), len(fake))
        random = np.random.default_rng(2)
        chosen = random.permutation(len(self))[:count]
        if count not in self._balls:
            self._balls[count] = Balls(self.features[chosen], min(_NEIGHBORS, count - 1))
        fake = fake if len(fake) == count else fake[random.permutation(len(fake))[:count]]
        return self._balls[count], fake

    def _classifier_score(self, x: np.ndarray, seen: Features) -> dict[str, Any]:
        del x
        has_classes = seen.logits.shape[1] > 0
        return {"classifier_score": metrics.classifier_score(seen.logits)} if has_classes else {}

    def _modes(self, x: np.ndarray, seen: Features) -> dict[str, Any]:
        if self.name in _POINTS:
            centers, sd = _POINTS[self.name]
            found = metrics.point_modes(x, centers(), sd)
            return {"modes": found.found, "good": found.good}
        if not self.network.classes:
            return {}
        found = metrics.mode_coverage(seen.logits.argmax(axis=1), self.network.classes)
        return {"modes": found.found, "reverse_kl": found.reverse_kl}


_MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    name: getattr(Reference, f"_{name}") for name in METRICS
}
