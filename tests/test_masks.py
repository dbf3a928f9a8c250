"""Holes: where they are, how large they are, and what is refused."""

import jax
import numpy as np
import pytest
from networks import compilation

from jaxgan import masks

KEY = jax.random.key(0)
HEIGHT, WIDTH = 8, 12


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def drawn(mask, n=200):
    holes = np.asarray(jax.jit(mask, static_argnums=(1, 2, 3))(KEY, n, HEIGHT, WIDTH))
    assert holes.shape == (n, HEIGHT, WIDTH, 1)
    assert holes.dtype == np.float32
    assert set(np.unique(holes)) == {0, 1}
    return holes[..., 0]


def test_the_center_is_in_the_middle_of_all():
    expected = np.zeros((HEIGHT, WIDTH))
    expected[2:6, 3:9] = 1
    for hole in drawn(masks.center(), n=3):
        np.testing.assert_array_equal(hole, expected)


def test_a_random_box_is_one_box_of_its_size_and_is_everywhere():
    holes = drawn(masks.random_box(0.25))
    corners = set()
    for hole in holes:
        rows, columns = np.flatnonzero(hole.any(axis=1)), np.flatnonzero(hole.any(axis=0))
        assert (len(rows), len(columns)) == (2, 3)
        np.testing.assert_array_equal(hole, np.outer(hole.any(axis=1), hole.any(axis=0)))
        corners.add((rows[0], columns[0]))
    assert {row for row, _ in corners} == set(range(HEIGHT - 1))
    assert {column for _, column in corners} == set(range(WIDTH - 2))
    assert len(corners) > 60  # of 70: rows and columns are independent


def test_random_blocks_overlap_and_cover_at_most_their_sum():
    covered = drawn(masks.random_blocks()).mean(axis=(1, 2))
    assert covered.max() == 0.25
    assert covered.min() < 0.25
    assert covered.min() >= 1 / 16


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_every_hole_is_at_least_a_pixel_and_has_surroundings(share):
    for make in (masks.center, masks.random_box):
        covered = drawn(make(share), n=2).sum(axis=(1, 2))
        assert (covered == (1 if share < 0.5 else (HEIGHT - 1) * (WIDTH - 1))).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: masks.center(1.0), r"share is 1.0; expected a number in \(0, 1\)"),
        (lambda: masks.random_box(0.0), r"share is 0.0"),
        (lambda: masks.random_box(float("nan")), r"share is nan"),
        (lambda: masks.random_blocks(0), r"count is 0; expected at least 1"),
        (lambda: masks.random_blocks(4, 0.5), r"4 boxes of share 0.5 .* covers all"),
        (lambda: masks.center()(KEY, 1, 1, 8), r"a picture of 1x8 has no room"),
    ],
)
def test_masks_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_masks_that_somebody_has_drawn_are_checked():
    good = np.zeros((2, HEIGHT, WIDTH, 1), np.uint8)
    good[:, 2:4] = 1
    masks.check(good, HEIGHT, WIDTH)
    masks.check(good.astype(bool), HEIGHT, WIDTH)
    full, empty = good.copy(), good.copy()
    full[1], empty[0] = 1, 0
    for bad, message in (
        (good[..., 0], r"mask has shape \(2, 8, 12\); .* \[n, H, W, 1\]"),
        (good[:, 1:], r"a mask of 7x12 for pictures of 8x12"),
        (255 * good, r"other values"),
        (full, r"mask 1 covers all of its picture"),
        (empty, r"mask 0 covers nothing"),
    ):
        with pytest.raises(ValueError, match=message):
            masks.check(bad, HEIGHT, WIDTH)
