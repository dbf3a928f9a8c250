"""Shared parts of GANs that make pictures from other pictures."""

from typing import Any

import numpy as np

from jaxgan import data
from jaxgan.data import Dataset
from jaxgan.runs.measures.answers import COUNT, Question, likeness, sharpness
from jaxgan.runs.measures.row import Row
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import Examples, Pictures


def check_pictures(dataset: Dataset) -> None:
    """Refuse anything but pictures."""
    if dataset.x.ndim != 4:
        raise ConfigError(f"expected pictures, and the data are {dataset.x.shape[1:]}")


def check_sizes(dataset: Dataset) -> None:
    """Refuse pictures x and y of different sizes."""
    check_pictures(dataset)
    (height, width), other = dataset.x.shape[1:3], _pictures(dataset).shape[1:3]
    if (height, width) != other:
        raise ConfigError(
            f"pictures of {height}x{width} for {other[0]}x{other[1]}; expected the same size"
        )


def check_alike(dataset: Dataset, hint: str = "") -> None:
    """Refuse color pictures for gray ones, and vice versa."""
    kinds = {1: "gray", 3: "color"}
    x, y = dataset.x.shape[-1], _pictures(dataset).shape[-1]
    if x != y:
        raise ConfigError(f"x is {kinds[x]} and y is {kinds[y]}; expected the same{hint}")


def _pictures(dataset: Dataset) -> np.ndarray:
    assert dataset.y is not None  # guaranteed by `checks`
    return dataset.y


def condition(own: Any, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """Return the pictures y that others are made from, in [-1, 1]."""
    del own
    return data.to_unit(np.asarray(_pictures(dataset)[rows]))


def examples(own: Any, dataset: Dataset, rows: np.ndarray, options: Any) -> Examples:
    """Return the pictures y, and the pictures x that they are paired with."""
    del own, options
    rows = rows[rows < len(_pictures(dataset))]
    y = np.asarray(_pictures(dataset)[rows])
    return Examples(y, y, np.asarray(dataset.x[rows]) if dataset.paired else None)


def shape(facts: Facts, options: Any) -> tuple[int | None, int]:
    """Return the channels of y; pictures keep their size."""
    del options
    return None, facts.source[-1]


def translate(trained: Trained, given: np.ndarray, options: Any) -> np.ndarray:
    """Apply the generator to pictures."""
    del options
    return as_uint8(trained.remake(trained.experiment.generator, data.to_unit(given)))


PICTURES = Pictures(translate, examples, shape, condition)


def pairs(question: Question) -> list[Row]:
    """Measure similarity of translations to the right answers, and their sharpness."""
    dataset = question.unseen
    if not (dataset.has_pictures and dataset.paired):
        return []
    x, y = np.asarray(dataset.x[:COUNT]), np.asarray(_pictures(dataset)[:COUNT])
    made = translate(question.trained, y, None)
    title, other = "to the right answer (noise: to another)", np.roll(made, 1, axis=0)
    return [likeness("pairs", title, made, x, other), sharpness(made, x, None)]
