"""A wrong batch, number of samples or label ends in one line that names it, with every GAN."""

import logging
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import mlp
from test_protocol import KEY, TABLE, VARIANTS

import jaxgan
from jaxgan import Batch, latents, nets, recipes
from jaxgan.models import mlp as dense

NAMES = [name for name in TABLE if name not in VARIANTS]
OF_LABELS = ("acgan", "sgan", "ccgan")
OF_PAIRS = ("pix2pix", "srgan", "cogan", "cyclegan")
NAN = float("nan")


@cache
def made(name):
    """A GAN, a good batch for it, and the shapes of its state."""
    gan, batches = TABLE[name][0](), TABLE[name][1]
    batch = jax.tree.map(lambda leaf: leaf[0], batches)
    return gan, batch, jax.eval_shape(gan.init, KEY, batch)


def refused(call, *known, words):
    """Trace a call, where the shapes of `known` are known; its other arguments are values."""
    with pytest.raises((ValueError, TypeError)) as error:
        jax.eval_shape(call, *known)
    assert any(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


def refused_by_all(name, wrong, *words):
    gan, _, state = made(name)
    refused(lambda key: gan.init(key, wrong), KEY, words=words)
    for step in gan.d_step, gan.g_step, gan.train_step:
        refused(lambda state, step=step: step(state, wrong), state, words=words)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["uint8", "int32", "bool"])
def test_examples_that_are_not_floats_are_refused(name, kind):
    batch = made(name)[1]
    refused_by_all(name, batch._replace(x=batch.x.astype(kind)), f"batch.x is {kind}")


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_batch_is_refused(name):
    refused_by_all(name, jax.tree.map(lambda leaf: leaf[:0], made(name)[1]), "is empty")


@pytest.mark.parametrize("name", NAMES)
def test_other_numbers_of_conditions_than_of_examples_are_refused(name):
    _, batch, _ = made(name)
    if batch.y is None:
        batch = batch._replace(y=np.zeros(len(batch.x), np.int32))
    refused_by_all(name, batch._replace(y=batch.y[:4]), "batch.y has shape (")


@pytest.mark.parametrize("name", OF_LABELS)
@pytest.mark.parametrize("kind", ["missing", "column", "one-hot", "float"])
def test_labels_that_are_none_are_refused(name, kind):
    batch = made(name)[1]
    y = {
        "missing": None,
        "column": batch.y[:, None],
        "one-hot": np.eye(3, dtype=np.int32)[batch.y],
        "float": batch.y.astype(np.float32),
    }[kind]
    words = "needs labels" if y is None else "batch.y "
    refused_by_all(name, batch._replace(y=y), words)


@pytest.mark.parametrize("name", OF_PAIRS)
@pytest.mark.parametrize("kind", ["missing", "uint8", "labels"])
def test_conditions_that_are_no_pictures_are_refused(name, kind):
    batch = made(name)[1]
    y = {
        "missing": None,
        "uint8": batch.y.astype(np.uint8),
        "labels": np.zeros(len(batch.x), np.int32),
    }[kind]
    refused_by_all(name, batch._replace(y=y), "batch.y is", " y", "y is")


@pytest.mark.parametrize("name", ["gan", "bigan", "progressive"])
def test_examples_of_another_shape_than_at_first_are_refused_in_a_step(name):
    gan, batch, state = made(name)
    twice = jax.tree.map(lambda leaf: np.concatenate([leaf, leaf], axis=2), batch)
    for step in gan.d_step, gan.g_step:
        words = ["the data are", "batch.x has shape"]
        refused(lambda state, step=step: step(state, twice), state, words=words)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [NAN, float("inf"), 255.0])
def test_values_that_no_data_have_are_refused_at_first(name, value):
    gan, batch, _ = made(name)
    wrong = batch._replace(x=np.where(np.arange(8).reshape(8, 1, 1, 1) == 5, value, batch.x))
    refused(lambda key: gan.init(key, wrong), KEY, words=["batch.x has values"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [0, -1, 2.5, "3"])
def test_a_number_of_samples_that_is_none_is_refused(name, n):
    gan, batch, state = made(name)
    asked = TABLE[name][2:]
    y = jax.tree.map(lambda leaf: leaf[0], asked[0]) if asked else batch.y
    refused(lambda state, key: gan.sample(state, key, n, y), state, KEY, words=[f"n is {n!r}"])


@pytest.mark.parametrize("name", ["conditional", "acgan", "pix2pix", "srgan", "cyclegan"])
def test_other_numbers_of_conditions_than_of_samples_are_refused(name):
    gan, batch, state = made(name)
    words = ["y has shape (8,"]
    refused(lambda state, key: gan.sample(state, key, 5, batch.y), state, KEY, words=words)


SGD = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
LABELED = recipes.gan(
    nets.from_linen(dense.Generator(shape=(2,), widths=(4,), num_classes=10)),
    nets.from_linen(dense.Discriminator(widths=(4,), num_classes=10)),
    latent=latents.normal(2),
    conditional=True,
    **SGD,
)
POINTS, LABELS = np.zeros((8, 2), np.float32), np.arange(8, dtype=np.int32)
STATE = jax.eval_shape(LABELED.init, KEY, Batch(POINTS, LABELS))
WRONG_LABELS = {
    "y has labels from 99 to 99": np.full(8, 99),
    "y has labels from 3 to 10": LABELS + 3,
    "y has labels from -2 to 5": LABELS - 2,
    "y has shape (8, 1)": LABELS[:, None],
    "y has shape (8, 10)": np.eye(10, dtype=np.float32)[LABELS],
    "y is float32": LABELS.astype(np.float32),
}


@pytest.mark.parametrize("words", WRONG_LABELS)
@pytest.mark.parametrize("holds", [np.asarray, jnp.asarray])
def test_labels_that_a_network_does_not_know_are_refused(words, holds):
    y = holds(WRONG_LABELS[words])
    refused(lambda key: LABELED.init(key, Batch(POINTS, y)), KEY, words=[words])
    refused(lambda state, key: LABELED.sample(state, key, 8, y), STATE, KEY, words=[words])
    if isinstance(y, np.ndarray):  # what is on a device is not fetched in every step
        wrong = Batch(POINTS, y)
        refused(lambda state: LABELED.train_step(state, wrong), STATE, words=[words])


def test_unknown_labels_are_taken():
    y = np.full(8, -1)
    jax.eval_shape(lambda key: LABELED.init(key, Batch(POINTS, y)), KEY)
    jax.eval_shape(lambda state, key: LABELED.sample(state, key, 8, y), STATE, KEY)


@pytest.mark.parametrize("run", [jaxgan.jit, jaxgan.pmap, jaxgan.shard_map])
@pytest.mark.parametrize("many", [False, True])
def test_a_step_that_is_to_be_compiled_refuses_before_it_is(run, many, caplog):
    plain = jaxgan.scan(LABELED) if many else LABELED
    batch_axis = {} if run is jaxgan.jit else {"batch_axis": int(many)}
    steps = run(plain, **batch_axis)
    state = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), STATE._replace(key=()))
    state = state._replace(
        key=np.zeros(2, np.uint32), **{player: getattr(state, player) for player in "gd"}
    )
    caplog.set_level(logging.WARNING, logger="jax")
    for x, y, words in (
        (POINTS.astype(np.uint8), LABELS, "batch.x is uint8"),
        (POINTS, LABELS[:4], "batch.y has shape"),
        (POINTS, np.eye(10, dtype=np.float32)[LABELS], "y has shape"),
    ):
        batch = jax.tree.map(lambda leaf: leaf[None] if many else leaf, Batch(x, y))
        with jax.log_compiles(), pytest.raises(ValueError, match=words) as error:
            steps.train_step(state, batch)
        assert "\n" not in str(error.value)
    assert not [text for text in caplog.messages if text.startswith("Compiling jit(")]


def test_pictures_are_refused_where_the_player_would_see_masked_ones():
    gan = TABLE["context_encoder"][0]()
    refused(lambda key: gan.init(key, Batch(POINTS)), KEY, words=["batch.x has shape (8, 2)"])


def test_a_latent_of_another_number_is_refused():
    gan = recipes.gan(mlp(2), mlp(), latent=lambda key, n: jnp.zeros((n + 1, 2)), **SGD)
    refused(
        lambda key: gan.init(key, Batch(POINTS)), KEY, words=["latent(key, n) has shape (9, 2)"]
    )
