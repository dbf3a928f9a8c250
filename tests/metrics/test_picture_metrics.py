"""Signal-to-noise ratio and sharpness, against numbers worked out by hand."""

import numpy as np
import pytest
from scipy import ndimage

from jaxgan.data import load
from jaxgan.metrics import MetricError
from jaxgan.metrics.pictures import psnr, sharpness


def flat(*levels):
    return np.stack([np.full((4, 6, 3), level, np.uint8) for level in levels])


def test_psnr_of_flat_pictures():
    found = psnr(flat(0, 100, 7, 10), flat(255, 101, 7, 20))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[[0, 1, 3]], [0, 48.1308036, 28.1308036], atol=1e-6)
    assert found[2] == np.inf


def test_psnr_is_its_formula_on_each_pair():
    random = np.random.default_rng(0)
    x, y = random.integers(0, 256, (2, 5, 8, 8, 3), dtype=np.uint8)
    for i, found in enumerate(psnr(x, y)):
        error = np.mean([(int(a) - int(b)) ** 2 for a, b in zip(x[i].flat, y[i].flat, strict=True)])
        assert found == pytest.approx(10 * np.log10(255**2 / error), rel=1e-12)
    np.testing.assert_array_equal(psnr(x, y), psnr(y, x))


def test_sharpness_of_steps_and_ramps():
    step, ramp, both = np.zeros((3, 4, 6, 1), np.uint8)
    step[:, 3:] = 200  # one of five differences in each row
    ramp[:] = 10 * np.arange(6)[:, None]
    both[:] = (3 * np.arange(4)[:, None] + 4 * np.arange(6))[..., None]
    found = sharpness(np.stack([np.full_like(step, 9), step, ramp, both]))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [0, 200 / 5**0.5, 10, 5])
    np.testing.assert_allclose(sharpness(255 - np.stack([step, both])), [200 / 5**0.5, 5])


def test_a_blurred_edge_is_less_sharp():
    """It is as high as before, but rises in as many steps as it is wide."""
    edges = np.zeros((4, 8, 40, 1), np.uint8)
    for edge, width in zip(edges, (1, 4, 10, 20), strict=True):
        edge[:] = np.clip((np.arange(40)[:, None] - 10) * 200 / width, 0, 200)
    np.testing.assert_allclose(sharpness(edges), 200 / np.sqrt(39 * np.array([1, 4, 10, 20])))


def test_blurred_digits_are_less_sharp():
    """The sharpest of 500 blurred digits has 0.64 of its former sharpness."""
    digits = load("digits").x[:500]
    blurred = ndimage.uniform_filter(digits, (1, 3, 3, 1), mode="constant")
    ratios = sharpness(blurred) / sharpness(digits)
    assert ratios.max() < 0.7


def test_what_are_no_pictures_is_refused():
    for measure in (lambda x: psnr(x, x)), sharpness:
        for wrong in flat(1)[0], flat(1) / 255, flat(1)[:0]:
            with pytest.raises(MetricError, match=r"expected uint8 \[N, H, W, C\]"):
                measure(wrong)
    with pytest.raises(MetricError, match="expected one shape"):
        psnr(flat(1, 2), flat(1))
    with pytest.raises(MetricError, match="1 x 6 pixels have no gradient"):
        sharpness(flat(1)[:, :1])
