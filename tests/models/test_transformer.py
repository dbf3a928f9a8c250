"""Blocks of transformers, against the formulas in float64 and by what they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, shapes_of, variables_of

from jaxgan.models import transformer
from jaxgan.models.tokens import places, rotate

RANDOM = np.random.default_rng(0)
PLACE = places(2, 3)
X = jnp.float32(RANDOM.normal(size=(2, 6, 16)))
W = jnp.float32(RANDOM.normal(size=(2, 5)))


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def as_float64(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree["params"])


def normalized(x, scale=1.0):
    return x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6) * scale


def silu(x):
    return x / (1 + np.exp(-x))


def dense(p, x):
    return x @ p["kernel"] + p["bias"]


def attention(p, x, heads):
    """Head by head, and query by query."""
    n, width = x.shape[1:]
    qkv = dense(p["qkv"], x).reshape(len(x), n, 3, heads, -1)
    turned = [
        np.asarray(rotate(jnp.float32(normalized(qkv[:, :, i], p[name]["scale"])), PLACE), float)
        for i, name in enumerate(("query", "key"))
    ]
    seen = np.zeros((len(x), n, heads, width // heads))
    for b, h, i in np.ndindex(len(x), heads, n):
        scores = turned[1][b, :, h] @ turned[0][b, i, h] / np.sqrt(width / heads)
        weights = np.exp(scores) / np.exp(scores).sum()
        seen[b, i, h] = weights @ qkv[b, :, 2, h]
    return dense(p["output"], seen.reshape(x.shape))


def swiglu(p, x):
    gate, value = np.split(dense(p["input"], x), 2, axis=-1)
    return dense(p["output"], silu(gate) * value)


def test_attention():
    network = transformer.Attention(heads=2)
    variables = variables_of(network, X, PLACE)
    got = network.apply({"params": variables["params"]}, X, PLACE)
    np.testing.assert_allclose(got, attention(as_float64(variables), np.float64(X), 2), atol=1e-5)


def test_a_block():
    network = transformer.Block(heads=2)
    variables = variables_of(network, X, PLACE)
    p, h = as_float64(variables), np.float64(X)
    seen = normalized(h, p["RMSNorm_0"]["scale"])
    h = h + p["attention_scale"] * attention(p["Attention_0"], seen, 2)
    h = h + p["layer_scale"] * swiglu(p["SwiGLU_0"], normalized(h, p["RMSNorm_1"]["scale"]))
    np.testing.assert_allclose(network.apply(variables, X, PLACE), h, atol=1e-5)


@pytest.mark.parametrize("shift", [False, True])
def test_a_modulated_block(shift):
    network = transformer.ModulatedBlock(heads=2, shift=shift)
    variables = variables_of(network, X, W, PLACE)
    p, h = as_float64(variables), np.float64(X)
    modulation = dense(p["Modulation_0"]["Dense_0"], silu(np.float64(W)))[:, None]
    gates, changes = [], []
    for part in np.split(modulation, 2, axis=-1):  # of attention, and of the gated layer
        gate, *change = np.split(part, 3 if shift else 2, axis=-1)
        gates.append(gate)
        changes.append([*change, 0][:2])
    scale, bias = changes[0]
    h = h + gates[0] * attention(p["Attention_0"], (1 + scale) * normalized(h) + bias, 2)
    scale, bias = changes[1]
    h = h + gates[1] * swiglu(p["SwiGLU_0"], (1 + scale) * normalized(h) + bias)
    np.testing.assert_allclose(network.apply(variables, X, W, PLACE), h, atol=1e-5)


def test_tokens_may_come_in_any_order_as_long_as_they_keep_their_places():
    order = RANDOM.permutation(6)
    network = transformer.Block(heads=2)
    variables = variables_of(network, X, PLACE)
    want = network.apply(variables, X, PLACE)[:, order]
    np.testing.assert_allclose(
        network.apply(variables, X[:, order], PLACE[order]), want, rtol=1e-4, atol=1e-5
    )
    moved = network.apply(variables, X[:, order], PLACE)
    assert jnp.abs(moved - want).max() > 0.001


def test_at_the_start_a_style_changes_little_and_layers_a_tenth():
    w = jnp.float32(RANDOM.normal(size=(4, 256)))
    modulation = transformer.Modulation(4, 256)
    parts, _ = modulation.init_with_output(jax.random.key(0), w)
    # silu of a normal variable has a mean square of 0.356; Glorot's variance is 2 / (in + out).
    wanted = 0.1 * np.sqrt(0.356 * 256 * 2 / (256 + 4 * 256))
    np.testing.assert_allclose(np.std(np.stack(parts)), wanted, rtol=0.1)
    scales = transformer.Block(2).init(jax.random.key(0), X, PLACE)["params"]
    for name in ("attention_scale", "layer_scale"):
        np.testing.assert_array_equal(scales[name], np.full(16, 0.1, np.float32))


def test_large_queries_do_not_saturate_the_softmax():
    network = transformer.Attention(heads=2)
    params = variables_of(network, X, PLACE)["params"]
    kernel = params["qkv"]["kernel"]

    def with_queries(times):
        larger = {"kernel": kernel.at[:, :32].multiply(times), "bias": 0 * params["qkv"]["bias"]}
        return network.apply({"params": {**params, "qkv": larger}}, X, PLACE)

    np.testing.assert_allclose(with_queries(1000.0), with_queries(1.0), rtol=1e-3, atol=1e-3)


def test_errors():
    with pytest.raises(ValueError, match=r"width=16 does not divide into heads=3.*multiple of 12"):
        shapes_of(transformer.Attention(3), X, PLACE)
    with pytest.raises(ValueError, match=r"width=16 does not divide into heads=8"):
        shapes_of(transformer.Attention(8), X, PLACE)
