"""Parameters and optimizer state exist once: a step writes the new ones over the old."""

import jax
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, latents, recipes

BATCH = Batch(np.zeros((8, 2), np.float32))


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    with compilation(optimized=False):
        yield


@pytest.fixture(scope="module")
def gan():
    return recipes.gan(
        mlp(2, width=64),
        mlp(width=64),
        latent=latents.normal(4),
        g_optimizer=optax.adam(1e-3),
        d_optimizer=optax.adam(1e-3),
        ema_decay=0.9,
    )


def memory(gan, donate, batch=BATCH):
    state = jax.eval_shape(gan.init, jax.random.key(0), BATCH)
    compiled = jaxgan.jit(gan, donate=donate).train_step.lower(state, batch).compile()
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state._replace(key=())))
    return size, compiled.memory_analysis()


@pytest.mark.parametrize(
    "many",
    [pytest.param(False, marks=pytest.mark.slow), True],
    ids=["one step", "a block of steps"],
)
def test_the_whole_state_is_written_over(gan, many):
    if many:
        gan = jaxgan.scan(gan, lambda source, item: source)
    batch = (BATCH, np.arange(5), np.asarray(5, np.int32)) if many else BATCH
    size, with_donation = memory(gan, True, batch)
    _, without = memory(gan, False, batch)
    assert size <= with_donation.alias_size_in_bytes <= size + 64  # and the random key
    assert without.alias_size_in_bytes == 0


def test_the_old_state_is_gone_after_a_step(gan):
    compiled = jaxgan.jit(gan)
    state = compiled.init(jax.random.key(0), BATCH)
    leaves = jax.tree.leaves(state)
    compiled.train_step(state, BATCH)
    assert all(leaf.is_deleted() for leaf in leaves)
