"""Comparison of samples with data: every number next to those of real examples and of noise."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import data, metrics
from jaxgan.data.toys import GRID_SD, RING_SD, grid_modes, ring_modes
from jaxgan.metrics import FeatureNetwork, classifiers, inception
from jaxgan.runs.measures.row import Row
from jaxgan.runs.settings import METRICS, ConfigError

_REFERENCE = 50_000
_BATCH = 250
_POINTS = {"ring": (ring_modes, RING_SD), "grid": (grid_modes, GRID_SD)}


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
# Names of metrics in the features of the FID Inception network, and only there.
_STANDARD = {
    "frechet_distance": "fid",
    "kernel_distance": "kid",
    "classifier_score": "inception_score",
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


def network_for(features: str, weights: str, dataset: data.Dataset) -> FeatureNetwork:
    """Return the feature network in which samples of this data set are compared.

    Args:
        features: one of `FEATURES`; `auto` takes the network that was trained on these data.
        weights: weights file of the FID Inception network, or "".
        dataset: the data.

    Raises:
        ConfigError: there is no network for these data, or it does not fit them.
        WeightsError: the weights file cannot be read, or holds other weights.
    """
    if dataset.x.ndim == 2:
        for name, value, usual in (
            ("features", features, "auto"),
            ("inception_weights", weights, ""),
        ):
            if value != usual:
                raise ConfigError(
                    f"--{name}={value}: --dataset={dataset.name} has points, which are compared as "
                    f"they are; leave it out"
                )
        return metrics.points()
    stacked = dataset.name.startswith("stacked_")
    name = dataset.name.removeprefix("stacked_")
    if features == "auto":
        features = name if name in classifiers.NAMES else "inception" if weights else "auto"
    if features == "auto":
        raise ConfigError(
            f"--dataset={dataset.name}: no shipped feature network fits these images; give "
            f"--inception_weights=FILE ({inception.URL}), or --features=pixels"
        )
    if weights and features != "inception":
        raise ConfigError(
            f"--inception_weights={weights}: not used with the features of {features}; give "
            f"--features=inception with it, or leave it out"
        )
    channels = dataset.x.shape[-1]
    if features == "pixels":
        return metrics.pixels(channels)
    if features == "inception":
        if not weights:
            raise ConfigError(
                f"--features=inception: give its weights as --inception_weights=FILE; "
                f"they are at {inception.URL}"
            )
        return inception.load(weights)
    if stacked:
        return metrics.stacked(classifiers.load(features))
    if channels != 1:
        raise ConfigError(
            f"--features={features}: it takes gray images, and --dataset={dataset.name} has "
            f"{channels} channels; choose inception or pixels"
        )
    return classifiers.load(features)


class Comparison:
    """A comparison of sets of samples with a data set.

    As many examples as there are samples are held out from the data for the floor. The rest, at
    most 50,000 examples, are the reference.

    Args:
        network: the network in whose features samples are compared.
        dataset: the data.
        samples: size of a set of samples, at most half that of the data.

    Raises:
        ConfigError: there are too many samples for the data set, or too few for the features.
    """

    def __init__(self, network: FeatureNetwork, dataset: data.Dataset, samples: int):
        if not network.width < samples <= len(dataset.x) // 2:
            raise ConfigError(
                f"--samples, --eval_samples: {samples} samples; expected more than the "
                f"{network.width} features of {network.name}, for the covariance, and at most "
                f"half of the {len(dataset.x)} examples of {dataset.name}"
            )
        order = np.random.default_rng(0).permutation(len(dataset.x))
        self.network = network
        self.dataset = dataset
        self.samples = samples
        self._held_out = np.sort(order[:samples])
        self._reference = np.sort(order[samples : samples + _REFERENCE])
        self.reference = f"{len(self._reference)} examples of {dataset.name}"

    def headline(self, chosen: Iterable[str], measured: Iterable[str]) -> str:
        """Return the name of the number that ranks samples, from the first metric that has one.

        Args:
            chosen: names from `METRICS`, in the order in which they were asked for.
            measured: names of the numbers that were measured.

        Raises:
            ConfigError: none of them ranks samples.
        """
        for metric in chosen:
            for name in map(self._name, _RANKING.get(metric, ())):
                if name in measured:
                    return name
        raise ConfigError(
            f"--eval_metrics={','.join(chosen)}: precision and recall conflict, so they rank no "
            f"steps; add one of {', '.join(_RANKING)}"
        )

    def features(
        self, x: np.ndarray, rows: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compute features `[N, width]` and logits `[N, K]` of images or points, or of rows."""
        rows = np.arange(len(x)) if rows is None else rows
        parts = []
        for start in range(0, len(rows), _BATCH):
            part = np.asarray(x[rows[start : start + _BATCH]])
            # Padded, so that one compiled program serves all batches.
            padded = np.concatenate([part, np.repeat(part[:1], _BATCH - len(part), axis=0)])
            parts.append(jax.tree.map(lambda a: np.asarray(a)[: len(part)], self._apply(padded)))  # noqa: B023
        features, logits = zip(*parts, strict=True)
        return np.concatenate(features), np.concatenate(logits)

    def _apply(self, x: np.ndarray):
        return self.network.apply(jax.numpy.asarray(x))

    def measure(self, x: np.ndarray, chosen: Iterable[str]) -> dict[str, metrics.Estimate]:
        """Measure a set of samples; numbers that are not measured on parts have a spread of NaN.

        Args:
            x: as many samples as the comparison was made for: uint8 images, or points.
            chosen: names from `METRICS`.

        Raises:
            MetricError: features are not finite.
        """
        features, logits = self.features(x)
        found: dict[str, Any] = {}
        for metric in chosen:
            found |= _MEASURES[metric](self, x, features, logits)
        return {
            self._name(name): value
            if isinstance(value, metrics.Estimate)
            else metrics.Estimate(float(value), float("nan"))
            for name, value in found.items()
        }

    def rows(self, x: np.ndarray, chosen: Iterable[str]) -> list[Row]:
        """Measure a set of samples, and add the floor and the score of noise to each number."""
        chosen = tuple(chosen)
        real, noise = self.yardsticks(chosen)
        return [
            Row(
                name=name,
                title=self.metric(name).title,
                value=estimate.value,
                spread=None if np.isnan(estimate.spread) else estimate.spread,
                real=real[name].value,
                noise=noise[name].value,
                better=self.metric(name).better,
                samples=len(x),
            )
            for name, estimate in self.measure(x, chosen).items()
        ]

    def yardsticks(self, chosen: Iterable[str]):
        """Measure the real examples that are held out, and noise."""
        return self.measure(self.held_out, chosen), self.measure(self._noise, chosen)

    @staticmethod
    def metric(name: str) -> Metric:
        """Return the title and the direction of a number, by its name."""
        return _METRICS[name.rpartition("/")[2]]

    @property
    def held_out(self) -> np.ndarray:
        """The real examples that the reference does not contain."""
        return np.asarray(self.dataset.x[self._held_out])

    @property
    def _noise(self) -> np.ndarray:
        random = np.random.default_rng(1)
        shape = (self.samples, *self.dataset.x.shape[1:])
        if len(shape) == 2:
            return random.uniform(-1, 1, shape).astype(np.float32)
        return random.integers(0, 256, shape, np.uint8)

    @cached_property
    def reference_features(self) -> np.ndarray:
        """Features of the reference, `[M, width]`."""
        return self.features(self.dataset.x, self._reference)[0]

    @cached_property
    def _reference_moments(self) -> metrics.Moments:
        return metrics.moments(self.reference_features)

    @cached_property
    def _reference_sample(self) -> np.ndarray:
        """As many references as samples: metrics that count neighbors depend on both numbers."""
        rows = np.random.default_rng(2).permutation(len(self.reference_features))[: self.samples]
        return self.reference_features[rows]

    def _name(self, metric: str) -> str:
        if self.network.name == "inception":
            metric = _STANDARD.get(metric, metric)
        return f"{self.network.name}/{metric}"

    def _frechet_distance(self, x, features, logits):
        del x, logits
        moments = metrics.moments(features)
        return {"frechet_distance": metrics.frechet_distance(moments, self._reference_moments)}

    def _kernel_distance(self, x, features, logits):
        del x, logits
        size = min(1000, len(features))
        return {
            "kernel_distance": metrics.kernel_distance(
                features, self.reference_features, subset_size=size
            )
        }

    def _precision_recall(self, x, features, logits):
        del x, logits
        return metrics.precision_recall(self._reference_sample, features)._asdict()

    def _density_coverage(self, x, features, logits):
        del x, logits
        return metrics.density_coverage(self._reference_sample, features)._asdict()

    def _classifier_score(self, x, features, logits):
        del x, features
        return {"classifier_score": metrics.classifier_score(logits)} if logits.shape[1] else {}

    def _modes(self, x, features, logits):
        del features
        if self.dataset.name in _POINTS:
            centers, sd = _POINTS[self.dataset.name]
            found = metrics.point_modes(x, centers(), sd)
            return {"modes": found.found, "good": found.good}
        if not self.network.classes:
            return {}
        found = metrics.mode_coverage(logits.argmax(axis=1), self.network.classes)
        return {"modes": found.found, "reverse_kl": found.reverse_kl}


_MEASURES: dict[str, Callable[..., dict[str, Any]]] = {
    name: getattr(Comparison, f"_{name}") for name in METRICS
}
