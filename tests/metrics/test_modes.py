"""Modes, class scores, neighbors and paths, against numbers worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from jaxgan import data, metrics
from jaxgan.data.toys import GRID_SD, RING_SD, grid_modes, ring_modes
from jaxgan.metrics import neighbors


def test_modes_and_reverse_kl():
    found = metrics.mode_coverage([0, 0, 1, 3], 4)
    assert found.found == 3
    expected = 0.5 * np.log(2) + 2 * 0.25 * np.log(1)
    assert found.reverse_kl == pytest.approx(expected)
    assert metrics.mode_coverage(np.arange(1000), 1000) == (1000, pytest.approx(0))
    assert metrics.mode_coverage([7] * 9, 1000) == (1, pytest.approx(np.log(1000)))


def test_the_floor_of_reverse_kl_is_that_of_a_uniform_sampler():
    """26,000 uniform draws of 1000 modes: 0.0195 +- 0.0011 in a simulation of 40 draws."""
    random = np.random.default_rng(0)
    found = metrics.mode_coverage(random.integers(1000, size=26_000), 1000)
    assert found.found == 1000
    assert found.reverse_kl == pytest.approx(0.0195, abs=4 * 0.0011)


def test_codes_outside_of_the_modes_are_refused():
    for codes in [], [10], [-1]:
        with pytest.raises(metrics.MetricError, match="each from 0 to 9"):
            metrics.mode_coverage(codes, 10)


@pytest.mark.parametrize(
    ("name", "centers", "sd"), [("ring", ring_modes, RING_SD), ("grid", grid_modes, GRID_SD)]
)
def test_points_of_the_data_find_all_modes(name, centers, sd):
    found = metrics.point_modes(data.load(name).x, centers(), sd)
    assert found.found == len(centers())
    # P(r <= 3 sd) of a Gaussian in the plane is 1 - exp(-9 / 2).
    assert found.good == pytest.approx(1 - np.exp(-4.5), abs=0.002)


def test_bad_points_find_no_mode():
    off = ring_modes() + np.float32(3.1 * RING_SD)
    assert metrics.point_modes(off, ring_modes(), RING_SD) == (0, 0)
    near = ring_modes()[:2] + np.float32([2.9 * RING_SD, 0])
    assert metrics.point_modes([*near, [9, 9], [8, 8]], ring_modes(), RING_SD) == (2, 0.5)
    with pytest.raises(metrics.MetricError, match="1 of 2 sampled points are NaN"):
        metrics.point_modes([[np.nan, 0], [0, 0]], ring_modes(), RING_SD)


def test_classifier_score():
    certain = 50 * np.eye(5)[np.tile(np.arange(5), 20)]
    assert metrics.classifier_score(certain, splits=1).value == pytest.approx(5, rel=1e-6)
    assert metrics.classifier_score(np.zeros((20, 5))).value == pytest.approx(1)
    logits = np.random.default_rng(0).normal(size=(60, 7)) * 3
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p = p[np.random.default_rng(0).permutation(60)]
    parts = [
        np.exp(np.mean([np.sum(row * np.log(row / part.mean(0))) for row in part]))
        for part in np.split(p, 3)
    ]
    found = metrics.classifier_score(logits, splits=3)
    assert found == pytest.approx((np.mean(parts), np.std(parts)), rel=1e-9)
    with pytest.raises(metrics.MetricError, match="too few for 10 parts"):
        metrics.classifier_score(logits[:9])


def test_the_classifier_score_of_samples_that_are_sorted_by_class():
    by_turns = 50 * np.eye(5)[np.tile(np.arange(5), 200)]
    in_order = 50 * np.eye(5)[np.repeat(np.arange(5), 200)]
    scores = [metrics.classifier_score(logits).value for logits in (by_turns, in_order)]
    # In ten parts as they come, the sorted ones would score 1: a single class in each.
    assert min(scores) > 4.8


def test_class_shares():
    np.testing.assert_array_equal(
        metrics.class_shares([[0, 1, 0], [2, 1, 0], [0, 3, 1], [0, 1, 0]]), [0.25, 0.75, 0]
    )


def test_stacked_network_reads_three_digits_and_ignores_padding():
    def apply(images):
        level = images.reshape(len(images), -1).max(axis=1) // 20
        return level[:, None].astype(jnp.float32), jnp.eye(10)[level]

    one = metrics.FeatureNetwork("digits", 1, apply, classes=10)
    network = metrics.stacked(one)
    assert (network.name, network.width, network.classes) == ("stacked_digits", 3, 1000)
    images = np.zeros((2, 28, 28, 3), np.uint8)
    images[0, 5, 5], images[1, 9, 9] = (100, 60, 140), (0, 180, 20)
    for margin in 0, 2:
        padded = np.pad(images, ((0, 0), (margin,) * 2, (margin,) * 2, (0, 0)))
        features, logits = network.apply(padded)
        np.testing.assert_array_equal(logits.argmax(1), [537, 91])
        np.testing.assert_array_equal(features, [[5, 3, 7], [0, 9, 1]])
    with pytest.raises(metrics.MetricError, match="three stacked digits"):
        network.apply(images[..., :1])


def test_stacked_digits_are_independent_digits():
    dataset = data.load("stacked_digits")
    single = data.load("digits")
    assert dataset.x.shape == (128_000, 28, 28, 3)
    assert len(np.unique(dataset.y)) == 1000
    for i in range(3):
        digit = dataset.y[7] // 10 ** (2 - i) % 10
        rows = single.x[single.y == digit][..., 0]
        assert (rows == dataset.x[7, ..., i]).all(axis=(1, 2)).any()
    padded = data.load("stacked_digits", image_size=32)
    np.testing.assert_array_equal(padded.x[9, 2:30, 2:30], dataset.x[9])
    assert not padded.x[:100, :2].any()
    for settings, message in (
        ({"split": "test"}, "no split"),
        ({"image_size": 64}, "image_size=64: expected image_size=28 or image_size=32"),
    ):
        with pytest.raises(data.DataError, match=message):
            data.load("stacked_digits", **settings)


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_nearest(norm):
    random = np.random.default_rng(0)
    queries = random.integers(0, 256, (11, 4, 4, 1), np.uint8)
    references = random.integers(0, 256, (300, 4, 4, 1), np.uint8)
    queries[3] = references[77]
    difference = queries[:, None].astype(float) - references
    distances = {
        "l1": np.abs(difference).sum((2, 3, 4)),
        "l2": np.sqrt((difference**2).sum((2, 3, 4))),
    }
    found = metrics.nearest(queries, references, norm=norm)
    np.testing.assert_array_equal(found.which, distances[norm].argmin(1))
    np.testing.assert_allclose(found.distance, distances[norm].min(1), rtol=1e-12)
    assert (found.which[3], found.distance[3]) == (77, 0)


@st.composite
def two_sets_of_pictures(draw):
    """Smooth or noisy pictures of any size; copies among them, and equal distances."""
    height, width, channels = draw(st.integers(1, 19)), draw(st.integers(1, 19)), draw(st.just(3))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    highest, coarse = draw(st.sampled_from([1, 40, 255])), draw(st.booleans())
    x = random.integers(0, highest + 1, (draw(st.integers(2, 60)), height, width, channels))
    if coarse:
        x[:] = x[:, :1, :1]
    x = x.astype(np.uint8)
    return x[: draw(st.integers(1, 5))], x[draw(st.integers(0, 1)) :]


@hypothesis_settings(max_examples=60, deadline=None)
@given(two_sets_of_pictures())
def test_the_nearest_picture_is_found_without_looking_at_all_of_them(both):
    queries, references = both
    distances = np.abs(queries[:, None].astype(int) - references).sum((2, 3, 4))
    found = metrics.nearest(queries, references, norm="l1")
    np.testing.assert_array_equal(found.distance, distances.min(1))
    np.testing.assert_array_equal(found.which, distances.argmin(1))


def test_few_pictures_are_looked_at_whole(monkeypatch):
    """Blocks rule out nearly all digits; a search that does not use them looks at 500 each."""
    digits = data.load("digits").x
    looked_at = []
    whole = neighbors._l1

    def counted(rows, query):
        looked_at.append(len(rows) if len(query) == 28 * 28 else 0)
        return whole(rows, query)

    monkeypatch.setattr(neighbors, "_l1", counted)
    metrics.nearest(digits[:20], digits[500:1000], norm="l1")
    assert sum(looked_at) < 20 * 120


def test_nearest_refuses_what_it_cannot_compare():
    with pytest.raises(metrics.MetricError, match="choose l1 or l2"):
        metrics.nearest(np.zeros((2, 3)), np.zeros((2, 3)), norm="l3")
    with pytest.raises(metrics.MetricError, match="expected one shape"):
        metrics.nearest(np.zeros((2, 28, 28, 1)), np.zeros((2, 32, 32, 1)))


def test_path_length():
    straight = np.linspace([0.0, 0.0], [3.0, 4.0], 9)
    corner = np.array([[0, 0], [1, 0], [2, 0], [2, 1], [2, 2.0]])
    assert metrics.path_length(straight[None]) == pytest.approx((1, 1))
    assert metrics.path_length(corner[None]) == pytest.approx((4 / 8**0.5, 1))
    jump = np.array([[0.0], [0], [0], [1]])
    assert metrics.path_length(jump[None]) == pytest.approx((1, 3))
    still = np.zeros((1, 4, 1))
    assert metrics.path_length(np.concatenate([still, jump[None]])) == pytest.approx((1, 3))
    assert metrics.path_length(still) == (1, 1)
    with pytest.raises(metrics.MetricError, match=r"\[paths, 3 or more, width\]"):
        metrics.path_length(straight)
