"""PatchGAN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of, variables_of

from jaxgan.models import patch


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def logits_of(side, layers):
    return shapes_of(patch.Discriminator(layers, width=4), jnp.ones((2, side, side, 1)))[0].shape


def test_logits_are_those_of_the_table():
    assert [logits_of(28, layers) for layers in (1, 2, 3)] == [(2, 12, 12), (2, 5, 5), (2, 1, 1)]
    assert [logits_of(256, layers)[1] for layers in (1, 2, 3, 4)] == [126, 62, 30, 14]
    assert logits_of(6, 1) == logits_of(12, 2) == logits_of(24, 3) == logits_of(48, 4) == (2, 1, 1)


@pytest.mark.parametrize(("layers", "field"), [(1, 16), (2, 34), (3, 70)])
def test_a_logit_sees_its_patch_and_no_more(layers, field):
    side = 2 * field
    network = patch.Discriminator(layers, width=2, normalization="none")
    x = jnp.ones((1, side, side, 1))
    variables = variables_of(network, x)

    def middle(x):
        logits = network.apply(variables, x)
        return logits[0, logits.shape[1] // 2, logits.shape[2] // 2]

    slope = np.asarray(jax.jit(jax.grad(middle))(x)[0, ..., 0])
    rows, columns = np.nonzero(slope)
    assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (field, field)


def test_the_papers_network_has_as_many_weights_as_the_authors():
    _, variables = shapes_of(patch.Discriminator(), jnp.ones((1, 256, 256, 3)))
    assert count(variables["params"]) == 2_764_737  # CycleGAN's, which prints 2.765 M


def test_it_sees_x_beside_y():
    x, y = np.random.default_rng(0).normal(size=(2, 1, 6, 6, 3)).astype(np.float32)
    network = patch.Discriminator(1, width=2)
    variables = variables_of(network, x, y)
    pair, one = jax.jit(
        lambda x, y: (
            network.apply(variables, x, y),
            network.apply(variables, jnp.concatenate([x, y], axis=-1)),
        )
    )(x, y)
    np.testing.assert_array_equal(pair, one)


def test_logits_are_float32_whatever_it_computes_in():
    network = patch.Discriminator(1, width=4, dtype=jnp.bfloat16)
    logits, variables = shapes_of(network, jnp.ones((1, 8, 8, 1)))
    assert {leaf.dtype.name for leaf in jax.tree.leaves((logits, variables))} == {"float32"}


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"28x20 .* at least 24x24"):
        shapes_of(patch.Discriminator(3), jnp.ones((1, 28, 20, 1)))
    with pytest.raises(ValueError, match="x is 8x8, y is 16x8"):
        shapes_of(patch.Discriminator(1), jnp.ones((1, 8, 8, 1)), jnp.ones((1, 16, 8, 1)))
    with pytest.raises(ValueError, match="layers is 0"):
        shapes_of(patch.Discriminator(0), jnp.ones((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="not 'batch'"):
        shapes_of(patch.Discriminator(1, normalization="batch"), jnp.ones((1, 8, 8, 1)))
