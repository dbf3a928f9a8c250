"""Random cuts of enlarged pictures: a function of the step, and the same for both of a pair."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan._feed import Share
from jaxgan.checkpoint import digest
from jaxgan.data import Dataset
from jaxgan.runs.checks import check_against_data
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.data import feed_of
from jaxgan.runs.jitter import cut
from jaxgan.runs.training import loop, sweep

SHAPE = (50, 8, 6, 3)
PIXELS = 3
SETTINGS = {"dataset": "digits", "model": "mlp", "batch_size": 12, "jitter": PIXELS}


def random(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def batch(dataset, *, step=5, share=Share(0, 1, 1), **settings):  # noqa: B008
    """The batch of a step, from a call that makes two steps more."""
    batches = feed_of(make(**SETTINGS | settings), dataset, share)
    items = batches.items(0, step - 1, 3)
    load = jax.jit(batches.load)
    return load(batches.source, jax.tree.map(lambda leaf: leaf[1], items))


def test_a_cut_is_that_of_an_enlarged_picture():
    x = np.random.default_rng(0).uniform(-1, 1, (4, 8, 6, 1)).astype(np.float32)
    corners = np.array([[0, 0], [3, 1], [2, 3], [1, 2]])
    found = cut(x, corners, PIXELS)
    for picture, (top, left), one in zip(x, corners, found, strict=True):
        large = Image.fromarray(picture[..., 0]).resize((9, 11), Image.Resampling.BILINEAR)
        expected = np.asarray(large)[top : top + 8, left : left + 6]
        np.testing.assert_allclose(one[..., 0], expected, atol=1e-5)


@pytest.mark.parametrize("device_data_gb", [1.0, 0.0])
@pytest.mark.parametrize("flip", [False, True])
def test_pairs_are_cut_at_the_same_place(device_data_gb, flip):
    x = random()
    pairs = Dataset(x, 255 - x, "pairs")
    found = batch(pairs, device_data_gb=device_data_gb, flip=flip)
    np.testing.assert_allclose(found.x, -found.y, atol=1e-5)
    assert found.x.shape == (12, *SHAPE[1:])


def test_a_cut_follows_from_seed_and_step_however_the_data_come():
    dataset = Dataset(random(), np.arange(50, dtype=np.int32), "labelled")
    found = batch(dataset)
    for again in batch(dataset), batch(dataset, device_data_gb=0.0):
        np.testing.assert_array_equal(found.x, again.x)
        np.testing.assert_array_equal(found.y, again.y)
    halves = [batch(dataset, share=Share(k, k + 1, 2)) for k in range(2)]
    np.testing.assert_allclose(found.x, np.concatenate([half.x for half in halves]), atol=1e-6)
    assert not np.array_equal(found.x, batch(dataset, step=6).x)


def test_every_place_is_cut_equally_often():
    """A single bright pixel tells where the cut was."""
    x = np.zeros((1, 8, 8, 1), np.uint8)
    x[0, 4, 4] = 255
    batches = feed_of(make(**SETTINGS | {"batch_size": 1}), Dataset(x, None, "pixel"))
    source, items = batches.source, batches.items(0, 0, 800)
    pictures = jax.jit(jax.vmap(lambda item: batches.load(source, item).x[0, ..., 0]))(items)
    places = np.argmax(np.asarray(pictures).reshape(800, -1), axis=1)
    found, counts = np.unique(places, return_counts=True)
    assert len(found) == (PIXELS + 1) ** 2
    assert counts.min() > 25  # 50 are expected, with a deviation of 7


def test_what_has_no_pictures_of_one_size_is_refused():
    points = Dataset(np.zeros((50, 2), np.float32), None, "ring")
    with pytest.raises(ConfigError, match="--jitter: expected pictures"):
        check_against_data(make(**SETTINGS | {"dataset": "ring"}), points)
    pairs = Dataset(random(), random((50, 4, 3, 3)), "halved:photos")
    settings = SETTINGS | {"recipe": "srgan", "dataset": "halved:photos", "model": "srgan"}
    with pytest.raises(ConfigError, match="--jitter: expected pairs of one size"):
        check_against_data(make(**settings), pairs)


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path):
    settings = SETTINGS | {"width": 8, "latent_dim": 4, "parallel": "jit", "steps_per_call": 2}
    config = make(**settings, steps=4, workdir=str(tmp_path / "whole"))
    expected = loop.run(config)
    halves = config.replace(workdir=str(tmp_path / "halves"))
    loop.run(halves.replace(steps=2))
    assert digest(loop.run(halves).state) == digest(expected.state)


@pytest.mark.slow  # compiles a population
def test_members_have_cuts_of_their_own(tmp_path):
    settings = SETTINGS | {"width": 8, "latent_dim": 4, "parallel": "jit"}
    result = sweep.run(make(**settings, steps=2, seeds=2, workdir=str(tmp_path / "run")))
    assert result.step == 2
