"""What is found out about one generator: its numbers, and the pictures that belong to them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pictures
import sample
from config import METRICS
from judge import Judge, Row

from jaxgan import data, metrics

_QUERIES = 1000  # samples whose nearest neighbours are looked for
_WAYS, _STEPS = 50, 16  # of the interpolations
_CURVE = 2000  # samples for each point of the truncation curve
_PSI = (0.2, 0.4, 0.6, 0.8, 1.0, 1.2)
_COLUMNS = 8  # suspects, and as many samples that were not chosen
_SHOWN = 500  # points of either kind in the projection


class Findings:
    """Everything that is measured of one generator.

    Args:
        run: the generator.
        dataset: what it was trained on.
        judge: compares samples with these.
        held_out: examples of the data set's test split, or None if it has none.
        seed: of the samples.
    """

    def __init__(
        self,
        run: sample.Run,
        dataset: data.Dataset,
        judge: Judge,
        held_out: data.Dataset | None,
        seed: int,
    ):
        self._run, self._dataset, self._judge, self._held_out = run, dataset, judge, held_out
        self._key = jax.random.key(seed)
        self._random = np.random.default_rng(seed)
        self._is_images = dataset.x.ndim == 4
        self._samples = self._draw(judge.samples)

    def parts(self) -> dict[str, Callable[[Path], dict[str, Any]]]:
        """What can be measured, in turn: each writes its pictures, and returns what it found."""
        parts: dict[str, Callable[[Path], dict[str, Any]]] = {"metrics": self._metrics}
        parts["truncation"] = self._truncation
        if self._is_images:
            parts |= {
                "interpolation": self._interpolation,
                "memorisation": self._memorisation,
                "classes": self._classes,
                "projection": self._projection,
            }
        return parts

    def _draw(self, n: int, psi: float = 1.0) -> np.ndarray:
        z = psi * self._run.experiment.latent(self._key, n)
        return self._run.draw(z, self._labels(n))

    def _labels(self, n: int) -> np.ndarray | None:
        """Labels as frequent as in the data."""
        if not self._run.config.conditional:
            return None
        assert self._dataset.y is not None  # or the run could not have been trained
        return self._random.choice(self._dataset.y, n)

    def _metrics(self, directory: Path) -> dict[str, Any]:
        del directory
        return {"rows": self._judge.rows(self._samples, METRICS)}

    def _truncation(self, directory: Path) -> dict[str, Any]:
        """Precision against recall, with latents drawn towards their mean: z -> psi z."""
        del directory
        count = min(_CURVE, self._judge.samples)
        real = self._judge.reference_features[:count]
        curve = []
        for psi in _PSI:
            fake, _ = self._judge.features(self._draw(count, psi))
            curve.append({"psi": psi, **metrics.precision_recall(real, fake)._asdict()})
        return {"truncation": curve}

    def _interpolation(self, directory: Path) -> dict[str, Any]:
        """Ways between latents; the yardstick are cross-fades between two real images."""
        z = sample.walk(self._run.experiment.latent, self._key, _WAYS, 2, _STEPS, closed=False)
        y = self._labels(_WAYS)
        z = jax.numpy.swapaxes(z, 0, 1).reshape(_WAYS * _STEPS, -1)
        ways = self._run.draw(z, None if y is None else np.repeat(y, _STEPS))
        start, end = (
            self._judge.held_out[:_WAYS, None],
            self._judge.held_out[_WAYS : 2 * _WAYS, None],
        )
        t = np.linspace(0, 1, _STEPS)[:, None, None, None]
        fades = np.round((1 - t) * start + t * end).astype(np.uint8).reshape(ways.shape)
        _save_grid(ways[: 8 * _STEPS], directory / "interpolation.png", columns=_STEPS)
        found, real = (
            metrics.path_length(self._judge.features(x)[0].reshape(_WAYS, _STEPS, -1))
            for x in (ways, fades)
        )
        name = self._judge.network.name
        return {
            "rows": [
                Row(
                    f"{name}/path_length",
                    "path length over distance of its ends",
                    found.length,
                    None,
                    real.length,
                    None,
                    "lower",
                    _WAYS,
                ),
                Row(
                    f"{name}/path_jump",
                    "longest step of a path over its mean",
                    found.jump,
                    None,
                    real.jump,
                    None,
                    "lower",
                    _WAYS,
                ),
            ]
        }

    def _memorisation(self, directory: Path) -> dict[str, Any]:
        """Nearest training images, for samples and for real images that were not trained on."""
        count = min(_QUERIES, self._judge.samples)
        fake = self._samples[:count]
        if self._held_out is not None:
            real, train, name = self._held_out.x[:count], self._dataset.x, "the test split"
        else:
            rows = np.random.default_rng(3).permutation(len(self._dataset.x))
            real, train = self._dataset.x[rows[:count]], self._dataset.x[rows[count:]]
            name = "training images against the others"
        train = np.asarray(train)
        of = {
            "pixels/nearest_l1": ("L1, pixels", lambda x: metrics.nearest(x, train, norm="l1")),
            "pixels/nearest_l2": ("L2, pixels", lambda x: metrics.nearest(x, train)),
        }
        features = self._judge.features(train)[0]
        of[f"{self._judge.network.name}/nearest_l2"] = (
            f"L2, features of {self._judge.network.name}",
            lambda x: metrics.nearest(self._judge.features(x)[0], features),
        )
        found = {key: (find(fake), find(real)) for key, (_, find) in of.items()}
        rows = [
            Row(
                key,
                f"median distance to the nearest training image, {of[key][0]}",
                float(np.median(a.distance)),
                None,
                float(np.median(b.distance)),
                None,
                "",
                count,
            )
            for key, (a, b) in found.items()
        ]
        a, b = found["pixels/nearest_l2"]
        rows.append(
            Row(
                "pixels/copied",
                "share nearer to a training image than 99 % of real ones are",
                float(np.mean(a.distance < np.quantile(b.distance, 0.01))),
                None,
                0.01,
                None,
                "lower",
                count,
            )
        )
        self._show_neighbours(directory, fake, train, [pair[0].which for pair in found.values()], a)
        return {
            "rows": rows,
            "distances": {
                "fake": _rounded(a.distance),
                "held_out": _rounded(b.distance),
                "held_out_name": name,
                "unit": "L2 in grey levels",
            },
        }

    def _show_neighbours(self, directory: Path, fake, train, which, by_pixels) -> None:
        """The samples nearest to training images, and as many others, above their neighbours."""
        columns = np.r_[np.argsort(by_pixels.distance)[:_COLUMNS], :_COLUMNS]
        shown = np.concatenate([fake[columns], *(train[index[columns]] for index in which)])
        _save_grid(shown, directory / "nearest.png", columns=len(columns))

    def _classes(self, directory: Path) -> dict[str, Any]:
        """Eight samples of each class, if there are so many, and how often each occurs."""
        classes = self._judge.network.classes
        names = self._dataset.class_names
        if not 0 < classes == len(names) <= 100:
            return {}
        logits = self._judge.features(self._samples)[1]
        real = self._judge.features(self._judge.held_out)[1]
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
        """Real and fake features in the plane in which the real ones vary most."""
        del directory
        real = self._judge.reference_features[:_CURVE]
        mean = real.mean(axis=0)
        _, _, axes = np.linalg.svd(real - mean, full_matrices=False)
        fake = self._judge.features(self._samples[:_SHOWN])[0]
        return {
            "projection": {
                "real": _rounded((real[:_SHOWN] - mean) @ axes[:2].T),
                "fake": _rounded((fake - mean) @ axes[:2].T),
                "method": f"first two principal components of the features of "
                f"{self._judge.network.name}, of real examples",
            }
        }


def _save_grid(images: np.ndarray, path: Path, columns: int) -> None:
    pictures.save(pictures.grid(images, columns), path)


def _rounded(values: np.ndarray) -> list:
    return np.round(values.astype(np.float64), 4).tolist()
