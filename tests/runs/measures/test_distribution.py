"""Samples against data: every metric tells what it is there to tell."""

import numpy as np
import pytest

from jaxgan import data, metrics
from jaxgan.data.toys import ring_modes
from jaxgan.metrics import coverage
from jaxgan.runs.config import ConfigError
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.features import network_for
from jaxgan.runs.measures.reference import Reference
from jaxgan.runs.settings import METRICS


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    dataset = data.load("digits")
    cache_dir = str(tmp_path_factory.mktemp("yardsticks"))  # they are measured, not remembered
    return Comparison(network_for("auto", "", dataset), dataset, 500, cache_dir=cache_dir)


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
    reference = comparison.dataset.x[comparison._reference_rows]
    assert not held_out & {image.tobytes() for image in reference}


def test_points_of_the_ring_are_found():
    dataset = data.load("ring")
    comparison = Comparison(network_for("auto", "", dataset), dataset, 160)
    collapsed = np.repeat(ring_modes()[:1], 160, axis=0)
    found = comparison.measure(collapsed, ["density_coverage", "modes"])
    assert found["points/modes"].value == 1
    assert found["points/good"].value == 1
    assert found["points/coverage"].value < 0.2
    assert comparison.headline(["density_coverage", "modes"]) == "points/coverage"
    assert comparison.headline(["modes", "density_coverage"]) == "points/modes"


def test_names_say_which_network():
    color = data.Dataset(np.zeros((9, 8, 8, 3), np.uint8), None, "folder:x")
    assert network_for("pixels", "", color).name == "pixels"
    with pytest.raises(ConfigError, match=r"curl -LO https://.*pth and give --inception_weights="):
        network_for("inception", "", color)
    with pytest.raises(ConfigError, match="takes gray images, and --dataset=folder:x has 3"):
        network_for("mnist", "", color)
    # Only in Inception's features is it called FID.
    network = metrics.FeatureNetwork("inception", 2048, lambda x: (x, x))
    reference = Reference(network, "folder:x")
    assert reference.named("frechet_distance") == "inception/fid"
    assert reference.named("precision") == "inception/precision"


@pytest.mark.parametrize("shape", [(9, 8, 8, 3), (9, 100, 60, 3), (9, 28, 28, 1)])
def test_pictures_that_no_other_classifier_knows_are_compared_by_that_of_photographs(shape):
    """Its features are used, and not its classes, which these pictures do not have."""
    x = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    network = network_for("auto", "", data.Dataset(x, None, "folder:x"))
    features, logits = network.apply(x)
    assert (network.name, features.shape, logits.shape) == ("cifar10", (9, 64), (9, 0))
    assert network.classes == 0


def test_the_classes_of_cifar10_are_told_apart_in_any_folder_that_has_them():
    names = ("airplane", "automobile", "bird", "cat", "deer")
    names += ("dog", "frog", "horse", "ship", "truck")
    x = np.zeros((9, 32, 32, 3), np.uint8)
    for name, class_names in ("folder:x", names), ("cifar10", ("0", "1")):
        network = network_for("auto", "", data.Dataset(x, None, name, class_names))
        assert network.classes == network.apply(x)[1].shape[1] == 10


def test_more_samples_than_half_of_the_data_are_refused():
    dataset = data.load("digits")
    for samples in 1, 5001:
        with pytest.raises(ConfigError, match=f"{samples} samples; expected 2 or more, and at mo"):
            Comparison(network_for("auto", "", dataset), dataset, samples)


def few(n):
    dataset = data.load("digits", split=f"train[:{2 * n}]")
    return Comparison(network_for("auto", "", dataset), dataset, n)


