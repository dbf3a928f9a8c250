"""Yardsticks are measured once for the same data, and never taken for those of others."""

import json

import numpy as np
import pytest

from jaxgan import data, metrics
from jaxgan.metrics import classifiers
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.reference import Reference

CHOSEN = ("frechet_distance", "precision_recall", "modes")
DIGITS = data.load("digits", split="train[:800]")
NETWORK = classifiers.load("digits")


@pytest.fixture
def measured(monkeypatch):
    """What is measured, as the names of metrics."""
    seen, measure = [], Reference.measure

    def counted(self, x, features, chosen):
        seen.extend(chosen)
        return measure(self, x, features, chosen)

    monkeypatch.setattr(Reference, "measure", counted)
    return seen


def yardsticks(root, dataset=DIGITS, samples=300, network=NETWORK, chosen=CHOSEN, **settings):
    comparison = Comparison(network, dataset, samples, cache_dir=str(root), **settings)
    return comparison.yardsticks(chosen)


def test_they_are_measured_once(tmp_path, measured):
    first = yardsticks(tmp_path)
    assert sorted(measured) == sorted(2 * CHOSEN)
    assert repr(yardsticks(tmp_path)) == repr(first)
    assert len(measured) == 2 * len(CHOSEN)
    yardsticks(tmp_path, chosen=("kernel_distance", *CHOSEN))
    assert measured[2 * len(CHOSEN) :] == 2 * ["kernel_distance"]


def other_picture():
    x = np.array(DIGITS.x)
    x[17, 3, 3] ^= 1
    return DIGITS._replace(x=x)


@pytest.mark.parametrize(
    "settings",
    [
        {"dataset": other_picture()},
        {"samples": 299},
        {"whole": True},
        {"network": classifiers.load("mnist")},
        {"network": classifiers.load("mnist")._replace(name="digits")},
        {"network": metrics.pixels(1)},
    ],
)
def test_others_are_measured_anew(tmp_path, measured, settings):
    yardsticks(tmp_path, chosen=["precision_recall"])
    measured.clear()
    found = yardsticks(tmp_path, chosen=["precision_recall"], **settings)
    assert measured == 2 * ["precision_recall"]
    assert repr(found) == repr(
        yardsticks(tmp_path / "other", chosen=["precision_recall"], **settings)
    )


@pytest.mark.parametrize("content", ["", "[]", '{"modes": 3}', '{"modes": [{"a": 1}, {}]}', "\xff"])
def test_a_damaged_file_is_as_good_as_none(tmp_path, content):
    first = yardsticks(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_text(content, encoding="latin-1")
    assert repr(yardsticks(tmp_path)) == repr(first)
    assert set(json.loads(file.read_text())) == set(CHOSEN)


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path):
    (tmp_path / "file").touch()
    assert repr(yardsticks(tmp_path / "file" / "cache")) == repr(yardsticks(tmp_path / "cache"))
