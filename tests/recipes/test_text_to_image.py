"""GAN-CLS: what D minimizes, what wrong texts teach it, and that G draws what a sentence says."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, latents, losses, nets
from jaxgan.recipes import text_to_image

KEY = jax.random.key(0, impl="unsafe_rbg")  # its random numbers are compiled quickly
SEEDS, STEPS, SIZE, WORDS = 3, 200, 64, 4
SGD = {"g_optimizer": optax.sgd(0.0), "d_optimizer": optax.sgd(1.0)}
# Of two words, which are the row and the column of a grid, those that training never has together.
HELD_OUT = [(0, 3), (1, 1), (2, 0), (3, 2)]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


# Pictures are one of three, and so are texts: D is a table of logits, and G draws what is right.
TABLE = nets.stateless(
    lambda key, x, y: jnp.zeros((3, 3)),
    lambda table, x, y: (x @ table)[jnp.arange(len(x)), y[:, 0]],
)
RIGHT = nets.stateless(lambda key, z, y: (), lambda params, z, y: jax.nn.one_hot(y[:, 0], 3))
TEXTS = np.array([0, 1, 1, 2, 0, 0, 1, 2, 2, 1], np.int32)[:, None]


def with_table(wrong_share, loss=None, **settings):
    gan = text_to_image(
        RIGHT,
        TABLE,
        wrong_share=wrong_share,
        loss=loss,
        latent=latents.normal(1),
        **SGD,
        **settings,
    )
    batch = Batch(jax.nn.one_hot(TEXTS[:, 0], 3), TEXTS)
    return gan, gan.init(KEY, batch), batch


@pytest.mark.parametrize("one_batch", [False, True])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.8])
def test_d_minimizes_the_loss_of_the_paper(share, one_batch):
    gan, state, batch = with_table(share, one_batch=one_batch)
    logits = np.random.default_rng(0).normal(size=(3, 3))
    state = state._replace(d=state.d._replace(params=jnp.asarray(logits)))
    _, metrics = gan.d_step(state, batch)
    t, wrong = TEXTS[:, 0], np.roll(TEXTS[:, 0], 1)
    right, mismatched = logits[t, t], logits[t, wrong]
    of_wrong = np.where(t == wrong, right, mismatched)  # a neighbor with the same text is not wrong
    expected = np.log1p(np.exp(-right)) + (1 - share) * np.log1p(np.exp(right))
    expected += share * np.log1p(np.exp(of_wrong))
    np.testing.assert_allclose(metrics["d_loss"], expected.mean(), rtol=1e-5)
    assert metrics["d_wrong_accuracy"] == pytest.approx(np.mean(mismatched < 0))


def test_wrong_texts_teach_d_what_right_fakes_cannot():
    """Where every fake is right, real and fake are alike, and only wrong texts can be rejected."""

    def learned(share):
        gan, state, batch = with_table(share)
        batches = jax.tree.map(lambda leaf: jnp.stack(300 * [leaf]), batch)
        state, _ = jax.jit(jaxgan.scan(gan).d_step)(state, batches)
        return np.asarray(state.d.params)

    t, wrong = TEXTS[:, 0], np.roll(TEXTS[:, 0], 1)
    mismatched = learned(0.5)[t, wrong][t != wrong]
    assert mismatched.max() < -1.5
    assert learned(0.5)[np.arange(3), np.arange(3)].min() > 0.2
    np.testing.assert_allclose(learned(0.0), 0, atol=1e-5)


def test_any_pair_of_losses_compares_the_same_picture_with_both_texts():
    gan, state, batch = with_table(0.5, losses.relativistic_paired())
    logits = np.random.default_rng(1).normal(size=(3, 3))
    state = state._replace(d=state.d._replace(params=jnp.asarray(logits)))
    _, metrics = gan.d_step(state, batch)
    t, wrong = TEXTS[:, 0], np.roll(TEXTS[:, 0], 1)
    gaps = logits[t, t] - logits[t, wrong]
    expected = np.where(t == wrong, np.log(2), np.log1p(np.exp(-gaps)))
    np.testing.assert_allclose(metrics["d_loss"], np.mean((np.log(2) + expected) / 2), rtol=1e-5)


@functools.cache
def drawn(text=True):
    """Shares of samples on the place that was asked for, of each seed: seen pairs, and unseen."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, WORDS, (STEPS, SIZE, 2)).astype(np.int32)
    for row, column in HELD_OUT:
        y[(y == (row, column)).all(axis=-1)] = (row, (column + 1) % WORDS)
    x = np.float32((y - 1.5) / 1.5 + 0.05 * rng.normal(size=y.shape))

    def train(key):
        gan = text_to_image(
            mlp(2, width=48, classes=WORDS),
            mlp(width=48, classes=WORDS),
            encoder=None if text else jnp.zeros_like,
            latent=latents.normal(2),
            g_optimizer=optax.adam(2e-3, b1=0.5),
            d_optimizer=optax.adam(4e-3, b1=0.5),
        )
        state = gan.init(key, Batch(x[0], y[0]))
        state, _ = jaxgan.scan(gan).train_step(state, Batch(x, y))
        return gan.sample(state, key, len(asked), asked)

    pairs = np.array([(i, j) for i in range(WORDS) for j in range(WORDS)], np.int32)
    asked = np.repeat(pairs, 25, axis=0)
    samples = jax.jit(jax.vmap(train))(jax.random.split(KEY, SEEDS))
    hits = np.abs(np.asarray(samples) - (asked - 1.5) / 1.5).max(axis=-1) < 1 / 3
    unseen = np.array([tuple(pair) in HELD_OUT for pair in asked])
    return hits[:, ~unseen].mean(axis=1), hits[:, unseen].mean(axis=1)


def test_what_a_sentence_says_is_drawn_also_in_new_combinations():
    seen, unseen = drawn()
    assert seen.min() > 0.8
    assert unseen.min() > 0.5


def test_without_the_text_it_is_drawn_by_chance():
    seen, _ = drawn(text=False)
    assert seen.max() < 0.2


@pytest.mark.parametrize("y", [None, np.zeros(4, np.int32)])
def test_texts_are_asked_for(y):
    gan, _, _ = with_table(0.5)
    with pytest.raises(ValueError, match=r"^(text_to_image needs texts|batch.y has shape \(4,\))"):
        gan.init(KEY, Batch(np.zeros((4, 3), np.float32), y))


def test_an_encoder_of_ones_own_gives_both_networks_what_they_see():
    def encoder(y):
        return jax.nn.one_hot(y, 3).sum(axis=1)

    gan = text_to_image(mlp(3), mlp(), encoder=encoder, latent=latents.normal(2), **SGD)
    batch = Batch(np.zeros((4, 3), np.float32), np.arange(8, dtype=np.int32).reshape(4, 2) % 3)
    state = gan.init(KEY, batch)
    assert state.g.params["in"].shape[0] == 2 + 3
    assert state.d.params["in"].shape[0] == 3 + 3
    assert gan.sample(state, KEY, 4, batch.y).shape == (4, 3)
