"""The convolutional networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import count, shapes_of, variables_of

from jaxgan.models import dcgan, sizes

KEY = jax.random.key(0)
SIZES = [28, 32, 56, 64, 112, 128]


@pytest.mark.parametrize("upsample", ["transposed", "nearest", "bilinear", "pixel_shuffle"])
@pytest.mark.parametrize("size", SIZES)
def test_generator_shapes(size, upsample):
    for channels in (1, 3):
        generator = dcgan.Generator(size, channels, width=4, upsample=upsample)
        x, variables = shapes_of(generator, jnp.ones((2, 8)))
        assert x.shape == (2, size, size, channels)
        widths = [norm["scale"].size for norm in batch_norms(variables["params"])]
        assert widths == [4 * 2**stage for stage in reversed(range(len(widths)))]


def batch_norms(params):
    return [value for name, value in params.items() if name.startswith("BatchNorm")]


@pytest.mark.parametrize("normalization", ["batch", "layer", "none"])
@pytest.mark.parametrize("size", SIZES)
def test_discriminator_shapes(size, normalization):
    discriminator = dcgan.Discriminator(size, width=4, normalization=normalization)
    for channels in (1, 3):
        logits, variables = shapes_of(discriminator, jnp.ones((2, size, size, channels)))
        assert logits.shape == (2,)
        assert ("batch_stats" in variables) == (normalization == "batch")
        side = variables["params"]["Dense_0"]["kernel"].shape[0] / (4 * 2 ** (stages(size) - 1))
        assert side == (16 if size % 7 else 49)


@pytest.mark.parametrize("upsample", ["transposed", "nearest"])
@pytest.mark.parametrize(("size", "maps"), [(28, [4, 7, 14]), (20, [3, 5, 10]), (32, [4, 8, 16])])
def test_networks_that_start_from_four_pixels(size, maps, upsample):
    generator = dcgan.Generator(size, width=4, upsample=upsample, coarsest=4)
    x, variables = shapes_of(generator, jnp.ones((2, 8)))
    assert x.shape == (2, size, size, 1)
    widths = [norm["scale"].size for norm in batch_norms(variables["params"])]
    assert widths == [16, 8, 4]
    assert variables["params"]["Dense_0"]["kernel"].shape == (8, 16 * maps[0] ** 2)
    shared = {"image_size": size, "width": 4, "coarsest": 4}
    for network in (dcgan.Discriminator(**shared), dcgan.Encoder(1, **shared)):
        _, variables = shapes_of(network, jnp.ones((2, size, size, 1)))
        assert variables["params"]["Dense_0"]["kernel"].shape == (16 * maps[0] ** 2, 1)


@pytest.mark.parametrize(("coarsest", "whole"), [(7, False), (4, True)])
def test_whether_the_discriminator_sees_a_digit_as_a_whole(coarsest, whole):
    """Its logit is a sum over windows of 10 pixels, unless it has a third stage."""
    network = dcgan.Discriminator(28, width=4, normalization="none", coarsest=coarsest)
    image = jax.random.normal(KEY, (28, 28, 1))
    above, below = image.at[10:].set(0), image.at[:20].set(0)
    x = jnp.stack([above + below, above, below, jnp.zeros_like(image)])
    variables = variables_of(network, x)
    both, one, other, none = network.apply(variables, x, train=False)
    assert (abs((both - one) - (other - none)) > 1e-3 * abs(both - none)) == whole


def stages(size):
    return {28: 2, 32: 3, 56: 3, 64: 4, 112: 4, 128: 5}[size]


def test_parameter_counts_are_those_of_the_known_dcgan():
    # 3,576,704 and 2,765,568 are the counts of PyTorch's tutorial for 64 pixels, with 100 latents
    # and 64 channels at the finest stage. It has no biases; here the layers without a
    # normalization have one.
    _, g = shapes_of(dcgan.Generator(64, 3, width=64), jnp.ones((1, 100)))
    _, d = shapes_of(dcgan.Discriminator(64, width=64), jnp.ones((1, 64, 64, 3)))
    assert count(g["params"]) == 3_576_704 + 3
    assert count(d["params"]) == 2_765_568 + 64 + 1
    # The paper's own width.
    _, g = shapes_of(dcgan.Generator(64, 3, width=128), jnp.ones((1, 100)))
    assert count(g["params"]) == 12_658_432 + 3
    assert g["params"]["Dense_0"]["kernel"].shape == (100, 4 * 4 * 1024)


def test_default_parameter_counts():
    _, g = shapes_of(dcgan.Generator(), jnp.ones((1, 64)))
    _, d = shapes_of(dcgan.Discriminator(), jnp.ones((1, 28, 28, 1)))
    assert count(g["params"]) == 64 * 49 * 128 + 16 * 128 * 64 + 16 * 64 + 1 + 2 * (128 + 64)
    assert count(d["params"]) == 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128 + 49 * 128 + 1


def test_images_lie_between_minus_one_and_one():
    generator = dcgan.Generator(width=4)
    z = 1e4 * jax.random.normal(KEY, (2, 8))
    variables = variables_of(generator, z)
    x = jax.jit(lambda z: generator.apply(variables, z, train=False))(z)
    assert jnp.all(jnp.abs(x) <= 1)
    assert jnp.std(x) > 0


@pytest.mark.slow  # compiles all initializers
def test_weights_start_from_a_narrow_normal():
    def init(network, example):
        return jax.jit(lambda key: network.init(key, example, train=False))(KEY)

    discriminator = init(dcgan.Discriminator(width=32), jnp.ones((1, 28, 28, 1)))
    generator = init(dcgan.Generator(width=32), jnp.ones((1, 64)))
    kernels = [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path((discriminator, generator))
        if path[-1].key == "kernel"
    ]
    assert len(kernels) == 6
    for kernel in kernels:
        assert abs(float(kernel.mean())) < 4 * 0.02 / np.sqrt(kernel.size)
        assert abs(float(kernel.std()) / 0.02 - 1) < 4 / np.sqrt(2 * kernel.size)


@pytest.mark.parametrize(
    ("network", "shape"),
    [(dcgan.Generator(width=4), (4, 8)), (dcgan.Discriminator(width=4), (4, 28, 28, 1))],
)
def test_batch_statistics_change_in_training_only(network, shape):
    x = jax.random.normal(KEY, shape)
    variables = variables_of(network, x)
    apply = jax.jit(
        lambda train: network.apply(variables, x, train=train, mutable=["batch_stats"]),
        static_argnums=0,
    )
    for train in (True, False):
        _, after = apply(train)
        changed = jax.tree.map(
            lambda a, b: bool(jnp.any(a != b)), variables["batch_stats"], after["batch_stats"]
        )
        assert all(leaf == train for leaf in jax.tree.leaves(changed))


def test_layer_norm_scores_every_image_alone():
    x = jax.random.normal(KEY, (3, 28, 28, 1))
    critic = dcgan.Discriminator(width=4, normalization="layer")
    variables = variables_of(critic, x)
    apply = jax.jit(lambda x: critic.apply(variables, x, train=True))
    np.testing.assert_allclose(apply(x)[:1], apply(x[:1]), rtol=1e-4, atol=1e-5)
    assert variables["params"]["LayerNorm_0"]["scale"].shape == (8,)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (dcgan.Generator(width=4, num_classes=3), (4, 8)),
        (dcgan.Discriminator(width=4, num_classes=3), (4, 28, 28, 1)),
    ],
)
def test_labels_change_the_output(network, shape):
    x = jax.random.normal(KEY, shape)
    variables = variables_of(network, x, jnp.zeros(4, int))
    apply = jax.jit(lambda y: network.apply(variables, x, y, train=False))
    a, b = apply(jnp.zeros(4, int)), apply(jnp.array([0, 1, 2, 0]))
    changed = jnp.abs(a - b).reshape(4, -1).max(-1) > 0
    np.testing.assert_array_equal(changed, [False, True, True, False])


def test_the_label_is_one_more_image_plane():
    discriminator = dcgan.Discriminator(32, width=4, num_classes=10)
    _, variables = shapes_of(discriminator, jnp.ones((2, 32, 32, 3)), jnp.zeros(2, int))
    params = variables["params"]
    assert params["label_plane"]["kernel"].shape == (10, 32 * 32)
    assert params["Conv_0"]["kernel"].shape == (4, 4, 3 + 1, 4)


def test_bfloat16_computes_from_float32_parameters():
    generator = dcgan.Generator(width=4, num_classes=3, dtype=jnp.bfloat16)
    discriminator = dcgan.Discriminator(width=4, num_classes=3, dtype=jnp.bfloat16)
    y = jnp.zeros(2, int)
    x, g = shapes_of(generator, jnp.ones((2, 8)), y)
    logits, d = shapes_of(discriminator, jnp.ones((2, 28, 28, 1)), y)
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_synchronized_statistics_need_their_axis():
    generator = dcgan.Generator(width=4, axis_name="devices")
    z = jax.random.normal(KEY, (8, 8))
    variables = variables_of(dcgan.Generator(width=4), z)
    alone = jax.jit(
        lambda z: dcgan.Generator(width=4).apply(variables, z, train=True, mutable=["batch_stats"])
    )
    want, _ = alone(z)
    got, _ = jax.pmap(
        lambda z: generator.apply(variables, z, train=True, mutable=["batch_stats"]),
        axis_name="devices",
    )(z.reshape(4, 2, 8))
    np.testing.assert_allclose(got.reshape(want.shape), want, atol=1e-5)


@pytest.mark.parametrize(("size", "channels"), [(27, 1), (100, 3), (28, 4)])
def test_impossible_images(size, channels):
    named = (
        r"image_size is \d+; expected .* such as \d+" if channels < 4 else "1 or 3 channels, not 4"
    )
    with pytest.raises(ValueError, match=named):
        sizes.check_image_size(size, channels)
    with pytest.raises(ValueError, match=named):
        shapes_of(dcgan.Generator(size, channels), jnp.ones((1, 8)))
    if channels < 4:  # a pack of images has any
        with pytest.raises(ValueError, match=named):
            shapes_of(dcgan.Discriminator(size), jnp.ones((1, size, size, channels)))


def test_errors():
    x = jnp.ones((2, 32, 28, 1))
    with pytest.raises(ValueError, match="images of 32x28 for image_size=28"):
        shapes_of(dcgan.Discriminator(28), x)
    with pytest.raises(ValueError, match=r"'batch', 'layer', 'none'.*'instance'"):
        shapes_of(dcgan.Discriminator(normalization="instance"), x[:, :28])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(dcgan.Discriminator(num_classes=3), x[:, :28])
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(dcgan.Generator(), jnp.ones((2, 8)), jnp.zeros(2, int))
    with pytest.raises(ValueError, match="pixel_shuffle"):
        shapes_of(dcgan.Generator(upsample="cubic"), jnp.ones((2, 8)))
