import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, counting, mlp

import jaxgan
from jaxgan import (
    Batch,
    Network,
    Player,
    TrainState,
    Variables,
    latents,
    losses,
    penalties,
    recipes,
)
from jaxgan.core import mean_over_devices, of_first_device

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 2)).astype(np.float32)
BATCH = Batch(X)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def make(**settings):
    return recipes.gan(
        counting(mlp(2)),
        counting(mlp()),
        **{
            "latent": latents.normal(2),
            "g_optimizer": optax.adam(1e-2),
            "d_optimizer": optax.adam(1e-2),
            **settings,
        },
    )


@functools.cache
def compiled(d_steps=1):
    """One GAN for most tests, with everything that it can have."""
    gan = make(
        d_steps=d_steps,
        ema_decay=0.3,
        penalty=penalties.gradient_penalty(),
        loss=losses.relativistic_paired(),  # G's loss looks at the real examples too
    )
    return jaxgan.jit(gan, donate=False)


@functools.cache
def start():
    return compiled().init(KEY, BATCH)


def arrays(tree):
    def plain(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    return [plain(leaf) for leaf in jax.tree.leaves(tree)]


def assert_same_bits(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for a, b in zip(arrays(left), arrays(right), strict=True):
        np.testing.assert_array_equal(a, b)


def assert_all_changed(left, right):
    for a, b in zip(arrays(left), arrays(right), strict=True):
        assert (a != b).any()


def test_g_step_writes_the_generator_and_its_average_only():
    state, metrics = compiled().g_step(start(), BATCH)
    assert_same_bits(state.d, start().d)
    assert_all_changed(state.g, start().g)
    assert_all_changed(state.ema, start().ema)
    assert set(metrics) == {"g_loss", "g_diversity", "g_skipped", "g_grad_norm", "g_update_ratio"}


def test_d_step_writes_the_discriminator_only():
    state, metrics = compiled().d_step(start(), BATCH)
    assert_same_bits((state.g, state.ema), (start().g, start().ema))
    assert_all_changed(state.d, start().d)
    judgment = {"d_accuracy_real", "d_accuracy_fake", "d_logit_gap", "d_saturated"}
    norms = {"d_skipped", "d_grad_norm", "d_update_ratio"}
    assert set(metrics) == {"d_loss", "d_penalty", *judgment, *norms}


def test_train_step_is_d_step_then_g_step_on_one_batch():
    whole, metrics = compiled().train_step(start(), BATCH)
    state, d_metrics = compiled().d_step(start(), BATCH)
    state, g_metrics = compiled().g_step(state, BATCH)
    for a, b in zip(arrays((whole, metrics)), arrays((state, d_metrics | g_metrics)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_each_player_counts_its_own_updates():
    gan = compiled(d_steps=3)
    state, _ = gan.train_step(start(), BATCH)
    state, _ = gan.train_step(state, BATCH)
    state, _ = gan.g_step(state, BATCH)
    assert (state.d.step, state.g.step) == (6, 3)
    assert state.d.step.dtype == state.g.step.dtype == jnp.int32


def test_the_key_in_the_state_never_changes():
    state, _ = compiled(d_steps=3).train_step(start(), BATCH)
    assert_same_bits(state.key, start().key)
    assert_same_bits(compiled().g_step(state, BATCH)[0].key, start().key)


def test_the_same_key_gives_the_same_run_and_another_key_another():
    def run(key):
        return compiled().train_step(compiled().init(key, BATCH), BATCH)[0]

    assert_same_bits(run(KEY), run(KEY))
    other = run(jax.random.key(1))
    assert_all_changed(run(KEY).g.params["in"], other.g.params["in"])
    assert_all_changed(run(KEY).key, other.key)


def test_init_looks_at_the_shapes_of_the_batch_only():
    assert_same_bits(compiled().init(KEY, Batch(X + 100)), start())


def test_the_players_do_not_start_alike():
    # Both take two numbers, so their first layers would be the same if their keys were.
    assert (start().g.params["in"] != start().d.params["in"]).any()


@pytest.mark.parametrize(("player", "opponent"), [("g", "d"), ("d", "g")])
def test_no_gradient_reaches_the_opponent(player, opponent):
    # Neither through the loss nor through the update, of neither parameters nor statistics.
    gan = make(penalty=penalties.r1_r2())
    step = {"g": gan.g_step, "d": gan.d_step}[player]

    def total(floats):
        def with_floats(old, new):
            return old._replace(params=new[0], state={**old.state, "mean": new[1]})

        g, d = (with_floats(getattr(start(), p), floats[p]) for p in "gd")
        state, metrics = step(start()._replace(g=g, d=d), BATCH)
        new = getattr(state, player).params
        return metrics[f"{player}_loss"] + sum(jnp.sum(leaf) for leaf in jax.tree.leaves(new))

    floats = {p: (getattr(start(), p).params, getattr(start(), p).state["mean"]) for p in "gd"}
    gradients = jax.jit(jax.grad(total))(floats)
    for leaf in arrays(gradients[opponent]):
        assert (leaf == 0).all()
    for leaf in arrays(gradients[player][0]):  # the test can see gradients where there are some
        assert (leaf != 0).any()


def recorder(name):
    """A player that writes down, in its state, the noise of each of its updates."""

    def loss(params, state, opponent, batch, key, step):
        noise = jax.random.uniform(key)
        return params**2 + 0 * opponent.params, (state.at[step].set(noise), {name: noise})

    return Player(lambda key, batch: Variables(jnp.ones(()), jnp.zeros(20)), loss, optax.sgd(0.1))


def test_no_two_updates_share_noise():
    gan = jaxgan.two_player(recorder("n"), recorder("n"), sample=lambda *_: None, d_steps=3)
    state = gan.init(KEY, BATCH)
    train = jax.jit(gan.train_step)
    for _ in range(5):
        state, _ = train(state, BATCH)
    d, g = state.d.state, state.g.state
    assert (d[15:] == 0).all()
    assert (g[5:] == 0).all()
    assert len(np.unique(np.concatenate([d[:15], g[:5]]))) == 20


def test_metrics_of_several_d_steps_are_averaged():
    gan = jaxgan.two_player(recorder("n"), recorder("n"), sample=lambda *_: None, d_steps=3)
    state, metrics = jax.jit(gan.train_step)(gan.init(KEY, BATCH), BATCH)
    np.testing.assert_allclose(metrics["d_n"], np.mean(state.d.state[:3]), rtol=1e-6)
    np.testing.assert_allclose(metrics["g_n"], state.g.state[0], rtol=1e-6)


def test_no_two_steps_of_a_recipe_share_latents_or_network_keys():
    """The generator shows its latents as samples, and D writes down what it sees."""

    def shown(key, *inputs):
        return {"w": jnp.ones(())}, {"first": jnp.zeros(40), "keys": jnp.zeros(40), "calls": 0}

    def show(params, state, key, x, *, train):
        state = {
            "first": state["first"].at[state["calls"]].set(x[0, 0]),
            "keys": state["keys"].at[state["calls"]].set(jax.random.uniform(key)),
            "calls": state["calls"] + 1,
        }
        return x * params["w"], state

    def judge(params, state, key, x, *, train):
        _, state = show(params, state, key, x, train=train)
        return jnp.sum(x, axis=1) * params["w"], state

    gan = recipes.gan(
        Network(shown, show),
        Network(shown, judge),
        latent=latents.normal(2),
        g_optimizer=optax.sgd(0.0),
        d_optimizer=optax.sgd(0.0),
        d_steps=3,
    )
    init, train = jax.jit(gan.init), jax.jit(gan.train_step)
    state = init(KEY, BATCH)
    for _ in range(4):
        state, _ = train(state, BATCH)
    assert (state.g.state["calls"], state.d.state["calls"]) == (4, 2 * 12)  # D: real, then fake
    latents_of_d = state.d.state["first"][1:24:2]
    latents_of_g = state.g.state["first"][:4]
    assert set(np.asarray(state.d.state["first"][0:6:2])) == set(X[:3, 0])
    assert len(np.unique(np.concatenate([latents_of_d, latents_of_g]))) == 16
    keys = np.concatenate([state.d.state["keys"][:24], state.g.state["keys"][:4]])
    assert len(np.unique(keys)) == 28


def test_the_running_average_is_the_one_that_is_documented():
    state = start()
    decay = 0.3
    float_leaves = (state.g.params, state.g.state["mean"])
    expected = [leaf.astype(float) for leaf in arrays(float_leaves)]
    used = []
    for t in range(6):
        state, _ = compiled().g_step(state, BATCH)
        b = min(decay, (1 + t) / (10 + t))
        used.append(b)
        new = arrays((state.g.params, state.g.state["mean"]))
        expected = [b * old + (1 - b) * leaf for old, leaf in zip(expected, new, strict=True)]
    assert used[0] < decay == used[-1]  # the warm-up and what follows it were both seen
    actual = arrays((state.ema.params, state.ema.state["mean"]))
    for a, e in zip(actual, expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-5, atol=1e-7)
    assert state.ema.state["count"] == state.g.state["count"] == 6  # counters are not averaged


def test_the_average_moves_with_g_only():
    state, _ = compiled(d_steps=3).train_step(start(), BATCH)
    old, new, ema = (s.params["in"] for s in (start().g, state.g, state.ema))
    np.testing.assert_allclose(ema, 0.1 * old + 0.9 * new, rtol=1e-5)  # t = 0: (1 + 0) / (10 + 0)


def test_samples_come_from_the_average_where_there_is_one():
    state, _ = compiled().train_step(start(), BATCH)
    from_average = compiled().sample(state, KEY, 3)
    moved = state._replace(g=state.g._replace(params=jax.tree.map(jnp.zeros_like, state.g.params)))
    np.testing.assert_array_equal(compiled().sample(moved, KEY, 3), from_average)

    without = jaxgan.jit(make())
    assert without.sample(state._replace(ema=()), KEY, 3).shape == (3, 2)
    assert (without.sample(moved._replace(ema=()), KEY, 3) == 0).all()


def test_without_an_average_the_state_keeps_none():
    state = jax.eval_shape(make().init, KEY, BATCH)
    assert state.ema == ()
    assert isinstance(state, TrainState)


def test_the_average_is_a_copy_so_that_the_state_can_be_donated():
    gan = make(ema_decay=0.9)
    state = gan.init(KEY, BATCH)  # not compiled: nothing would copy an alias by accident
    pointers = [
        leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves((state.g.params, state.ema))
    ]
    assert len(set(pointers)) == len(pointers)
    donating = jaxgan.jit(gan)
    for _ in range(2):
        state, _ = donating.g_step(state, BATCH)


def test_train_step_takes_every_kth_example_for_each_d_step_and_the_last_for_g():
    whole, metrics = compiled(d_steps=3).train_step(start(), BATCH)
    state, d_losses = start(), []
    for k in range(3):
        state, d_metrics = compiled().d_step(state, Batch(X[k::3]))
        d_losses.append(d_metrics["d_loss"])
    state, g_metrics = compiled().g_step(state, Batch(X[2::3]))
    for a, b in zip(arrays(whole), arrays(state), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(metrics["d_loss"], np.mean(d_losses), rtol=1e-5)
    np.testing.assert_allclose(metrics["g_loss"], g_metrics["g_loss"], rtol=1e-5)


def test_the_loss_is_given_the_players_own_step():
    weights = []

    def weight(step):
        weights.append(step.dtype)
        return 1.0 * step

    gan = jaxgan.jit(make(penalty=penalties.r1(), penalty_weight=weight), donate=False)
    state = start()._replace(ema=())
    _, first = gan.d_step(state, BATCH)
    later = state._replace(d=state.d._replace(step=jnp.int32(3)))
    _, fourth = gan.d_step(later, BATCH)
    assert first["d_penalty"] == 0 < fourth["d_penalty"]
    assert set(weights) == {jnp.dtype("int32")}


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="d_steps is 0"):
        make(d_steps=0)
    for decay in (1.0, -0.1, float("nan")):
        with pytest.raises(ValueError, match="ema_decay"):
            make(ema_decay=decay)


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ValueError, match=r"batch of 11 .* d_steps=3"):
        compiled(d_steps=3).train_step(start(), Batch(X[:11]))


def test_a_generator_of_the_wrong_shape_is_refused():
    settings = {
        "latent": latents.normal(2),
        "g_optimizer": optax.sgd(0.1),
        "d_optimizer": optax.sgd(0.1),
    }
    gan = recipes.gan(mlp(3), mlp(), **settings)
    with pytest.raises(ValueError, match=r"makes \(3,\).*data are \(2,\)"):
        jax.eval_shape(gan.init, KEY, BATCH)


def test_a_conditional_gan_without_labels_is_refused():
    gan = make(conditional=True)
    with pytest.raises(ValueError, match="labels"):
        jax.eval_shape(gan.init, KEY, BATCH)
    labelled = Batch(X, np.zeros(12, np.int32))
    state = jax.eval_shape(gan.init, KEY, labelled)
    for use in (gan.d_step, gan.g_step):
        with pytest.raises(ValueError, match="labels"):
            jax.eval_shape(use, state, BATCH)
    with pytest.raises(ValueError, match="labels"):
        jax.eval_shape(lambda s: gan.sample(s, KEY, 3), state)


def collector(merge):
    """A player that collects examples, and a mean of them, in its state."""

    def loss(params, state, opponent, batch, key, step):
        seen = {"examples": batch.x[:2], "mean": jnp.mean(batch.x), "count": state["count"] + 1}
        return jnp.mean(params * batch.x), (seen, {"seen": jnp.mean(batch.x)})

    def init(key, batch):
        nothing = {"examples": jnp.zeros((2, 2)), "mean": jnp.zeros(()), "count": jnp.int32(0)}
        return Variables(jnp.ones(()), nothing)

    return Player(init, loss, optax.sgd(0.1), merge)


def first_examples(state, axis_name):
    return {
        "examples": of_first_device(state["examples"], axis_name),
        "mean": mean_over_devices(state["mean"], axis_name),
        "count": of_first_device(state["count"], axis_name),
    }


def vmapped(gan):
    """Devices as an axis of a single one; what they agree on is the same in all rows."""

    def step(state, batch):
        parts = jax.tree.map(lambda leaf: leaf.reshape(4, -1, *leaf.shape[1:]), batch)
        one = functools.partial(gan.d_step, axis_name="rows")
        states, metrics = jax.jit(jax.vmap(one, (None, 0), axis_name="rows"))(state, parts)
        for leaf in arrays(states):
            assert (leaf == leaf[:1]).all()
        return jax.tree.map(lambda leaf: leaf[0], (states, metrics))

    return gan._replace(d_step=step)


WAYS = {
    "pmap": functools.partial(jaxgan.pmap, donate=False),
    "shard_map": functools.partial(jaxgan.shard_map, donate=False),
    "vmap": vmapped,
}


@pytest.mark.parametrize("name", WAYS)
def test_a_player_may_say_how_its_devices_states_become_one(name):
    def step(merge):
        gan = jaxgan.two_player(collector(merge), collector(merge), sample=lambda *_: None)
        return WAYS[name](gan).d_step(jax.jit(gan.init)(KEY, BATCH), BATCH)

    parts = X.reshape(4, 3, 2)
    merged, metrics = step(first_examples)
    state = merged.d.state
    np.testing.assert_array_equal(state["examples"], parts[0, :2])
    np.testing.assert_allclose(state["mean"], X.mean(), rtol=1e-5)
    assert state["count"] == 1
    # Gradients and metrics are averaged in any case.
    np.testing.assert_allclose(metrics["d_seen"], X.mean(), rtol=1e-5)
    np.testing.assert_allclose(merged.d.params, 1 - 0.1 * X.mean(), rtol=1e-5)
    if name != "vmap":  # the same arrays on all devices, not only the first one's
        for leaf in jax.tree.leaves(state):
            copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
            assert len(copies) == 4
            assert all((copy == copies[0]).all() for copy in copies)
    # Without a word, all floats are averaged, and examples lie on top of one another.
    averaged = step(None)[0].d.state
    np.testing.assert_allclose(averaged["examples"], parts[:, :2].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(averaged["mean"], state["mean"], rtol=1e-6)


def test_merging_is_for_several_devices_only():
    def merge(state, axis_name):
        raise AssertionError

    gan = jaxgan.two_player(collector(merge), collector(merge), sample=lambda *_: None)
    state, _ = jax.jit(gan.d_step)(gan.init(KEY, BATCH), BATCH)
    np.testing.assert_array_equal(state.d.state["examples"], X[:2])


def test_importing_the_engine_imports_no_network_or_data_library():
    heavy = ("flax", "orbax", "tensorflow_datasets", "tensorflow", "PIL", "haiku", "equinox")
    code = f"import sys, jaxgan; print(*[m for m in {heavy} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []
