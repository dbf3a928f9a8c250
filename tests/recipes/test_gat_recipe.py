"""The game of GAT: the noise that its levels are behind, and the steps written out."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import compilation, counting, mlp

import jaxgan
from jaxgan import Batch, augment, latents, losses, nets, penalties
from jaxgan.augment import Augmentation
from jaxgan.models import gat as networks
from jaxgan.recipes import gat, last_level, noise_shares, noised, width_rate

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)
X = jnp.float32(RANDOM.normal(size=(6, 3)))
SGD = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def test_the_shares_are_the_published_ones():
    np.testing.assert_allclose(noise_shares(), [0.885, 0.76, 0.51, 0.01], atol=1e-9)
    np.testing.assert_allclose(noise_shares(1), [0.01], atol=1e-9)
    assert [width_rate(width) for width in (768, 384)] == [2e-4, 4e-4]
    assert width_rate(1152) == pytest.approx(1.333e-4, rel=1e-3)
    assert width_rate(384, rate=1.0) == 2.0


@settings(deadline=None, max_examples=10)
@given(st.lists(st.floats(0.01, 0.95), min_size=2, max_size=5))
def test_noise_has_exactly_its_share_in_every_level_and_is_one_chain(shares):
    t = sorted(shares, reverse=True)
    count, n = len(t), 20_000
    seen = np.asarray(noised(KEY, jnp.ones((n, count, 1)), t), np.float64)[..., 0]
    # The same covariance, step by step from the cleanest level to the noisiest.
    want = np.zeros((count, count))
    want[-1, -1] = t[-1] ** 2
    for k in reversed(range(count - 1)):
        r = (1 - t[k]) / (1 - t[k + 1])
        want[k, k + 1 :] = want[k + 1 :, k] = r * want[k + 1, k + 1 :]
        want[k, k] = t[k] ** 2
    scale = np.outer(t, t) / np.sqrt(n)
    assert (np.abs(np.cov(seen.T) - want) < 6 * scale).all()
    assert (np.abs(seen.mean(axis=0) - (1 - np.array(t))) < 6 * np.array(t) / np.sqrt(n)).all()


def test_neighbors_share_noise_and_a_clean_level_has_none():
    seen = np.asarray(noised(KEY, jnp.zeros((20_000, 4, 1)), noise_shares()))[..., 0]
    correlations = np.corrcoef(seen.T)
    # r t_(k+1) / t_k, with the shares above
    want = [0.115 / 0.24 * 0.76 / 0.885, 0.24 / 0.49 * 0.51 / 0.76, 0.49 / 0.99 * 0.01 / 0.51]
    np.testing.assert_allclose(np.diag(correlations, 1), want, atol=0.03)
    x = jnp.float32(RANDOM.normal(size=(2, 3, 4)))
    np.testing.assert_array_equal(noised(KEY, x, (0.9, 0.5, 0.0))[:, -1], x[:, -1])
    np.testing.assert_array_equal(noised(KEY, x, (0.0, 0.0, 0.0)), x)


def linear(*shape):
    def apply(w, x):
        return (x.reshape(len(x), -1) @ w).reshape(len(x), *shape)

    return lambda w: nets.stateless(lambda key, x: w, apply)


W_G = jnp.float32(RANDOM.normal(size=(2, 2 * 3)))
W_D = jnp.float32(RANDOM.normal(size=(2 * 3,)))
Z = jnp.float32(RANDOM.normal(size=(6, 2)))


def test_without_noise_a_step_is_the_paired_loss_on_all_levels():
    gan = gat(
        linear(2, 3)(W_G),
        linear()(W_D),
        shares=(0.0, 0.0),
        latent=lambda key, n: Z,
        penalty=penalties.r1_r2(),
        penalty_weight=0.3,
        **SGD,
    )
    state = gan.init(KEY, Batch(X))
    real, fake = np.tile(X, 2).astype(float), np.asarray(Z @ W_G, float)
    margin = (real - fake) @ np.asarray(W_D, float)
    weight = -1 / (1 + np.exp(margin))
    gradient = np.mean(weight[:, None] * (real - fake), axis=0) + 2 * 0.3 * np.asarray(W_D)
    after, metrics = gan.d_step(state, Batch(X))
    np.testing.assert_allclose(after.d.params, W_D - 0.1 * gradient, rtol=1e-4, atol=1e-5)
    want = np.mean(np.log1p(np.exp(-margin))) + 0.3 * np.sum(np.square(W_D))
    np.testing.assert_allclose(metrics["d_loss"], want, rtol=1e-4)
    after, metrics = gan.g_step(state, Batch(X))
    of_fake = np.mean(-1 / (1 + np.exp(-margin)) * np.asarray(Z).T, axis=1)
    gradient = np.outer(of_fake, W_D)
    np.testing.assert_allclose(after.g.params, W_G - 0.1 * gradient, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(gan.sample(state, KEY, 6), (Z @ W_G)[:, 3:], rtol=1e-5)


def test_d_sees_levels_behind_noise_and_the_penalty_asks_about_them_before():
    """A critic of the noisiest level alone has 1 - t of its slope, with the noise held still."""
    scores = nets.stateless(lambda key, x: jnp.ones(()), lambda w, x: w * x[:, 0].sum(axis=1))
    shares = (0.75, 0.25)
    gan = gat(
        linear(2, 3)(W_G),
        scores,
        shares=shares,
        latent=latents.normal(2),
        penalty_weight=1.0,
        **SGD,
    )
    _, metrics = gan.d_step(gan.init(KEY, Batch(X)), Batch(X))
    # Each n sums up to N(0, 3): the estimate is of 2 * 3 * (1/4)^2 / 2, from twelve of them.
    assert 0.02 < metrics["d_penalty"] < 1
    exact = gat(
        linear(2, 3)(W_G),
        scores,
        shares=shares,
        latent=latents.normal(2),
        penalty=penalties.r1_r2(),
        penalty_weight=1.0,
        **SGD,
    )
    _, metrics = exact.d_step(exact.init(KEY, Batch(X)), Batch(X))
    np.testing.assert_allclose(metrics["d_penalty"], 3 / 16, rtol=1e-5)


def test_levels_are_augmented_alike_before_the_noise():
    seen = []

    def look(w, x):
        jax.debug.callback(lambda x: seen.append(np.asarray(x)), x)
        return w * x[:, 0, 0, 0, 0]

    brighter = Augmentation(
        lambda: (),
        lambda state, key, x: x + jax.random.normal(key, (len(x), 1, 1, 1)),
        lambda state, real, fake: state,
    )
    g = nets.stateless(lambda key, z: (), lambda w, z: jnp.zeros((len(z), 2, 4, 4, 1)))
    d = nets.stateless(lambda key, x: jnp.ones(()), look)
    gan = gat(g, d, shares=(0.0, 0.0), augment=brighter, penalty=None, **SGD)
    batch = Batch(jnp.zeros((3, 4, 4, 1)))
    jax.block_until_ready(gan.d_step(gan.init(KEY, batch), batch))
    jax.effects_barrier()
    assert len(seen) >= 2
    for x in seen:
        np.testing.assert_array_equal(x, np.broadcast_to(x[:, :1, :1, :1], x.shape))
        assert len(np.unique(x)) == 3  # each example in its own way
    assert np.abs(seen[0] - seen[1]).max() > 0  # and real ones in other ways than fake ones


def test_the_networks_of_the_paper_and_their_sample():
    small = {"image_size": 8, "patch": 4, "width": 8, "heads": 2, "num_classes": 3}
    g = nets.from_linen(networks.Generator(**small))
    d = nets.from_linen(networks.Discriminator(embedding=4, depth=1, **small))
    gan = gat(g, d, augment=augment.differentiable(), conditional=True, **SGD)
    batch = Batch(jnp.zeros((4, 8, 8, 1)), jnp.array([0, 1, 2, 0]))
    state = jax.eval_shape(gan.init, KEY, batch)
    after, metrics = jax.eval_shape(gan.train_step, state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert {"g_diversity", "d_penalty"} <= set(metrics)
    sample = jax.eval_shape(lambda state: gan.sample(state, KEY, 4, batch.y), state)
    assert sample.shape == (4, 8, 8, 1)
    z = jnp.ones((4, 64))
    made = jax.eval_shape(
        lambda state: last_level(g).apply(*state.ema, KEY, z, batch.y, train=False)[0], state
    )
    assert made.shape == sample.shape


def test_it_trains_on_latents_that_the_caller_encodes_and_decodes():
    """A rotation for the autoencoder: samples come back at the scale and place of the images."""
    turn, _ = np.linalg.qr(RANDOM.normal(size=(3, 3)))
    encode, decode = (lambda x: (x - 5) @ turn), (lambda h: h @ turn.T + 5)
    images = (5 + RANDOM.normal(size=(256, 3)) * [0.1, 1.0, 2.0]).astype(np.float32)
    gan = gat(
        mlp(2, 3, width=16),
        mlp(width=16),
        shares=noise_shares(2),
        latent=latents.normal(4),
        g_optimizer=optax.adam(3e-3, b1=0.0, b2=0.99),
        d_optimizer=optax.adam(3e-3, b1=0.0, b2=0.99),
        ema_decay=0.99,
    )
    rows = RANDOM.integers(0, 256, (1500, 32))
    state = gan.init(KEY, Batch(encode(images).astype(np.float32)))
    batches = Batch(jnp.float32(encode(images))[rows])
    state, _ = jax.jit(lambda s, b: jax.lax.scan(gan.train_step, s, b))(state, batches)
    samples = np.asarray(decode(gan.sample(state, KEY, 500)))
    assert np.abs(samples.mean(axis=0) - 5).max() < 0.7
    deviations = samples.std(axis=0)
    assert deviations[0] < deviations[1] < deviations[2]


def test_it_runs_on_several_devices():
    gan = jaxgan.shard_map(gat(counting(mlp(4, 2, 2, 1)), counting(mlp()), **SGD), donate=False)
    x = jnp.float32(RANDOM.normal(size=(8, 2, 2, 1)))
    state = gan.init(KEY, Batch(x))
    _, metrics = gan.train_step(state, Batch(x))
    assert all(np.isfinite(value) for value in metrics.values())


def test_errors():
    gan = gat(mlp(3), mlp(), latent=latents.normal(2), loss=losses.hinge(), **SGD)
    with pytest.raises(ValueError, match=r"the generator makes \(3,\), the data are \(4, 3\)"):
        jax.eval_shape(gan.init, KEY, Batch(X))
