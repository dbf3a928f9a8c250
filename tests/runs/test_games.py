"""The recipes beyond noise to image, from flags to samples, and what they refuse."""

import dataclasses
from functools import cache, partial

import jax
import numpy as np
import pytest
from jaxgan.runs.build import Facts, build
from jaxgan.runs.checks import check_against_data, check_settings
from jaxgan.runs.variants.inpainting import condition
from jaxgan.runs.config import Config, ConfigError, make
from jaxgan.runs.variants import GAMES
from jaxgan.runs.data import example, facts, load
from jaxgan.runs.show.samples import view

from jaxgan.data import Dataset

RNG = np.random.default_rng(0)
LABELS = tuple("0123456789")
SMALL = make(width=4, latent_dim=8, batch_size=4, blocks=1, stages=1, patch_layers=1)


def pictures(n, size=28, channels=1):
    return RNG.integers(0, 256, (n, size, size, channels), np.uint8)


@cache
def data_of(kind):
    labels = np.arange(12, dtype=np.int32) % 10
    return {
        "labels": Dataset(pictures(12), labels, "labels", LABELS),
        "plain": Dataset(pictures(12), None, "plain"),
        "pairs": Dataset(pictures(12), pictures(12), "pairs"),
        "domains": Dataset(pictures(12), pictures(9), "domains", paired=False),
        "halves": Dataset(pictures(12, 32, 3), pictures(12, 16, 3), "halves"),
        "colors": Dataset(pictures(12, 28, 3), pictures(12), "colors"),
        "points": Dataset(RNG.normal(size=(12, 2)).astype(np.float32), labels, "points", LABELS),
        "sounds": Dataset(RNG.normal(size=(12, 256, 1)).astype(np.float32), labels, "x", LABELS),
        "solids": Dataset(RNG.integers(0, 256, (12, 8, 8, 8, 1), np.uint8), labels, "x", LABELS),
        "wide": Dataset(pictures(12), pictures(12, 32), "wide"),
    }[kind]


def of(recipe, model, **settings):
    return SMALL.replace(recipe=recipe, model=model, **settings)


# Of each game its settings, the data it is for, and the shape of a sample.
TABLE = {
    "acgan": (of("acgan", "dcgan", conditional=True), "labels", (28, 28, 1)),
    "acgan_dense": (of("acgan", "mlp", conditional=True), "points", (2,)),
    "infogan": (of("infogan", "dcgan"), "labels", (28, 28, 1)),
    "sgan": (of("sgan", "dcgan", labelled=10, feature_matching=True), "labels", (28, 28, 1)),
    "cogan": (of("cogan", "dcgan"), "domains", (28, 28, 1)),
    "cogan_dense": (of("cogan", "mlp"), "domains", (28, 28, 1)),
    "bigan": (of("bigan", "dcgan", stochastic=True), "plain", (28, 28, 1)),
    "bigan_dense": (of("bigan", "mlp", penalty="r1"), "points", (2,)),
    "aae": (of("aae", "dcgan"), "plain", (28, 28, 1)),
    "pix2pix": (of("pix2pix", "unet", penalty="r1", d_norm="none"), "colors", (28, 28, 3)),
    "cyclegan": (of("cyclegan", "translator", loss="least_squares"), "domains", (28, 28, 1)),
    "discogan": (
        of("cyclegan", "unet", cycle_distance="l2", identity_weight=0.0, pool_size=0),
        "colors",
        (28, 28, 3),
    ),
    "dualgan": (
        of("cyclegan", "unet", loss="wasserstein", clip_weights=0.1, d_steps=2),
        "domains",
        (28, 28, 1),
    ),
    "context_encoder": (of("context_encoder", "unet"), "plain", (28, 28, 1)),
    "ccgan": (of("ccgan", "unet", mask="box", labelled=10), "labels", (28, 28, 1)),
    "srgan": (of("srgan", "srgan", spectral_norm=True), "halves", (32, 32, 3)),
    "wavegan": (of("gan", "wavegan", conditional=True), "sounds", (256, 1)),
    "voxels": (of("gan", "voxels", conditional=True), "solids", (8, 8, 8, 1)),
}


