"""What every GAN promises, whichever it is. A new recipe is one more row of the table."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import counting, mlp

import jaxgan
from jaxgan import Batch, latents, losses, nets, penalties, recipes

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
STEPS = 3
SIZE = 8
X = RNG.normal(size=(STEPS, SIZE, 2, 2, 1)).astype(np.float32)  # small images [B, H, W, C]
LABELS = RNG.integers(0, 3, (STEPS, SIZE)).astype(np.int32)
UNLABELLED, LABELLED = Batch(X), Batch(X, LABELS)

gan = partial(
    recipes.gan,
    counting(mlp(2, 2, 1)),
    counting(mlp()),
    latent=latents.normal(2),
    g_optimizer=optax.sgd(0.1),
    d_optimizer=optax.sgd(0.1),
)

# Of each GAN: how to make it, and [STEPS, ...] batches for it.
TABLE = {
    "gan": (partial(gan, loss=losses.minimax()), UNLABELLED),
    "smoothed": (
        partial(
            gan,
            loss=losses.non_saturating(label_smoothing=0.1),
            g_optimizer=optax.adam(1e-3),
            d_optimizer=optax.adam(1e-3),
        ),
        UNLABELLED,
    ),
    "conditional": (
        partial(gan, conditional=True, ema_decay=0.9, penalty=penalties.r2),
        LABELLED,
    ),
    "conditional_one_batch": (
        partial(gan, loss=losses.least_squares(), conditional=True, one_batch=True),
        LABELLED,
    ),
    "labels_ignored": (partial(gan, penalty=penalties.dragan), LABELLED),
    "spectral_norm": (
        partial(
            recipes.gan,
            mlp(2, 2, 1),
            nets.spectral_norm(counting(mlp())),
            latent=latents.uniform(2),
            g_optimizer=optax.sgd(0.1),
            d_optimizer=optax.sgd(0.1),
            loss=losses.hinge(),
            d_steps=2,
        ),
        UNLABELLED,
    ),
    "wgan": (
        partial(
            gan,
            loss=losses.wasserstein(),
            d_optimizer=optax.chain(optax.rmsprop(5e-5), penalties.clip_weights(0.01)),
            d_steps=4,
        ),
        UNLABELLED,
    ),
    "wgan_gp": (
        partial(gan, loss=losses.wasserstein(), penalty=penalties.gradient_penalty, one_batch=True),
        UNLABELLED,
    ),
    "r3gan": (
        partial(
            gan,
            loss=losses.relativistic_paired(),
            penalty=penalties.r1_r2,
            penalty_weight=optax.linear_schedule(1.0, 0.1, 10),
        ),
        UNLABELLED,
    ),
    "relativistic_average": (
        partial(
            gan,
            loss=losses.relativistic_average(),
            penalty=penalties.r1,
            penalty_every=2,
            ema_decay=0.99,
        ),
        UNLABELLED,
    ),
}
each_gan = pytest.mark.parametrize("name", TABLE)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    """Most of the time here is compilation; what it makes runs for a moment only."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def batch_of(name, step=0):
    return jax.tree.map(lambda leaf: leaf[step], TABLE[name][1])


@cache
def start(name):
    return jax.jit(TABLE[name][0]().init)(KEY, batch_of(name))


@cache
def after_a_step_of_each(name):
    """The first train_step, the first d_step and the first g_step, compiled as one."""
    made = TABLE[name][0]()
    return jax.jit(
        lambda state, batch: {
            "train": made.train_step(state, batch),
            "d": made.d_step(state, batch),
            "g": made.g_step(state, batch),
        }
    )(start(name), batch_of(name))


@cache
def after_a_scan(name):
    return jax.jit(jaxgan.scan(TABLE[name][0]()).train_step)(start(name), TABLE[name][1])


def kinds(tree):
    leaves, structure = jax.tree.flatten(tree)
    # A type that is only weak at first would make the second step compile again.
    return structure, [
        (leaf.shape, leaf.dtype, getattr(leaf, "weak_type", None)) for leaf in leaves
    ]


def arrays(tree):
    def plain(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    return [plain(leaf) for leaf in jax.tree.leaves(tree)]


def same_bits(left, right):
    return all((a == b).all() for a, b in zip(arrays(left), arrays(right), strict=True))


@each_gan
def test_a_step_keeps_the_tree_shapes_and_dtypes_of_the_state(name):
    for state, _ in after_a_step_of_each(name).values():
        assert kinds(state) == kinds(start(name))


@each_gan
def test_a_step_writes_its_own_player_only(name):
    old, after = start(name), after_a_step_of_each(name)
    (d_only, _), (g_only, _), (both, _) = after["d"], after["g"], after["train"]
    assert same_bits((d_only.g, d_only.ema, d_only.key), (old.g, old.ema, old.key))
    assert same_bits((g_only.d, g_only.key), (old.d, old.key))
    for changed in (d_only.d, both.d):
        assert not same_bits(changed.params, old.d.params)
    for changed in (g_only.g, both.g):
        assert not same_bits(changed.params, old.g.params)


@each_gan
def test_metrics_are_scalars_named_after_their_player(name):
    after = after_a_step_of_each(name)
    (_, d_metrics), (_, g_metrics), (_, metrics) = after["d"], after["g"], after["train"]
    assert all(key.startswith("d_") for key in d_metrics)
    assert all(key.startswith("g_") for key in g_metrics)
    assert set(metrics) == {"d_loss", "g_loss"} | set(d_metrics) | set(g_metrics)
    assert all(value.shape == () for value in metrics.values())


@each_gan
def test_scanned_steps_stay_finite_and_keep_learning(name):
    state, metrics = after_a_scan(name)
    assert kinds(state) == kinds(start(name))
    assert all(value.shape == (STEPS,) for value in metrics.values())
    for leaf in arrays((state, metrics)):
        assert np.isfinite(leaf).all()
    first, _ = after_a_step_of_each(name)["train"]
    assert state.g.step == STEPS
    assert state.d.step == STEPS * first.d.step
    for player in ("g", "d"):
        assert not same_bits(getattr(state, player).params, getattr(first, player).params)


@each_gan
def test_vmap_and_sampling_give_the_shapes_they_promise(name):
    made, batches = TABLE[name][0](), TABLE[name][1]

    def seeds(keys):
        state = jax.vmap(made.init, in_axes=(0, None))(keys, batch_of(name))
        return jax.vmap(jaxgan.scan(made).train_step, in_axes=(0, None))(state, batches)

    state, metrics = jax.eval_shape(seeds, jax.random.split(KEY, 2))
    one = start(name)
    assert jax.tree.structure(state) == jax.tree.structure(one)
    for many, leaf in zip(jax.tree.leaves(state), jax.tree.leaves(one), strict=True):
        assert (many.shape, many.dtype) == ((2, *leaf.shape), leaf.dtype)
    assert metrics["g_loss"].shape == (2, STEPS)
    labels = LABELS[0][:5] if "conditional" in name else None
    samples = jax.eval_shape(lambda s: made.sample(s, KEY, 5, labels), one)
    assert samples.shape == (5, *X.shape[2:])
