"""A member of a population is the run with its key, its settings and its batches alone."""

import re
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, counting, first_only, mlp, without_first

import jaxgan
from jaxgan import Batch, latents, penalties, population, recipes
from jaxgan.parallel import row

MEMBERS, STEPS = 4, 3
KEYS = jax.random.split(jax.random.key(0), MEMBERS)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(STEPS, MEMBERS, 16, 2)).astype(np.float32)
SHARED = Batch(X[:, 0])  # [STEPS, 16, 2]
SETTINGS = {
    "g_lr": np.array([0.01, 0.02, 0.05, np.nan]),
    "d_lr": np.array([0.05, 0.02, 0.01, 0.1]),
    "beta1": np.array([0.0, 0.5, 0.9, 0.5]),
    "beta2": np.array([0.9, 0.99, 0.999, 0.99]),
    "weight": np.array([0.0, 1.0, 5.0, 1.0]),
    "ema_decay": np.array([0.1, 0.15, 0.05, 0.1]),
    "limit": np.array([0.3, 0.4, 0.5, 0.6]),
}
LOST = 3  # the member whose learning rate is no number


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def adam(setting):
    betas = {"b1": setting["beta1"], "b2": setting["beta2"]}
    return optax.adam(setting["g_lr"], **betas), optax.adam(setting["d_lr"], **betas)


def sgd(setting):
    clip = penalties.clip_weights(setting["limit"])
    return optax.sgd(setting["g_lr"]), optax.chain(optax.sgd(setting["d_lr"]), clip)


def maker(optimizers):
    def make(setting):
        g_optimizer, d_optimizer = optimizers(setting)
        return recipes.gan(
            counting(mlp(2)),
            counting(mlp()),
            latent=latents.normal(2),
            g_optimizer=g_optimizer,
            d_optimizer=d_optimizer,
            penalty=penalties.r1(),
            penalty_every=2,
            penalty_weight=setting["weight"],
            ema_decay=setting["ema_decay"],
        )

    return make


def plain():
    """A GAN without settings."""
    return maker(adam)({name: float(values[1]) for name, values in SETTINGS.items()})


@cache
def trained(optimizers):
    gan = jaxgan.jit(jaxgan.scan(population(maker(optimizers), SETTINGS)), donate=False)
    start = gan.init(KEYS, Batch(X[0, 0]))
    return start, gan.train_step(start, SHARED)


def member(tree, i):
    return jax.tree.map(lambda leaf: leaf[i], tree)


def distance(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)

    def one(a, b):
        if jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            a, b = jax.random.key_data(a), jax.random.key_data(b)
        assert a.shape == b.shape
        a, b = np.asarray(a, float), np.asarray(b, float)
        return (np.abs(a - b) / np.maximum(1, np.abs(b))).max()

    return max(jax.tree.leaves(jax.tree.map(one, left, right)))


@pytest.mark.parametrize(
    ("optimizers", "i"),
    [
        pytest.param(adam, 0, marks=pytest.mark.slow),
        pytest.param(adam, 2, marks=pytest.mark.slow),
        (sgd, 1),
    ],
)
def test_a_member_is_the_run_with_its_settings_alone(optimizers, i):
    start, (state, metrics) = trained(optimizers)
    setting = {name: float(values[i]) for name, values in SETTINGS.items()}
    alone = jaxgan.jit(jaxgan.scan(maker(optimizers)(setting)), donate=False)
    alone_start = alone.init(KEYS[i], Batch(X[0, 0]))
    assert distance(member(start, i), alone_start) < 1e-6
    alone_state, alone_metrics = alone.train_step(alone_start, SHARED)
    assert distance(member(state, i), alone_state) < 1e-5
    for name in metrics:
        assert distance(metrics[name][:, i], alone_metrics[name]) < 1e-5, name
    assert distance(alone_start.d.params, alone_state.d.params) > 1e-2
    samples = population(maker(optimizers), SETTINGS).sample(state, KEYS, 5)
    assert distance(samples[i], alone.sample(alone_state, KEYS[i], 5)) < 1e-5


def test_a_member_that_diverges_leaves_the_others_alone():
    _, (state, _) = trained(adam)
    finite = [
        all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(member(state.g.params, i)))
        for i in range(MEMBERS)
    ]
    assert finite == [i != LOST for i in range(MEMBERS)]


