import os
import subprocess
import sys
import wave
from pathlib import Path

import jax
import numpy as np
import pytest
from absl import flags
from PIL import Image
from untrained import run_of

from jaxgan.runs import drawing
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


def write(run, path, *, n=8, truncation=None, label=None, options=None, **more):
    options = VARIANTS[run.config.recipe].options(**options or {})
    truncation, label = (None if one is None else str(one) for one in (truncation, label))
    drawing.write(
        run, drawing.Drawing(options, n=n, truncation=truncation, label=label, **more), path
    )
    return path


def test_a_grid_and_an_array_show_the_same_samples(runs, tmp_path):
    run = restore(runs / "labels")
    with np.load(write(run, tmp_path / "x.npz", n=9)) as file:
        samples, labels = file["samples"], file["labels"]
    assert samples.shape == (9, 28, 28, 1)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(labels, np.arange(9))
    page = picture(write(run, tmp_path / "x.png", n=9))
    assert page.shape == (80, 9 * 64, 3)  # each below its name, enlarged twice
    for k, each in enumerate(samples):
        left = k * 64 + 4
        np.testing.assert_array_equal(page[20:76:2, left : left + 56 : 2, 0], each[..., 0])


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


def test_infogan_truncates_its_noise_and_leaves_codes_alone():
    run = run_of("infogan")
    z = np.asarray(truncated(run, 0.1).experiment.latent(jax.random.key(0), 100))
    noise, categories, continuous = np.split(z, [4, 7], axis=1)
    assert np.abs(noise).max() <= 0.1
    np.testing.assert_array_equal(np.sort(categories), np.tile([0, 0, 1], (100, 1)))
    assert np.abs(continuous).max() > 0.9


def test_codes_are_swept_in_rows(tmp_path):
    run = run_of("infogan")
    categories = picture(write(run, tmp_path / "0.png", n=2, options={"sweep": 0}))
    assert categories.shape == (2 * 30 + 2, 3 * 30 + 2, 3)
    continuous = picture(write(run, tmp_path / "1.png", n=2, options={"sweep": 1}))
    assert continuous.shape == (2 * 30 + 2, 9 * 30 + 2, 3)
    first, last = continuous[2:30, 2:30].astype(float), continuous[2:30, -30:-2].astype(float)
    assert np.abs(first - last).max() > 0


def test_codes_are_swept_over_truncated_noise(tmp_path):
    run = run_of("infogan", code_continuous=0)  # a row is its noise and nothing else
    upper, lower = np.split(
        picture(write(run, tmp_path / "x.png", n=2, options={"sweep": 0}))[1:-1], 2
    )
    assert (upper != lower).any()
    tame = picture(write(run, tmp_path / "y.png", n=2, options={"sweep": 0}, truncation=1e-3))
    upper, lower = np.split(tame[1:-1].astype(int), 2)
    np.testing.assert_allclose(upper, lower, atol=1)


def test_a_pair_of_domains_is_written_together(tmp_path):
    run = run_of("cogan")
    with np.load(write(run, tmp_path / "x.npz", n=4)) as file:
        assert file["samples"].shape == file["samples_of_y"].shape == (4, 28, 28, 1)
    assert picture(write(run, tmp_path / "x.png", n=4)).shape == (62, 122, 3)


def test_sounds_are_written_one_after_the_other(tmp_path):
    settings = {"dataset": "notes", "split": "train", "conditional": True}
    run = run_of("gan", model="wavegan", latent_dim=4, width=1, **settings)
    with wave.open(str(write(run, tmp_path / "x.wav", n=4)), "rb") as file:
        assert file.getframerate() == 4000
        assert file.getnframes() >= 4 * 1024
    assert picture(write(run, tmp_path / "x.png", n=4)).ndim == 3


def options_of(recipe, *arguments):
    values = flags.FlagValues()
    sample.define_sample_options(values)
    values(["sample.py", *arguments])
    return sample.options_of(recipe, values)


def test_a_gan_gets_its_own_options():
    assert options_of("cyclegan", "--back").back
    assert options_of("cyclegan").back is False
    assert options_of("infogan", "--sweep=1").sweep == 1
    assert options_of("context_encoder", "--mask=hole.png").mask == "hole.png"


@pytest.mark.parametrize(
    ("message", "mistake"),
    [
        (r"--back=True: .*pix2pix.* goes with --recipe=cyclegan$", ("pix2pix", "--back")),
        (r"--mask=x.png: .*pix2pix.*--recipe=context_encoder", ("pix2pix", "--mask=x.png")),
        (r"--sweep=0: .*acgan.* goes with --recipe=infogan$", ("acgan", "--sweep=0")),
    ],
)
def test_options_of_other_gans_are_refused(message, mistake):
    with pytest.raises(ConfigError, match=message) as error:
        options_of(*mistake)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("message", "mistake"),
    [
        ("a code from 0 to 2", lambda out: write(run_of("infogan"), out, options={"sweep": 3})),
        (
            "--out=.*npz: .*png",
            lambda out: write(run_of("infogan"), out.with_suffix(".npz"), options={"sweep": 0}),
        ),
        ("expected a run on sounds", lambda out: write(run_of("infogan"), out.with_suffix(".wav"))),
        ("--from_data$", lambda out: write(run_of("pix2pix"), out)),
        ("--truncation: .*pix2pix", lambda out: truncated(run_of("pix2pix"), 0.5)),
    ],
)
def test_what_a_gan_cannot_draw_is_refused_and_nothing_is_written(message, mistake, tmp_path):
    with pytest.raises(ConfigError, match=message) as error:
        mistake(tmp_path / "out.png")
    assert "\n" not in str(error.value)
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
    assert picture(out).shape[0] == 62  # two rows beside the name of their class
