"""The networks of R3GAN: published sizes, initialization, and grouped convolutions."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from networks import compilation, count, shapes_of

from jaxgan.models import r3gan
from jaxgan.models.grouped import GroupedConv, grouped_conv
from jaxgan.recipes import R3GAN_SETTINGS

KEY = jax.random.key(0)
SIZES = {28: 3, 32: 4, 56: 4, 64: 5, 112: 5, 128: 6}  # and their stages
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def params_of(network, *inputs):
    """Parameters of the right shapes, drawn by NumPy, faster than compiling initializers."""
    _, shapes = shapes_of(network, *inputs, train=True)
    draw = lambda leaf: jnp.float32(RANDOM.normal(0, 0.3, leaf.shape))  # noqa: E731
    return jax.tree.map(draw, shapes)


def both(settings, channels, num_classes=None):
    size, rest = settings.image_size, (settings.widths, settings.group_size)
    return (
        r3gan.Generator(size, channels, *rest, num_classes=num_classes),
        r3gan.Discriminator(size, *rest, num_classes=num_classes),
    )


@pytest.mark.parametrize(
    ("name", "classes", "generator", "discriminator"),
    [
        # The first two exactly, the others as in table 9 of the paper.
        ("stacked_mnist", None, 20_732_160, 20_683_776),
        ("cifar10", 10, 20_781_952, 21_280_512),
        ("ffhq_64", None, 22.43, 22.38),
        ("ffhq_256", None, 23.06, 23.01),
        ("imagenet_32", 1000, 82.91, 86.55),
        ("imagenet_64", 1000, 103.57, 107.21),
    ],
)
def test_parameter_counts_are_the_published_ones(name, classes, generator, discriminator):
    settings = R3GAN_SETTINGS[name]
    g, d = both(settings, 3, classes)
    y = () if classes is None else (jnp.zeros(2, int),)
    x, g_params = shapes_of(g, jnp.ones((2, 64)), *y, train=True)
    logits, d_params = shapes_of(d, jnp.ones(x.shape), *y, train=True)
    assert x.shape == (2, settings.image_size, settings.image_size, 3)
    assert logits.shape == (2,)
    for published, params in ((generator, g_params), (discriminator, d_params)):
        counted = count(params) if isinstance(published, int) else round(count(params) / 1e6, 2)
        assert counted == published


def test_a_block_has_2_583_552_parameters():
    _, params = shapes_of(r3gan.Block(16), jnp.ones((1, 4, 4, 768)))
    assert count(params) == 2_583_552


@pytest.mark.parametrize("size", SIZES)
def test_every_size_of_image(size):
    widths = (16,) * SIZES[size]
    for channels in (1, 3):
        x, g = shapes_of(r3gan.Generator(size, channels, widths), jnp.ones((2, 8)), train=True)
        logits, d = shapes_of(r3gan.Discriminator(size, widths), jnp.ones(x.shape), train=True)
        assert x.shape == (2, size, size, channels)
        assert logits.shape == (2,)
        side = 7 if size % 7 == 0 else 4
        assert g["params"]["basis"].shape == d["params"]["window"].shape == (side, side, 16)


def leaves(params, name):
    """Arrays by path, of the modules with that name."""
    return [
        leaf
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
        if any(getattr(key, "key", "").startswith(name) for key in path)
    ]


def test_how_the_weights_start():
    network = r3gan.Discriminator(32, (64, 64, 32, 32), blocks=1, num_classes=5)
    inputs = (jnp.ones((1, 32, 32, 3)), jnp.zeros(1, int))
    params = jax.jit(lambda key: network.init(key, *inputs, train=True))(KEY)["params"]

    def assert_normal(kernel, sd):
        assert abs(kernel.mean()) < 4 * sd / math.sqrt(kernel.size)
        assert abs(kernel.std() / sd - 1) < 4 / math.sqrt(2 * kernel.size)

    gain = math.sqrt(2 / 1.04) * 4**-0.25  # LeakyReLU 0.2, and four residual blocks
    assert len(leaves(params, "Block_")) == 4 * 5
    for i, width in enumerate((32, 32, 64, 64)):
        block = params[f"Block_{i}"]
        assert_normal(block["Dense_0"]["kernel"], gain / math.sqrt(width))
        assert_normal(block["GroupedConv_0"]["kernel"], gain / math.sqrt(16 * 9))
        assert not block["Dense_1"]["kernel"].any()
        assert not block["Dense_0"]["bias"].any()
        assert not block["GroupedConv_0"]["bias"].any()
    assert_normal(params["Dense_0"]["kernel"], 1 / math.sqrt(3))  # from RGB
    assert_normal(params["Dense_1"]["kernel"], 1 / math.sqrt(32))  # between widths
    assert_normal(params["window"], 1 / 4)  # depthwise 4x4
    assert_normal(params["Dense_2"]["kernel"], 1 / math.sqrt(5) / math.sqrt(64))  # of the label
    assert_normal(params["Dense_3"]["kernel"], 1 / math.sqrt(64))


def test_at_the_start_a_block_is_the_identity_and_afterwards_it_is_not():
    x = jnp.float32(RANDOM.normal(size=(2, 4, 4, 8)))
    block = r3gan.Block(16)
    params = jax.jit(block.init)(KEY, x)
    apply = jax.jit(block.apply)
    np.testing.assert_array_equal(apply(params, x), x)
    params = params_of_block = jax.tree.map(
        lambda leaf: jnp.float32(RANDOM.normal(0, 0.3, leaf.shape)), params
    )
    np.testing.assert_allclose(
        apply(params, x), block_in_numpy(params_of_block["params"], x), rtol=1e-4, atol=1e-4
    )


def block_in_numpy(params, x):
    """x + the three convolutions of the paper, pixel by pixel, with one group."""
    first, grouped, last = (params[name] for name in ("Dense_0", "GroupedConv_0", "Dense_1"))
    lrelu = lambda a: np.where(a > 0, a, 0.2 * a)  # noqa: E731
    h = np.pad(lrelu(x @ first["kernel"] + first["bias"]), ((0, 0), (1, 1), (1, 1), (0, 0)))
    rows = [
        [
            np.einsum("bijc,ijcf->bf", h[:, i : i + 3, j : j + 3], grouped["kernel"])
            for j in range(x.shape[2])
        ]
        for i in range(x.shape[1])
    ]
    h = np.moveaxis(np.array(rows), 2, 0) + np.asarray(grouped["bias"])
    return x + lrelu(h) @ last["kernel"]


@pytest.mark.parametrize(("groups", "channels", "features"), [(1, 8, 8), (4, 8, 12), (20, 40, 20)])
def test_grouped_convolution_equals_that_of_lax_with_all_its_gradients(groups, channels, features):
    x = jnp.float32(RANDOM.normal(size=(2, 5, 4, channels)))
    kernel = jnp.float32(RANDOM.normal(size=(3, 3, channels // groups, features)) / 5)

    def lax_conv(x, kernel, *, groups):
        return lax.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=groups,
        )

    def everything(convolve):
        def energy(x, kernel):
            return jnp.sum(jnp.tanh(convolve(x, kernel, groups=groups)))

        def penalty(x, kernel):
            return jnp.sum(jax.grad(energy)(x, kernel) ** 2)

        return lambda x, kernel: (
            convolve(x, kernel, groups=groups),
            jax.grad(energy, (0, 1))(x, kernel),
            jax.grad(penalty, (0, 1))(x, kernel),
        )

    got, want = jax.jit(lambda *a: (everything(grouped_conv)(*a), everything(lax_conv)(*a)))(
        x, kernel
    )
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5 * float(jnp.abs(b).max()))


def test_channels_of_one_group_do_not_see_those_of_another():
    x = jnp.float32(RANDOM.normal(size=(1, 4, 4, 8)))
    layer = GroupedConv(4)
    params = jax.tree.map(
        lambda leaf: jnp.float32(RANDOM.normal(size=leaf.shape)), shapes_of(layer, x)[1]
    )
    before, after = (layer.apply(params, value) for value in (x, x.at[..., 3].add(1)))
    changed = jnp.any(before != after, axis=(0, 1, 2))
    np.testing.assert_array_equal(changed, [False, False, True, True] + [False] * 4)


def test_labels_change_what_both_networks_do():
    y = jnp.array([0, 1, 2, 0])
    for network, inputs in (
        (r3gan.Generator(28, 1, (8, 8, 8), blocks=1, num_classes=3), jnp.ones((4, 5))),
        (r3gan.Discriminator(28, (8, 8, 8), blocks=1, num_classes=3), jnp.ones((4, 28, 28, 1))),
    ):
        params = params_of(network, inputs, y)
        apply = jax.jit(
            lambda y, apply=network.apply, p=params, x=inputs: apply(p, x, y, train=True)
        )
        changed = jnp.abs(apply(y) - apply(jnp.zeros(4, int))).reshape(4, -1).max(-1) > 0
        np.testing.assert_array_equal(changed, [False, True, True, False])


def test_only_the_finest_stages_compute_in_bfloat16():
    g = r3gan.Generator(32, 3, (8,) * 4, blocks=1, dtype=jnp.bfloat16, low_stages=3)
    d = r3gan.Discriminator(32, (8,) * 4, blocks=1, dtype=jnp.bfloat16, low_stages=3)
    x, g_params = shapes_of(g, jnp.ones((2, 8)), train=True)
    logits, d_params = shapes_of(d, jnp.ones((2, 32, 32, 3)), train=True)
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g_params, d_params)))

    def types_of_blocks(network, *inputs):
        _, seen = jax.eval_shape(
            lambda: network.init_with_output(
                KEY, *inputs, train=True, capture_intermediates=True, mutable=True
            )
        )
        blocks = {k: v for k, v in seen["intermediates"].items() if k.startswith("Block_")}
        return [block["__call__"][0].dtype for block in blocks.values()]

    assert types_of_blocks(g, jnp.ones((2, 8))) == [jnp.float32] + [jnp.bfloat16] * 3
    assert types_of_blocks(d, jnp.ones((2, 32, 32, 3))) == [jnp.bfloat16] * 3 + [jnp.float32]


def test_errors():
    z, x = jnp.ones((2, 8)), jnp.ones((2, 32, 28, 1))
    with pytest.raises(ValueError, match=r"image_size=28 cannot be halved 3 times.*4 stages"):
        shapes_of(r3gan.Generator(28, 1, (8,) * 4), z, train=True)
    with pytest.raises(ValueError, match="images of 32x28 for image_size=28"):
        shapes_of(r3gan.Discriminator(28, (8,) * 3), x, train=True)
    with pytest.raises(ValueError, match="1 or 3 channels, not 4"):
        shapes_of(r3gan.Generator(28, 4, (8,) * 3), z, train=True)
    with pytest.raises(ValueError, match=r"24 hidden channels do not divide.*group_size=16"):
        shapes_of(r3gan.Generator(28, 1, (12,) * 3), z, train=True)
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(r3gan.Discriminator(28, (8,) * 3, num_classes=3), x[:, :28], train=True)
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(r3gan.Generator(28, 1, (8,) * 3), z, jnp.zeros(2, int), train=True)
    with pytest.raises(ValueError, match="do not divide into 3 groups"):
        grouped_conv(jnp.ones((1, 4, 4, 8)), jnp.ones((3, 3, 4, 8)), groups=3)
