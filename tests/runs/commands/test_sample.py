import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.runs.commands import sample
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.restore import restore
from jaxgan.runs.trained import walk
from jaxgan.runs.training import loop
from jaxgan.runs.variants import VARIANTS

ROOT = Path(__file__).parents[3]

SMALL = {"model": "mlp", "width": 16, "latent_dim": 8, "batch_size": 16, "parallel": "jit"}


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A conditional run, an unconditional one with uniform latents, and one on points."""
    directory = tmp_path_factory.mktemp("runs")
    settings = {
        "labels": {**SMALL, "conditional": True},
        "uniform": {**SMALL, "latent": "uniform"},
        "points": {**SMALL, "dataset": "ring"},
    }
    for name, values in settings.items():
        config = make(**values, steps=20, workdir=str(directory / name))
        loop.run(config)
    return directory


def truncated(run, amount):
    return VARIANTS[run.config.recipe].truncate(run, amount)


def write(run, path, *, n=8, seed=0, label=None, truncation=None, interpolate=0):
    run = run if truncation is None else truncated(run, truncation)
    sample.write(path, run, jax.random.key(seed), n, label, interpolate)
    return path


def test_a_grid_and_an_array_show_the_same_samples(runs, tmp_path):
    run = restore(runs / "labels")
    with np.load(write(run, tmp_path / "x.npz", n=9)) as file:
        samples, labels = file["samples"], file["labels"]
    assert samples.shape == (9, 28, 28, 1)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.arange(9))
    page = picture(write(run, tmp_path / "x.png", n=9))
    np.testing.assert_array_equal(page[2:30, 2:30, 0], samples[0, ..., 0])
    np.testing.assert_array_equal(page[62:90, 62:90, 0], samples[8, ..., 0])


def test_samples_are_a_function_of_the_seed(runs, tmp_path):
    run = restore(runs / "uniform")
    arrays = []
    for name, seed in ("a", 1), ("b", 1), ("c", 2):
        with np.load(write(run, tmp_path / f"{name}.npz", seed=seed)) as file:
            assert "labels" not in file
            arrays.append(file["samples"])
    np.testing.assert_array_equal(arrays[0], arrays[1])
    assert (arrays[0] != arrays[2]).any()


def test_more_samples_than_fit_in_one_call_are_all_there(runs, tmp_path):
    run = restore(runs / "labels")
    with np.load(write(run, tmp_path / "x.npz", n=300)) as file:
        assert len(file["samples"]) == len(file["labels"]) == 300


def test_the_label_that_is_asked_for_is_drawn(runs, tmp_path):
    run = restore(runs / "labels")
    with np.load(write(run, tmp_path / "x.npz", label=7)) as file:
        np.testing.assert_array_equal(file["labels"], np.full(8, 7))


def test_truncation_bounds_the_latents(runs):
    run = restore(runs / "labels")
    z = truncated(run, 0.5).experiment.latent(jax.random.key(0), 100)
    assert np.abs(z).max() <= 0.5


def test_interpolation_walks_from_one_sample_to_another_in_every_row(runs, tmp_path):
    run = restore(runs / "labels")
    with np.load(write(run, tmp_path / "x.npz", n=16, interpolate=8, label=3)) as file:
        rows = file["samples"].reshape(2, 8, -1).astype(float)
    steps = np.abs(np.diff(rows, axis=1)).mean(axis=2)
    whole = np.abs(rows[:, -1] - rows[:, 0]).mean(axis=1)
    assert (steps > 0).all()
    assert (steps.max(axis=1) < whole).all()
    assert (np.abs(rows[0] - rows[1]).mean() > 0).all()


def test_a_gif_returns_to_where_it_began(runs, tmp_path):
    run = restore(runs / "labels")
    with Image.open(write(run, tmp_path / "x.gif", n=4, interpolate=3)) as gif:
        assert gif.n_frames == 12
    z = walk(run.experiment.latent, jax.random.key(0), 4, stops=4, frames=50, closed=True)
    steps = np.linalg.norm(np.diff(np.asarray([*z, z[0]]), axis=0), axis=-1)
    assert steps[-1].max() <= steps.max()


def test_points_are_drawn_as_points(runs, tmp_path):
    run = restore(runs / "points")
    with np.load(write(run, tmp_path / "x.npz", n=50)) as file:
        assert file["samples"].shape == (50, 2)
        assert file["samples"].dtype == np.float32
    assert picture(write(run, tmp_path / "x.png", n=50)).shape == (400, 400, 3)


def test_what_a_run_cannot_give_is_refused(runs, tmp_path):
    labels, uniform = restore(runs / "labels"), restore(runs / "uniform")
    mistakes = [
        ("--label=10", lambda path: write(labels, path, label=10)),
        ("--label=1", lambda path: write(uniform, path, label=1)),
        ("--truncation", lambda path: write(uniform, path, truncation=0.5)),
        ("--interpolate=3", lambda path: write(labels, path, n=8, interpolate=3)),
        ("--out", lambda path: write(labels, path.with_suffix(".jpg"))),
        ("--step", lambda path: restore(runs / "labels", step=999)),
        ("--workdir", lambda path: restore(tmp_path)),
    ]
    for names, mistake in mistakes:
        with pytest.raises(ConfigError, match=names):
            mistake(tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_the_script_runs_as_the_readme_says(runs, tmp_path):
    out = tmp_path / "more.png"
    arguments = [f"--workdir={runs / 'labels'}", "--n=16", "--label=7", f"--out={out}"]
    done = subprocess.run(
        [sys.executable, "experiments/sample.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert str(out) in done.stdout
    assert picture(out).shape == (122, 122, 3)
