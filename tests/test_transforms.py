"""A step means the same wherever it runs: under jit, vmap, scan, pmap and shard_map.

The optimizer is SGD throughout: Adam divides by the length of the gradient, and so hides a gradient
that is too long by the number of devices.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from jax import lax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P
from networks import compilation, counting, first_only, mlp, without_first

import jaxgan
from jaxgan import Batch, Player, Variables, latents, nets, penalties, recipes
from jaxgan.core import NORMS
from jaxgan.parallel import AXIS, PER_DEVICE

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
DEVICES = 4
STEPS = 3
X = (RNG.normal(size=(STEPS, 16, 2)) + 1).astype(np.float32)
Y = RNG.normal(size=(STEPS, 16, 2)).astype(np.float32)
BATCHES = Batch(X, Y)  # [STEPS, 16, ...]


def batch(step=0):
    return Batch(X[step], Y[step])


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


class BatchNormed(nn.Module):
    out: int
    axis_name: str | None = AXIS

    @nn.compact
    def __call__(self, x, train):
        x = nn.Dense(8)(x)
        x = nn.BatchNorm(use_running_average=not train, axis_name=self.axis_name)(x)
        return nn.Dense(self.out)(jnp.tanh(x))


def make(generator=None, discriminator=None, **settings):
    """A GAN without noise: its samples are made of y, so devices change nothing about a step."""
    return recipes.gan(
        without_first(generator or counting(mlp(2))),
        first_only(discriminator or counting(mlp())),
        **{
            "latent": latents.normal(1),
            "conditional": True,
            "g_optimizer": optax.sgd(0.1),
            "d_optimizer": optax.sgd(0.1),
            "penalty_weight": 1.0,
            "ema_decay": 0.5,
            **settings,
        },
    )


def batch_normed(*, synchronized=True, **settings):
    axis_name = AXIS if synchronized else None
    return make(
        nets.from_linen(BatchNormed(2, axis_name)),
        nets.from_linen(BatchNormed(1, axis_name)),
        **settings,
    )


GANS = {
    "plain": make,
    "r1_one_batch_2_d_steps": partial(make, penalty=penalties.r1(), one_batch=True, d_steps=2),
    "lazy_r1": partial(make, penalty=penalties.r1(), penalty_every=2),
    "batch_norm": batch_normed,  # real and fake through D in turn, in both players' losses
    "batch_norm_one_batch": partial(batch_normed, one_batch=True),
}
each_gan = pytest.mark.parametrize("name", GANS)


def run(gan, state):
    history = []
    for step in range(STEPS):
        state, metrics = gan.train_step(state, batch(step))
        history.append(metrics)
    return state, history


@cache
def expected(name):
    """State and metrics after some steps on a single device, and the state before."""
    # One device sees the whole batch, and there is no axis for batch norm to be synchronized over.
    settings = {"synchronized": False} if name.startswith("batch_norm") else {}
    gan = jaxgan.jit(GANS[name](**settings), donate=False)
    start = gan.init(KEY, batch())
    return start, run(gan, start)


@cache
def spread(ways, name):
    """The GAN on several devices; cached, for compiling it takes most of the time here."""
    return ways(GANS[name](), donate=False)


def arrays(tree):
    def plain(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    return [plain(leaf) for leaf in jax.tree.leaves(tree)]


def distance(left, right):
    """The greatest difference; where numbers are large, relative to them."""
    left, right = map(_comparable, (left, right))
    assert jax.tree.structure(left) == jax.tree.structure(right)
    pairs = zip(arrays(left), arrays(right), strict=True)
    return max(
        (np.abs(a.astype(float) - b) / np.maximum(1, np.abs(b.astype(float)))).max()
        for a, b in pairs
    )


def _comparable(tree):
    """Without the diversity: on each device an example has another neighbor."""

    def without(metrics):
        return {name: leaf for name, leaf in metrics.items() if name != "g_diversity"}

    is_metrics = lambda node: isinstance(node, dict) and "g_diversity" in node  # noqa: E731
    return jax.tree.map(
        lambda node: without(node) if is_metrics(node) else node, tree, is_leaf=is_metrics
    )


def mesh():
    return jax.make_mesh((DEVICES,), (AXIS,), axis_types=(AxisType.Auto,))


def test_there_are_several_devices():
    assert jax.device_count() == DEVICES


@pytest.mark.parametrize(
    ("ways", "name"),
    [
        # pmap is shard_map beneath, so two GANs are enough to see that it is wired likewise; of
        # shard_map three run always.
        pytest.param(ways, name, marks=[pytest.mark.slow] * (i > (1 if ways is jaxgan.pmap else 2)))
        for ways in (jaxgan.shard_map, jaxgan.pmap)
        for i, name in enumerate(
            ("plain", "batch_norm", *sorted(GANS.keys() - {"plain", "batch_norm"}))
        )
    ],
)
def test_several_devices_do_what_one_does(name, ways):
    start, after = expected(name)
    jax.eval_shape(spread(ways, name).init, KEY, batch())  # where no axis is mapped
    state, history = run(spread(ways, name), start)
    assert distance(state, after[0]) < 1e-6
    assert distance(history, after[1]) < 1e-6
    assert (
        distance(after[0].d.params, start.d.params) > 1e-3
    )  # steps this long do not hide a factor


def test_batch_norm_sees_its_part_only_unless_it_is_synchronized():
    start, after = expected("batch_norm")
    separate = jaxgan.shard_map(batch_normed(synchronized=False), donate=False)
    assert distance(run(separate, start)[0].d.params, after[0].d.params) > 1e-4


WITH_PENALTY = "r1_one_batch_2_d_steps"


@cache
def one_d_step():
    start, _ = expected(WITH_PENALTY)
    return start, jax.jit(GANS[WITH_PENALTY]().d_step)(start, batch())


@pytest.mark.parametrize("check_vma", [True, False])
def test_a_step_fits_into_a_shard_map_of_ones_own(check_vma):
    start, after = one_d_step()
    gan = GANS[WITH_PENALTY]()
    own = jax.shard_map(
        partial(gan.d_step, axis_name=AXIS),
        mesh=mesh(),
        in_specs=(P(), P(AXIS)),
        out_specs=P(),
        check_vma=check_vma,
    )
    assert distance(jax.jit(own)(start, batch()), after) < 1e-6


def test_a_step_fits_into_a_vmap_over_parts_of_the_batch():
    start, after = one_d_step()
    parts = jax.tree.map(lambda leaf: leaf.reshape(DEVICES, -1, *leaf.shape[1:]), batch())
    own = jax.vmap(
        partial(GANS[WITH_PENALTY]().d_step, axis_name="parts"),
        in_axes=(None, 0),
        out_axes=None,
        axis_name="parts",
    )
    assert distance(jax.jit(own)(start, parts), after) < 1e-6


def test_jit_with_a_sharded_batch_is_data_parallelism_too():
    start, after = one_d_step()
    sharded = jax.device_put(batch(), jax.sharding.NamedSharding(mesh(), P(AXIS)))
    step = jax.jit(GANS[WITH_PENALTY]().d_step)
    assert distance(step(start, sharded), after) < 1e-6


def stacked(history):
    """Metrics of a loop as `scan` has them: the norms of the last step in all of them."""
    history = jax.tree.map(lambda *leaves: np.stack(leaves), *history)
    return history | {name: np.full_like(history[name], history[name][-1]) for name in NORMS}


@pytest.mark.parametrize("ways", [jaxgan.pmap, jaxgan.shard_map])
def test_several_devices_scan_batches(ways):
    start, (state, history) = expected("plain")
    gan = ways(jaxgan.scan(make()), batch_axis=1, donate=False)
    assert distance(gan.train_step(start, BATCHES), (state, stacked(history))) < 1e-6


@pytest.mark.parametrize("ways", [jaxgan.pmap, jaxgan.shard_map])
def test_several_devices_scan_indices_into_a_source_that_each_holds(ways):
    start, (state, history) = expected("plain")
    order = RNG.permutation(STEPS * 16)
    x, y = (np.empty_like(leaf.reshape(-1, 2)) for leaf in (X, Y))
    x[order], y[order] = X.reshape(-1, 2), Y.reshape(-1, 2)

    def load(source, index):
        return Batch(source[0][index], source[1][index])

    gan = ways(jaxgan.scan(make(), load), batch_axis=(None, 1), donate=False)
    actual = gan.train_step(start, ((x, y), order.reshape(STEPS, 16)))
    assert distance(actual, (state, stacked(history))) < 1e-6


@pytest.mark.parametrize("ways", [jaxgan.pmap, jaxgan.shard_map])
def test_each_device_indexes_its_own_part_of_a_source(ways):
    start, (state, history) = expected("plain")
    own = 16 // DEVICES  # of each step's examples, on each device
    parts = [leaf.reshape(STEPS, DEVICES, own, 2).swapaxes(0, 1) for leaf in (X, Y)]
    source = [part.reshape(DEVICES, STEPS * own, 2) for part in parts]
    index = np.tile(np.arange(STEPS * own).reshape(STEPS, own), DEVICES)

    def load(source, index):
        return Batch(source[0][index], source[1][index])

    gan = ways(jaxgan.scan(make(), load), batch_axis=(PER_DEVICE, 1), donate=False)
    actual = gan.train_step(start, (source, index))
    assert distance(actual, (state, stacked(history))) < 1e-6
    with pytest.raises(ValueError, match="3 entries for 4 devices"):
        gan.train_step(start, ([leaf[:3] for leaf in source], index))


@cache
def noisy():
    """An ordinary GAN, which draws its own noise."""
    return recipes.gan(
        counting(mlp(2)),
        counting(mlp()),
        latent=latents.normal(2),
        g_optimizer=optax.adam(1e-2),
        d_optimizer=optax.adam(1e-2),
        ema_decay=0.9,
    )


@cache
def compiled_noisy():
    return jaxgan.jit(noisy(), donate=False)


@cache
def looped(seed=0):
    with compilation(optimized=True):
        start = compiled_noisy().init(jax.random.key(seed), batch())
        state, history = run(compiled_noisy(), start)
    return start, state, stacked(history)


def test_scan_is_the_loop_to_the_last_bit():
    start, state, history = looped()
    gan = jaxgan.jit(jaxgan.scan(noisy()), donate=False)
    with compilation(optimized=True):  # equal bits are promised of what users run
        assert distance(gan.train_step(start, BATCHES), (state, history)) == 0


def test_scan_runs_the_steps_of_either_player():
    start, _, _ = looped()
    gan = jaxgan.scan(noisy())
    state, _ = jax.eval_shape(gan.d_step, start, BATCHES)
    assert jax.tree.structure(state) == jax.tree.structure(start)
    _, metrics = jax.eval_shape(gan.g_step, start, BATCHES)
    assert metrics["g_loss"].shape == (STEPS,)


def test_vmap_over_seeds_is_one_run_for_each():
    alone = [looped(seed) for seed in range(4)]
    starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[start for start, _, _ in alone])
    together = jax.jit(jax.vmap(jaxgan.scan(noisy()).train_step, in_axes=(0, None)))
    states, metrics = together(starts, BATCHES)
    for i, (_, state, history) in enumerate(alone):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], (states, metrics))
        assert distance(one, (state, history)) < 1e-5
    assert len(np.unique(metrics["g_loss"][:, 0])) == 4


def test_every_device_draws_its_own_noise():
    def loss(params, state, opponent, batch, key, step):
        index = lax.axis_index(AXIS)
        noise = jax.random.uniform(key)
        # Metrics are averages over the devices, so each shows its noise in a metric of its own.
        return params**2, ((), {str(i): DEVICES * noise * (index == i) for i in range(DEVICES)})

    player = Player(lambda key, batch: Variables(jnp.ones(())), loss, optax.sgd(0.1))
    gan = jaxgan.two_player(player, player, sample=lambda *_: None)
    state = gan.init(KEY, batch())
    for ways in (jaxgan.pmap, jaxgan.shard_map):
        _, metrics = ways(gan, donate=False).train_step(state, batch())
        noise = [metrics[f"{player}_{i}"] for player in "gd" for i in range(DEVICES)]
        assert len(np.unique(noise)) == 2 * DEVICES


def test_a_batch_that_does_not_divide_over_the_devices_is_refused():
    start, _ = expected("plain")
    odd = Batch(X[0][:14], Y[0][:14])
    for ways in (jaxgan.pmap, jaxgan.shard_map):
        with pytest.raises(ValueError, match="14 does not divide over 4"):
            ways(make()).train_step(start, odd)
        with pytest.raises(ValueError, match="14 does not divide over 4"):
            ways(jaxgan.scan(make()), batch_axis=1).train_step(start, Batch(X[:, :14], Y[:, :14]))


def test_a_mesh_without_the_axis_is_refused():
    with pytest.raises(ValueError, match="'other'"):
        jaxgan.shard_map(make(), mesh=mesh(), axis_name="other")


def test_fewer_devices_can_be_chosen():
    start, after = expected("plain")
    two = jax.devices()[:2]
    small = jax.make_mesh((2,), (AXIS,), axis_types=(AxisType.Auto,), devices=tuple(two))
    for gan in (
        jaxgan.pmap(make(), devices=two, donate=False),
        jaxgan.shard_map(make(), mesh=small, donate=False),
    ):
        state, metrics = gan.train_step(start, batch())
        assert distance(metrics, after[1][0]) < 1e-6
        assert state.g.params["in"].devices() == set(two)


@cache
def compilations():
    """A list that grows by one entry with every program that XLA compiles."""
    names = []

    def listen(name, seconds, **_):
        if name.endswith("backend_compile_duration"):
            names.append(name)

    jax.monitoring.register_event_duration_secs_listener(listen)
    return names


@pytest.mark.parametrize("ways", [jaxgan.jit, jaxgan.pmap, jaxgan.shard_map])
def test_a_run_from_init_to_sample_compiles_each_function_once_and_donates_the_state(ways):
    compiled = compilations()
    gan = ways(make())
    state = gan.init(KEY, batch())
    start, after = expected("plain")
    assert distance(state, start) < 1e-6
    before = len(compiled)
    old, (state, _) = state, gan.train_step(state, batch())
    assert len(compiled) > before  # the listener does hear
    for tree in (old.g, old.d, old.ema.params):
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(tree))
    once = len(compiled)
    for step in range(1, STEPS):
        state, _ = gan.train_step(state, batch(step))
    assert len(compiled) == once
    assert distance(state, after[0]) < 1e-6
    samples = gan.sample(state, KEY, 16, Y[0])  # wherever the state lies
    assert samples.shape == (16, 2)


@pytest.mark.parametrize("ways", [jaxgan.pmap, jaxgan.shard_map])
def test_a_state_that_is_not_donated_can_still_be_read(ways):
    start, _ = expected("plain")
    states = [spread(ways, "plain").train_step(start, batch())[0] for _ in range(2)]
    assert distance(*states) == 0
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves(start))
