"""The growing networks of ProGAN."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, shapes_of

from jaxgan.models.progressive import Discriminator, Generator, resolutions
from jaxgan.resample import box_downsample, nearest_upsample

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SIZES = [28, 32, 56, 64, 112, 128]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def params_of(network, *inputs):
    """Parameters of the right shapes, drawn by NumPy, faster than compiling initializers."""
    _, shapes = shapes_of(network, *inputs)
    return jax.tree.map(
        lambda leaf: jnp.asarray(RNG.normal(size=leaf.shape), jnp.float32), shapes["params"]
    )


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape), jnp.float32)


@pytest.mark.parametrize("size", SIZES)
def test_every_resolution_has_a_part_of_the_parameters(size):
    whole_g, whole_d = Generator(size, 3, width=2), Discriminator(size, width=2)
    z, x = jnp.ones((2, 5)), jnp.ones((2, size, size, 3))
    _, g = shapes_of(whole_g, z)
    _, d = shapes_of(whole_d, x)
    for side in resolutions(size):
        images, part = shapes_of(whole_g.clone(resolution=side), z)
        assert images.shape == (2, side, side, 3)
        assert is_part(part, g)
        logits, part = shapes_of(whole_d.clone(resolution=side), jnp.ones(images.shape))
        assert logits.shape == (2,)
        assert is_part(part, d)
    assert resolutions(size)[-1] == size


def is_part(small, large):
    return jax.tree.map(jnp.shape, merged(large, small)) == jax.tree.map(jnp.shape, large)


def merged(large, small):
    """`large` with the leaves of `small` in their places; `small` must have no others."""
    if not isinstance(small, dict):
        return small
    return large | {name: merged(large[name], small[name]) for name in small}


def test_channels_double_up_to_eight_times_the_width():
    _, variables = shapes_of(Generator(128, 3, width=2), jnp.ones((1, 5)))
    channels = [
        variables["params"][f"to_rgb_{side}"]["kernel"].shape[-2] for side in resolutions(128)
    ]
    assert channels == [16, 16, 16, 8, 4, 2]


def test_growing_begins_where_the_smaller_network_ended_to_the_last_bit():
    g = Generator(width=2)
    d = Discriminator(width=2)
    z, x = normal(4, 5), normal(4, 14, 14, 1)
    g_params, d_params = params_of(g, z), params_of(d, normal(4, 28, 28, 1))

    @jax.jit
    def both(alpha):
        def paint(side, alpha):
            return g.clone(resolution=side).apply({"params": g_params}, z, None, alpha)

        def judge(side, x, alpha):
            return d.clone(resolution=side).apply({"params": d_params}, x, None, alpha)

        small = paint(7, 1.0), judge(7, box_downsample(x), 1.0)
        return small, (paint(14, alpha), judge(14, x, alpha))

    (image, logits), (grown_image, grown_logits) = both(0.0)
    np.testing.assert_array_equal(grown_image, nearest_upsample(image))
    np.testing.assert_array_equal(grown_logits, logits)
    # From there, the pictures change linearly to those of the new block.
    _, (end, _) = both(1.0)
    _, (between, between_logits) = both(0.25)
    np.testing.assert_allclose(between, 0.75 * grown_image + 0.25 * end, rtol=1e-4, atol=1e-4)
    assert jnp.all(end != grown_image)
    assert jnp.all(between_logits != logits)


def test_what_is_not_of_a_phase_has_no_gradient():
    g, d = Generator(width=2), Discriminator(width=2)
    z, x = normal(4, 5), normal(4, 14, 14, 1)
    g_params, d_params = params_of(g, z), params_of(d, normal(4, 28, 28, 1))

    @jax.jit
    def learning(alpha):
        """Names of the layers, and whether they have a gradient."""

        def loss(params):
            images = g.clone(resolution=14).apply({"params": params[0]}, z, None, alpha)
            logits = d.clone(resolution=14).apply({"params": params[1]}, x, None, alpha)
            return jnp.sum(jnp.asarray(images) ** 2) + jnp.sum(jnp.asarray(logits) ** 2)

        grads = jax.grad(loss)((g_params, d_params))
        return [
            {
                name: jnp.any(jnp.stack([jnp.any(leaf != 0) for leaf in jax.tree.leaves(layer)]))
                for name, layer in network.items()
            }
            for network in grads
        ]

    def names(alpha):
        return [{name for name, learns in one.items() if learns} for one in learning(alpha)]

    old_g, old_d = {"block_7", "to_rgb_7"}, {"from_rgb_7", "conv"}
    dense = {"EqualizedDense_0", "EqualizedDense_1"}
    new_d = {"from_rgb_14", "conv_14", "widen_14"}
    assert names(0.0) == [old_g, old_d | dense]
    assert names(0.5) == [old_g | {"block_14", "to_rgb_14"}, old_d | dense | new_d]
    assert names(1.0) == [{"block_7", "block_14", "to_rgb_14"}, {"conv"} | dense | new_d]


def test_the_discriminator_compares_the_images_of_a_batch():
    d = Discriminator(width=2, resolution=7)
    x = normal(4, 7, 7, 1)
    params = params_of(d, x)
    judge = jax.jit(lambda x: d.apply({"params": params}, x))
    alike = jnp.broadcast_to(x[:1], x.shape)
    assert jnp.abs(judge(x)[0] - judge(alike)[0]) > 1e-3


def test_images_start_with_the_variance_of_the_latents():
    g = Generator(width=8)
    z = normal(16, 64)
    params = params_of(g, z)  # as initialized, except the biases, which start at 0
    params = jax.tree.map(lambda leaf: 0 * leaf if leaf.ndim == 1 else leaf, params)
    x = jax.jit(lambda z: g.apply({"params": params}, z))(z)
    assert 0.5 < float(jnp.std(x)) < 2


def test_labels_change_the_output():
    y = jnp.array([0, 1, 2, 0])
    for network, inputs in (
        (Generator(width=2, num_classes=3, resolution=7), normal(4, 5)),
        (Discriminator(width=2, num_classes=3, resolution=7), normal(4, 7, 7, 1)),
    ):
        params = params_of(network, inputs, y)
        apply = jax.jit(lambda y, n=network, i=inputs, p=params: n.apply({"params": p}, i, y))
        changed = jnp.abs(apply(0 * y) - apply(y)).reshape(4, -1).max(-1) > 0
        np.testing.assert_array_equal(changed, [False, True, True, False])


def test_bfloat16_computes_from_float32_parameters():
    alpha = jnp.float32(0.3)
    x, g = shapes_of(Generator(width=2, dtype=jnp.bfloat16), jnp.ones((2, 8)), None, alpha)
    d = Discriminator(width=2, dtype=jnp.bfloat16)
    logits, d = shapes_of(d, jnp.ones((2, 28, 28, 1)), None, alpha)
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_errors():
    with pytest.raises(ValueError, match=r"image_size is 27; expected .* such as 28 or 24"):
        shapes_of(Generator(27), jnp.ones((1, 8)))
    with pytest.raises(ValueError, match="1 or 3 channels, not 4"):
        shapes_of(Generator(28, 4), jnp.ones((1, 8)))
    with pytest.raises(ValueError, match=r"resolution=8 .*\(7, 14, 28\)"):
        shapes_of(Generator(resolution=8), jnp.ones((1, 8)))
    with pytest.raises(ValueError, match="images of 28x28 for resolution=14"):
        shapes_of(Discriminator(resolution=14), jnp.ones((2, 28, 28, 1)))
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(Discriminator(num_classes=3), jnp.ones((2, 28, 28, 1)))
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(Generator(), jnp.ones((2, 8)), jnp.zeros(2, int))
