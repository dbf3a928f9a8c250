"""What runs make of pictures, what is measured of it, and how `sample.py` writes it."""

import dataclasses
import wave
from functools import cache

from jaxgan.runs.measures import answers as asked
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxgan.runs.commands import sample
from jaxgan.runs.build import build
from jaxgan.runs.config import Config, ConfigError, make
from jaxgan.runs.editing import edit_data, edit_files
from networks import compilation
from PIL import Image
from jaxgan.runs.data import example, facts, load, unseen

from jaxgan import Variables
from jaxgan.data.images import to_array
from jaxgan.metrics.pictures import psnr

SMALL = make(width=4, latent_dim=4, batch_size=4, blocks=1, stages=1, patch_layers=1)
RUNS = {
    "pix2pix": {"model": "unet", "dataset": "outlines:digits"},
    "cyclegan": {"model": "unet", "dataset": "unpaired:outlines:digits"},
    "context_encoder": {"model": "unet", "mask_share": 0.3},
    "srgan": {"model": "srgan", "dataset": "halved:digits"},
    "aae": {"model": "mlp"},
    "infogan": {"model": "mlp", "code_categories": 3},
    "sgan": {"model": "mlp", "labelled": 20},
    "acgan": {"model": "mlp", "conditional": True},
    "cogan": {"model": "mlp", "dataset": "unpaired:outlines:digits"},
}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimised=False):
        yield


