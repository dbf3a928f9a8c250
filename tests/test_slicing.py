"""SAN: the last layer of D points where real and fake features differ."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import mlp

from jaxgan import Batch, Variables, latents, losses, penalties, recipes
from jaxgan.models import dcgan
from jaxgan.models.heads import Slice
from jaxgan.models.mlp import Discriminator
from jaxgan.nets import from_linen, stateless
from jaxgan.recipes import Seen, slicing

KEY = jax.random.key(0)
LOSSES = {
    "hinge": losses.hinge(),
    "non_saturating": losses.non_saturating(),
    "least_squares": losses.least_squares(),
    "wasserstein": losses.wasserstein(),
    "relativistic_paired": losses.relativistic_paired(),
    "relativistic_average": losses.relativistic_average(),
}
SGD = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
WIDTH = 8


def test_with_fixed_features_w_goes_to_the_difference_of_their_means():
    real, fake = jax.random.normal(KEY, (2, 64, 5)) + jnp.arange(10.0).reshape(2, 1, 5) / 5
    network, optimizer = Slice(), optax.sgd(0.5)
    params = network.init(jax.random.key(1), real)

    def term(params):
        seen = Seen(Batch(real), (), fake, *(network.apply(params, h)[1] for h in (real, fake)))
        values, metrics = slicing(seen)
        return jnp.mean(values), metrics["slice"]

    def step(carry, _):
        params, state = carry
        grads, _ = jax.grad(term, has_aux=True)(params)
        updates, state = optimizer.update(grads, state)
        return (optax.apply_updates(params, updates), state), None

    (params, _), _ = jax.lax.scan(step, (params, optimizer.init(params)), length=500)
    difference = np.asarray(real.mean(0) - fake.mean(0), float)
    w = np.asarray(params["params"]["direction"], float)
    expected = difference / np.linalg.norm(difference)
    np.testing.assert_allclose(w / np.linalg.norm(w), expected, atol=1e-4)
    np.testing.assert_allclose(term(params)[1], np.linalg.norm(difference), rtol=1e-4)


def gradients_of_d(network, params, state, loss, batch, **settings):
    generator = mlp(2)
    g, d, _ = recipes.players(
        generator, network, latent=latents.normal(3), loss=loss, **SGD, **settings
    )
    opponent = g.init(KEY, batch)

    def of_d(params):
        return d.loss(params, state, opponent, batch, KEY, jnp.int32(0))[0]

    def of_g(of_g):
        return g.loss(of_g, opponent.state, Variables(params, state), batch, KEY, 0)[0]

    return jax.grad(of_d)(params), jax.grad(of_g)(opponent.params)


def with_fixed_direction(w):
    """The same D as any other: the direction is a constant of it."""

    def apply(params, x):
        kernel, bias = params["Dense_0"]["kernel"], params["Dense_0"]["bias"]
        h = x @ kernel + bias
        return jnp.where(h > 0, h, 0.2 * h) @ (w / jnp.linalg.norm(w))

    return stateless(lambda key, x: None, apply)


@pytest.mark.parametrize("name", LOSSES)
def test_features_and_g_learn_by_the_loss_and_w_by_the_means_alone(name):
    batch = Batch(jax.random.normal(jax.random.key(2), (6, 2)))
    network = from_linen(Discriminator(widths=(WIDTH,), last="san"))
    params, state = network.init(KEY, batch.x)
    w = params["slice"]["direction"]
    penalty = {"penalty": penalties.r1()}
    found, of_g = gradients_of_d(
        network, params, state, LOSSES[name], batch, d_term=slicing, **penalty
    )
    body = {"Dense_0": params["Dense_0"]}
    usual, expected_of_g = gradients_of_d(
        with_fixed_direction(w), body, (), LOSSES[name], batch, **penalty
    )
    pairs = (found["Dense_0"], usual["Dense_0"]), (of_g, expected_of_g)
    for one, other in pairs:
        for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
            assert np.abs(a).max() > 0
    # That of w does not depend on the loss: it is the same for all.
    none, _ = gradients_of_d(network, params, state, LOSSES[name], batch)
    np.testing.assert_array_equal(none["slice"]["direction"], 0)
    wasserstein, _ = gradients_of_d(
        network, params, state, losses.wasserstein(), batch, d_term=slicing
    )
    a, b = found["slice"]["direction"], wasserstein["slice"]["direction"]
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(a @ w, 0, atol=1e-5)  # it only turns


def test_a_d_of_images_has_it_too():
    network = from_linen(dcgan.Discriminator(28, width=4, normalization="none", last="san"))
    x = jax.random.normal(KEY, (2, 28, 28, 1))
    params, state = network.init(KEY, x)
    (logits, directions), _ = network.apply(params, state, KEY, x, train=True)
    np.testing.assert_array_equal(logits, directions)
    assert logits.shape == (2,)
    assert params["slice"]["direction"].ndim == 1


def test_what_cannot_be_sliced_is_refused():
    x = jnp.ones((4, 2))
    with pytest.raises(ValueError, match=r"last is .* not 'sand'"):
        Discriminator(last="sand").init(KEY, x, train=True)
    with pytest.raises(ValueError, match='last="san" does not go with classes=3'):
        Discriminator(last="san", classes=3).init(KEY, x, train=True)
    gan = recipes.gan(mlp(2), mlp(), latent=latents.normal(3), d_term=slicing, **SGD)
    with pytest.raises(ValueError, match="D gives no directions"):
        gan.d_step(gan.init(KEY, Batch(x)), Batch(x))
