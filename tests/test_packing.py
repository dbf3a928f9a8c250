"""Packs: D judges several examples at once."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import strategies as st
from networks import counting, headed, mlp

from jaxgan import Batch, Network, augment, latents, losses, nets, penalties, recipes, regularizers
from jaxgan._network_transforms import join, split
from jaxgan.data import load
from jaxgan.data.toys import ring_modes
from jaxgan.metrics import mode_coverage
from jaxgan.models import mlp as dense

KEY = jax.random.key(0)
SIZE = 12


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(
    st.integers(1, 4), st.integers(1, 4), st.lists(st.integers(1, 3), min_size=1, max_size=3)
)
def test_a_pack_holds_neighbors_along_its_last_axis(size, packs, shape):
    x = np.random.default_rng(0).normal(size=(packs * size, *shape)).astype(np.float32)
    joined = join(jnp.asarray(x), size)
    for i, pack in enumerate(joined):
        expected = np.concatenate(x[i * size : (i + 1) * size], axis=-1)
        np.testing.assert_array_equal(pack, expected)
    np.testing.assert_array_equal(split(joined, size), x)


def packed(**settings):
    return recipes.gan(
        mlp(2, 2, 1),
        counting(mlp()),
        latent=latents.normal(3),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        **settings,
    )


def of_packs(size, **settings):
    """The same game, in which data, latents and samples are packs, and nothing is packed."""
    one, sampler = mlp(2, 2, 1), latents.normal(3)

    def apply(params, state, key, z, *, train):
        samples, state = one.apply(params, state, key, split(z, size), train=train)
        return join(samples, size), state

    return recipes.gan(
        Network(lambda key, z: one.init(key, split(z, size)), apply),
        counting(mlp()),
        latent=lambda key, n: join(sampler(key, size * n), size),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        **settings,
    )


SETTINGS = {
    "plain": {},
    "one batch": {"one_batch": True},
    "pairs": {"loss": losses.relativistic_paired(), "penalty": penalties.r1_r2()},
    "average": {"loss": losses.relativistic_average(), "penalty": penalties.approximate_r1_r2()},
    "wgan_gp": {"loss": losses.wasserstein(), "penalty": penalties.gradient_penalty()},
    "dragan": {"penalty": penalties.dragan(), "penalty_every": 2},
    "lecam": {
        "loss": losses.hinge(),
        "regularizer": regularizers.combine(
            (regularizers.lecam(), 0.3), (regularizers.centering(), 0.1)
        ),
    },
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("size", [2, 3])
def test_a_pack_is_the_example_of_losses_penalties_and_regularizers(name, size):
    settings = SETTINGS[name]
    x = jax.random.normal(jax.random.key(1), (SIZE, 2, 2, 1))
    found, expected = packed(packing=size, **settings), of_packs(size, **settings)
    states = []
    for gan, examples in (found, x), (expected, join(x, size)):
        batch = Batch(examples)
        state = gan.init(KEY, batch)
        step = jax.jit(gan.train_step)
        for _ in range(2):
            state, metrics = step(state, batch)
        states.append((state, {key: one for key, one in metrics.items() if key != "g_diversity"}))
    for a, b in zip(*map(jax.tree.leaves, states), strict=True):
        if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_images_are_augmented_one_by_one_before_they_are_packed():
    seen = []

    def record(params, packs):
        jax.debug.callback(seen.append, packs)
        return jnp.mean(params * packs, axis=(1, 2, 3))

    shades = nets.stateless(lambda key, x: jnp.ones(()), record)
    gan = recipes.gan(
        mlp(8, 8, 1),
        shades,
        latent=latents.normal(3),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        augment=augment.differentiable(("color",)),
        packing=2,
    )
    batch = Batch(jnp.zeros((4, 8, 8, 1)))
    jax.block_until_ready(jax.jit(gan.d_step)(gan.init(KEY, batch), batch))
    jax.effects_barrier()
    brightness = next(packs for packs in seen if np.ptp(packs, axis=(1, 2)).max() < 1e-6)
    assert brightness.shape == (2, 8, 8, 2)  # real ones: each is one shade
    assert len(np.unique(brightness[:, 0, 0].round(5))) == 4


def test_ada_counts_images_and_asks_packs():
    gan = recipes.gan(
        mlp(8, 8, 1),
        nets.stateless(lambda key, x: jnp.ones(()), lambda w, x: w * jnp.sum(x, axis=(1, 2, 3))),
        latent=latents.normal(3),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.0),
        augment=augment.adaptive(batch_size=4, images=40, every=1),
        packing=2,
    )
    # Each pack has an image that alone would be judged the other way.
    x = jnp.asarray([3.0, -1.0, -1.0, 3.0])[:, None, None, None] * jnp.ones((4, 8, 8, 1))
    state, metrics = jax.jit(gan.d_step)(gan.init(KEY, Batch(x)), Batch(x))
    assert metrics["d_accuracy_real"] == 1
    np.testing.assert_allclose(state.d.state["augment"].p, 0.1, rtol=1e-6)


def test_g_and_its_samples_are_as_without_packs():
    batch = Batch(jnp.zeros((4, 2, 2, 1)))
    alone, together = packed(), packed(packing=2)
    key = jax.random.key(5)
    samples = [gan.sample(gan.init(KEY, batch), key, 3) for gan in (alone, together)]
    np.testing.assert_array_equal(*samples)


def test_a_run_begins_with_fewer_examples_than_a_pack_has():
    gan = packed(packing=3)
    assert gan.init(KEY, Batch(jnp.zeros((2, 2, 2, 1)))).d.params["in"].shape == (12, 8)


def test_what_a_pack_cannot_be_is_refused():
    gan = packed(packing=2)
    odd = Batch(jnp.zeros((5, 2, 2, 1)))
    with pytest.raises(ValueError, match=r"\(5, 2, 2, 1\) .* packs of 2; expected .* multiple of"):
        gan.d_step(gan.init(KEY, odd), odd)
    with pytest.raises(ValueError, match=r"packing=2 and D sees the labels.*d_conditional=False"):
        packed(packing=2, conditional=True)
    settings = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1), "packing": 2}
    labeled = Batch(jnp.zeros((4, 2, 2, 1)), jnp.zeros(4, jnp.int32))
    classes = recipes.acgan(
        mlp(2, 2, 1), headed(counting(mlp()), mlp(3)), latent=latents.normal(3), **settings
    )
    with pytest.raises(ValueError, match="packing=2 and D gives heads"):
        classes.d_step(classes.init(KEY, labeled), labeled)


def test_a_conditional_g_goes_with_a_d_that_sees_no_labels():
    gan = packed(packing=2, conditional=True, d_conditional=False)
    batch = Batch(jnp.zeros((4, 2, 2, 1)), jnp.zeros(4, jnp.int32))
    state, metrics = jax.jit(gan.train_step)(gan.init(KEY, batch), batch)
    assert jnp.isfinite(metrics["d_loss"])
    assert gan.sample(state, KEY, 3, batch.y[:3]).shape == (3, 2, 2, 1)


@pytest.mark.slow
def test_a_slow_d_that_judges_pairs_keeps_the_modes_that_it_loses_alone():
    """G moves ten times as fast as D, and alone a sample that gathers on few modes is not seen."""
    alone, pairs = divergences(packing=1), divergences(packing=2)
    # Three seeds gave 1.61, 0.95, 1.98 nats alone and 0.31, 0.05, 0.04 in pairs.
    assert min(alone) > 0.7
    assert max(pairs) < 0.5


def divergences(packing):
    """KL(samples || uniform) over the modes of the ring, for three seeds."""
    x = jnp.asarray(load("ring").x)
    gan = recipes.gan(
        nets.from_linen(dense.Generator(shape=(2,), widths=(64, 64), output="linear")),
        nets.from_linen(dense.Discriminator(widths=(64, 64))),
        latent=latents.normal(4),
        packing=packing,
        g_optimizer=optax.adam(1e-3, b1=0.5),
        d_optimizer=optax.adam(1e-4, b1=0.5),
    )

    def train(key):
        init_key, data_key, sample_key = jax.random.split(key, 3)

        def step(state, step_key):
            rows = jax.random.randint(step_key, (128,), 0, len(x))
            return gan.train_step(state, Batch(x[rows]))[0], None

        state = gan.init(init_key, Batch(x[:128]))
        state, _ = jax.lax.scan(step, state, jax.random.split(data_key, 1000))
        return gan.sample(state, sample_key, 2500)

    seeds = jax.random.split(jax.random.key(0), 4)[:3]
    points = np.asarray(jax.jit(jax.vmap(train))(seeds))
    centers = ring_modes()
    nearest = np.linalg.norm(points[:, :, None] - centers, axis=-1).argmin(axis=2)
    return [mode_coverage(codes, len(centers)).reverse_kl for codes in nearest]
