"""Layers: the parameters and results are those of Flax, the lowerings are not."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.models import layers
from jaxgan.resample import nearest_upsample

KEY = jax.random.key(0)
METHODS = ["transposed", "nearest", "bilinear", "pixel_shuffle"]


def shapes(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype.name), tree)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize(
    ("ours", "theirs"), [(layers.Conv, nn.Conv), (layers.ConvTranspose, nn.ConvTranspose)]
)
@pytest.mark.parametrize(("window", "stride", "padding"), [(4, 2, "SAME"), (3, 1, "VALID")])
def test_convolutions_share_checkpoints_with_flax(ours, theirs, window, stride, padding, use_bias):
    theirs = theirs(5, (window,) * 2, (stride,) * 2, padding, use_bias=use_bias)
    ours = ours(5, (window,) * 2, strides=(stride,) * 2, padding=padding, use_bias=use_bias)
    random = np.random.default_rng(0)
    x = jnp.float32(random.normal(size=(2, 7, 7, 3)))
    want = jax.eval_shape(theirs.init, KEY, x)
    assert shapes(jax.eval_shape(ours.init, KEY, x)) == shapes(want)
    variables = jax.tree.map(lambda leaf: jnp.float32(random.normal(size=leaf.shape)), want)
    np.testing.assert_allclose(
        ours.apply(variables, x), theirs.apply(variables, x), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("layer", [layers.Conv(4, (3, 3)), layers.ConvTranspose(4, (3, 3))])
def test_a_kernel_of_the_same_key_is_the_kernel_of_flax(layer):
    x = jnp.ones((1, 4, 4, 2))
    theirs = getattr(nn, type(layer).__name__)(4, (3, 3))
    got, want = (jax.jit(one.init)(jax.random.key(3), x)["params"] for one in (layer, theirs))
    np.testing.assert_array_equal(got["kernel"], want["kernel"])


@pytest.mark.parametrize("method", METHODS)
def test_upsample_doubles_the_sides(method):
    layer = layers.Upsample(6, method, dtype=jnp.bfloat16)
    y, variables = jax.eval_shape(lambda x: layer.init_with_output(KEY, x), jnp.ones((2, 5, 3, 4)))
    assert y.shape == (2, 10, 6, 6)
    assert y.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_interpolation():
    x = jnp.array([[0.0, 1.0], [2.0, 3.0]]).reshape(1, 2, 2, 1)
    nearest = [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    np.testing.assert_array_equal(nearest_upsample(x)[0, :, :, 0], nearest)
    # Pixels are areas: a new center is a quarter of a pixel from an old one.
    rows, columns = np.meshgrid([0, 0.25, 0.75, 1], [0, 0.25, 0.75, 1], indexing="ij")
    np.testing.assert_allclose(
        layers.bilinear_upsample(x, 2)[0, :, :, 0], 2 * rows + columns, atol=1e-6
    )


def test_upsample_names_its_methods():
    with pytest.raises(ValueError, match=r"transposed.*nearest.*bilinear.*pixel_shuffle"):
        layers.Upsample(1, "cubic").init(KEY, jnp.ones((1, 2, 2, 1)))


def test_batch_norm_settings():
    x = 3 + 2 * jax.random.normal(KEY, (16, 4, 4, 512))
    variables = layers.BatchNorm(train=True).init(jax.random.key(1), x)
    scale = variables["params"]["scale"]
    assert abs(float(scale.mean()) - 1) < 0.005
    assert abs(float(scale.std()) - 0.02) < 0.003
    _, updated = layers.BatchNorm(train=True).apply(variables, x, mutable=["batch_stats"])
    np.testing.assert_allclose(
        updated["batch_stats"]["mean"], 0.1 * x.mean((0, 1, 2)), rtol=1e-4, atol=1e-5
    )
    y = layers.BatchNorm(train=False).apply(variables, x)
    np.testing.assert_allclose(y, x * scale / np.sqrt(1 + 1e-5), rtol=1e-5, atol=1e-5)


def test_batch_norm_statistics_are_float32_under_bfloat16():
    norm = layers.BatchNorm(train=True, dtype=jnp.bfloat16)
    y, variables = norm.init_with_output(KEY, jnp.ones((2, 3), jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_batch_norm_synchronizes_over_devices():
    x = jax.random.normal(KEY, (8, 3)) * jnp.arange(1.0, 9)[:, None]
    whole = layers.BatchNorm(train=True)
    variables = whole.init(jax.random.key(1), x)
    want, stats = whole.apply(variables, x, mutable=["batch_stats"])
    shared = layers.BatchNorm(train=True, axis_name="devices")
    got, got_stats = jax.pmap(
        lambda x: shared.apply(variables, x, mutable=["batch_stats"]), axis_name="devices"
    )(x.reshape(4, 2, 3))
    np.testing.assert_allclose(got.reshape(8, 3), want, atol=1e-5)
    for device in range(4):
        mine = jax.tree.map(lambda leaf: leaf[device], got_stats)  # noqa: B023
        for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(stats), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_labels_are_appended_as_one_hot():
    got = layers.append_label(jnp.full((2, 1), 7.0), jnp.array([2, 0]), 3)
    np.testing.assert_array_equal(got, [[7, 0, 0, 1], [7, 1, 0, 0]])
    assert layers.append_label(got, None, None) is got


def test_labels_must_fit_the_network():
    with pytest.raises(ValueError, match="num_classes=3 but was given no labels"):
        layers.check_label(None, 3)
    with pytest.raises(ValueError, match="labels y but has num_classes=None"):
        layers.check_label(jnp.zeros(1, int), None)