@cache
def run_of(recipe, **more):
    """A run that has not learnt anything yet."""
    settings = {"split": "train[:9900]", **RUNS.get(recipe, {"recipe": recipe}), **more}
    config = SMALL.replace(**{"recipe": recipe, **settings})
    known = facts(load(config))
    experiment = build(config, known)
    state = jax.eval_shape(experiment.gan.init, jax.random.key(0), example(known))
    random = np.random.default_rng(0)
    size = 0.0 if recipe == "srgan" else 0.3  # an SRGAN of zeros is bilinear interpolation

    def drawn(leaf):  # quicker than to compile the initialisers
        return jnp.asarray(size * random.normal(size=leaf.shape), leaf.dtype)

    judge = Variables(*jax.tree.map(drawn, (state.d.params, state.d.state)))
    return sample.Run(config, known, experiment, jax.tree.map(drawn, state.ema), 0, judge)


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of several sizes and modes, one of them in a folder of its own."""
    directory = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    (directory / "more").mkdir()
    for name, shape in ("a.png", (30, 40)), ("more/b.jpg", (28, 28, 3)):
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(directory / name)
    return directory


def edited(run, source, target, mask=None, back=False):
    return edit_files(run, source, target, mask=mask, back=back)


def test_a_folder_is_translated_to_one_with_the_same_names(folder, tmp_path):
    assert edited(run_of("pix2pix"), folder, tmp_path / "out") == 2
    assert picture(tmp_path / "out" / "a.png").shape == (28, 28, 3)
    assert picture(tmp_path / "out" / "more" / "b.png").shape == (28, 28, 3)


def test_a_cyclegan_goes_there_and_back(folder, tmp_path):
    run = run_of("cyclegan")
    edited(run, folder / "a.png", tmp_path / "there.png")
    edited(run, folder / "a.png", tmp_path / "back.png", back=True)
    assert (picture(tmp_path / "there.png") != picture(tmp_path / "back.png")).any()


def test_pictures_are_enlarged_whatever_their_size(folder, tmp_path):
    edited(run_of("srgan"), folder / "a.png", tmp_path / "large.png")
    large, small = picture(tmp_path / "large.png")[..., :1], picture(folder / "a.png")
    assert large.shape == (60, 80, 1)
    # Before it has learnt anything, what it adds to the interpolated picture is 0.
    again = large.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    assert np.corrcoef(again.ravel(), small.ravel())[0, 1] > 0.9


def test_holes_are_filled_and_nothing_else_is_changed(folder, tmp_path):
    run, source = run_of("context_encoder"), folder / "more" / "b.jpg"
    hole = np.zeros((28, 28), np.uint8)
    hole[3:9, 10:20] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    edited(run, source, tmp_path / "out.png", mask=tmp_path / "mask.png")
    with Image.open(source) as image:
        given = to_array(image, 1)[..., 0]
    changed = picture(tmp_path / "out.png")[..., 0] != given
    assert not changed[hole == 0].any()
    assert changed[hole > 0].mean() > 0.9
    edited(run, source, tmp_path / "own.png")  # the hole that it was trained with
    changed = picture(tmp_path / "own.png")[..., 0] != given
    assert changed[10:18, 10:18].mean() > 0.9
    assert not changed[:8].any()


@pytest.mark.parametrize("recipe", ["pix2pix", "context_encoder", "srgan", "aae", "cyclegan"])
def test_examples_are_shown_above_what_is_made_of_them(recipe, tmp_path):
    edit_data(run_of(recipe), 12, tmp_path / "x.png", back=False)
    rows = 2 if recipe == "aae" else 3
    assert picture(tmp_path / "x.png").shape == (2 * rows * 30 + 2, 302, 3)


def test_what_is_asked_wrongly_is_refused_and_nothing_is_written(folder, tmp_path):
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "broken.png").write_bytes(b"no picture")
    for name, size, value in ("all", (28, 28), 255), ("small", (5, 5), 0), ("none", (28, 28), 0):
        Image.fromarray(np.full(size, value, np.uint8)).save(tmp_path / f"{name}.png")
    alike = tmp_path / "alike"
    alike.mkdir()
    for suffix in ("png", "bmp"):
        Image.new("L", (28, 28)).save(alike / f"same.{suffix}")
    one, filler = folder / "more" / "b.jpg", run_of("context_encoder")
    mistakes = {
        "no such file": lambda out: edited(run_of("pix2pix"), tmp_path / "nothing", out),
        "cannot be read": lambda out: edited(run_of("pix2pix"), ours, out),
        "draws from noise": lambda out: edited(run_of("infogan"), one, out),
        "one of the pictures": lambda _: edited(
            run_of("pix2pix"), folder / "a.png", folder / "a.png"
        ),
        "would both become": lambda out: edited(run_of("pix2pix"), alike, out),
        "--back": lambda out: edited(run_of("pix2pix"), one, out, back=True),
        "--mask: .*fills nothing": lambda out: edited(run_of("pix2pix"), one, out, mask=one),
        "covers all": lambda out: edited(filler, one, out, mask=tmp_path / "all.png"),
        "covers nothing": lambda out: edited(filler, one, out, mask=tmp_path / "none.png"),
        "5x5 and .* 28x28": lambda out: edited(filler, one, out, mask=tmp_path / "small.png"),
        "--out=.*png": lambda out: edited(filler, one, out.with_suffix(".tiff")),
        "--from_data": lambda out: edit_data(run_of("acgan"), 3, out, back=False),
        "no codes": lambda out: sample.sweep(run_of("acgan"), jax.random.key(0), 2, 0),
        "a code from 0 to 2": lambda out: sample.sweep(run_of("infogan"), jax.random.key(0), 2, 3),
        "no sounds": lambda out: write(run_of("infogan"), out.with_suffix(".wav")),
        "--from_data$": lambda out: write(run_of("pix2pix"), out),
    }
    before = sorted(tmp_path.iterdir())
    for message, mistake in mistakes.items():
        with pytest.raises(ConfigError, match=message) as error:
            mistake(tmp_path / "out.png")
        assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before


def write(run, path, n=4):
    sample.write(path, run, jax.random.key(0), n, None, 0)
    return path


def test_codes_are_swept_in_rows():
    run = run_of("infogan")
    categories = sample.sweep(run, jax.random.key(0), 2, code=0)
    assert categories.shape == (2 * 30 + 2, 3 * 30 + 2, 3)
    continuous = sample.sweep(run, jax.random.key(0), 2, code=1)
    assert continuous.shape == (2 * 30 + 2, 9 * 30 + 2, 3)
    first, last = continuous[2:30, 2:30].astype(float), continuous[2:30, -30:-2].astype(float)
    assert np.abs(first - last).max() > 0


def test_a_pair_of_domains_is_written_together(tmp_path):
    run = run_of("cogan")
    with np.load(write(run, tmp_path / "x.npz")) as file:
        assert file["samples"].shape == file["samples_of_y"].shape == (4, 28, 28, 1)
    assert picture(write(run, tmp_path / "x.png")).shape == (62, 122, 3)


def test_sounds_are_written_one_after_the_other(tmp_path):
    run = run_of("gan", model="wavegan", dataset="notes", split="train", conditional=True, width=1)
    with wave.open(str(write(run, tmp_path / "x.wav")), "rb") as file:
        assert file.getframerate() == 4000
        assert file.getnframes() >= 4 * 1024
    assert picture(write(run, tmp_path / "x.png")).ndim == 3


@pytest.mark.parametrize("recipe", RUNS)
def test_what_was_asked_for_is_measured_on_data_that_were_not_seen(recipe):
    run = run_of(recipe)
    others = unseen(run.config)
    assert len(others.x) == 100
    assert others.paired
    rows = asked.rows(run, load(run.config), jax.random.key(0))
    assert rows
    for row in rows:
        assert row.name.startswith("asked/")
        assert np.isfinite(row.value)
        if row.better == "higher" and row.real is not None:
            assert row.noise <= row.real


def test_untaught_networks_are_no_better_than_their_baselines():
    for recipe, name in ("acgan", "asked/class"), ("infogan", "asked/code_read"):
        rows = asked.rows(run_of(recipe), load(run_of(recipe).config), jax.random.key(0))
        (row,) = (row for row in rows if row.name == name)
        assert row.value < row.noise + 0.25
        assert row.real > 0.9


def test_before_it_has_learnt_srgan_is_bilinear_interpolation():
    run = run_of("srgan")
    (row, _) = asked.rows(run, load(run.config), jax.random.key(0))
    assert row.value == pytest.approx(row.noise, abs=0.05)
    assert np.isinf(psnr(np.zeros((1, 4, 4, 1), np.uint8), np.zeros((1, 4, 4, 1), np.uint8)))
