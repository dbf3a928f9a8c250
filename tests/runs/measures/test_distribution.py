"""Samples against data: every metric tells what it is there to tell."""

import numpy as np
import pytest

from jaxgan import data, metrics
from jaxgan.data.toys import ring_modes
from jaxgan.runs.config import ConfigError
from jaxgan.runs.measures.distribution import Comparison, network_for
from jaxgan.runs.settings import METRICS


@pytest.fixture(scope="module")
def comparison():
    dataset = data.load("digits")
    return Comparison(network_for("auto", "", dataset), dataset, 500)


def test_the_comparison_tells_real_from_fake(comparison):
    """Held-out digits score better than blurred ones, and these than noise, in every metric."""
    real, noise = comparison.yardsticks(METRICS)
    blurred = comparison.held_out.astype(np.float32)
    for _ in range(6):
        blurred = sum(np.roll(blurred, s, axis) for s in (-1, 0, 1) for axis in (1, 2)) / 6
    worse = comparison.measure(blurred.astype(np.uint8), METRICS)
    for name in real:
        values = [found[name].value for found in (real, worse, noise)]
        ranked = (
            values if comparison.metric(name).better == "lower" else [-value for value in values]
        )
        assert ranked == sorted(ranked), name
    assert real["digits/modes"].value == 10
    assert noise["digits/frechet_distance"].value > 100 * real["digits/frechet_distance"].value


def test_the_comparison_sees_lost_classes(comparison):
    dataset = comparison.dataset
    some = dataset.x[dataset.y < 5][:500]
    found = comparison.measure(some, ["modes", "precision_recall"])
    assert found["digits/modes"].value <= 7
    assert found["digits/reverse_kl"].value > 0.5
    assert found["digits/precision"].value > 0.8
    assert found["digits/recall"].value < 0.6


def test_the_floor_does_not_compare_examples_with_themselves(comparison):
    held_out = {image.tobytes() for image in comparison.held_out}
    assert len(comparison.held_out) == 500
    reference = comparison.dataset.x[comparison._reference]
    assert not held_out & {image.tobytes() for image in reference}


def test_points_of_the_ring_are_found():
    dataset = data.load("ring")
    comparison = Comparison(network_for("auto", "", dataset), dataset, 160)
    collapsed = np.repeat(ring_modes()[:1], 160, axis=0)
    found = comparison.measure(collapsed, ["density_coverage", "modes"])
    assert found["points/modes"].value == 1
    assert found["points/good"].value == 1
    assert found["points/coverage"].value < 0.2
    assert comparison.headline(["density_coverage", "modes"], found) == "points/coverage"
    assert comparison.headline(["modes", "density_coverage"], found) == "points/modes"


def test_names_say_which_network():
    color = data.Dataset(np.zeros((9, 8, 8, 3), np.uint8), None, "folder:x")
    assert network_for("pixels", "", color).name == "pixels"
    with pytest.raises(ConfigError, match="no shipped feature network fits these images"):
        network_for("auto", "", color)
    with pytest.raises(ConfigError, match="give its weights as --inception_weights"):
        network_for("inception", "", color)
    with pytest.raises(ConfigError, match="takes gray images, and --dataset=folder:x has 3"):
        network_for("mnist", "", color)
    # Only in Inception's features is it called FID.
    comparison = Comparison.__new__(Comparison)
    comparison.network = metrics.FeatureNetwork("inception", 2048, lambda x: (x, x))
    assert comparison._name("frechet_distance") == "inception/fid"
    assert comparison._name("precision") == "inception/precision"


def test_a_data_set_that_is_too_small_is_refused():
    dataset = data.load("digits")
    for samples in 64, 5001:
        with pytest.raises(ConfigError, match="more than the 64 features of digits"):
            Comparison(network_for("auto", "", dataset), dataset, samples)
