"""Measures of whether samples are what was asked for.

This module has what several GANs share; measures of a single GAN are in `variants`. Each number is
reported next to the score of real data and that of a baseline, which its title names. It is
measured on data that the run was not trained on, if there are any (`data.unseen`).
"""

from collections.abc import Callable
from functools import cached_property

import jax
import numpy as np

from jaxgan.data import Dataset, notes
from jaxgan.metrics import classifiers
from jaxgan.metrics import pictures as of_pictures
from jaxgan.metrics.sound import pitch_class
from jaxgan.runs.measures.row import Row
from jaxgan.runs.trained import Trained

COUNT = 1000
"""The number of samples or examples of a measurement."""


class Question:
    """The input of a measure.

    Args:
        trained: the generator.
        dataset: its training data, with all labels.
        load_trained_on: loads them as they were in training, where some labels may be hidden.
        load_unseen: loads data that it was not trained on, or else the training data.
        key: random key of the samples.
    """

    def __init__(
        self,
        trained: Trained,
        dataset: Dataset,
        *,
        load_trained_on: Callable[[], Dataset],
        load_unseen: Callable[[], Dataset],
        key: jax.Array,
    ):
        self.trained, self.dataset, self.key = trained, dataset, key
        self._load_trained_on, self._load_unseen = load_trained_on, load_unseen

    @cached_property
    def trained_on(self) -> Dataset:
        """The data as they were in training: some labels may be hidden."""
        return self._load_trained_on()

    @cached_property
    def unseen(self) -> Dataset:
        """Data that the run was not trained on, if there are any; pairs are restored."""
        return self._load_unseen()

    def recognized(self, x: np.ndarray) -> np.ndarray | None:
        """Recognize the classes of samples or data, with a shipped classifier or by pitch.

        Args:
            x: uint8 `[N, H, W, C]`, or sounds `[N, T, 1]`.

        Returns:
            The classes `[N]`, or None if there is no classifier for these data.
        """
        name = self.trained.dataset_name
        if name == "notes":
            return pitch_class(x, notes.RATE, notes.FREQUENCIES)
        if name not in classifiers.NAMES or x.shape[1:] not in {(28, 28, 1), (32, 32, 3)}:
            return None
        apply = classifiers.load(name).apply
        parts = [
            np.asarray(apply(jax.numpy.asarray(x[i : i + 250]))[1]) for i in range(0, len(x), 250)
        ]
        return np.concatenate(parts).argmax(axis=1)


def general(question: Question) -> list[Row]:
    """Measure what can be measured of any GAN: classes that were asked for, and solids."""
    trained = question.trained
    draws_classes = trained.is_conditional and not trained.draws_sentences
    found = _classes(question) if draws_classes else []
    if len(trained.facts.shape) == 4:
        found += _solids(question)
    return found


def likeness(name: str, title: str, made, target, baseline) -> Row:
    """Return a row for the similarity of pictures to their targets."""
    value, noise = (float(np.median(of_pictures.psnr(one, target))) for one in (made, baseline))
    title = f"median signal-to-noise ratio in dB {title}"
    return Row(f"asked/{name}_psnr", title, value, len(made), noise=noise, better="higher")


def sharpness(made, target, baseline) -> Row:
    """Return a row for the sharpness of pictures."""
    value, real = (float(np.mean(of_pictures.sharpness(one))) for one in (made, target))
    noise = None if baseline is None else float(np.mean(of_pictures.sharpness(baseline)))
    title = "gradient magnitude: lower in blurred pictures than in real ones"
    return Row("asked/sharpness", title, value, len(made), real=real, noise=noise)


def same_class(question: Question, title: str, x, made, baseline) -> list[Row]:
    """Measure how many pictures are recognized as the class of those that they were made from."""
    real = question.recognized(x)
    if real is None:
        return []
    value, noise = (float(np.mean(real == question.recognized(one))) for one in (made, baseline))
    row = Row("asked/same_class", title, value, len(x), real=1.0, noise=noise, better="higher")
    return [row]


def _classes(question: Question) -> list[Row]:
    """Measure how often the class that was asked for is drawn."""
    trained, dataset = question.trained, question.dataset
    y = np.arange(COUNT) % len(trained.facts.class_names)
    x = np.asarray(dataset.x[:COUNT])
    real = question.recognized(x)
    if real is None or dataset.y is None:
        return []
    fake = question.recognized(trained.draw(trained.experiment.latent(question.key, COUNT), y))
    return [
        Row(
            "asked/class",
            "samples that are recognized as the class asked for",
            float(np.mean(fake == y)),
            COUNT,
            real=float(np.mean(real == dataset.y[: len(x)])),
            noise=1 / len(trained.facts.class_names),
            better="higher",
        )
    ]


def _solids(question: Question) -> list[Row]:
    """Measure how many solids are closed, and how large they are."""
    from jaxgan.metrics.solids import closed, volume  # imports scipy

    trained = question.trained
    y = np.arange(COUNT) % len(trained.facts.class_names) if trained.is_conditional else None
    fake = trained.draw(trained.experiment.latent(question.key, COUNT), y)
    real = np.asarray(question.dataset.x[:COUNT])
    noise = np.random.default_rng(1).integers(0, 256, real.shape, np.uint8)
    return [
        Row(name, title, mean(fake), COUNT, real=mean(real), noise=mean(noise), better=better)
        for name, title, mean, better in (
            ("asked/closed", "solids that are closed and in one piece", _mean_of(closed), "higher"),
            ("asked/volume", "mean share of the grid that is filled", _mean_of(volume), ""),
        )
    ]


def _mean_of(measure: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], float]:
    return lambda x: float(np.mean(measure(x)))
