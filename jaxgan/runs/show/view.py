"""The view of a run's samples during training."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data import Dataset, to_unit
from jaxgan.runs.config import Config
from jaxgan.runs.show.classes import COLUMNS, by_class, by_sentence
from jaxgan.runs.show.samples import as_uint8, show, stacked_rows
from jaxgan.runs.variants import VARIANTS

_POINTS = 1000
_SOLIDS = 20
_SOUNDS = 24


class View(NamedTuple):
    """How to draw and show samples.

    Attributes:
        samples: number of samples.
        y: labels or pictures that they are drawn from, or None.
        draw: `samples -> picture`, uint8 `[H, W, 3]`.
    """

    samples: int
    y: np.ndarray | None
    draw: Callable[[Any], np.ndarray]


def view(config: Config, dataset: Dataset, images: int) -> View:
    """Choose how the samples of a run are shown.

    With labels the samples of a class are beside its name. A picture that is made from another is
    shown below it, and above its target if there is one; the two pictures of a pair are shown above
    each other.

    Args:
        config: the settings.
        dataset: the training data.
        images: number of pictures on a page.
    """
    variant = VARIANTS[config.recipe]
    if variant.pictures is not None and variant.pictures.condition is not None:
        return _of_pictures(config, dataset, images // 2)
    count = {2: _POINTS, 3: _SOUNDS, 4: images, 5: _SOLIDS}[dataset.x.ndim]
    y = None
    if config.objective.conditional and dataset.has_sentences:
        assert dataset.y is not None
        y = np.repeat(dataset.y[: -(-count // COLUMNS)], COLUMNS, axis=0)[:count]
    elif config.objective.conditional:
        y = _labels(len(dataset.class_names), count)
        count = len(y)

    def draw(samples: Any) -> np.ndarray:
        if isinstance(samples, tuple):
            return stacked_rows([as_uint8(part) for part in samples], COLUMNS)
        if samples.ndim == 2:
            from jaxgan.runs.show.plots import scatter

            return scatter(samples, dataset.x[:count])
        if y is None:
            return show(samples, COLUMNS)
        by_name = by_sentence if dataset.has_sentences else by_class
        return by_name(samples, y, dataset.class_names)

    return View(count, y, draw)


def real_examples(config: Config, dataset: Dataset, images: int) -> np.ndarray | None:
    """Draw real examples as `view` draws samples, to hold these against.

    Args:
        config: the settings.
        dataset: the training data.
        images: number of pictures on a page.

    Returns:
        uint8 `[H, W, 3]`; None if the pictures of samples show real examples already.
    """
    if dataset.x.ndim == 2 or not VARIANTS[config.recipe].draws_from_noise:
        return None
    samples, y, draw = view(config, dataset, images)
    if y is None:
        # Evenly from all of them, as they may be sorted.
        rows = np.linspace(0, len(dataset.x) - 1, min(samples, len(dataset.x))).round().astype(int)
        if dataset.y is not None and dataset.has_pictures:  # the other halves of what is drawn
            return draw((dataset.x[rows], dataset.y[rows % len(dataset.y)]))
        return draw(_as_samples(dataset.x[rows]))
    shown = np.zeros((len(y), *dataset.x.shape[1:]), dataset.x.dtype)
    for label in np.unique(y, axis=0):
        found, places = (_rows_of(label, one) for one in (dataset.y, y))
        if len(found):  # a class without examples stays black
            shown[places] = dataset.x[np.resize(found, len(places))]
    return draw(_as_samples(shown))


def _rows_of(label: np.ndarray, y: Any) -> np.ndarray:
    """Return the rows that have a label or a sentence."""
    return np.flatnonzero((y == label).reshape(len(y), -1).all(axis=1))


def _as_samples(x: np.ndarray) -> np.ndarray:
    """Solids are shown as floats, which generators make."""
    return to_unit(x) if x.ndim == 5 else x


def _labels(classes: int, count: int) -> np.ndarray:
    """Return at most so many labels: whole rows of each class, or some of each, or of some."""
    each = count // classes
    each = each // COLUMNS * COLUMNS or each
    if each:
        return np.arange(each * classes) % classes
    return np.linspace(0, classes - 1, count).round().astype(int)


def _of_pictures(config: Config, dataset: Dataset, count: int) -> View:
    variant = VARIANTS[config.recipe]
    how = variant.pictures
    assert how is not None
    assert how.condition is not None
    rows = np.arange(min(count, len(dataset.x)))
    examples = how.examples(config.own, dataset, rows, variant.options())
    rows = rows[: len(examples.given)]
    y = how.condition(config.own, dataset, rows)
    known = [] if examples.target is None else [examples.target]

    def draw(samples: np.ndarray) -> np.ndarray:
        return stacked_rows([examples.shown, as_uint8(samples), *known], COLUMNS)

    return View(len(rows), y, draw)
