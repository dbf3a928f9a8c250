"""Precision, recall, density and coverage, against plain loops."""

import numpy as np
import pytest

from jaxgan import metrics


def balls(points, k):
    """Radius of each point's ball, in float64, by sorting all distances."""
    distances = np.linalg.norm(points[:, None] - points, axis=-1)
    return np.sort(distances, axis=1)[:, k]


@pytest.fixture
def sets():
    random = np.random.default_rng(0)
    real = random.normal(size=(230, 5))
    fake = random.normal(size=(180, 5)) * 0.8 + 0.5
    return real, fake


def test_precision_and_recall(sets):
    real, fake = sets
    distances = np.linalg.norm(real[:, None] - fake, axis=-1)
    precision = np.mean([any(distances[:, j] <= balls(real, 3)) for j in range(len(fake))])
    recall = np.mean([any(distances[i] <= balls(fake, 3)) for i in range(len(real))])
    assert 0.1 < precision < 0.99
    assert metrics.precision_recall(real, fake) == pytest.approx((precision, recall), abs=1e-12)


def test_density_and_coverage(sets):
    real, fake = sets
    distances = np.linalg.norm(real[:, None] - fake, axis=-1)
    radii = balls(real, 5)
    density = (distances < radii[:, None]).sum(axis=0).mean() / 5
    coverage = (distances.min(axis=1) < radii).mean()
    assert metrics.density_coverage(real, fake) == pytest.approx((density, coverage), abs=1e-12)


def test_what_is_on_the_edge_of_a_ball_is_outside_where_it_is_in_the_authors_code():
    points = np.arange(6.0)[:, None]  # with one neighbor each, balls have the radius 1
    assert metrics.density_coverage(points, points, k=1) == (1, 1)
    beside = points + 6  # only 6 is near a ball, and on its edge
    assert metrics.density_coverage(points, beside, k=1) == (0, 0)
    assert metrics.precision_recall(points, beside, k=1) == (1 / 6, 1 / 6)


def test_slices_of_a_thousand_make_no_difference(sets, monkeypatch):
    real, fake = sets
    whole = metrics.precision_recall(real, fake), metrics.density_coverage(real, fake)
    monkeypatch.setattr("jaxgan.metrics.pairs._CHUNK", 64)
    assert (metrics.precision_recall(real, fake), metrics.density_coverage(real, fake)) == whole


def test_collapse_costs_recall_and_noise_costs_precision():
    random = np.random.default_rng(0)
    real = random.normal(size=(400, 4))
    collapsed = real[:1] + 1e-3 * random.normal(size=(400, 4))
    assert metrics.precision_recall(real, collapsed).precision == 1
    assert metrics.precision_recall(real, collapsed).recall < 0.02
    assert metrics.density_coverage(real, collapsed).coverage < 0.1
    noise = 20 * random.normal(size=(400, 4))
    assert metrics.precision_recall(real, noise).precision < 0.1
    again = random.normal(size=(400, 4))
    assert min(metrics.precision_recall(real, again)) > 0.8
    assert metrics.density_coverage(real, again).density == pytest.approx(1, abs=0.1)


def test_an_outlier_in_the_data_raises_precision_but_hardly_density():
    random = np.random.default_rng(0)
    real = np.concatenate([random.normal(size=(300, 2)), [[40.0, 0.0]]])
    fake = random.normal(size=(300, 2)) + np.array([15.0, 0.0])
    assert metrics.precision_recall(real, fake).precision == 1
    assert metrics.density_coverage(real, fake).density < 0.25


def test_bad_input_is_refused():
    x = np.zeros((3, 2))
    with pytest.raises(metrics.MetricError, match="3 real samples are too few for 3 neighbors"):
        metrics.precision_recall(x, np.zeros((9, 2)))
    with pytest.raises(metrics.MetricError, match="3 fake samples are too few for 5 neighbors"):
        metrics.density_coverage(np.zeros((9, 2)), x)
    with pytest.raises(metrics.MetricError, match="real 2, fake 4"):
        metrics.precision_recall(np.zeros((9, 2)), np.zeros((9, 4)))
