"""Measuring a run: the judge, what evaluate.py writes, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path

from jaxgan.runs.commands import evaluate
from jaxgan.runs.training import loop
import numpy as np
import pytest
from jaxgan.runs.settings import METRICS
from jaxgan.runs.config import Config, ConfigError, make
from jaxgan.runs.measures.distribution import Comparison, network_for
from PIL import Image

from jaxgan import data, metrics
from jaxgan.data.toys import ring_modes
from jaxgan.metrics import inception

ROOT = Path(__file__).parents[2]
SMALL = {"model": "mlp", "width": 16, "latent_dim": 8, "batch_size": 16, "parallel": "jit"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs")
    for name, values in {"digits": {"conditional": True}, "ring": {"dataset": "ring"}}.items():
        loop.run(make(**SMALL, **values, steps=20, workdir=str(directory / name)))
    return directory


@pytest.fixture(scope="module")
def judge():
    dataset = data.load("digits")
    return Comparison(network_for("auto", "", dataset), dataset, 500)


@pytest.mark.usefixtures("as_users_run_it")
def test_evaluation_of_images(runs):
    path, rows = evaluate.evaluate(str(runs / "digits"), samples=300)
    found = json.loads(path.read_text())
    assert path == runs / "digits" / "evaluation" / "step_00000020.json"
    assert (found["step"], found["samples"], found["features"]) == (20, 300, "digits")
    assert [row["name"] for row in found["rows"]] == [row.name for row in rows]
    names = {row.name for row in rows}
    assert {
        f"digits/{name}"
        for name in (
            "frechet_distance",
            "kernel_distance",
            "precision",
            "recall",
            "density",
            "coverage",
            "classifier_score",
            "modes",
            "path_length",
            "nearest_l2",
        )
    } <= names
    assert "asked/class" in names  # the run is conditional
    assert {"pixels/nearest_l1", "pixels/nearest_l2", "pixels/copied"} <= names
    compared = [row for row in rows if row.noise is not None]
    assert len(compared) == 10
    for row in compared:
        assert row.real is not None
        # A generator of 20 steps is no better than the data are.
        assert row.value >= row.real if row.better == "lower" else row.value <= row.real * 1.1
    assert {point["psi"] for point in found["truncation"]} >= {0.4, 1.0}
    assert sum(found["classes"]["fake"]) == pytest.approx(1, abs=1e-3)
    assert len(found["distances"]["fake"]) == 300
    assert np.shape(found["projection"]["real"]) == (500, 2)
    for name in "nearest", "classes", "interpolation":
        with Image.open(path.parent / f"{name}.png") as picture:
            assert min(picture.size) > 28
    text = evaluate.table(rows)
    assert "real data" in text
    assert "noise" in text


def test_evaluation_of_points(runs):
    path, rows = evaluate.evaluate(str(runs / "ring"), samples=200)
    by_name = {row.name: row for row in rows}
    assert by_name["points/modes"].real == 8
    assert by_name["points/good"].real > 0.97
    assert by_name["points/coverage"].real > 0.9
    assert by_name["points/good"].noise < 0.05
    assert "truncation" in json.loads(path.read_text())


def test_the_judge_tells_real_from_fake(judge):
    """Held-out digits score better than blurred ones, and these than noise, in every metric."""
    real, noise = judge.yardsticks(METRICS)
    blurred = judge.held_out.astype(np.float32)
    for _ in range(6):
        blurred = sum(np.roll(blurred, s, axis) for s in (-1, 0, 1) for axis in (1, 2)) / 6
    worse = judge.measure(blurred.astype(np.uint8), METRICS)
    for name in real:
        values = [found[name].value for found in (real, worse, noise)]
        ranked = values if judge.kind(name).better == "lower" else [-value for value in values]
        assert ranked == sorted(ranked), name
    assert real["digits/modes"].value == 10
    assert noise["digits/frechet_distance"].value > 100 * real["digits/frechet_distance"].value


def test_the_judge_sees_lost_classes(judge):
    dataset = judge.dataset
    some = dataset.x[dataset.y < 5][:500]
    found = judge.measure(some, ["modes", "precision_recall"])
    assert found["digits/modes"].value <= 7
    assert found["digits/reverse_kl"].value > 0.5
    assert found["digits/precision"].value > 0.8
    assert found["digits/recall"].value < 0.6


def test_the_floor_does_not_compare_examples_with_themselves(judge):
    held_out = {image.tobytes() for image in judge.held_out}
    assert len(judge.held_out) == 500
    reference = judge.dataset.x[judge._reference]
    assert not held_out & {image.tobytes() for image in reference}


def test_points_of_the_ring_are_found():
    dataset = data.load("ring")
    judge = Comparison(network_for("auto", "", dataset), dataset, 160)
    collapsed = np.repeat(ring_modes()[:1], 160, axis=0)
    found = judge.measure(collapsed, ["density_coverage", "modes"])
    assert found["points/modes"].value == 1
    assert found["points/good"].value == 1
    assert found["points/coverage"].value < 0.2
    assert judge.headline == "points/coverage"


def test_names_say_which_network():
    colour = data.Dataset(np.zeros((9, 8, 8, 3), np.uint8), None, "folder:x")
    assert network_for("pixels", "", colour).name == "pixels"
    with pytest.raises(ConfigError, match="no shipped feature network knows these images"):
        network_for("auto", "", colour)
    with pytest.raises(ConfigError, match="give its weights as --inception_weights"):
        network_for("inception", "", colour)
    with pytest.raises(ConfigError, match="looks at grey images, and --dataset=folder:x has 3"):
        network_for("mnist", "", colour)
    # Only in Inception's features is it called FID.
    judge = Comparison.__new__(Comparison)
    judge.network = metrics.FeatureNetwork("inception", 2048, lambda x: (x, x))
    assert judge._name("frechet_distance") == "inception/fid"
    assert judge._name("precision") == "inception/precision"


def test_a_data_set_that_is_too_small_is_refused():
    dataset = data.load("digits")
    for samples in 64, 5001:
        with pytest.raises(ConfigError, match="more than the 64 features of digits"):
            Comparison(network_for("auto", "", dataset), dataset, samples)


def test_runs_that_cannot_be_measured_are_refused(runs):
    empty = runs / "empty"
    empty.mkdir(exist_ok=True)
    (empty / "flags.txt").write_text(make(**SMALL, workdir=str(empty)).to_flags())
    for workdir, settings, message in (
        ("/nowhere", {}, "there is no run here"),
        (empty, {}, "the run has no checkpoints yet"),
        (runs / "digits", {"step": 7}, "has checkpoints of steps"),
        (runs / "digits", {"member": 0}, "one GAN was trained here"),
        (runs / "digits", {"best": True}, "no best step is kept; train with --eval_every"),
        (runs / "digits", {"features": "inception"}, "--inception_weights=FILE"),
    ):
        with pytest.raises(ConfigError, match=message):
            evaluate.evaluate(str(workdir), samples=300, **settings)
    with pytest.raises(inception.WeightsError, match="cannot be read"):
        evaluate.evaluate(
            str(runs / "digits"), samples=300, features="inception", weights="nowhere.pth"
        )


def test_the_command(runs):
    def run(*flags):
        command = [sys.executable, "experiments/evaluate.py", *flags]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
        )

    done = run(f"--workdir={runs / 'ring'}", "--samples=100")
    assert done.returncode == 0, done.stderr
    assert "points/modes" in done.stdout
    assert "report.py" in done.stdout
