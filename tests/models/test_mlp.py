"""The dense networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.models import mlp

KEY = jax.random.key(0)
Z = jax.random.normal(KEY, (4, 16))


def initialize(network, *inputs, train=True):
    """Output and variables, from one compiled program."""
    return jax.jit(lambda *inputs: network.init_with_output(KEY, *inputs, train=train))(*inputs)


@pytest.mark.parametrize(
    ("shape", "output", "low", "high"),
    [((28, 28, 1), "tanh", -1, 1), ((2,), "linear", -np.inf, np.inf)],
)
def test_generator_shape_and_range(shape, output, low, high):
    generator = mlp.Generator(shape, widths=(32, 64), output=output)
    x, variables = initialize(generator, 100 * Z)
    assert x.shape == (4, *shape)
    assert low <= x.min() < x.max() <= high
    assert set(variables) == {"params"}
    widths = [layer["bias"].size for layer in variables["params"].values()]
    assert widths == [32, 64, np.prod(shape)]


def test_linear_output_leaves_the_tanh_range():
    x, _ = initialize(mlp.Generator((2,), widths=(32,), output="linear"), 100 * Z)
    assert jnp.abs(x).max() > 1


@pytest.mark.parametrize("shape", [(28, 28, 1), (2,)])
def test_discriminator_gives_one_float32_logit_each(shape):
    discriminator = mlp.Discriminator(widths=(32, 16), dtype=jnp.bfloat16)
    logits, variables = initialize(discriminator, jnp.ones((4, *shape)))
    assert logits.shape == (4,)
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


@pytest.mark.parametrize(
    ("network", "x"),
    [
        (mlp.Generator((2,), widths=(32,), output="linear", num_classes=3), Z),
        (mlp.Discriminator(widths=(32,), num_classes=3), Z),
    ],
)
def test_labels_change_the_output(network, x):
    a, variables = initialize(network, x, jnp.zeros(4, int))
    b = network.apply(variables, x, jnp.array([0, 1, 2, 0]), train=True)
    changed = jnp.abs(a - b).reshape(4, -1).max(-1) > 1e-4
    np.testing.assert_array_equal(changed, [False, True, True, False])


def test_dropout_acts_in_training_only():
    discriminator = mlp.Discriminator(widths=(64,), dropout=0.5)
    evaluated, variables = initialize(discriminator, Z, train=False)
    trained = [
        discriminator.apply(variables, Z, train=True, rngs={"dropout": jax.random.key(seed)})
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(trained[0], trained[1])
    assert not np.allclose(trained[0], trained[2])
    assert not np.allclose(trained[0], evaluated)


def test_errors():
    with pytest.raises(ValueError, match="no labels"):
        mlp.Generator(num_classes=3).init(KEY, Z, train=True)
    with pytest.raises(ValueError, match="num_classes=None"):
        mlp.Discriminator().init(KEY, Z, jnp.zeros(4, int), train=True)
    with pytest.raises(ValueError, match=r'"tanh" or "linear"'):
        mlp.Generator(output="sigmoid").init(KEY, Z, train=True)  # pyright: ignore[reportArgumentType]
