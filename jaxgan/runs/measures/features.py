"""What pictures are compared in: the choice of a feature network, and its features."""

import math
from typing import NamedTuple

import jax
import numpy as np

from jaxgan import data, metrics
from jaxgan.metrics import FeatureNetwork, classifiers, inception
from jaxgan.runs.settings import ConfigError

_BATCH = 250
_VALUES = 2**25  # in a batch, of which the networks make floats: fewer of large pictures
_GENERAL = "cifar10"  # the classifier whose features compare any pictures
_HOW = (
    f"fetch its weights (95 MB) with curl -LO {inception.URL} and give "
    f"--inception_weights={inception.URL.rpartition('/')[2]}; their SHA-256, "
    f"{inception.SHA256[:12]}..., is checked"
)
_CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


class Features(NamedTuple):
    """What a network sees in examples: features `[N, width]` and logits `[N, K]`."""

    values: np.ndarray
    logits: np.ndarray

    def __getitem__(self, rows) -> "Features":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return the features of some of the examples."""
        return Features(self.values[rows], self.logits[rows])


def network_for(features: str, weights: str, dataset: data.Dataset) -> FeatureNetwork:
    """Return the feature network in which samples of this data set are compared.

    Args:
        features: one of `FEATURES`; `auto` takes the network that was trained on these data, or
            else that of photographs, `cifar10`.
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
        fits = stacked or name == _GENERAL or dataset.x.shape[-1] == 1
        own = name if name in classifiers.NAMES and fits else _GENERAL
        features = "inception" if weights and own != name else own
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
            raise ConfigError(f"--features=inception: {_HOW}")
        return inception.load(weights)
    if features == _GENERAL:
        return _general(dataset)
    if stacked:
        return metrics.stacked(classifiers.load(features))
    if channels != 1:
        raise ConfigError(
            f"--features={features}: it takes gray images, and --dataset={dataset.name} has "
            f"{channels} channels; choose cifar10, inception or pixels"
        )
    return classifiers.load(features)


def _general(dataset: data.Dataset) -> FeatureNetwork:
    """Return the classifier of photographs; for pictures of other classes without its answers."""
    network = classifiers.load(_GENERAL)
    if dataset.name == _GENERAL or dataset.class_names == _CIFAR10:
        return network

    def apply(images):
        features, _ = network.apply(images)
        return features, jax.numpy.zeros((len(features), 0))

    return network._replace(apply=apply, classes=0)


def features_of(network: FeatureNetwork, x: np.ndarray, rows: np.ndarray | None = None) -> Features:
    """Compute the features of images or points, or of some rows of them."""
    rows = np.arange(len(x)) if rows is None else rows
    batch = min(_BATCH, max(1, _VALUES // math.prod(x.shape[1:])))
    parts = []
    for start in range(0, len(rows), batch):
        part = np.asarray(x[rows[start : start + batch]])
        # Padded, so that one compiled program serves all batches.
        padded = np.concatenate([part, np.repeat(part[:1], batch - len(part), axis=0)])
        found = network.apply(jax.numpy.asarray(padded))
        parts.append([np.asarray(one)[: len(part)] for one in found])
    return Features(*map(np.concatenate, zip(*parts, strict=True)))
