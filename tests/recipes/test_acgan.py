"""ACGAN on a toy: the mode that is asked for is drawn, though D is never told which it is."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, latents, nets
from jaxgan.data.toys import RING_SD, ring_modes
from jaxgan.recipes import acgan, classification

KEY = jax.random.key(0, impl="unsafe_rbg")  # its random numbers are compiled quickly
STEPS, SIZE, SEEDS = 200, 64, 4


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def classifying(classes):
    """A small network that gives logits and class logits."""
    network = mlp(1 + classes, width=64)

    def apply(params, x):
        outputs, _ = network.apply(params, (), KEY, x, train=True)
        return outputs[:, 0], outputs[:, 1:]

    return nets.stateless(lambda key, x: network.init(key, x)[0], apply)


def make(class_weight=1.0, discriminator=None, **settings):
    return acgan(
        mlp(2, width=64, classes=8),
        classifying(8) if discriminator is None else discriminator,
        class_weight=class_weight,
        latent=latents.normal(2),
        g_optimizer=optax.adam(3e-3, b1=0.5),
        d_optimizer=optax.adam(6e-3, b1=0.5),
        **settings,
    )


@functools.cache
def trained():
    """Of each weight and seed: how many samples lie nearest to the mode asked for; metrics."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 8, (STEPS, SIZE)).astype(np.int32)
    x = np.float32(ring_modes()[y] + RING_SD * rng.normal(size=(STEPS, SIZE, 2)))
    asked = np.arange(400, dtype=np.int32) % 8

    def train(key, class_weight):
        gan = make(class_weight)
        state = gan.init(key, Batch(x[0], y[0]))
        state, metrics = jaxgan.scan(gan).train_step(state, Batch(jnp.asarray(x), jnp.asarray(y)))
        return gan.sample(state, key, len(asked), asked), metrics

    runs = jax.vmap(jax.vmap(train, in_axes=(0, None)), in_axes=(None, 0))
    samples, metrics = jax.jit(runs)(jax.random.split(KEY, SEEDS), jnp.array([1.0, 0.0]))
    nearest = np.linalg.norm(samples[..., None, :] - ring_modes(), axis=-1).argmin(axis=-1)
    return (nearest == asked).mean(axis=-1), jax.tree.map(np.asarray, metrics)


def test_the_class_that_is_asked_for_is_drawn():
    assert trained()[0][0].min() > 0.9  # 1.00, 1.00, 1.00, 1.00


def test_without_the_classes_in_the_loss_nothing_is_asked_for():
    assert trained()[0][1].max() < 0.4  # 0.10, 0.14, 0.13, 0.22


def test_both_accuracies_are_measured():
    metrics = trained()[1]
    for name in ("d_class_accuracy", "g_class_accuracy"):
        assert metrics[name][0, :, -20:].mean() > 0.95
        assert metrics[name][1, :, -20:].mean() < 0.4


def test_classification_is_the_mean_over_the_labelled():
    rng = np.random.default_rng(0)
    logits, y = rng.normal(size=(6, 3)).astype(np.float32), np.int32([2, -1, 0, 1, -1, 1])
    values, accuracy = classification(jnp.asarray(logits), jnp.asarray(y))
    known = y >= 0
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(probabilities[known, y[known]])
    np.testing.assert_allclose(values[known], expected / known.mean(), rtol=1e-5)
    np.testing.assert_allclose(jnp.mean(values), expected.mean(), rtol=1e-5)
    np.testing.assert_allclose(accuracy, (logits.argmax(1) == y)[known].mean(), rtol=1e-6)
    nothing = classification(jnp.asarray(logits), jnp.full(6, -1, jnp.int32))
    assert not any(np.any(part) for part in nothing)


def test_both_players_pay_for_both_kinds_of_examples():
    # D's loss moves with its class logits of real and of fake examples, G's with those of fake
    # ones alone: what it cannot change is left out.
    batch = Batch(jnp.zeros((3, 2)), jnp.int32([0, 1, 2]))
    constant = nets.stateless(
        lambda key, x: jnp.zeros(8), lambda params, x: (x[:, 0], jnp.tile(params, (len(x), 1)))
    )

    @jax.jit
    def measured():
        gan, without = make(2.0, constant), make(0.0, constant)
        state = gan.init(KEY, batch)
        return [
            (of.d_step(state, batch)[1]["d_loss"], of.g_step(state, batch)[1]["g_loss"])
            for of in (gan, without)
        ]

    np.testing.assert_allclose(
        np.subtract(*np.asarray(measured())), [2 * 2.0 * np.log(8), 2.0 * np.log(8)], rtol=1e-5
    )


def test_errors():
    x, y = jnp.zeros((3, 2)), jnp.int32([0, 1, 2])
    with pytest.raises(ValueError, match="needs labels"):
        make().init(KEY, Batch(x))
    plain = make(discriminator=mlp())
    state = plain.init(KEY, Batch(x, y))
    with pytest.raises(ValueError, match="class logits are missing"):
        jax.eval_shape(plain.d_step, state, Batch(x, y))
