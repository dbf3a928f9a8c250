"""What is not finite never enters the state: the update is skipped and counted."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Batch, Player, Variables, core, population
from jaxgan.checkpoint import digest
from jaxgan.runs.build import build
from jaxgan.runs.config import make
from jaxgan.runs.networks import Facts

KEY = jax.random.key(0)


def gan_of(d_loss, *, rate=0.1, **settings):
    """G learns nothing; D minimizes a function of its number and of the data."""

    def loss_of(function):
        def loss(params, state, opponent, batch, key, step):
            value = function(params["w"], batch.x)
            return value, ({"seen": state["seen"] + jnp.mean(batch.x)}, {})

        return loss

    def init(key, batch):
        return Variables({"w": jnp.ones(3)}, {"seen": jnp.zeros(())})

    return jaxgan.two_player(
        Player(init, loss_of(lambda w, x: jnp.sum(w) * 0.1), optax.adam(rate)),
        Player(init, loss_of(d_loss), optax.adam(rate)),
        sample=lambda variables, key, n, y: jnp.zeros(n),
        **settings,
    )


def mean_square(w, x):
    return jnp.mean((w - x) ** 2)


def root(w, x):
    """Finite everywhere, with an infinite slope at x = 0."""
    return jnp.sum(jnp.sqrt(jnp.abs(w) * x))


def steps(gan, values, transform=jaxgan.jit):
    """Train on batches that hold one value each."""
    gan = transform(jaxgan.scan(gan))
    x = jnp.broadcast_to(jnp.asarray(values, jnp.float32)[:, None, None], (len(values), 4, 3))
    state = gan.init(KEY, Batch(x[0]))
    return gan.train_step(state, Batch(x))


@pytest.mark.parametrize(("loss", "bad"), [(mean_square, np.nan), (mean_square, 1e30), (root, 0.0)])
def test_a_bad_step_leaves_everything_but_the_count_as_it_was(loss, bad):
    gan = jaxgan.jit(gan_of(loss), donate=False)
    state, _ = steps(gan_of(loss), [1.0, 2.0])
    after, metrics = gan.d_step(state, Batch(jnp.full((4, 3), bad)))
    assert metrics["d_skipped"] == 1
    assert digest(after) == digest(state._replace(d=state.d._replace(step=state.d.step + 1)))
    good, metrics = gan.d_step(state, Batch(jnp.full((4, 3), 2.0)))
    assert metrics["d_skipped"] == 0
    assert digest(good.d.params) != digest(state.d.params)


def test_training_goes_on_as_if_the_bad_steps_had_not_been():
    with_bad, metrics = steps(gan_of(mean_square), [1.0, np.nan, 2.0, np.inf, 3.0])
    without, _ = steps(gan_of(mean_square), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(metrics["d_skipped"], [0, 1, 0, 1, 0])
    assert digest(with_bad.d.params) == digest(without.d.params)
    assert digest(with_bad.d.opt_state) == digest(without.d.opt_state)
    assert int(with_bad.d.step) == 5


def test_of_several_updates_of_d_the_bad_ones_are_skipped():
    values = np.where(np.arange(8) % 4 == 1, np.nan, 1.0)  # the second of four minibatches is bad
    gan = jaxgan.jit(gan_of(mean_square, d_steps=4))
    x = jnp.broadcast_to(jnp.asarray(values, jnp.float32)[:, None], (8, 3))
    state, metrics = gan.train_step(gan.init(KEY, Batch(x)), Batch(x))
    assert metrics["d_skipped"] == 0.25
    assert jax.tree.all(jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), state.d.params))


@pytest.mark.parametrize("ways", [jaxgan.pmap, jaxgan.shard_map])
def test_what_is_bad_on_one_device_is_skipped_on_all(ways):
    gan = ways(gan_of(mean_square))
    x = jnp.ones((8, 3)).at[5].set(jnp.nan)
    state = gan.init(KEY, Batch(x))
    before = digest(state.d.params)
    state, metrics = gan.d_step(state, Batch(x))
    assert metrics["d_skipped"] == 1
    for shard in state.d.params["w"].addressable_shards:
        np.testing.assert_array_equal(shard.data, np.ones(3))
    assert digest(state.d.params) == before


def test_a_bad_member_of_a_population_is_skipped_alone():
    def member(slope):
        return gan_of(lambda w, x: mean_square(w, x) * slope)

    gan = jaxgan.jit(population(member, jnp.array([1.0, jnp.nan]), batch_axis=None))
    batch = Batch(jnp.full((4, 3), 2.0))
    state = gan.init(jnp.stack([KEY, KEY]), batch)
    state, metrics = gan.train_step(state, batch)
    np.testing.assert_array_equal(metrics["d_skipped"], [0, 1])
    np.testing.assert_array_equal(state.d.params["w"][1], np.ones(3))
    assert (state.d.params["w"][0] != 1).all()


def test_the_check_costs_less_than_a_hundredth_of_a_step(monkeypatch):
    """Of the arithmetic of the default networks' step, as the compiled program counts it."""

    def flops():
        gan = build(make(), Facts((28, 28, 1), (), ())).gan
        batch = Batch(np.zeros((64, 28, 28, 1), np.float32))
        lowered = jax.jit(gan.train_step).lower(jax.eval_shape(gan.init, KEY, batch), batch)
        return lowered.compile().cost_analysis()["flops"]

    checked = flops()
    monkeypatch.setattr(core, "_is_finite", lambda tree: jnp.bool_(True))
    free = flops()
    assert 1 < checked / free < 1.01
