"""Comparison of samples with data: every number next to those of real examples and of noise."""

import hashlib
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxgan import data
from jaxgan.metrics import Estimate, FeatureNetwork
from jaxgan.runs.data import fingerprint
from jaxgan.runs.measures.features import Features, features_of
from jaxgan.runs.measures.kept import Kept
from jaxgan.runs.measures.reference import Reference
from jaxgan.runs.measures.row import Row
from jaxgan.runs.settings import ConfigError

_REFERENCE = 50_000
_PROBES = 16


class Metric(NamedTuple):
    """The title of a metric, and which direction is better."""

    title: str
    better: str


_METRICS = {
    "frechet_distance": Metric("Fréchet distance", "lower"),
    "fid": Metric("FID", "lower"),
    "kernel_distance": Metric("kernel distance", "lower"),
    "kid": Metric("KID", "lower"),
    "precision": Metric("precision", "higher"),
    "recall": Metric("recall", "higher"),
    "density": Metric("density", "higher"),
    "coverage": Metric("coverage", "higher"),
    "classifier_score": Metric("classifier score", "higher"),
    "inception_score": Metric("Inception score", "higher"),
    "modes": Metric("modes found", "higher"),
    "reverse_kl": Metric("reverse KL to even modes", "lower"),
    "good": Metric("good samples", "higher"),
}
# The numbers of a metric that rank samples, of which the first available one is used; metrics that
# are not listed do not rank.
_RANKING = {
    "frechet_distance": ("frechet_distance",),
    "kernel_distance": ("kernel_distance",),
    "density_coverage": ("coverage",),
    "classifier_score": ("classifier_score",),
    "modes": ("reverse_kl", "modes"),
}

# Numbers that mean nothing where uniform noise passes for real, by the one that shows it.
_FOOLED = {"precision": ("precision", "recall"), "density": ("density",)}


