"""Shared parts of GANs whose discriminator learns classes from few labels."""

from typing import Any

import numpy as np

from jaxgan import data, metrics
from jaxgan.data import Dataset
from jaxgan.runs.measures.answers import COUNT, Question
from jaxgan.runs.measures.row import Row
from jaxgan.runs.settings import ConfigError, setting


def labelled() -> Any:
    """Declare the number of labels that are kept."""
    return setting(0, "labels to keep, equally many of each class; 0 for all", low=0)


def check_data(own: Any, dataset: Dataset) -> None:
    """Refuse fewer labels than classes."""
    if own.labelled and own.labelled < len(dataset.class_names):
        raise ConfigError(
            f"it has {len(dataset.class_names)} classes, and --labelled={own.labelled}; "
            f"expected a label for each of them at the least"
        )


def hide_labels(own: Any, dataset: Dataset) -> Dataset:
    """Keep the first labels of each class, `--labelled` in total, and set the others to -1."""
    if not own.labelled:
        return dataset
    assert dataset.y is not None  # guaranteed by `checks`
    y = np.full_like(dataset.y, -1)
    each = own.labelled // len(dataset.class_names)
    for label in range(len(dataset.class_names)):
        y[np.flatnonzero(dataset.y == label)[:each]] = label
    return dataset._replace(y=y)


def accuracy(question: Question) -> list[Row]:
    """Measure D's accuracy as a classifier, against the nearest of the labeled examples."""
    trained, dataset, known = question.trained, question.unseen, question.trained_on
    assert dataset.y is not None
    assert known.y is not None
    x, y = np.asarray(dataset.x[:COUNT]), dataset.y[:COUNT]
    logits = trained.apply(trained.experiment.own, data.to_unit(x), of_d=True)
    has_label = known.y >= 0
    nearest = metrics.nearest(x, np.asarray(known.x[has_label])).which
    return [
        Row(
            "asked/accuracy",
            f"D's accuracy with {has_label.sum()} labels (noise: the nearest of these)",
            float(np.mean(logits.argmax(axis=1) == y)),
            len(x),
            real=1.0,
            noise=float(np.mean(known.y[has_label][nearest] == y)),
            better="higher",
        )
    ]
