"""Pictures of samples by class: ten wide, with the names."""

import numpy as np
import pytest

from jaxgan.data import Dataset
from jaxgan.runs.config import make
from jaxgan.runs.show.classes import below_names, beside_names, by_class
from jaxgan.runs.show.view import view

SETTINGS = {"model": "dcgan", "conditional": True}


def page_of(classes: int, images: int = 100, side: int = 32) -> np.ndarray:
    """The picture that training draws of a data set with so many classes."""
    names = tuple(f"class {k}" for k in range(classes))
    x = np.zeros((2 * classes, side, side, 3), np.uint8)
    dataset = Dataset(x, np.arange(2 * classes) % classes, "x", names)
    count, y, draw = view(make(**SETTINGS), dataset, images)
    assert len(y) == count <= images
    return draw(np.full((count, side, side, 3), 200, np.uint8))


@pytest.mark.parametrize(
    ("classes", "height", "ratio"),
    [(1, 342, 1.2), (4, 280, 1.5), (10, 360, 1.3), (20, 880, 1.0), (120, 880, 1.0)],
)
def test_the_picture_has_a_shape_that_one_can_look_at(classes, height, ratio):
    """It was 138x852 with four classes, and 36x3402 with one."""
    page = page_of(classes)
    assert abs(page.shape[0] - height) < 20, page.shape
    assert page.shape[1] / page.shape[0] > 0.75 * ratio, page.shape
    assert page.shape[1] < 800


def test_rows_are_beside_the_names_of_their_classes():
    y = np.array([1, 0] * 6)
    samples = np.where(y[:, None, None, None] == 1, 50, 250) * np.ones((1, 8, 8, 1))
    page = by_class(samples.astype(np.uint8), y, ("second", "first"))
    left = page.shape[1] - (6 * 10 + 2)
    assert (page[2:10, left + 2 : left + 10] == 250).all()
    assert (page[14:22, left + 2 : left + 10] == 50).all()
    assert page[:12, :left].any()  # a name is written
    assert page[12:, :left].any()


def test_few_samples_are_below_their_names():
    page = below_names(np.full((3, 8, 8, 1), 255, np.uint8), ["a", "b", "c" * 100])
    assert page.shape == (16 + 72, 3 * 72, 3)
    assert (page[16 + 12 : 16 + 70 - 10, 12:60] == 255).all()
    assert not page[:16, 2 * 72 - 2 : 2 * 72].any()  # a long name ends before the next begins


def test_names_of_any_script_are_drawn():
    assert beside_names([np.zeros((1, 8, 8, 1), np.uint8)], ["日本 é " * 60]).shape[1] < 380
