"""The networks of StyleGAN2."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from networks import compilation

from jaxgan import convolution, resample
from jaxgan.models import stylegan2
from jaxgan.models.stylegan2 import (
    Discriminator,
    Generator,
    Mapping,
    ModulatedConv,
    StyledConv,
    _mix,  # pyright: ignore[reportPrivateUsage]
)

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
RNGS = {"mixing": KEY, "noise": KEY}
SIZES = [28, 32, 56, 64, 112, 128]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


def shapes_of(network, *inputs):
    """The shapes of the output and the variables."""
    settings = {"train": True} if isinstance(network, Generator) else {}
    return jax.eval_shape(
        lambda: partial(network.init_with_output, **settings)({"params": KEY, **RNGS}, *inputs)
    )


def variables_of(network, *inputs):
    """Variables of the right shapes, drawn by NumPy, faster than compiling initializers."""
    _, shapes = shapes_of(network, *inputs)
    variables = jax.tree.map(lambda leaf: normal(*leaf.shape), dict(shapes))
    if "averages" in variables:
        variables["averages"] = jax.tree.map(jnp.zeros_like, variables["averages"])
        # The scalars are the strengths of noise, which start at 0.
        variables["params"] = jax.tree.map(
            lambda leaf: leaf if leaf.ndim else jnp.zeros(()), variables["params"]
        )
    return variables


def small(**settings):
    return Generator(**{"width": 2, "w_dim": 6, "mapping_layers": 2, **settings})


@pytest.mark.parametrize("size", SIZES)
def test_shapes(size):
    for channels in (1, 3):
        x, _ = shapes_of(small(image_size=size, channels=channels), jnp.ones((2, 5)))
        assert x.shape == (2, size, size, channels)
    logits, _ = shapes_of(Discriminator(size, width=2), jnp.ones((2, size, size, 3)))
    assert logits.shape == (2,)


@pytest.mark.parametrize("demodulate", [True, False])
def test_a_modulated_convolution_has_other_weights_for_every_image(demodulate):
    layer = ModulatedConv(3, demodulate=demodulate)
    x, w = normal(4, 5, 6, 7), normal(4, 2)
    params = jax.tree.map(
        lambda leaf: normal(*leaf.shape), jax.eval_shape(layer.init, KEY, x, w)["params"]
    )
    # As in the paper: the weights of each image, one by one.
    styles = w @ params["style"]["kernel"] / np.sqrt(2) + params["style"]["bias"]
    kernels = styles[:, None, None, :, None] * params["kernel"] / np.sqrt(9 * 7)
    if demodulate:
        kernels = kernels / np.sqrt(np.square(kernels).sum(axis=(1, 2, 3), keepdims=True))
        norms = jnp.linalg.norm(kernels.reshape(4, -1, 3), axis=1)
        np.testing.assert_allclose(norms, 1, rtol=1e-5)
    want = jnp.concatenate(
        [
            lax.conv_general_dilated(
                x[i : i + 1], kernels[i], (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            for i in range(4)
        ]
    )
    got = jax.jit(layer.apply)({"params": params}, x, w)
    np.testing.assert_allclose(got, want + params["bias"], rtol=1e-4, atol=1e-4)


def test_demodulated_outputs_have_unit_variance_however_strong_the_style():
    layer = ModulatedConv(8)
    x = normal(2, 16, 16, 32)
    params = jax.tree.map(
        lambda leaf: normal(*leaf.shape), jax.eval_shape(layer.init, KEY, x, normal(2, 4))["params"]
    )
    params["bias"] = jnp.zeros(8)
    for strength in (0.1, 1.0, 10.0):
        y = layer.apply({"params": params}, x, strength * normal(2, 4))
        assert abs(float(jnp.std(jnp.asarray(y))) - 1) < 0.15


def test_noise_matters_by_its_strength_which_starts_at_nothing():
    layer = StyledConv(3)
    x, w = normal(2, 5, 5, 4), normal(2, 6)
    params = jax.jit(layer.init)({"params": KEY, "noise": KEY}, x, w)["params"]
    assert params["noise_strength"] == 0

    @jax.jit
    def apply(strength, seed) -> jax.Array:
        rngs = {"noise": jax.random.key(seed)}
        variables = {"params": params | {"noise_strength": strength}}
        return jnp.asarray(layer.apply(variables, x, w, rngs=rngs))

    def difference(strength):
        return jnp.std(jnp.asarray(apply(strength, 0)) - jnp.asarray(apply(strength, 1)))

    apart = [difference(strength) for strength in (0.0, 0.1, 1.0)]
    assert apart[0] == 0
    assert 0 < apart[1] < apart[2]


def test_a_mixed_image_has_the_other_style_from_a_random_layer_on():
    styles = jnp.zeros((64, 6, 3))
    mixed = np.asarray(_mix(KEY, styles, jnp.ones((64, 3)), 1.0)).mean(axis=-1)
    assert not mixed[:, 0].any()
    assert mixed[:, -1].all()
    assert (np.diff(mixed, axis=1) >= 0).all()
    assert set(mixed.sum(axis=1)) == {1, 2, 3, 4, 5}
    some = np.asarray(_mix(KEY, styles, jnp.ones((64, 3)), 0.5))
    assert 16 < some.any(axis=(1, 2)).sum() < 48
    assert not _mix(KEY, styles, jnp.ones((64, 3)), 0.0).any()


@pytest.fixture(scope="module")
def painted():
    """Images of one small generator in all the ways it can be called."""
    generator, z = small(), normal(4, 5)
    variables = variables_of(generator, z)
    # The mapping network uses a hundredth of its parameters.
    params = variables["params"]
    params["mapping"] = jax.tree.map(lambda leaf: 100 * leaf, params["mapping"])
    mean = 0.1 * normal(6)
    variables["averages"]["w"] = mean

    @jax.jit
    def everything(z):
        def sample(settings):
            psi, shift = settings
            network = generator.clone(truncation=psi)
            return network.apply(variables, z, None, shift, train=False, rngs={"noise": KEY})

        w = jnp.asarray(Mapping(6, 2).apply({"params": variables["params"]["mapping"]}, z))
        psis = jnp.array([0.0, 0.5, 1.0, 1.0, 1.0])
        shifts = jnp.stack([0 * w, 0 * w, 0 * w, 0 * w + 1, (mean - w) / 2])[:, :, None]
        names = ("psi 0", "psi 0.5", "psi 1", "shifted", "half way")
        images = dict(zip(names, jax.lax.map(sample, (psis, shifts)), strict=True))
        network = generator.clone(mixing=1.0)
        mixed = network.apply(variables, z, train=True, rngs=RNGS, mutable=["averages"])
        return images | {"mixed": mixed, "w": w}

    return everything(z), mean


def test_styles_are_mixed_in_training(painted):
    images, _ = painted
    difference = jnp.abs(images["mixed"][0] - images["psi 1"])
    assert jnp.all(jnp.max(difference, axis=(1, 2, 3)) > 1e-2)


def test_truncation_leads_to_the_mean_style(painted):
    images, _ = painted
    none, half, whole = (images[f"psi {psi}"] for psi in (0, 0.5, 1))
    # Without noise, the output depends on z through the style only.
    assert jnp.all(jnp.any(whole[1:] != whole[:1], axis=(1, 2, 3)))
    np.testing.assert_allclose(half, images["half way"], rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(*(none[i : i + 1] for i in (0, 1)))
    assert jnp.all(jnp.any(images["shifted"] != whole, axis=(1, 2, 3)))


def test_the_mean_style_follows_the_batch(painted):
    images, mean = painted
    want = mean + 0.005 * (images["w"].mean(axis=0) - mean)
    np.testing.assert_allclose(images["mixed"][1]["averages"]["w"], want, rtol=1e-5)


def test_labels_change_the_output():
    y = jnp.array([0, 1, 2, 0])
    for network, inputs in (
        (Mapping(6, 2, num_classes=3), normal(4, 5)),
        (Discriminator(width=1, num_classes=3), normal(4, 28, 28, 1)),
    ):
        variables = variables_of(network, inputs, y)
        apply = jax.jit(lambda y, n=network, v=variables, i=inputs: jnp.asarray(n.apply(v, i, y)))
        changed = jnp.abs(apply(0 * y) - apply(y)).reshape(4, -1).max(-1) > 0
        np.testing.assert_array_equal(changed, [False, True, True, False])


def test_bfloat16_computes_from_float32_parameters():
    x, g = shapes_of(small(dtype=jnp.bfloat16), jnp.ones((2, 8)))
    d = Discriminator(width=2, dtype=jnp.bfloat16)
    logits, d = shapes_of(d, jnp.ones((2, 28, 28, 1)))
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_errors():
    with pytest.raises(ValueError, match=r"image_size is 27; expected .* such as 28 or 24"):
        shapes_of(small(image_size=27), jnp.ones((1, 8)))
    with pytest.raises(ValueError, match="images of 32x28 for image_size=28"):
        shapes_of(Discriminator(28), jnp.ones((2, 32, 28, 1)))
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(small(num_classes=3), jnp.ones((2, 8)))
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(Discriminator(), jnp.ones((2, 28, 28, 1)), jnp.zeros(2, int))


def test_a_layer_that_doubles_filters_what_lies_beyond_the_border():
    """It equals a convolution of the pixels, set apart, and then the filter, everywhere."""
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 4, 4, 3)).astype(np.float32)
    kernel = random.normal(size=(3, 3, 3, 5)).astype(np.float32)
    found = stylegan2._double(jnp.asarray(x), jnp.asarray(kernel))
    spread = np.zeros((2, 8, 8, 3), np.float32)
    spread[:, ::2, ::2] = x
    # All of the convolution, 10x10; its last row and column are of the stride alone.
    wide = lax.conv_general_dilated(
        spread, kernel, (1, 1), [(2, 2), (2, 2)], dimension_numbers=("NHWC", "HWIO", "NHWC")
    )[:, :9, :9]
    taps = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32)[:, :, None, None] / 16
    filtered = lax.conv_general_dilated(
        wide,
        np.tile(taps, (1, 1, 1, 5)),
        (1, 1),
        [(1, 1), (1, 1)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=5,
    )
    np.testing.assert_allclose(found, filtered, atol=1e-4)

    # Inside, where the border is out of sight, it is the definition: enlarge, then convolve.
    enlarged = convolution.conv(resample.upsample(jnp.asarray(x)), jnp.asarray(kernel))
    inside = np.s_[:, 2:-2, 2:-2]
    np.testing.assert_allclose(found[inside], enlarged[inside], atol=1e-4)