@pytest.mark.parametrize("name", TABLE)
def test_flags_make_every_game(name):
    config, kind, shape = TABLE[name]
    dataset = data_of(kind)
    check_settings(config)
    check_against_data(config, dataset)
    known = facts(dataset)
    experiment = build(config, known)
    state = jax.eval_shape(experiment.gan.init, jax.random.key(0), example(known))
    if config.recipe not in ("cyclegan", "srgan"):  # whose steps take ten seconds to trace
        batch = jax.tree.map(
            partial(np.repeat, repeats=2 * config.optimization.d_steps, axis=0), example(known)
        )
        after, metrics = jax.eval_shape(experiment.gan.train_step, state, batch)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert {"g_loss", "d_loss"} <= set(metrics)
    y = condition(config, dataset, np.arange(3))
    samples = jax.eval_shape(lambda state: experiment.gan.sample(state, state.key, 3, y), state)
    for part in jax.tree.leaves(samples):
        assert part.shape == (3, *shape)


def test_every_game_is_tried():
    assert {config.recipe for config, _, _ in TABLE.values()} == {*GAMES, "gan"}


@pytest.mark.parametrize(
    "name", ["acgan", "cogan", "pix2pix", "context_encoder", "wavegan", "voxels"]
)
def test_samples_are_shown_beside_what_they_are_made_of(name):
    config, kind, shape = TABLE[name]
    count, y, show = view(config, data_of(kind), 10)
    samples = RNG.uniform(-1, 1, (count, *shape)).astype(np.float32)
    picture = show((samples, samples) if name == "cogan" else samples)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    assert (y is None) == (name == "cogan")
    rows = {"cogan": 2, "pix2pix": 3, "context_encoder": 3}.get(name)
    if rows:
        assert picture.shape[0] == rows * 30 * -(-count // 10) + 2


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        (of("acgan", "dcgan"), "labels", "--noconditional: .*acgan"),
        (of("acgan", "dcgan", conditional=True), "plain", "--conditional: .* no labels"),
        (of("acgan", "dcgan", conditional=True), "pairs", "pairs of pictures, no labels"),
        (of("infogan", "unet"), "labels", "--model=unet: expected mlp or dcgan"),
        (of("sgan", "dcgan"), "plain", "--recipe=sgan: .* no labels"),
        (of("sgan", "dcgan", labelled=5), "labels", "--labelled=5: .*10 classes"),
        (of("infogan", "dcgan", labelled=50), "labels", "--labelled=50: only SGAN"),
        (of("gan", "unet"), "plain", "--model=unet: it makes no pictures of noise"),
        (of("pix2pix", "unet"), "labels", "no second pictures.*outlines:digits"),
        (of("pix2pix", "unet"), "domains", "do not belong together"),
        (of("pix2pix", "unet"), "wide", "28x28 for 32x32; expected one size"),
        (of("pix2pix", "dcgan"), "pairs", "expected unet or translator"),
        (of("cyclegan", "unet"), "plain", "no second pictures.*unpaired:"),
        (of("cyclegan", "unet"), "colors", "colour and y is grey.*identity_weight=0"),
        (of("cyclegan", "unet", penalty="r1"), "pairs", "--penalty: --recipe=cyclegan"),
        (of("cogan", "dcgan"), "colors", "x is colour and y is grey"),
        (of("srgan", "srgan"), "pairs", "28x28 for 28x28; expected 2 or 4 times"),
        (of("context_encoder", "unet", mask_share=1.0), "plain", "mask that covers all"),
        (of("context_encoder", "unet"), "points", "expected pictures"),
        (of("bigan", "mlp", augment="diffaugment"), "plain", "--augment: --recipe=bigan"),
        (of("gan", "wavegan"), "plain", "--model=wavegan makes sounds"),
        (of("gan", "voxels"), "plain", "--model=voxels makes solids"),
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "recipe", ""),
)
def test_mistakes_are_answered_in_one_line_before_anything_is_compiled(config, kind, message):
    dataset = data_of(kind)

    def set_up():
        check_settings(config)
        check_against_data(config, dataset)
        build(config, facts(dataset))

    with pytest.raises(ConfigError, match=message) as error:
        set_up()
    assert "\n" not in str(error.value)


def test_few_labels_are_kept_alike_of_each_class():
    config = of("sgan", "dcgan", dataset="digits", labelled=100)
    dataset = load(config)
    np.testing.assert_array_equal(np.bincount(dataset.y + 1)[1:], np.full(10, 10))
    kept = dataset.y >= 0
    np.testing.assert_array_equal(dataset.y[kept], load(of("gan", "dcgan")).y[kept])


def test_older_checkpoints_know_no_source():
    assert Facts((28, 28, 1), LABELS) == Facts((28, 28, 1), LABELS, ())
