"""Splitting the optimizers' states changes where they lie and what is sent, not what is computed."""

import re
from collections import Counter
from functools import partial

import jax
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P
from networks import compilation, counting, first_only, mlp, without_first

import jaxgan
from jaxgan import Batch, latents, nets, penalties, recipes
from jaxgan._batch_axes import row
from jaxgan._scatter import Scatter
from jaxgan.models import r3gan
from jaxgan.parallel import AXIS, PER_DEVICE

DEVICES, STEPS = 4, 3
KEY = jax.random.key(0)
X = (np.random.default_rng(0).normal(size=(STEPS, 16, 2)) + 1).astype(np.float32)
COLLECTIVE = re.compile(
    r" (all-reduce|all-gather|reduce-scatter|all-to-all|collective-[a-z]+)(?:-start)?\("
)
shard_optimizer = partial(jaxgan.shard_optimizer, min_size=64, donate=False)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def make(optimizer=optax.sgd, **settings):
    return recipes.gan(
        counting(mlp(2, width=64)),
        counting(mlp(width=64)),
        **{
            "latent": latents.normal(4),
            "g_optimizer": optimizer(0.1),
            "d_optimizer": optimizer(0.1),
            "ema_decay": 0.5,
            **settings,
        },
    )


def clipped_adam(rate):
    """An optimizer that is not elementwise: how long a gradient is depends on all of its parts."""
    return optax.chain(optax.clip_by_global_norm(1e-3), optax.adam(rate, b1=0.5))


GANS = {
    "sgd": partial(make, partial(optax.sgd, momentum=0.9)),
    "adam": partial(make, partial(optax.adam, b1=0.5)),
    "clipped": partial(make, clipped_adam),
    "lazy_r1_2_d_steps": partial(make, penalty=penalties.r1(), penalty_every=2, d_steps=2),
}


def run(gan, batches=X):
    state = gan.init(KEY, Batch(X[0]))
    for x in batches:
        state, metrics = gan.train_step(state, Batch(x))
    return state, metrics


def assert_equal(got, wanted, rtol=2e-5):
    assert jax.tree.structure(got) == jax.tree.structure(wanted)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        if jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = jax.random.key_data(one), jax.random.key_data(other)
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("name", GANS)
def test_steps_are_those_of_data_parallelism(name):
    """The same noise on each device, the same averages: any optimizer, also one that is not
    elementwise."""
    wanted = run(jaxgan.shard_map(GANS[name](), donate=False))
    assert_equal(run(shard_optimizer(GANS[name]())), wanted)


def test_a_block_of_steps_is_the_steps_one_by_one():
    gan, load = make(optax.adam), lambda source, index: Batch(source[index])
    many = shard_optimizer(jaxgan.scan(gan, load), batch_axis=(None, 1))
    order = np.random.default_rng(1).integers(0, 48, (STEPS, 16))
    data = X.reshape(48, 2)
    state, _ = many.train_step(many.init(KEY, Batch(X[0])), (data, order))
    wanted, _ = run(shard_optimizer(gan), data[order])
    assert_equal(state, wanted)