class Comparison:
    """A comparison of sets of samples with a data set.

    As many examples as there are samples are held out from the data for the floor. The rest, at
    most 50,000 examples, are the reference.

    Args:
        network: the network in whose features samples are compared.
        dataset: the data.
        samples: size of a set of samples, at most half that of the data.
        whole: whether the whole data set is the reference, whatever the number of samples. The
            floor is then that of one half of it against the other.
        cache_dir: folder in which the floor and the score of noise are kept for the next time; ""
            for the user's.

    Raises:
        ConfigError: there are too many samples for the data set, or fewer than two.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        dataset: data.Dataset,
        samples: int,
        *,
        whole: bool = False,
        cache_dir: str = "",
    ):
        half = len(dataset.x) // 2
        if not whole and not 2 <= samples <= half:
            raise ConfigError(
                f"--samples, --eval_samples: {samples} samples; expected 2 or more, and at most "
                f"half of the {len(dataset.x)} examples of {dataset.name}"
            )
        order = np.random.default_rng(0).permutation(len(dataset.x))
        held_out = half if whole else samples
        self.network = network
        self.dataset = dataset
        self.samples = samples
        self._whole, self._cache_dir = whole, cache_dir
        self._held_out = np.sort(order[:held_out])
        self._rest = np.sort(order[held_out : held_out + (half + 1 if whole else _REFERENCE)])
        self._reference_rows = np.arange(len(order)) if whole else self._rest
        self.reference_name = f"{len(self._reference_rows)} examples of {dataset.name}"

    def headline(self, chosen: Iterable[str]) -> str:
        """Return the name of the number that ranks samples, from the first metric that has one.

        Args:
            chosen: names from `METRICS`, in the order in which they were asked for.

        Raises:
            ConfigError: none of them ranks samples.
        """
        chosen = tuple(chosen)
        measured = self.yardsticks(chosen)[0]
        for metric in chosen:
            for name in map(self.reference.named, _RANKING.get(metric, ())):
                if name in measured:
                    return name
        if any(metric in _RANKING for metric in chosen):
            reasons = "; ".join(self.left_out(chosen))
            raise ConfigError(
                f"--eval_metrics, --eval_samples: nothing is left that ranks steps: {reasons}"
            )
        raise ConfigError(
            f"--eval_metrics={','.join(chosen)}: precision and recall conflict, so they rank no "
            f"steps; add one of {', '.join(_RANKING)}"
        )

    def features(self, x: np.ndarray) -> Features:
        """Compute the features of samples."""
        return features_of(self.network, x)

    def measure(
        self, x: np.ndarray, chosen: Iterable[str], seen: Features | None = None
    ) -> dict[str, Estimate]:
        """Measure a set of samples; numbers that are not measured on parts have a spread of NaN.

        Args:
            x: as many samples as the comparison was made for: uint8 images, or points.
            chosen: names from `METRICS`; see `left_out` for those that are not measured.
            seen: features of the samples, if they are known.

        Raises:
            MetricError: features are not finite.
        """
        chosen = tuple(chosen)
        seen = self.features(x) if seen is None else seen
        found = self.reference.measure(x, seen, chosen)
        fooled = self._fooled(chosen)
        return {name: value for name, value in found.items() if name not in fooled}

    def rows(self, x: np.ndarray, chosen: Iterable[str], seen: Features | None = None) -> list[Row]:
        """Measure a set of samples, and add the floor and the score of noise to each number."""
        chosen = tuple(chosen)
        real, noise = self.yardsticks(chosen)
        return [
            Row(
                name=name,
                title=self._title(name, len(x)),
                value=estimate.value,
                spread=None if np.isnan(estimate.spread) else estimate.spread,
                real=real[name].value if name in real else None,
                noise=noise[name].value,
                better=self.metric(name).better,
                samples=len(x),
            )
            for name, estimate in self.measure(x, chosen, seen).items()
        ]

    def yardsticks(self, chosen: Iterable[str]) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
        """Measure the real examples that are held out, and noise; each is measured once ever."""
        real, noise = self._measured(chosen := tuple(chosen))
        fooled = self._fooled(chosen)
        return (
            {name: one for name, one in real.items() if name not in fooled},
            {name: one for name, one in noise.items() if name not in fooled},
        )

    def _measured(self, chosen: Iterable[str]) -> tuple[dict[str, Estimate], dict[str, Estimate]]:
        real: dict[str, Estimate] = {}
        noise: dict[str, Estimate] = {}
        for metric in chosen:
            if (found := self._kept.get(metric)) is None:
                found = (
                    self._floor.measure(self.held_out, self.held_out_features, [metric]),
                    self.reference.measure(self._noise, self._noise_features, [metric]),
                )
                self._kept.put(metric, *found)
            real |= found[0]
            noise |= found[1]
        return real, noise

    @cached_property
    def _kept(self) -> Kept:
        """Yardsticks of these data in these features, also those that other runs have measured.

        The network is known by what it sees in some of the examples, bit for bit.
        """
        seen = self.features(np.asarray(self.dataset.x[self._held_out[:_PROBES]]))
        key = {
            "data": fingerprint(self.dataset),
            "name": self.dataset.name,
            "samples": self.samples,
            "whole": self._whole,
            "network": [self.network.name, self.network.classes],
            "seen": hashlib.sha256(seen.values.tobytes() + seen.logits.tobytes()).hexdigest(),
        }
        return Kept(key, self._cache_dir)

    def left_out(self, chosen: Iterable[str]) -> list[str]:
        """Return a sentence for each metric that is not measured, which says why."""
        chosen = tuple(chosen)
        missing = [self.reference.missing(metric, self.samples) for metric in chosen]
        passed = [
            f"{name} is left out: noise passes for real in these features"
            for name in self._fooled(chosen)
        ]
        return [*filter(None, missing), *passed]

    def _fooled(self, chosen: Iterable[str]) -> list[str]:
        """Return the numbers that mean nothing, because noise passes for real."""
        real, noise = self._measured(chosen)
        fooled = []
        for sign, numbers in _FOOLED.items():
            name = self.reference.named(sign)
            if name in real and noise[name].value >= real[name].value / 2:
                fooled += [self.reference.named(number) for number in numbers]
        return fooled

    @staticmethod
    def metric(name: str) -> Metric:
        """Return the title and the direction of a number, by its name."""
        return _METRICS[name.rpartition("/")[2]]

    def _title(self, name: str, count: int) -> str:
        title = self.metric(name).title
        size = self.reference.subset(count)
        is_small = name == self.reference.named("kernel_distance") and size < 1000
        return f"{title} (subsets of {size})" if is_small else title

    @cached_property
    def held_out(self) -> np.ndarray:
        """The real examples that the reference does not contain."""
        return np.asarray(self.dataset.x[self._held_out])

    @cached_property
    def held_out_features(self) -> Features:
        """Their features."""
        return self._seen[self._held_out] if self._whole else self.features(self.held_out)

    @cached_property
    def _seen(self) -> Features:
        """Features of the reference."""
        return features_of(self.network, self.dataset.x, self._reference_rows)

    @cached_property
    def reference(self) -> Reference:
        """The examples that samples are measured against."""
        return Reference(self.network, self.dataset.name, self._seen.values)

    @cached_property
    def _floor(self) -> Reference:
        """The examples that those held out are measured against."""
        if not self._whole:
            return self.reference
        return Reference(self.network, self.dataset.name, self._seen.values[self._rest])

    @cached_property
    def data_features(self) -> np.ndarray:
        """Features of the whole data set, `[N, width]`."""
        found = np.zeros((len(self.dataset.x), self.network.width), np.float32)
        found[self._held_out] = self.held_out_features.values
        found[self._reference_rows] = self.reference.features
        rest = np.ones(len(found), bool)
        rest[self._held_out] = rest[self._reference_rows] = False
        if rest.any():
            found[rest] = features_of(self.network, self.dataset.x, np.flatnonzero(rest)).values
        return found

    @cached_property
    def _noise(self) -> np.ndarray:
        random = np.random.default_rng(1)
        shape = (self.samples, *self.dataset.x.shape[1:])
        if len(shape) == 2:
            return random.uniform(-1, 1, shape).astype(np.float32)
        return random.integers(0, 256, shape, np.uint8)

    @cached_property
    def _noise_features(self) -> Features:
        return self.features(self._noise)
