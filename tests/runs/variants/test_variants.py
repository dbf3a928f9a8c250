"""Every GAN, from its settings to its samples, and what it refuses."""

from functools import cache, partial

import jax
import numpy as np
import pytest

from jaxgan.data import Dataset
from jaxgan.runs.build import build
from jaxgan.runs.checks import check_against_data, check_settings
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.data import example, facts, load
from jaxgan.runs.networks import Facts
from jaxgan.runs.show.view import view
from jaxgan.runs.variants import MODELS, VARIANTS

RNG = np.random.default_rng(0)
LABELS = tuple("0123456789")
SMALL = {
    "width": 4,
    "latent_dim": 8,
    "batch_size": 4,
    "blocks": 1,
    "stages": 1,
    "patch_layers": 1,
}


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
        "sentences": Dataset(
            pictures(12, 32, 3), np.arange(36).reshape(12, 3) % 11 - 1, "x", LABELS
        ),
        "wide": Dataset(pictures(12), pictures(12, 32), "wide"),
    }[kind]


def asked(recipe, model, **settings):
    """These settings, and those that make the networks small which have them."""
    used = make(recipe=recipe, model=model).flat()
    small = {name: value for name, value in SMALL.items() if name in used}
    return {"recipe": recipe, "model": model, **small, **settings}


def of(recipe, model, **settings):
    return make(**asked(recipe, model, **settings))


SLOW_TO_TRACE = {"cyclegan", "srgan", "progressive", "stylegan2"}  # ten seconds for a step

# Of each GAN its settings, the data it is for, and the shape of a sample.
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
    "progressive": (of("progressive", "progressive"), "plain", (28, 28, 1)),
    "stylegan2": (of("stylegan2", "stylegan2", conditional=True), "labels", (28, 28, 1)),
    "r3gan": (of("r3gan", "r3gan", width=8), "plain", (28, 28, 1)),
    "gat": (
        of("gat", "gat", width=8, depth=4, heads=2, patch=7, conditional=True),
        "labels",
        (28, 28, 1),
    ),
    "text_to_image": (of("text_to_image", "text"), "sentences", (32, 32, 3)),
    "text_with_attention": (
        of("text_to_image", "text", word_attention=True, penalty="r1", d_norm="layer"),
        "sentences",
        (32, 32, 3),
    ),
    "wavegan": (of("gan", "wavegan", conditional=True), "sounds", (256, 1)),
    "voxels": (of("gan", "voxels", conditional=True), "solids", (8, 8, 8, 1)),
}


@pytest.mark.parametrize("name", TABLE)
def test_settings_make_every_gan(name):
    config, kind, shape = TABLE[name]
    dataset = data_of(kind)
    check_settings(config)
    check_against_data(config, dataset)
    known = facts(dataset)
    experiment = build(config, known)
    state = jax.eval_shape(experiment.gan.init, jax.random.key(0), example(known))
    if config.recipe not in SLOW_TO_TRACE:
        shown = 2 * config.optimization.d_steps
        batch = jax.tree.map(partial(np.repeat, repeats=shown, axis=0), example(known))
        after, metrics = jax.eval_shape(experiment.gan.train_step, state, batch)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert {"g_loss", "d_loss"} <= set(metrics)
    count, y, _ = view(config, dataset, 6)
    samples = jax.eval_shape(lambda state: experiment.gan.sample(state, state.key, count, y), state)
    for part in jax.tree.leaves(samples):
        assert part.shape == (count, *shape)


def test_every_gan_and_all_networks_are_tried():
    configs = [config for config, _, _ in TABLE.values()]
    assert {config.recipe for config in configs} == set(VARIANTS)
    elsewhere = {"resnet", "biggan"}  # test_build.py
    assert {config.networks.model for config in configs} | elsewhere == set(MODELS)


@pytest.mark.parametrize(
    "name",
    ["acgan", "cogan", "pix2pix", "context_encoder", "text_to_image", "wavegan", "voxels"],
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
    ("settings", "kind", "message"),
    [
        (asked("acgan", "dcgan", conditional=False), "labels", "--noconditional: .*acgan"),
        (asked("acgan", "dcgan", conditional=True), "plain", "--recipe=acgan: .* no labels"),
        (asked("acgan", "dcgan", conditional=True), "pairs", "pairs of pictures, no labels"),
        (asked("infogan", "unet"), "labels", "--model=unet: expected dcgan or mlp"),
        (asked("sgan", "dcgan"), "plain", "--recipe=sgan: .* no labels"),
        (
            asked("sgan", "dcgan", labelled=5),
            "labels",
            "10 classes, and --labelled=5; expected a label for each",
        ),
        (
            asked("infogan", "dcgan", labelled=50),
            "labels",
            "--labelled=50: .* --recipe=sgan or --recipe=ccgan",
        ),
        (asked("gan", "unet"), "plain", "--recipe=gan --model=unet: expected dcgan or mlp"),
        (asked("pix2pix", "unet"), "labels", "no second pictures.*outlines:digits"),
        (asked("pix2pix", "unet"), "domains", "x and y are not paired"),
        (asked("pix2pix", "unet"), "wide", "28x28 for 32x32; expected the same size"),
        (asked("pix2pix", "dcgan"), "pairs", "expected unet or translator"),
        (asked("cyclegan", "unet"), "plain", "no second pictures.*unpaired:"),
        (asked("cyclegan", "unet"), "colors", "color and y is gray.*identity_weight=0"),
        (
            asked("cyclegan", "unet", penalty="r1"),
            "pairs",
            "--penalty=r1: not used by --recipe=cyclegan",
        ),
        (asked("cogan", "dcgan"), "colors", "x is color and y is gray"),
        (asked("srgan", "srgan"), "pairs", "28x28 for 28x28; expected 2 or 4 times"),
        (asked("context_encoder", "unet", mask_share=1.0), "plain", "mask covers all"),
        (asked("context_encoder", "unet"), "points", "expected pictures"),
        (
            asked("bigan", "mlp", augment="diffaugment"),
            "plain",
            "--augment=diffaugment: not used by --recipe=bigan",
        ),
        (asked("gan", "wavegan"), "plain", "--model=wavegan makes sounds"),
        (asked("gan", "voxels"), "plain", "--model=voxels makes solids"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["recipe"],
)
def test_mistakes_are_answered_in_one_line_before_anything_is_compiled(settings, kind, message):
    dataset = data_of(kind)

    def set_up():
        config = make(**settings)
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


def test_what_was_saved_before_there_were_pictures_of_pictures_names_no_source():
    assert Facts((28, 28, 1), LABELS) == Facts((28, 28, 1), LABELS, ())
