"""The layers of progressive growing and StyleGAN."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation

from jaxgan.models.equalized import (
    EqualizedConv,
    EqualizedDense,
    minibatch_stddev,
    pixel_norm,
    select_logit,
)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize(
    ("layer", "plain", "shape"),
    [
        (EqualizedDense(3, gain=2.0), nn.Dense(3), (4, 5)),
        (EqualizedConv(3, gain=2.0), nn.Conv(3, (3, 3)), (2, 6, 6, 5)),
    ],
)
def test_a_layer_is_the_plain_one_with_scaled_weights(layer, plain, shape):
    x = RNG.normal(size=shape).astype(np.float32)
    fan_in = 5 if len(shape) == 2 else 9 * 5
    kernel = RNG.normal(size=(5, 3) if len(shape) == 2 else (3, 3, 5, 3)).astype(np.float32)
    bias = RNG.normal(size=3).astype(np.float32)
    got = layer.apply({"params": {"kernel": kernel, "bias": bias}}, x)
    scaled = {"params": {"kernel": kernel * 2 / np.sqrt(fan_in), "bias": bias}}
    np.testing.assert_allclose(got, plain.apply(scaled, x), atol=1e-5)


@pytest.mark.parametrize("lr_multiplier", [1.0, 0.01])
def test_weights_are_used_as_he_would_draw_them_and_learn_at_one_speed(lr_multiplier):
    layer = EqualizedDense(200, gain=2**0.5, lr_multiplier=lr_multiplier, bias_init=0.5)
    x = jnp.ones((1, 300))
    params = jax.jit(layer.init)(KEY, x)["params"]

    def effective(params):
        """The effective W and b, derived from the layer's outputs."""
        inputs = jnp.concatenate([jnp.zeros((1, 300)), jnp.eye(300)])
        bias, *rows = jnp.asarray(layer.apply({"params": params}, inputs))
        return jnp.stack(rows) - bias, bias

    weights, bias = effective(params)
    assert abs(float(jnp.std(weights)) / np.sqrt(2 / 300) - 1) < 0.02  # He et al.: sqrt(2 / fan_in)
    np.testing.assert_allclose(bias, 0.5, rtol=1e-6)
    # An optimizer that ignores scales changes each parameter by 1: relative to the weights, all
    # layers move alike, times the multiplier.
    moved, _ = effective(jax.tree.map(lambda leaf: leaf + 1, params))
    speed = float(jnp.mean(moved - weights)) / np.sqrt(2 / 300)
    np.testing.assert_allclose(speed, lr_multiplier, rtol=1e-3)


def test_pixels_are_normed_over_their_channels():
    x = jnp.asarray(RNG.normal(size=(2, 3, 3, 7)), jnp.float32)
    got = pixel_norm(x)
    np.testing.assert_allclose(got, x / np.sqrt(np.mean(x**2, axis=-1, keepdims=True)), rtol=1e-5)
    assert jnp.all(jnp.isfinite(jax.grad(lambda x: jnp.sum(pixel_norm(x)))(jnp.zeros((1, 4)))))
    assert pixel_norm(jnp.ones((1, 4), jnp.bfloat16)).dtype == jnp.bfloat16


@pytest.mark.parametrize(
    ("batch", "group"), [(8, 4), (4, 4), (6, 3), (3, 3), (5, 5), (35, 5), (1, 1)]
)
def test_minibatch_stddev_against_numpy(batch, group):
    x = RNG.normal(size=(batch, 3, 2, 5)).astype(np.float32)
    got = np.asarray(minibatch_stddev(jnp.asarray(x), group_size=4))
    np.testing.assert_array_equal(got[..., :-1], x)
    for start in range(0, batch, group):
        want = x[start : start + group].std(axis=0).mean()
        np.testing.assert_allclose(got[start : start + group, ..., -1], want, atol=2e-4)


def test_minibatch_stddev_of_a_collapsed_batch_is_nothing():
    x = np.broadcast_to(RNG.normal(size=(1, 3, 3, 2)).astype(np.float32), (8, 3, 3, 2))
    assert np.abs(np.asarray(minibatch_stddev(jnp.asarray(x)))[..., -1]).max() < 2e-4
    gradient = jax.grad(lambda x: jnp.sum(minibatch_stddev(x)[..., -1]))(jnp.asarray(x))
    assert jnp.all(jnp.isfinite(gradient))


def test_the_logit_of_a_class_counts():
    logits = jnp.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(select_logit(logits, jnp.array([2, 0])), [2, 3])
    np.testing.assert_array_equal(select_logit(logits[:, :1], None), [0, 3])
