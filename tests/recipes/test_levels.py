"""Whether levels agree: against NumPy, and as a term of G's loss."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import mlp

from jaxgan import Batch, latents, nets, recipes

LEVELS = np.random.default_rng(0).normal(size=(5, 4, 3, 2)).astype(np.float32)


def test_measures_are_those_of_the_formulas():
    x = LEVELS.reshape(5, 4, 6).astype(np.float64)
    found = recipes.alignment(jnp.asarray(LEVELS))
    for k in range(3):
        rest, change = x[:, -1] - x[:, k], x[:, k + 1] - x[:, k]
        cosine = (rest * change).sum(1) / np.sqrt((rest**2).sum(1) * (change**2).sum(1))
        np.testing.assert_allclose(found.distance[k], np.sqrt(np.mean(rest**2)), rtol=1e-5)
        np.testing.assert_allclose(found.change[k], np.sqrt(np.mean(change**2)), rtol=1e-5)
        np.testing.assert_allclose(found.direction[k], cosine.mean(), rtol=1e-5)
    np.testing.assert_allclose(found.direction[-1], 1, rtol=1e-5)


def test_a_straight_way_has_direction_1_and_no_way_has_0():
    straight = jnp.arange(4.0)[None, :, None] * jnp.ones((2, 4, 3))
    np.testing.assert_allclose(recipes.alignment(straight).direction, 1, rtol=1e-6)
    np.testing.assert_array_equal(recipes.alignment(0 * straight).direction, 0)


def test_four_levels_are_weighted_as_reported():
    """(1/3) [MSE(1, 4) / 3 + MSE(2, 4) / 2 + MSE(3, 4)], with a gradient in all levels."""
    x = jnp.asarray(LEVELS)
    squares = [((LEVELS[:, k] - LEVELS[:, 3]) ** 2).mean(axis=(1, 2)) for k in range(3)]
    expected = (squares[0] / 3 + squares[1] / 2 + squares[2]) / 3
    np.testing.assert_allclose(recipes.level_consistency(x), expected, rtol=1e-5)
    slopes = jax.grad(lambda x: recipes.level_consistency(x).sum())(x)
    assert (np.abs(slopes).max(axis=(0, 2, 3)) > 0).all()


@pytest.mark.parametrize("weight", [0.0, 3.0])
def test_g_draws_its_levels_together_if_it_pays_for_that(weight):
    """D sees nothing: without the term, nothing moves."""
    blind = nets.stateless(lambda key, x: jnp.zeros(()), lambda w, x: w + 0 * x.sum(axis=(1, 2)))
    gan = recipes.gat(
        mlp(3, 2),
        blind,
        shares=(0.0,) * 3,
        latent=latents.normal(2),
        consistency_weight=weight,
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.0),
    )
    batch, step = Batch(jnp.ones((8, 2))), jax.jit(gan.train_step)
    state = gan.init(jax.random.key(0), batch)
    apart = []
    for _ in range(30):
        levels, _ = mlp(3, 2).apply(
            state.g.params, state.g.state, jax.random.key(1), jnp.ones((4, 2)), train=False
        )
        apart.append(float(recipes.alignment(levels).distance.max()))
        state, metrics = step(state, batch)
    assert -1 <= metrics["g_level_direction"] <= 1
    assert apart[-1] < 0.5 * apart[0] if weight else apart[-1] == apart[0]