@pytest.mark.parametrize(
    ("n", "missing"),
    [
        (64, ["frechet_distance"]),
        (9, ["frechet_distance", "classifier_score"]),
        (5, ["frechet_distance", "density_coverage", "classifier_score"]),
        (
            3,
            ["frechet_distance", "precision_recall", "density_coverage", "classifier_score"],
        ),
    ],
)
def test_few_pictures_are_measured_by_the_metrics_that_are_defined_for_them(n, missing):
    comparison = few(n)
    told = [text for text in comparison.left_out(METRICS) if "it needs" in text]
    assert [text.partition(" ")[0] for text in told] == missing
    assert all(text.endswith(f"and there are {n}") for text in told)
    names = {row.name for row in comparison.rows(comparison.held_out, METRICS)}
    assert "digits/kernel_distance" in names
    fooled = any(
        "digits/recall is left out: noise" in text for text in comparison.left_out(METRICS)
    )
    assert ("digits/recall" in names or fooled) == (n > 3)
    assert "digits/frechet_distance" not in names
    titles = [row.title for row in comparison.rows(comparison.held_out, ["kernel_distance"])]
    assert titles == [f"kernel distance (subsets of {n})"]


def test_a_metric_that_few_pictures_rule_out_ranks_no_steps():
    with pytest.raises(ConfigError, match=r"--eval_samples: nothing is left .*needs 65 examples"):
        few(10).headline(["frechet_distance", "precision_recall"])
    assert few(10).headline(["frechet_distance", "kernel_distance"]) == "digits/kernel_distance"


def test_numbers_for_which_noise_passes_for_real_are_left_out():
    """Means over 8 x 8 pixels of noise are all gray, and gray is near to many photographs."""
    random = np.random.default_rng(0)
    shades = random.integers(0, 256, (400, 2, 2, 3)).repeat(32, axis=1).repeat(32, axis=2)
    x = np.clip(shades / 2 + 64 + random.normal(0, 20, shades.shape), 0, 255).astype(np.uint8)
    dataset = data.Dataset(x, None, "folder:x")
    comparison = Comparison(network_for("pixels", "", dataset), dataset, 200)
    real, noise = comparison.yardsticks(METRICS)
    assert real.keys() == noise.keys()
    assert not {"pixels/precision", "pixels/recall"} & real.keys()
    assert {"pixels/kernel_distance", "pixels/coverage", "pixels/frechet_distance"} <= real.keys()
    told = comparison.left_out(METRICS)
    for name in "precision", "recall":
        assert f"pixels/{name} is left out: noise passes for real in these features" in told
    rows = comparison.rows(comparison.held_out, METRICS)
    assert {row.name for row in rows} == real.keys()


def test_each_example_passes_through_the_network_once():
    dataset = data.load("digits", split="train[:700]")
    network = network_for("auto", "", dataset)
    seen = []

    def apply(x):
        seen.append(len(x))
        return network.apply(x)

    comparison = Comparison(network._replace(apply=apply), dataset, 100)
    for _ in range(2):
        comparison.yardsticks(METRICS)
        comparison.left_out(METRICS)
        assert comparison.data_features.shape == (700, 64)
    assert sum(seen) == 250 * (1 + 3 + 1)  # held out, the reference, noise; in batches of 250
    features, _ = network.apply(dataset.x[:250])
    np.testing.assert_allclose(comparison.data_features[:250], features, atol=1e-4)


def test_pairs_of_examples_are_computed_no_more_often_than_needed(tmp_path, monkeypatch):
    """Once for the balls around real ones; of a set once for its own, and once for each metric."""
    passes, over_chunks = [], coverage.over_chunks
    monkeypatch.setattr(
        coverage, "over_chunks", lambda *given: passes.append(1) or over_chunks(*given)
    )
    dataset = data.load("digits", split="train[:400]")
    comparison = Comparison(network_for("auto", "", dataset), dataset, 150, cache_dir=str(tmp_path))
    chosen = ("precision_recall", "density_coverage")
    comparison.rows(dataset.x[:150], chosen)
    assert len(passes) == 1 + 3 * 3  # the samples, those held out, and noise
    comparison.measure(dataset.x[:150], chosen)
    assert len(passes) == 1 + 4 * 3
