"""Self-attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation

from jaxgan.models.attention import SelfAttention, check_attention

KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def drawn(x, gamma):
    """The layer's parameters, drawn by NumPy."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(SelfAttention().init, KEY, x)["params"]
    params = jax.tree.map(lambda leaf: jnp.float32(random.normal(size=leaf.shape)), shapes)
    return {"params": params | {"gamma": jnp.float32(gamma)}}


def by_numpy(params, x):
    batch, height, width, channels = x.shape
    query, key, value, output = (
        np.float64(params[name]["kernel"][0, 0]) for name in ("query", "key", "value", "output")
    )
    result = np.zeros(x.shape)
    for b in range(batch):
        keys, values = [], []
        for i in range(0, height, 2):
            for j in range(0, width, 2):
                places = x[b, i : i + 2, j : j + 2].reshape(-1, channels)
                keys.append((places @ key).max(0))
                values.append((places @ value).max(0))
        for i in range(height):
            for j in range(width):
                weights = np.exp(np.array(keys) @ (x[b, i, j] @ query))
                attended = weights / weights.sum() @ np.array(values)
                result[b, i, j] = x[b, i, j] + float(params["gamma"]) * attended @ output
    return result


@pytest.mark.parametrize("sides", [(4, 6), (5, 3)])
def test_attention_is_its_formula(sides):
    x = 0.3 * np.random.default_rng(1).normal(size=(2, *sides, 16)).astype(np.float32)
    variables = drawn(x, gamma=0.7)
    got = jax.jit(SelfAttention().apply)(variables, x)
    np.testing.assert_allclose(got, by_numpy(variables["params"], x), rtol=1e-4, atol=1e-4)


def test_channels_are_an_eighth_of_queries_and_keys_and_half_of_values():
    params = drawn(jnp.ones((1, 4, 4, 64)), gamma=0)["params"]
    sizes = {name: params[name]["kernel"].shape for name in ("query", "key", "value", "output")}
    assert sizes == {
        "query": (1, 1, 64, 8),
        "key": (1, 1, 64, 8),
        "value": (1, 1, 64, 32),
        "output": (1, 1, 32, 64),
    }
    # So few that an eighth of them would be none.
    few = drawn(jnp.ones((1, 4, 4, 1)), gamma=0)["params"]
    assert few["query"]["kernel"].shape == few["value"]["kernel"].shape == (1, 1, 1, 1)


def test_attention_starts_as_the_identity():
    x = jax.random.normal(KEY, (2, 4, 4, 8))
    variables = jax.jit(SelfAttention().init)(KEY, x)
    assert variables["params"]["gamma"] == 0
    apply = jax.jit(SelfAttention().apply)
    np.testing.assert_array_equal(apply(variables, x), x)
    assert jnp.any(apply(drawn(x, gamma=1), x) != x)


def test_every_place_sees_every_other():
    x = jax.random.normal(KEY, (1, 6, 6, 8))
    variables = drawn(x, gamma=1.0)

    @jax.jit
    @jax.grad
    def far_corner(x):
        return jnp.sum(SelfAttention().apply(variables, x)[0, -1, -1])

    seen = jnp.abs(far_corner(x)[0]).max(-1).reshape(3, 2, 3, 2).max((1, 3))
    assert jnp.all(seen > 0)  # the largest of each 2x2 positions


def test_bfloat16_computes_from_float32_parameters():
    x = jnp.ones((2, 4, 4, 8), jnp.bfloat16)
    y, variables = jax.eval_shape(
        lambda: SelfAttention(dtype=jnp.bfloat16).init_with_output(KEY, x)
    )
    assert y.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_a_side_that_does_not_occur():
    check_attention(0, [7, 14])
    check_attention(14, [7, 14])
    with pytest.raises(ValueError, match=r"attention=16.*sides \[7, 14\]"):
        check_attention(16, [7, 14])
