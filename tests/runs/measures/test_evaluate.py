"""Measuring a run: what is measured, what is written, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.metrics import inception
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.measures.evaluate import evaluate
from jaxgan.runs.measures.row import table
from jaxgan.runs.training import loop

ROOT = Path(__file__).parents[3]
SMALL = {"model": "mlp", "width": 16, "latent_dim": 8, "batch_size": 16, "parallel": "jit"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("runs")
    for name, values in {"digits": {"conditional": True}, "ring": {"dataset": "ring"}}.items():
        loop.run(make(**SMALL, **values, steps=20, workdir=str(directory / name)))
    return directory


@pytest.mark.usefixtures("as_users_run_it")
def test_evaluation_of_images(runs):
    path, rows = evaluate(str(runs / "digits"), samples=300)
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
    text = table(rows)
    assert "real data" in text
    assert "noise" in text


def test_evaluation_of_points(runs):
    path, rows = evaluate(str(runs / "ring"), samples=200)
    by_name = {row.name: row for row in rows}
    assert by_name["points/modes"].real == 8
    assert by_name["points/good"].real > 0.97
    assert by_name["points/coverage"].real > 0.9
    assert by_name["points/good"].noise < 0.05
    assert "truncation" in json.loads(path.read_text())


def test_runs_that_cannot_be_measured_are_refused(runs):
    empty = runs / "empty"
    empty.mkdir(exist_ok=True)
    (empty / "flags.txt").write_text(make(**SMALL, workdir=str(empty)).to_flags())
    for workdir, settings, message in (
        ("/nowhere", {}, "there is no run here"),
        (empty, {}, "the run has no checkpoints yet"),
        (runs / "digits", {"step": 7}, "--step=7: expected a step of"),
        (runs / "digits", {"member": 0}, "the run trained a single GAN"),
        (runs / "digits", {"best": True}, "no best step is kept; train with --eval_every"),
        (runs / "digits", {"features": "inception"}, "--inception_weights=pt_inception"),
    ):
        with pytest.raises(ConfigError, match=message):
            evaluate(str(workdir), samples=300, **settings)
    with pytest.raises(inception.WeightsError, match="cannot be read"):
        evaluate(str(runs / "digits"), samples=300, features="inception", weights="nowhere.pth")


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
