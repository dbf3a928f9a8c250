"""Splitting the optimizers' states changes where they lie and what is sent, not the steps."""

import re
from collections import Counter
from functools import partial

import jax
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P
from networks import compilation, counting, mlp

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
    "clipped_adam": partial(make, clipped_adam),
    "lazy_r1_2_d_steps": partial(make, penalty=penalties.r1(), penalty_every=2, d_steps=2),
}
SLOW = {"lazy_r1_2_d_steps": pytest.mark.slow}


def run(gan, batches=X):
    state = gan.init(KEY, Batch(X[0]))
    for x in batches:
        state, metrics = gan.train_step(state, Batch(x))
    return state, metrics


def assert_equal(got, wanted, rtol=2e-5):
    assert jax.tree.structure(got) == jax.tree.structure(wanted)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        if not jax.dtypes.issubdtype(one.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW.get(n, ())) for n in GANS])
def test_steps_are_those_of_data_parallelism(name):
    """The same noise on each device, the same averages: any optimizer, also one that is not
    elementwise."""
    wanted = run(jaxgan.shard_map(GANS[name](), donate=False))
    assert_equal(run(shard_optimizer(GANS[name]())), wanted)


@pytest.fixture(scope="module")
def block():
    """Three steps in one call, their program, and the state that they came to."""
    gan = jaxgan.scan(make(optax.adam), lambda source, index: Batch(source[index]))
    many = jaxgan.shard_optimizer(gan, batch_axis=(None, 1), min_size=64)
    given = X.reshape(48, 2), np.random.default_rng(1).integers(0, 48, (STEPS, 16))
    start = many.init(KEY, Batch(X[0]))
    compiled = jax.jit(many.train_step, donate_argnums=0).lower(start, given).compile()
    state, _ = compiled(start, given)
    return given, compiled, state, many


def test_a_block_of_steps_is_the_steps_one_by_one(block):
    (data, order), _, state, _ = block
    wanted, _ = run(jaxgan.shard_map(make(optax.adam), donate=False), data[order])
    assert_equal(state, wanted)


def test_moments_and_average_are_split_and_stay_where_they_are(block):
    _, _, state, _ = block
    moments = state.g.opt_state[0].mu, state.d.opt_state[0].nu, state.ema.params
    for tree in moments:
        specs = {name: leaf.sharding.spec for name, leaf in tree.items()}
        assert specs["in"] == P(None, AXIS), "the longest axis that divides"
        assert specs["bias"] == P(AXIS)
    everything_else = state._replace(
        g=state.g._replace(opt_state=()), d=state.d._replace(opt_state=()), ema=()
    )
    assert all(leaf.is_fully_replicated for leaf in jax.tree.leaves(everything_else))


def on_each_device(tree):
    return {
        device: sum(
            shard.data.nbytes
            for leaf in jax.tree.leaves(tree)
            for shard in leaf.addressable_shards
            if shard.device == device
        )
        for device in jax.devices()
    }


def test_the_bytes_of_each_device_are_those_that_are_counted(block):
    _, compiled, state, _ = block
    counted = Scatter(row(jax.devices(), AXIS), AXIS, 64).bytes(state._replace(key=state.g.step))
    held = on_each_device(state._replace(key=state.g.step))
    assert set(held.values()) == {counted}
    # The program takes this state, written over in place, and nothing else but a key and the data.
    analysis = compiled.memory_analysis()
    assert counted <= analysis.alias_size_in_bytes <= counted + 64
    whole = sum(leaf.nbytes for leaf in jax.tree.leaves(state._replace(key=state.g.step)))
    split = [state.g.opt_state[0][1:], state.d.opt_state[0][1:], state.ema.params]
    parts = sum(leaf.nbytes for leaf in jax.tree.leaves(split) if leaf.size >= 64)
    assert counted == whole - parts + parts // DEVICES
    assert counted < 0.6 * whole


def test_each_array_is_scattered_and_gathered_once_an_update(block):
    """What is sent is no more than an all-reduce sends, and no loss is split but by examples."""
    _, compiled, state, _ = block
    params = jax.tree.leaves((state.g.params, state.d.params))
    split = sum(leaf.size >= 64 and leaf.shape != (64, 1) for leaf in params) + 1
    found = Counter(COLLECTIVE.findall(compiled.as_text()))
    assert found["reduce-scatter"] == found["all-gather"] == split
    assert not found.keys() - {"reduce-scatter", "all-gather", "all-reduce"}


def test_samples_are_those_of_the_whole_average(block):
    *_, state, many = block
    whole = jax.tree.map(np.asarray, state._replace(key=()))._replace(key=state.key)
    got, wanted = (many.sample(one, KEY, 8) for one in (state, whole))
    np.testing.assert_allclose(np.asarray(got), np.asarray(wanted), rtol=1e-5, atol=1e-6)


def test_what_cannot_be_split_is_refused():
    with pytest.raises(ValueError, match="PER_DEVICE is for pmap and shard_map"):
        jaxgan.shard_optimizer(make(), batch_axis=(PER_DEVICE, 1))
    with pytest.raises(ValueError, match="a batch of 6 does not divide over 4 devices"):
        shard_optimizer(make()).train_step(None, Batch(X[0, :6]))
    with pytest.raises(ValueError, match="None for a leaf of a Batch"):
        shard_optimizer(make(), batch_axis=Batch(0, None)).train_step(None, Batch(X[0], X[0]))
    with pytest.raises(ValueError, match="but not 'other'"):
        jaxgan.shard_optimizer(make(), axis_name="other", mesh=row(jax.devices(), "one"))


def r3gan_of(width):
    settings = recipes.R3GAN_SETTINGS["stacked_mnist"]._replace(batch_size=8, burn_in=1000.0)
    shape = (
        {"image_size": 8, "widths": (width, width)}
        if width < 100
        else {"image_size": 32, "widths": (width,) * 4}
    )
    g, d = r3gan.Generator(channels=3, **shape), r3gan.Discriminator(**shape)
    side = shape["image_size"]
    batch = Batch(np.random.default_rng(2).normal(size=(8, side, side, 3)).astype(np.float32))
    return recipes.r3gan(nets.from_linen(g), nets.from_linen(d), settings), batch


@pytest.mark.slow
def test_r3gan_trains_as_under_data_parallelism():
    gan, batch = r3gan_of(16)
    ends = []
    for ways in (jaxgan.shard_map, partial(jaxgan.shard_optimizer, min_size=256)):
        compiled = ways(gan, donate=False)
        state = compiled.init(KEY, batch)
        for _ in range(2):
            state, _ = compiled.train_step(state, batch)
        ends.append(state)
    assert_equal(ends[1], ends[0], rtol=1e-3)


def test_a_large_r3gan_keeps_two_thirds_less_of_what_can_be_split():
    """1,536 channels, counted by shapes alone; docs/benchmarks.md has these numbers."""
    gan, batch = r3gan_of(1536)
    state = jax.eval_shape(gan.init, KEY, batch)
    g, d = (sum(x.size for x in jax.tree.leaves(p.params)) for p in (state.g, state.d))
    whole = Scatter(row(jax.devices()[:1], AXIS), AXIS).bytes(state)
    assert whole == pytest.approx(12 * (g + d) + 4 * g, rel=1e-4)
    four = Scatter(row(jax.devices(), AXIS), AXIS).bytes(state)
    assert four == pytest.approx(4 * (g + d) + (8 * (g + d) + 4 * g) / 4, rel=1e-2)
