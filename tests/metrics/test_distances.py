"""Moments and distances, against SciPy and against formulas written out."""

import functools

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan import metrics


def features(seed, number, width, *, scale=1.0, shift=0.0):
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(width, width)) / width**0.5
    return (random.normal(size=(number, width)) @ mixing * scale + shift).astype(np.float32)


def test_moments_are_those_of_numpy():
    x = features(0, 5000, 24)
    found = metrics.moments(x)
    np.testing.assert_allclose(found.mean, np.mean(x, 0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(
        found.covariance(), np.cov(x.astype(np.float64), rowvar=False), rtol=1e-10, atol=1e-14
    )


def test_moments_survive_a_mean_that_float32_does_not():
    x = features(0, 9000, 8, scale=1e-2, shift=300.0)
    expected = np.cov(x.astype(np.float64), rowvar=False)
    naive = (x.T @ x - len(x) * np.outer(x.mean(0), x.mean(0))) / (len(x) - 1)
    assert np.abs(naive - expected).max() > 0.1 * np.abs(expected).max()
    np.testing.assert_allclose(metrics.moments(x).covariance(), expected, rtol=1e-9, atol=1e-18)


# Few sizes, since each compiles a program.
@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.sampled_from([1, 2, 40]), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_moments_of_parts_merge_to_those_of_the_whole_in_any_order(sizes, random):
    x = features(1, sum(sizes), 3, shift=5.0)
    parts = [metrics.moments(part) for part in np.split(x, np.cumsum(sizes)[:-1])]
    random.shuffle(parts)
    merged = functools.reduce(metrics.merge, parts)
    whole = metrics.moments(x)
    assert merged.number == whole.number
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged.scatter, whole.scatter, rtol=1e-9, atol=1e-12)


def test_frechet_distance_is_that_of_scipys_matrix_root():
    a, b = features(0, 600, 32), features(1, 500, 32, scale=1.4, shift=0.3)
    s_a, s_b = (np.cov(x.astype(np.float64), rowvar=False) for x in (a, b))
    difference = a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)
    expected = difference @ difference + np.trace(
        s_a + s_b - 2 * scipy.linalg.sqrtm(s_a @ s_b).real
    )
    found = metrics.frechet_distance(metrics.moments(a), metrics.moments(b))
    assert found == pytest.approx(expected, rel=1e-9)
    # torch-fidelity 0.4 computes the trace of the root from the eigenvalues of the product.
    trace = np.sum(np.sqrt(np.linalg.eigvals(s_a @ s_b).astype(complex))).real
    assert found == pytest.approx(
        difference @ difference + np.trace(s_a) + np.trace(s_b) - 2 * trace, rel=1e-9
    )


def test_frechet_distance_of_known_gaussians():
    x = features(0, 50_000, 4)
    scaled = metrics.moments(3 * x + 2)
    own = metrics.moments(x)
    difference = 2 * own.mean + 2
    expected = difference @ difference + 4 * np.trace(own.covariance())
    assert metrics.frechet_distance(own, scaled) == pytest.approx(expected, rel=1e-5)
    assert metrics.frechet_distance(own, own) == pytest.approx(0, abs=1e-9)


def test_kernel_distance_is_that_of_its_formula_on_the_same_subsets():
    a, b = features(0, 300, 16), features(1, 260, 16, scale=1.2, shift=0.1)
    random = np.random.RandomState(2020)  # as torch-fidelity's KID draws its subsets
    expected = []
    for _ in range(7):
        x = a[random.choice(len(a), 100, replace=False)].astype(np.float64)
        y = b[random.choice(len(b), 100, replace=False)].astype(np.float64)
        xx, yy, xy = ((p @ q.T / 16 + 1) ** 3 for p, q in ((x, x), (y, y), (x, y)))
        pairs = ~np.eye(100, dtype=bool)
        expected.append(xx[pairs].mean() + yy[pairs].mean() - 2 * xy.mean())
    found = metrics.kernel_distance(a, b, subsets=7, subset_size=100)
    assert found.value == pytest.approx(np.mean(expected), rel=1e-9)
    assert found.spread == pytest.approx(np.std(expected), rel=1e-9)


def test_few_samples_get_a_smaller_subset_which_is_said(caplog):
    a, b = features(0, 60, 4), features(1, 50, 4)
    found = metrics.kernel_distance(a, b, subsets=3)
    assert "subsets of 50 examples" in caplog.text
    caplog.clear()
    assert found == metrics.kernel_distance(a, b, subsets=3, subset_size=50)
    assert not caplog.text
    with pytest.raises(metrics.MetricError, match="50 samples are too few for subsets of 51"):
        metrics.kernel_distance(a, b, subset_size=51)
    with pytest.raises(metrics.MetricError, match="1 samples are too few for subsets of 2"):
        metrics.kernel_distance(a, b[:1])


def test_kernel_distance_is_unbiased():
    """For two draws of one distribution it is zero on average, for any number of samples."""
    found = [
        metrics.kernel_distance(
            features(0, 4000, 8)[i : i + 50],
            features(0, 4000, 8)[-50 - i : -i],
            subsets=1,
            subset_size=50,
        ).value
        for i in range(1, 1900, 60)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / len(found) ** 0.5
    assert min(found) < 0 < max(found)


def test_too_few_samples_are_refused():
    few, many = features(0, 8, 8), features(1, 50, 8)
    with pytest.raises(metrics.MetricError, match="8 samples are too few for the covariance of 8"):
        metrics.frechet_distance(metrics.moments(few), metrics.moments(many))
    with pytest.raises(metrics.MetricError, match="too few for a covariance"):
        metrics.moments(few[:1]).covariance()
    with pytest.raises(metrics.MetricError, match="8 samples are too few for subsets of 20"):
        metrics.kernel_distance(few, many, subset_size=20)


def test_features_that_do_not_fit_are_refused():
    with pytest.raises(metrics.MetricError, match="differ in width: 3 and 4"):
        metrics.frechet_distance(
            metrics.moments(features(0, 9, 3)), metrics.moments(features(0, 9, 4))
        )
    with pytest.raises(metrics.MetricError, match="differ in width: first 3, second 4"):
        metrics.kernel_distance(features(0, 9, 3), features(0, 9, 4), subset_size=5)
    broken = features(0, 9, 3)
    broken[4, 1] = np.nan
    with pytest.raises(metrics.MetricError, match="1 of 9 given features are NaN or infinite"):
        metrics.moments(broken)
    with pytest.raises(metrics.MetricError, match=r"expected \[N, width\]"):
        metrics.moments(np.zeros(3))
