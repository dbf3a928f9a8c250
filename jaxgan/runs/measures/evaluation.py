"""The evaluation of one generator: its numbers and the pictures that illustrate them."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgan import data, metrics
from jaxgan.metrics.coverage import Balls
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.features import Features
from jaxgan.runs.measures.row import Row
from jaxgan.runs.settings import METRICS, ConfigError
from jaxgan.runs.show import pictures
from jaxgan.runs.show.grids import grid
from jaxgan.runs.trained import Trained, walk
from jaxgan.runs.variants import VARIANTS

_QUERIES = 1000  # samples whose nearest neighbors are searched
_WAYS, _STEPS = 50, 16  # of the interpolations
_CURVE = 2000  # samples for each point of the truncation curve
_PSI = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
_COLUMNS = 8  # suspects, and as many samples that were not chosen
_SHOWN = 500  # points of either kind in the projection


class Evaluation:
    """The evaluation of one generator.

    Args:
        trained: the generator.
        dataset: its training data.
        comparison: the comparison of samples with these data.
        held_out: examples that it was not trained on, or None if there are none.
        seed: seed of the samples.
    """

    def __init__(
        self,
        trained: Trained,
        dataset: data.Dataset,
        comparison: Comparison,
        held_out: data.Dataset | None,
        seed: int,
    ):
        self._trained, self._dataset = trained, dataset
        self._comparison, self._held_out = comparison, held_out
        self._key = jax.random.key(seed)
        self._random = np.random.default_rng(seed)
        self._is_images = dataset.x.ndim == 4
        self._samples = self._draw(comparison.samples)

    @cached_property
    def _features(self) -> Features:
        """Features of the samples."""
        return self._comparison.features(self._samples)

    def parts(self) -> dict[str, Callable[[Path], dict[str, Any]]]:
        """Return the parts of the evaluation; each writes its pictures and returns its results."""
        parts = {"metrics": self._metrics, "truncation": self._truncation}
        if self._is_images:
            parts |= {
                "interpolation": self._interpolation,
                "memorization": self._memorization,
                "classes": self._classes,
                "projection": self._projection,
            }
        return parts

    def _draw(self, n: int, truncation: float | None = None) -> np.ndarray:
        """Draw samples; a smaller truncation makes them more typical."""
        trained = self._trained
        if truncation is not None:
            trained = VARIANTS[trained.config.recipe].truncate(trained, truncation)
        return trained.draw(trained.experiment.latent(self._key, n), self._labels(n))

    def _labels(self, n: int) -> np.ndarray | None:
        """Draw labels with the frequencies of the data."""
        if not self._trained.is_conditional:
            return None
        assert self._dataset.y is not None  # or the run could not have been trained
        return self._random.choice(self._dataset.y, n)

    def _metrics(self, directory: Path) -> dict[str, Any]:
        del directory
        return {
            "rows": self._comparison.rows(self._samples, METRICS, self._features),
            "left_out": self._comparison.left_out(METRICS),
        }

    def _truncation(self, directory: Path) -> dict[str, Any]:
        """Measure precision against recall, with latents or styles kept near their mean."""
        del directory
        count = min(_CURVE, self._comparison.samples)
        kept, _ = self._comparison.yardsticks(["precision_recall"])
        if not kept:
            return {}
        real = Balls(self._comparison.reference.features[:count], 3)
        curve = []
        for psi in _PSI:
            try:
                samples = self._draw(count, psi)
            except ConfigError:  # these latents cannot be truncated
                return {}
            fake = self._comparison.features(samples).values
            curve.append({"psi": psi, **real.precision_recall(fake)._asdict()})
        return {"truncation": curve}

    def _interpolation(self, directory: Path) -> dict[str, Any]:
        """Measure paths between latents, against cross-fades between two real images."""
        count = min(_WAYS, self._comparison.samples // 2)
        z = walk(self._trained.experiment.latent, self._key, count, 2, _STEPS, closed=False)
        z = jax.numpy.swapaxes(z, 0, 1).reshape(count * _STEPS, -1)
        y = self._labels(count)
        ways = self._trained.draw(z, None if y is None else np.repeat(y, _STEPS, axis=0))
        start, end = self._comparison.held_out[: 2 * count].reshape(2, count, 1, *ways.shape[1:])
        t = np.linspace(0, 1, _STEPS)[:, None, None, None]
        fades = np.round((1 - t) * start + t * end).astype(np.uint8).reshape(ways.shape)
        _save_grid(ways[: 8 * _STEPS], directory / "interpolation.png", columns=_STEPS)
        found, real = (
            metrics.path_length(self._comparison.features(x).values.reshape(count, _STEPS, -1))
            for x in (ways, fades)
        )
        name = self._comparison.network.name
        titles = {
            "length": "path length over distance between its ends",
            "jump": "longest step of a path over its mean step",
        }
        return {
            "rows": [
                Row(
                    f"{name}/path_{of}",
                    title,
                    getattr(found, of),
                    count,
                    real=getattr(real, of),
                    better="lower",
                )
                for of, title in titles.items()
            ]
        }

    def _memorization(self, directory: Path) -> dict[str, Any]:
        """Find the training images nearest to samples and to real images not trained on."""
        count = min(_QUERIES, self._comparison.samples)
        fake, train = self._samples[:count], self._dataset.x
        features, fake_features = self._comparison.data_features, self._features.values[:count]
        if self._held_out is not None:
            real, rest = self._held_out.x[:count], slice(None)
            real_features = self._comparison.features(real).values
            name = "images not trained on"
        else:  # one part of the training images against the others
            order = np.random.default_rng(3).permutation(len(train))
            real, rest = train[order[:count]], np.sort(order[count:])
            real_features = features[order[:count]]
            name = "training images against the others"
        network = self._comparison.network.name
        found = {
            "pixels/nearest_l1": [
                metrics.nearest(fake, train, norm="l1"),
                metrics.nearest(real, train[rest], norm="l1"),
            ],
            "pixels/nearest_l2": [metrics.nearest(fake, train), metrics.nearest(real, train[rest])],
            f"{network}/nearest_l2": [
                metrics.nearest(fake_features, features),
                metrics.nearest(real_features, features[rest]),
            ],
        }
        rows = [
            Row(
                key,
                "median distance to the nearest training image",
                float(np.median(of_fake.distance)),
                count,
                real=float(np.median(of_real.distance)),
            )
            for key, (of_fake, of_real) in found.items()
        ]
        of_fake, of_real = found["pixels/nearest_l2"]
        copied = np.mean(of_fake.distance < np.quantile(of_real.distance, 0.01))
        title = "share of samples nearer to a training image than 99 % of real images are"
        rows.append(Row("pixels/copied", title, float(copied), count, real=0.01, better="lower"))
        self._show_neighbors(directory, fake, [pair[0].which for pair in found.values()], of_fake)
        return {
            "rows": rows,
            "distances": {
                "fake": _rounded(of_fake.distance),
                "held_out": _rounded(of_real.distance),
                "held_out_name": name,
                "unit": "L2 in gray levels",
            },
        }

    def _show_neighbors(self, directory: Path, fake, which, by_pixels) -> None:
        """Draw the samples nearest to training images, and others, above their neighbors."""
        columns = np.r_[np.argsort(by_pixels.distance)[:_COLUMNS], :_COLUMNS]
        neighbors = [self._dataset.x[index[columns]] for index in which]
        shown = np.concatenate([fake[columns], *neighbors])
        _save_grid(shown, directory / "nearest.png", columns=len(columns))

    def _classes(self, directory: Path) -> dict[str, Any]:
        """Draw up to eight samples of each class, and count how often each occurs."""
        classes = self._comparison.network.classes
        names = self._dataset.class_names
        if not 0 < classes == len(names) <= 100:
            return {}
        logits, real = self._features.logits, self._comparison.held_out_features.logits
        found = logits.argmax(axis=1)
        shown = np.zeros((classes, 8, *self._samples.shape[1:]), np.uint8)
        for i, row in enumerate(shown):
            samples = self._samples[found == i][:8]
            row[: len(samples)] = samples
        _save_grid(shown.reshape(-1, *shown.shape[2:]), directory / "classes.png", columns=8)
        return {
            "classes": {
                "names": list(names),
                "real": _rounded(metrics.class_shares(real)),
                "fake": _rounded(metrics.class_shares(logits)),
            }
        }

    def _projection(self, directory: Path) -> dict[str, Any]:
        """Project real and fake features to the plane in which the real ones vary most."""
        del directory
        real = self._comparison.reference.features[:_CURVE]
        mean = real.mean(axis=0)
        _, _, axes = np.linalg.svd(real - mean, full_matrices=False)
        fake = self._features.values[:_SHOWN]
        return {
            "projection": {
                "real": _rounded((real[:_SHOWN] - mean) @ axes[:2].T),
                "fake": _rounded((fake - mean) @ axes[:2].T),
                "method": f"first two principal components of the features of "
                f"{self._comparison.network.name}, of real examples",
            }
        }


def _save_grid(images: np.ndarray, path: Path, columns: int) -> None:
    pictures.save(grid(images, columns), path)


def _rounded(values: np.ndarray) -> list:
    return np.round(values.astype(np.float64), 4).tolist()
