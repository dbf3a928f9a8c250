"""What GANs share that make pictures of other pictures."""

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
        raise ConfigError(f"expected pictures, the data are {dataset.x.shape[1:]}")


def check_sizes(dataset: Dataset) -> None:
    """Refuse pictures x and y of two sizes."""
    check_pictures(dataset)
    (height, width), other = dataset.x.shape[1:3], _pictures(dataset).shape[1:3]
    if (height, width) != other:
        raise ConfigError(
            f"pictures of {height}x{width} for {other[0]}x{other[1]}; expected one size"
        )


def check_alike(dataset: Dataset, hint: str = "") -> None:
    """Refuse color pictures for gray ones, and the other way round."""
    kinds = {1: "gray", 3: "color"}
    x, y = dataset.x.shape[-1], _pictures(dataset).shape[-1]
    if x != y:
        raise ConfigError(f"x is {kinds[x]} and y is {kinds[y]}; expected both alike{hint}")


def _pictures(dataset: Dataset) -> np.ndarray:
    assert dataset.y is not None  # `checks` sees to that
    return dataset.y


def condition(own: Any, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    """The pictures y that others are made of, in [-1, 1]."""
    del own
    return data.to_unit(np.asarray(_pictures(dataset)[rows]))


def examples(own: Any, dataset: Dataset, rows: np.ndarray, options: Any) -> Examples:
    """The pictures y, and those of x that belong to them."""
    del own, options
    rows = rows[rows < len(_pictures(dataset))]
    y = np.asarray(_pictures(dataset)[rows])
    return Examples(y, y, np.asarray(dataset.x[rows]) if dataset.paired else None)


def shape(facts: Facts, options: Any) -> tuple[int | None, int]:
    """The side and the channels of y."""
    del options
    return facts.source[0], facts.source[-1]


def translate(trained: Trained, given: np.ndarray, options: Any) -> np.ndarray:
    """What the generator makes of pictures."""
    del options
    return as_uint8(trained.apply(trained.experiment.generator, data.to_unit(given)))


PICTURES = Pictures(translate, examples, shape, condition)


def pairs(question: Question) -> list[Row]:
    """How like the right answer what is made of its source is, and how sharp."""
    dataset = question.unseen
    if not (dataset.has_pictures and dataset.paired):
        return []
    x, y = np.asarray(dataset.x[:COUNT]), np.asarray(_pictures(dataset)[:COUNT])
    made = translate(question.trained, y, None)
    title, other = "to the right answer (noise: to another)", np.roll(made, 1, axis=0)
    return [likeness("pairs", title, made, x, other), sharpness(made, x, None)]
