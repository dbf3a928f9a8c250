"""Schedules in images seen, against numbers written out."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import Batch, latents, recipes
from jaxgan.nets import stateless
from jaxgan.schedules import cosine, ema_decay, linear, power_ema, warm_up

# 100 images in steps of 10: the ends, the middle, and long after.
STEPS = jnp.array([0, 5, 10, 20])


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_the_ends_are_met_and_kept(schedule):
    np.testing.assert_array_equal(
        jax.vmap(schedule(2.0, 0.5, 100, batch_size=10))(STEPS), [2.0, 1.25, 0.5, 0.5]
    )


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_it_may_begin_later(schedule):
    rate = jax.vmap(schedule(2.0, 0.5, 100, batch_size=10, after=50))
    np.testing.assert_allclose(rate(STEPS), [2.0, 2.0, 1.25, 0.5], rtol=1e-6)
    jump = jax.vmap(schedule(2.0, 0.5, 0, batch_size=10, after=50))
    np.testing.assert_array_equal(jump(jnp.array([0, 4, 5])), [2.0, 2.0, 0.5])


def test_warming_up_multiplies_what_goes_on_meanwhile():
    np.testing.assert_allclose(
        jax.vmap(warm_up(linear(1.0, 0.0, 100, batch_size=10), 50, batch_size=10))(
            jnp.array([0, 1, 4, 6, 10])
        ),
        [0.2, 0.9 * 0.4, 0.6, 0.4, 0.0],
        rtol=1e-6,
    )


def test_a_quarter_of_the_way():
    quarter = jnp.int32(25)
    assert float(linear(0.0, 8.0, 100, batch_size=1)(quarter)) == 2
    # (1 - cos(45 degrees)) / 2 of the way: slower at first.
    assert float(cosine(0.0, 8.0, 100, batch_size=1)(quarter)) == pytest.approx(8 * 0.14644661)


def test_what_is_published_for_stacked_mnist():
    # gamma goes from 1 to 0.1 in 2 million images of batches of 512: 3906.25 steps.
    gamma = cosine(1.0, 0.1, 2e6, batch_size=512)
    steps = jnp.array([0, 1953, 3906, 3907, 19_531])
    np.testing.assert_allclose(
        jax.vmap(gamma)(steps), [1.0, 0.55 + 0.45 * 1.005e-4, 0.1, 0.1, 0.1], atol=2e-6
    )


@pytest.mark.parametrize("schedule", [linear, cosine])
def test_no_images_is_the_last_value_at_once(schedule):
    assert float(schedule(2.0, 0.5, 0, batch_size=10)(jnp.int32(0))) == 0.5


def test_schedules_are_traced_once_for_all_steps():
    gamma = cosine(1.0, 0.1, 100, batch_size=10)
    _, values = jax.lax.scan(lambda step, _: (step + 1, gamma(step)), jnp.int32(0), None, 21)
    np.testing.assert_allclose(values[STEPS], [1.0, 0.55, 0.1, 0.1], rtol=1e-6)
    assert values.dtype == jnp.float32


def test_after_the_half_life_half_is_left():
    decay = ema_decay(1000, batch_size=50)
    assert float(decay(jnp.int32(7)) ** 20) == pytest.approx(0.5, rel=1e-5)
    # 5 million images in batches of 512: the 0.9999 of CIFAR-10.
    assert float(ema_decay(5e6, batch_size=512)(jnp.int32(0))) == pytest.approx(0.99993, abs=1e-5)


def test_the_half_life_grows_from_a_copy():
    decay = ema_decay(linear(0, 1000, 100, batch_size=10), batch_size=10)
    np.testing.assert_allclose(
        jax.vmap(decay)(STEPS), [0, 0.5 ** (10 / 500), 0.5 ** (10 / 1000), 0.5 ** (10 / 1000)]
    )


@pytest.mark.parametrize(
    ("sigma", "exponent"),
    [(0.01, 96.995), (0.05, 16.972), (0.1, 6.937), (0.2, 1.826), (0.3, -0.333)],
)
def test_the_power_of_an_average_follows_from_its_width(sigma, exponent):
    steps = np.array([1, 9, 999, 99_999])
    expected = (1 - 1 / (steps + 1)) ** (exponent + 1)
    np.testing.assert_allclose(jax.vmap(power_ema(sigma))(steps), expected, rtol=1e-3)
    assert float(power_ema(sigma)(jnp.int32(0))) == 0


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.2])
def test_the_weights_of_a_power_function_average_are_as_wide_as_it_says(sigma):
    for updates in (1000, 4000):  # the same share of the run, however long it is
        decays = np.asarray(jax.vmap(power_ema(sigma))(jnp.arange(updates)), float)
        # The average of G's updates is sum_i w_i update_i.
        later = np.append(np.cumprod(decays[::-1])[::-1][1:], 1.0)
        weights = (1 - decays) * later
        np.testing.assert_allclose(weights.sum(), 1, rtol=1e-4)
        at = np.arange(1, updates + 1) / updates
        mean = weights @ at
        np.testing.assert_allclose(np.sqrt(weights @ (at - mean) ** 2), sigma, rtol=0.01)


def test_an_average_with_half_life_0_is_a_copy_of_the_generator():
    gan = recipes.gan(
        stateless(lambda key, z: jnp.ones(()), lambda w, z: w * z),
        stateless(lambda key, x: jnp.ones(()), lambda w, x: jnp.tanh(w * x[:, 0])),
        latent=latents.normal(1),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        ema_decay=ema_decay(linear(0, 4, 4, batch_size=2), batch_size=2),
    )
    batch = Batch(jnp.ones((2, 1)))
    states = [gan.init(jax.random.key(0), batch)]
    for _ in range(3):
        states.append(jax.jit(gan.train_step)(states[-1], batch)[0])
    w = [float(state.g.params) for state in states]
    ema = [float(state.ema.params) for state in states]
    assert len(set(w)) == 4
    assert ema[1] == w[1]  # half-life 0
    assert ema[2] == pytest.approx(0.5 * ema[1] + 0.5 * w[2])  # 2 images
    assert ema[3] == pytest.approx(0.5**0.5 * ema[2] + (1 - 0.5**0.5) * w[3])  # 4 images


@pytest.mark.parametrize("make", [linear, cosine])
def test_errors(make):
    with pytest.raises(ValueError, match="images is -1"):
        make(1.0, 0.1, -1, batch_size=8)
    with pytest.raises(ValueError, match="batch_size is 0"):
        make(1.0, 0.1, 10, batch_size=0)
    with pytest.raises(ValueError, match="half_life is -5"):
        ema_decay(-5, batch_size=8)
