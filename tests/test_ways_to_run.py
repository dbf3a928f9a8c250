"""Every recipe means the same in every way to run it: on one device, on several, in a population.

`test_transforms` looks at the ways more closely, with one recipe; this is the table of both.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from networks import compilation
from test_protocol import TABLE, VARIANTS

import jaxgan
from jaxgan import population
from jaxgan.parallel import AXIS, row

KEY = jax.random.key(0)
DEVICES = 4
ALWAYS = {"cyclegan"}  # its pool of past pictures is a state that cannot be averaged

every_gan = pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name not in ALWAYS)) for name in TABLE],
)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def unchecked(gan):
    mapped = jax.shard_map(
        partial(gan.train_step, axis_name=AXIS),
        mesh=row(jax.devices(), AXIS),
        in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
        out_specs=PartitionSpec(),
        check_vma=False,
    )
    return gan._replace(train_step=jax.jit(mapped))


WAYS = {
    "pmap": partial(jaxgan.pmap, donate=False),
    "shard_map": partial(jaxgan.shard_map, donate=False),
    "shard_optimizer": partial(jaxgan.shard_optimizer, min_size=1, donate=False),
    "unchecked": unchecked,
}


def batch(name):
    """Of as many examples for each device as the table has for one."""
    return jax.tree.map(
        lambda leaf: np.concatenate([leaf[i % len(leaf)] for i in range(DEVICES)]), TABLE[name][1]
    )


@cache
def expected(name):
    """A state, and one step from there of all devices' parts of the batch on a single device."""
    gan = TABLE[name][0]()
    parts = jax.tree.map(lambda leaf: leaf.reshape(DEVICES, -1, *leaf.shape[1:]), batch(name))
    step = partial(gan.train_step, axis_name=AXIS)
    start = jax.jit(gan.init)(KEY, batch(name))
    step = jax.vmap(step, in_axes=(None, 0), out_axes=None, axis_name=AXIS)
    return start, jax.jit(step)(start, parts)


def distance(left, right):
    """The greatest difference; where numbers are large, relative to them."""

    def one(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        a, b = np.asarray(a, float), np.asarray(b, float)
        return (np.abs(a - b) / np.maximum(1, np.abs(b))).max(initial=0)

    assert jax.tree.structure(left) == jax.tree.structure(right)
    return max(jax.tree.leaves(jax.tree.map(one, left, right)))


@pytest.mark.parametrize("way", WAYS)
@every_gan
def test_devices_do_what_one_does_with_their_parts(name, way):
    start, after = expected(name)
    gan = WAYS[way](TABLE[name][0]())
    assert distance(gan.train_step(start, batch(name)), after) < 1e-4


@every_gan
def test_a_member_of_a_population_is_the_run_alone(name):
    make, given, keys = TABLE[name][0], batch(name), jax.random.split(KEY, DEVICES)
    gans = {
        "alone": make(),
        "together": population(lambda _: make(), devices=jax.devices()),
    }

    def run(gan, key):
        return gan.train_step(gan.init(key, given), given)

    alone = jax.jit(partial(run, gans["alone"]))(keys[1])
    together = jax.jit(partial(run, gans["together"]))(keys)
    assert distance(jax.tree.map(lambda leaf: leaf[1], together), alone) < 1e-4


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in VARIANTS)) for name in TABLE]
)
def test_shard_map_accepts_what_differs_between_devices_and_what_does_not(name):
    gan = jaxgan.shard_map(TABLE[name][0]())
    start = jax.eval_shape(gan.init, KEY, batch(name))
    state, _ = jax.eval_shape(gan.train_step, start, batch(name))
    assert jax.tree.structure(state) == jax.tree.structure(start)
