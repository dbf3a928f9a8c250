"""The gradient that D gives G at each fake example is one of a length that was chosen."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import mlp

from jaxgan import Batch, Variables, augment, latents, losses, recipes, regularizers, rules
from jaxgan.nets import stateless

KEY = jax.random.key(0)
SHAPE = (4, 8, 8, 1)
NORM = 3.0


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_each_example_has_the_length_and_its_own_direction(scale):
    x, weights = jax.random.normal(KEY, (2, *SHAPE))
    weights = (scale * weights).at[1].set(0)

    def gradient(norm):
        def loss(x, weights):
            y = x if norm is None else regularizers.normalize_gradient(x, norm)
            return jnp.sum(weights * y)

        return jax.jit(jax.value_and_grad(loss))(x, weights)

    (value, plain), (same, found) = gradient(None), gradient(NORM)
    assert value == same
    for i, (a, b) in enumerate(
        zip(np.asarray(plain, float), np.asarray(found, float), strict=True)
    ):
        np.testing.assert_allclose(np.linalg.norm(b), 0 if i == 1 else NORM, rtol=1e-5)
        if i != 1:
            np.testing.assert_allclose(b, NORM * a / np.linalg.norm(a), rtol=1e-4, atol=1e-5)


def test_it_is_a_derivative_that_has_one():
    """Rules differentiate gradients; where an example has none, nothing is NaN."""

    def inner(x, scale):
        return jax.grad(lambda x: jnp.sum(scale * regularizers.normalize_gradient(x) ** 2))(x)

    x = jnp.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(inner(x, 1.0), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    jacobian = jax.jacrev(inner)(x, 1.0)
    assert jnp.isfinite(jacobian).all()
    # Only a turn of the direction counts, and none of its length: (I - u u^T) / |x|.
    unit = np.array([0.6, 0.8])
    expected = (np.eye(2) - np.outer(unit, unit)) / 5
    np.testing.assert_allclose(jacobian[0, :, 0, :], expected, atol=1e-6)
    np.testing.assert_allclose(jax.grad(lambda s: jnp.sum(inner(x, s)))(1.0), 0, atol=1e-6)


def images_as_parameters(d, norm, **settings):
    """A step of SGD moves each fake image by minus its own gradient."""
    images = jax.random.normal(jax.random.key(1), SHAPE)
    gan = recipes.gan(
        stateless(lambda key, z: images, lambda images, z: images),
        d,
        latent=latents.normal(1),
        g_optimizer=optax.sgd(1.0),
        d_optimizer=optax.sgd(0.0),
        fake_gradient_norm=norm,
        **settings,
    )
    batch = Batch(jax.random.normal(jax.random.key(2), SHAPE))
    before = gan.init(KEY, batch)
    after, _ = jax.jit(gan.g_step)(before, batch)
    return np.asarray(before.g.params - after.g.params, float).reshape(SHAPE[0], -1)


CASES = {
    "plain": {},
    "hinge": {"loss": losses.hinge()},
    "packs": {"loss": losses.relativistic_paired(), "packing": 2},
    "augmented": {"augment": augment.differentiable()},
}


@pytest.mark.parametrize("name", CASES)
def test_fake_examples_move_by_one_length_in_the_direction_of_their_gradients(name):
    own = images_as_parameters(mlp(), None, **CASES[name])
    found = images_as_parameters(mlp(), NORM, **CASES[name])
    lengths = np.linalg.norm(own, axis=1, keepdims=True)
    assert np.ptp(lengths) > 0.01 * lengths.mean()
    np.testing.assert_allclose(found, NORM / SHAPE[0] * own / lengths, rtol=1e-3, atol=1e-5)


def test_the_scale_of_d_does_not_matter():
    def scaled(factor):
        network = mlp()
        return network._replace(
            apply=lambda *inputs, train: (
                factor * network.apply(*inputs, train=train)[0],
                inputs[1],
            )
        )

    wasserstein = {"loss": losses.wasserstein()}
    small, large = (images_as_parameters(scaled(c), 1.0, **wasserstein) for c in (1e-6, 1e6))
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-7)


def test_further_terms_of_g_keep_their_own_gradients():
    def term(seen):
        return 5 * jnp.sum(seen.fake, axis=(1, 2, 3)), {}

    latent = {
        "latent": latents.normal(3),
        "g_optimizer": optax.sgd(1.0),
        "d_optimizer": optax.sgd(1.0),
    }
    batch = Batch(jax.random.normal(KEY, SHAPE))
    gradients = []
    for settings in ({}, {"g_term": term}):
        g, *_ = recipes.players(mlp(8, 8, 1), mlp(), fake_gradient_norm=NORM, **latent, **settings)
        of_d = mlp().init(KEY, batch.x)
        params, state = g.init(KEY, batch)

        def loss(params, g=g, state=state, of_d=of_d):
            return g.loss(params, state, Variables(*of_d), batch, KEY, jnp.int32(0))[0]

        gradients.append(jax.grad(loss)(params))
    z_key = jax.random.split(jax.random.split(KEY)[0])[0]
    z = latents.normal(3)(z_key, SHAPE[0])

    def alone(params):
        x, _ = mlp(8, 8, 1).apply(params, (), KEY, z, train=True)
        return 5 * jnp.mean(jnp.sum(x, axis=(1, 2, 3)))

    added = jax.tree.map(jnp.subtract, gradients[1], gradients[0])
    for a, b in zip(*map(jax.tree.leaves, (added, jax.grad(alone)(params))), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


def test_rules_that_need_second_derivatives_take_it():
    gan = recipes.gan(
        mlp(2),
        mlp(),
        latent=latents.normal(3),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        fake_gradient_norm=1.0,
    )
    batch = Batch(jax.random.normal(KEY, (4, 2)))
    for rule in (lambda gan: rules.consensus(gan, 1.0), lambda gan: rules.competitive(gan, 0.1)):
        _, metrics = jax.jit(rule(gan).train_step)(gan.init(KEY, batch), batch)
        assert metrics["g_skipped"] == metrics["d_skipped"] == 0
