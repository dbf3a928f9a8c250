"""CGAN on a toy: the mode that is asked for is the one that is drawn."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

import jaxgan
from jaxgan import Batch, data, latents, nets, recipes
from jaxgan.data.toys import ring_modes
from jaxgan.models import mlp

STEPS, SIZE, SEEDS = 300, 128, 2


@functools.cache
def agreement():
    """The share of samples that are nearest to the mode their label names, of each seed.

    `[2, SEEDS]`: where labels were the data's, and where they said nothing.
    """
    widths = (64, 64)
    gan = recipes.gan(
        nets.from_linen(mlp.Generator((2,), widths, output="linear", num_classes=8)),
        nets.from_linen(mlp.Discriminator(widths, num_classes=8)),
        latent=latents.normal(4),
        g_optimizer=optax.adam(1e-3, b1=0.5),
        d_optimizer=optax.adam(2e-3, b1=0.5),
        conditional=True,
    )
    ring = data.load("ring")
    x, y = jnp.asarray(ring.x), jnp.asarray(ring.y)
    asked = np.arange(400, dtype=np.int32) % 8

    def train(key, told):
        index_key, label_key = jax.random.split(key)
        index = jax.random.randint(index_key, (STEPS, SIZE), 0, len(x))
        anything = jax.random.randint(label_key, (STEPS, SIZE), 0, 8)
        batches = Batch(x[index], jnp.where(told, y[index], anything))
        state = gan.init(key, Batch(x[:2], y[:2]))
        state, _ = jaxgan.scan(gan).train_step(state, batches)
        return gan.sample(state, key, len(asked), asked)

    keys = jax.random.split(jax.random.key(0), SEEDS)
    runs = jax.vmap(jax.vmap(train, in_axes=(0, None)), in_axes=(None, 0))
    samples = np.asarray(jax.jit(runs)(keys, jnp.array([True, False])))
    nearest = np.linalg.norm(samples[..., None, :] - ring_modes(), axis=-1).argmin(axis=-1)
    return (nearest == asked).mean(axis=-1)


def test_labels_choose_what_is_drawn():
    assert agreement()[0].min() > 0.9


def test_labels_that_say_nothing_choose_nothing():
    assert agreement()[1].max() < 0.4
