"""The adversarial autoencoder: codes are distributed like the prior, and can be decoded."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, latents, losses, nets
from jaxgan.metrics import frechet_distance, moments
from jaxgan.models.mlp import Discriminator
from jaxgan.nets import stateless
from jaxgan.recipes import aae

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


X, Z = RNG.normal(size=(2, 64, 1)).astype(np.float32)


def linear(factor):
    return stateless(lambda key, inputs: jnp.float32(factor), lambda w, inputs: w * inputs)


def game(encoder, decoder):
    return aae(
        encoder,
        decoder,
        stateless(lambda key, z: jnp.ones(()), lambda v, z: v * z[:, 0]),
        latent=lambda key, n: jnp.asarray(Z[:n]),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        loss=losses.wasserstein(),
        reconstruction_weight=7.0,
        ema_decay=0.9,
    )


def test_d_judges_latents_and_g_wants_both():
    gan = game(linear(3), linear(2))  # codes 3x, reconstructions 6x
    state = gan.init(KEY, Batch(X))
    _, metrics = jax.jit(gan.d_step)(state, Batch(X))
    np.testing.assert_allclose(metrics["d_loss"], 3 * X.mean() - Z.mean(), rtol=1e-4)
    after, metrics = jax.jit(gan.g_step)(state, Batch(X))
    error = np.square(6 * X - X).mean()
    np.testing.assert_allclose(metrics["g_reconstruction_error"], error, rtol=1e-4)
    np.testing.assert_allclose(metrics["g_loss"], -3 * X.mean() + 7 * error, rtol=1e-4)
    # D's judgment reaches the encoder alone, the reconstruction both.
    square = 7 * 2 * np.mean(5 * X * X)
    np.testing.assert_allclose(after.g.params["generator"], 2 - 0.1 * 3 * square, rtol=1e-4)
    np.testing.assert_allclose(
        after.g.params["encoder"], 3 - 0.1 * (2 * square - X.mean()), rtol=1e-4
    )


def test_samples_are_decoded_from_the_prior():
    gan = game(linear(3), linear(2))
    state = gan.init(KEY, Batch(X))
    np.testing.assert_allclose(gan.sample(state, KEY, 5), 2 * Z[:5], rtol=1e-6)


def test_errors():
    def twice(inputs):
        return jnp.concatenate([inputs, inputs], axis=1)

    wide = stateless(lambda key, inputs: jnp.ones(()), lambda w, inputs: w * twice(inputs))
    with pytest.raises(ValueError, match=r"the generator makes \(2,\), the data are \(1,\)"):
        game(linear(1), wide).init(KEY, Batch(X))
    with pytest.raises(ValueError, match=r"gives codes of \(2,\); expected \(1,\) for latents"):
        game(wide, linear(1)).init(KEY, Batch(X))


# Points of a bent square, whose codes are to be normal.

STEPS, SIZE, SEEDS = 400, 64, 2
SQUARE = RNG.uniform(-1, 1, (STEPS * SIZE, 2))
BENT = np.stack([SQUARE[:, 0], SQUARE[:, 1] / 2 + SQUARE[:, 0] ** 2 - 0.5], axis=1)
ENCODER, DECODER = mlp(2, width=24), mlp(2, width=24)


@functools.cache
def trained():
    """Codes and reconstructions of 2000 points, `[2, SEEDS, 2000, 2]`: with D, and without."""

    def one(key, adversarial):
        loss = losses.non_saturating()
        gan = aae(
            ENCODER,
            DECODER,
            nets.from_linen(Discriminator((48, 48)), rngs=()),
            latent=latents.normal(2),
            loss=loss._replace(generator=lambda r, f: adversarial * loss.generator(r, f)),
            g_optimizer=optax.adam(5e-3, b1=0.5),
            d_optimizer=optax.adam(5e-3, b1=0.5),
            ema_decay=0.99,
        )
        batches = Batch(jnp.float32(BENT).reshape(STEPS, SIZE, 2))
        state = gan.init(key, Batch(batches.x[0]))
        state, _ = jaxgan.scan(gan).train_step(state, batches)
        (params, network_state), x = state.ema, jnp.float32(BENT[:2000])
        codes, _ = ENCODER.apply(params["encoder"], network_state["encoder"], key, x, train=False)
        again, _ = DECODER.apply(
            params["generator"], network_state["generator"], key, codes, train=False
        )
        return codes, again

    runs = jax.vmap(jax.vmap(one, (0, None)), (None, 0))
    keys = jax.random.split(KEY, SEEDS)
    return [np.asarray(a) for a in jax.jit(runs)(keys, jnp.array([1.0, 0.0]))]


def test_codes_are_distributed_like_the_prior_because_of_d():
    prior = moments(RNG.normal(size=(20_000, 2)).astype(np.float32))
    codes, _ = trained()
    matched, free = ([frechet_distance(moments(c), prior) for c in each] for each in codes)
    # Over seeds: 0.006 to 0.045 with D, 0.72 to 0.88 without.
    assert max(matched) < 0.15
    assert min(free) > 0.4
    # In shape too: the shares of a normal distribution within these radii are 10, 50 and 90 %.
    radii = np.sqrt(-2 * np.log(1 - np.array([0.1, 0.5, 0.9])))
    within = (np.linalg.norm(codes[0], axis=-1)[..., None] < radii).mean(axis=1)
    np.testing.assert_allclose(within, [[0.1, 0.5, 0.9]] * SEEDS, atol=0.2)


def test_codes_decode_to_what_they_are_codes_of():
    _, again = trained()
    error = np.sqrt(np.square(again - BENT[:2000]).mean(axis=(-2, -1)) / BENT.var(axis=0).mean())
    assert error.max() < 0.2
