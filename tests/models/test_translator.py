"""CycleGAN's residual generator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of, variables_of

from jaxgan.models import translator
from jaxgan.models.layers import InstanceNorm

BLOCK, LAST = ("Conv_3", "Conv_4"), "Conv_5"  # of a network with one block


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize("shape", [(28, 28), (8, 12), (256, 256)])
def test_images_keep_their_size(shape):
    network = translator.Generator(channels=1, width=4, blocks=2)
    x, variables = shapes_of(network, jnp.ones((2, *shape, 3)))
    assert x.shape == (2, *shape, 1)
    assert set(variables) == {"params"}


def test_the_papers_network_has_as_many_weights_as_the_authors():
    _, variables = shapes_of(translator.Generator(), jnp.ones((1, 256, 256, 3)))

    def layer(window, a, b):
        return window**2 * a * b + b

    ends = layer(7, 3, 64) + layer(7, 64, 3)
    between = [layer(3, a, b) for a, b in ((64, 128), (128, 256), (256, 128), (128, 64))]
    expected = ends + sum(between) + 9 * 2 * layer(3, 256, 256)
    assert count(variables["params"]) == expected == 11_378_179


def test_it_computes_in_the_type_asked_for():
    network = translator.Generator(width=4, blocks=1, dtype=jnp.bfloat16)
    x, variables = shapes_of(network, jnp.ones((1, 8, 8, 1)))
    assert x.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_the_output_is_an_image_and_blocks_add_to_what_comes_in():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 8, 1)), jnp.float32)
    deep, flat = (translator.Generator(width=2, blocks=blocks) for blocks in (1, 0))
    params = variables_of(deep, x)["params"]
    # Normalization makes constant images 0, so a block with kernels of 0 adds nothing.
    idle = params | {name: jax.tree.map(jnp.zeros_like, params[name]) for name in BLOCK}
    short = {name: params[name] for name in params if name not in (*BLOCK, LAST)}
    short["Conv_3"] = params[LAST]
    images, still, without = jax.jit(
        lambda: (
            deep.apply({"params": params}, x),
            deep.apply({"params": idle}, x),
            flat.apply({"params": short}, x),
        )
    )()
    assert np.abs(images).max() <= 1
    assert np.abs(images - still).mean() > 0.01
    np.testing.assert_allclose(still, without, atol=1e-5)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_square_stays_in_the_middle(axis):
    """With kernels that are symmetric, what comes out is as symmetric as what goes in.

    Down and up have an even stride and an odd kernel: they have to mirror one another. With SAME
    padding, which reaches one pixel further on one side, the square moves by 3 of 64 pixels.
    """
    x = np.zeros((1, 64, 64, 1), np.float32)
    x[:, 28:36, 28:36] = 1
    network = translator.Generator(channels=1, width=2, blocks=0)
    params = jax.tree.map(
        lambda leaf: abs(leaf) + np.flip(abs(leaf), (0, 1)) if leaf.ndim == 4 else 0 * leaf,
        variables_of(network, x)["params"],
    )
    y = np.asarray(jax.jit(network.apply)({"params": params}, x))
    weight = (y - np.median(y)).sum(axis=(3 - axis, 3))[0] ** 2
    center = (weight * np.arange(64)).sum() / weight.sum()
    assert abs(center - 31.5) < 0.75


def test_the_border_is_mirrored():
    picture = np.arange(16.0).reshape(4, 4)
    padded = translator._reflect(jnp.asarray(picture).reshape(1, 4, 4, 1), 3)[0, ..., 0]
    np.testing.assert_array_equal(padded[:3, 3:7], picture[3:0:-1])
    np.testing.assert_array_equal(padded[3:7, 7:], picture[:, 2::-1])


def test_instance_normalization_is_that_of_each_channel_of_each_image():
    x = np.random.default_rng(0).normal(3, 2, size=(2, 5, 4, 3)).astype(np.float32)
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    made, variables = InstanceNorm().init_with_output(jax.random.key(0), x)
    np.testing.assert_allclose(made, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5)
    assert variables == {}


@pytest.mark.parametrize("shape", [(30, 32), (32, 30), (4, 8)])
def test_sides_that_do_not_fit_are_refused(shape):
    with pytest.raises(ValueError, match=f"{shape[0]}x{shape[1]}; .* multiples of 4, at least 8"):
        shapes_of(translator.Generator(blocks=1), jnp.ones((1, *shape, 1)))