@pytest.mark.slow  # compiles for long
def test_members_with_batches_of_their_own_are_one_run_for_each():
    steps = jaxgan.scan(plain())
    gan = jaxgan.jit(population(lambda _: steps, batch_axis=1))
    state, metrics = gan.train_step(gan.init(KEYS, Batch(X[0, 0])), Batch(X))
    alone = jaxgan.jit(steps)
    for i in range(MEMBERS):
        expected = alone.train_step(alone.init(KEYS[i], Batch(X[0, 0])), Batch(X[:, i]))
        assert distance((member(state, i), member(metrics, i)), expected) < 1e-5


def collectives(program):
    return re.findall(r"all-\w+|collective-\w+|reduce-scatter|send|recv", program)


def test_devices_train_their_members_without_a_word_to_each_other():
    start, (state, metrics) = trained(adam)
    gan = population(maker(adam), SETTINGS, devices=jax.devices())
    gan = jaxgan.jit(jaxgan.scan(gan), donate=False)
    split = gan.init(KEYS, Batch(X[0, 0]))
    assert distance(split.g.params, start.g.params) < 1e-6
    kernel = split.g.params["in"]
    assert [shard.data.shape[0] for shard in kernel.addressable_shards] == [1] * MEMBERS
    program = gan.train_step.lower(split, SHARED).compile()
    assert not collectives(program.as_text())
    alive = slice(LOST)
    actual = gan.train_step(split, SHARED)
    assert distance(member(actual[0], alive), member(state, alive)) < 1e-5
    assert distance(actual[1]["d_loss"][:, alive], metrics["d_loss"][:, alive]) < 1e-5
    assert actual[0].g.params["in"].sharding == kernel.sharding
    assert gan.sample(split, KEYS, 5).shape == (MEMBERS, 5, 2)


def test_collectives_would_be_found():
    total = jax.jit(
        jax.shard_map(
            lambda x: jax.lax.psum(x, "d"),
            mesh=row(jax.devices(), "d"),
            in_specs=jax.P("d"),
            out_specs=jax.P(),
        )
    )
    assert collectives(total.lower(jnp.arange(4.0)).compile().as_text())


def test_a_lazy_penalty_is_computed_only_when_it_is_due():
    gan = population(maker(adam), SETTINGS)
    state = jax.eval_shape(gan.init, KEYS, Batch(X[0, 0]))

    def branches(step, batch):
        return str(jax.make_jaxpr(step)(state, batch)).count(" cond[")

    # One for the penalty with its gradient, and one for the norms.
    for steps, batch in (gan, Batch(X[0, 0])), (jaxgan.scan(gan), SHARED):
        assert branches(steps.d_step, batch) == 2
    assert branches(jax.vmap(plain().d_step, (0, None)), Batch(X[0, 0])) == 1


def test_batches_can_be_split_over_devices_at_the_same_time():
    def make(lr):  # without noise, which every device would draw for itself
        return recipes.gan(
            without_first(mlp(2)),
            first_only(mlp()),
            latent=latents.normal(1),
            conditional=True,
            g_optimizer=optax.sgd(lr),
            d_optimizer=optax.sgd(lr),
        )

    gan = population(make, np.array([0.1, 0.2]))
    batch = Batch(X[0, 0], X[0, 1])
    start = gan.init(KEYS[:2], batch)
    expected = jaxgan.jit(gan, donate=False).train_step(start, batch)
    split = jaxgan.shard_map(gan, donate=False).train_step(start, batch)
    for _, metrics in split, expected:
        del metrics["g_diversity"]  # on each device an example has another neighbor
    assert distance(split, expected) < 1e-6


def test_numbers_of_members_that_do_not_fit_are_refused():
    gan = population(maker(adam), SETTINGS, batch_axis=0)
    batch = Batch(X[0, 0])
    state = jax.eval_shape(gan.init, KEYS, batch)
    with pytest.raises(ValueError, match=r"\[3, 4\] members"):
        gan.init(KEYS[:3], batch)
    with pytest.raises(ValueError, match=r"\[0, 4\] members"):
        gan.init(KEYS[0], batch)
    with pytest.raises(ValueError, match=r"\[4, 16\] members"):
        jax.eval_shape(gan.train_step, state, batch)
    three = population(lambda _: plain(), devices=jax.devices()[:3])
    with pytest.raises(ValueError, match="4 members do not divide over 3 devices"):
        three.init(KEYS, batch)
