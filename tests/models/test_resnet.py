"""Residual networks and their labels: SNGAN and SAGAN."""

from functools import partial
from itertools import pairwise

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, count, drawn, shapes_of, variables_of

import jaxgan
from jaxgan import Batch, Network, latents, losses, nets, recipes
from jaxgan.models import biggan, resnet
from jaxgan.models.conditional import ConditionalBatchNorm, Projection

KEY = jax.random.key(0)
SIZES = {28: 2, 32: 3, 56: 3, 64: 4, 112: 4, 128: 5}  # and their doublings
IMAGES = np.random.default_rng(0).uniform(-1, 1, (2, 28, 28, 1)).astype(np.float32)
Y = jnp.array([0, 2])


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize(("channels", "num_classes"), [(1, None), (3, 10)])
@pytest.mark.parametrize(("size", "doublings"), SIZES.items())
@pytest.mark.parametrize("module", [resnet, biggan])
def test_shapes(module, size, doublings, channels, num_classes):
    y = () if num_classes is None else (Y,)
    generator = module.Generator(size, channels, 4, num_classes)
    x, variables = shapes_of(generator, jnp.ones((2, 40)), *y)
    assert x.shape == (2, size, size, channels)
    assert sum(name.startswith("UpBlock") for name in variables["params"]) == doublings
    discriminator = module.Discriminator(size, 4, num_classes)
    logits, variables = shapes_of(discriminator, jnp.ones(x.shape), *y)
    assert logits.shape == (2,)
    assert "batch_stats" not in variables


def test_parameter_counts_are_those_of_the_paper_s_tables():
    # arXiv:1802.05957, table 4 (CIFAR-10) and table 6 (ImageNet), counted layer by layer. What is
    # meant by a block's hidden width is only in the code: that of its input, except in the first.
    def block(inputs, features, shortcut=True, *, wide=False):
        hidden = features if wide or inputs == 3 else inputs
        both = (9 * inputs + 1) * hidden + (9 * hidden + 1) * features
        return both + shortcut * (inputs + 1) * features

    _, g = shapes_of(resnet.Generator(32, 3, 256), jnp.ones((1, 128)))
    _, d = shapes_of(resnet.Discriminator(32, 128), jnp.ones((1, 32, 32, 3)))
    norms = 7 * 2 * 256
    assert count(g["params"]) == 129 * 16 * 256 + 3 * block(256, 256) + norms + 9 * 256 * 3 + 3
    down = block(3, 128) + block(128, 128) + 2 * block(128, 128, shortcut=False)
    assert count(d["params"]) == down + 129

    _, d = shapes_of(resnet.Discriminator(128, 64), jnp.ones((1, 128, 128, 3)))
    widths = [3, 64, 128, 256, 512, 1024]
    down = sum(map(block, widths, widths[1:])) + block(1024, 1024, shortcut=False)
    assert count(d["params"]) == down + 1025

    _, d = shapes_of(resnet.Discriminator(128, 64, wide=True), jnp.ones((1, 128, 128, 3)))
    down = sum(block(*pair, wide=True) for pair in pairwise(widths))
    assert count(d["params"]) == down + block(1024, 1024, shortcut=False) + 1025
    _, biggan_d = shapes_of(biggan.Discriminator(128, 64), jnp.ones((1, 128, 128, 3)))
    assert count(d["params"]) == count(biggan_d["params"])


def test_initial_kernels_are_glorots_and_3x3_ones_larger_by_the_root_of_2():
    block = resnet.UpBlock(64, train=True)
    params = jax.jit(lambda: block.init(KEY, jnp.ones((1, 4, 4, 64)))["params"])()
    for i, (size, gain) in enumerate([(3, 2**0.5), (3, 2**0.5), (1, 1.0)]):
        deviation = gain * (2 / (size**2 * (64 + 64))) ** 0.5
        assert np.std(params[f"Conv_{i}"]["kernel"]) == pytest.approx(deviation, rel=0.05)


def test_an_up_block_adds_a_shortcut_to_what_it_learns():
    block = resnet.UpBlock(5, train=False)
    x = np.random.default_rng(1).normal(size=(2, 3, 4, 6)).astype(np.float32)
    variables = drawn(jax.eval_shape(lambda: block.init(KEY, x)))
    second = variables["params"]["Conv_1"]
    second["kernel"] = 0 * second["kernel"]
    shortcut = variables["params"]["Conv_2"]
    doubled = x.repeat(2, axis=1).repeat(2, axis=2)
    want = doubled @ shortcut["kernel"][0, 0] + shortcut["bias"] + second["bias"]
    np.testing.assert_allclose(jax.jit(block.apply)(variables, x), want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("halve", [True, False])
def test_a_down_block_adds_a_shortcut_to_what_it_learns(halve):
    block = resnet.DownBlock(5, halve=halve)
    x = np.random.default_rng(1).normal(size=(2, 6, 4, 3)).astype(np.float32)
    variables = drawn(jax.eval_shape(lambda: block.init(KEY, x)))
    second = variables["params"]["Conv_1"]
    second["kernel"] = 0 * second["kernel"]
    shortcut = variables["params"]["Conv_2"]
    seen = x.reshape(2, 3, 2, 2, 2, 3).mean((2, 4)) if halve else x
    want = seen @ shortcut["kernel"][0, 0] + shortcut["bias"] + second["bias"]
    np.testing.assert_allclose(jax.jit(block.apply)(variables, x), want, rtol=1e-4, atol=1e-5)


def test_a_block_that_changes_nothing_hands_its_input_on():
    x = jnp.ones((2, 4, 4, 3))
    block = resnet.DownBlock(3, halve=False)
    variables = jax.tree.map(jnp.zeros_like, drawn(jax.eval_shape(lambda: block.init(KEY, x))))
    assert len(variables["params"]) == 2
    np.testing.assert_array_equal(block.apply(variables, x), x)


def test_conditional_batch_norm_has_a_scale_and_a_shift_per_class():
    random = np.random.default_rng(0)
    x = random.normal(2, 3, (6, 4, 5, 3)).astype(np.float32)
    y = np.array([0, 1, 2, 2, 1, 0])
    one_hot = np.eye(3, dtype=np.float32)[y]
    norm = ConditionalBatchNorm(train=True)
    variables = drawn(jax.eval_shape(lambda: norm.init(KEY, x, one_hot)))
    train = jax.jit(partial(norm.apply, mutable=["batch_stats"]))
    got, after = train(variables, x, one_hot)

    mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
    scale, shift = (np.asarray(variables["params"][name]["kernel"]) for name in ("scale", "shift"))
    want = np.stack(
        [
            (1 + scale[c]) * (a - mean) / np.sqrt(variance + 1e-5) + shift[c]
            for a, c in zip(x, y, strict=True)
        ]
    )
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
    before = variables["batch_stats"]["BatchNorm_0"]["mean"]
    moved = after["batch_stats"]["BatchNorm_0"]["mean"]
    np.testing.assert_allclose(moved, 0.9 * before + 0.1 * mean, rtol=1e-4)

    evaluated = ConditionalBatchNorm(train=False).apply(variables, x, one_hot)
    assert np.abs(evaluated - got).max() > 0.1


def test_conditional_statistics_are_those_of_all_devices():
    random = np.random.default_rng(0)
    x, condition = (jnp.float32(random.normal(size=s)) for s in ((8, 3, 3, 2), (8, 4)))
    alone, together = (ConditionalBatchNorm(True, axis_name=name) for name in (None, "devices"))
    variables = drawn(jax.eval_shape(lambda: alone.init(KEY, x, condition)))

    def normalize(norm):
        return lambda x, condition: norm.apply(variables, x, condition, mutable=["batch_stats"])[0]

    want = jax.jit(normalize(alone))(x, condition)
    devices = jax.jit(jax.vmap(normalize(together), axis_name="devices"))
    got = devices(x.reshape(4, 2, 3, 3, 2), condition.reshape(4, 2, 4))
    np.testing.assert_allclose(got.reshape(want.shape), want, atol=1e-5)


def test_projection_adds_the_inner_product_with_the_class():
    head = Projection(num_classes=4)
    h = np.random.default_rng(1).normal(size=(3, 6)).astype(np.float32)
    variables = drawn(jax.eval_shape(lambda: head.init(KEY, h, jnp.zeros(3, int))))
    embedding = np.asarray(variables["params"]["embedding"]["kernel"])
    a, b = np.array([0, 1, 3]), np.array([3, 1, 2])
    difference = head.apply(variables, h, a) - head.apply(variables, h, b)
    want = np.sum((embedding[a] - embedding[b]) * h, axis=1)
    np.testing.assert_allclose(difference, want, rtol=1e-4, atol=1e-5)
    assert np.abs(want[[0, 2]]).min() > 0.01
    # Without a class, the score alone remains.
    score = variables["params"]["score"]
    logits = Projection().apply({"params": {"score": score}}, h)
    np.testing.assert_allclose(logits, (h @ score["kernel"] + score["bias"])[:, 0], rtol=1e-5)


def test_the_discriminator_ends_in_the_projection():
    discriminator = resnet.Discriminator(28, 4, num_classes=3)
    variables = variables_of(discriminator, IMAGES, Y)
    apply = jax.jit(lambda variables, y: discriminator.apply(variables, IMAGES, y, train=False))
    a, b = apply(variables, Y), apply(variables, jnp.array([1, 2]))
    np.testing.assert_array_equal(a != b, [True, False])
    variables["params"]["Projection_0"]["embedding"]["kernel"] *= 0
    without = apply(variables, Y)
    np.testing.assert_array_equal(apply(variables, jnp.array([1, 1])), without)


def test_labels_change_what_is_generated():
    generator = resnet.Generator(28, 1, 4, num_classes=3)
    z = jax.random.normal(KEY, (2, 8))
    variables = variables_of(generator, z, Y)
    apply = jax.jit(lambda y: generator.apply(variables, z, y, train=False))
    a, b = apply(Y), apply(jnp.array([1, 2]))
    np.testing.assert_array_equal(jnp.abs(a - b).max((1, 2, 3)) > 0, [True, False])
    assert jnp.abs(a).max() <= 1


def test_every_image_is_scored_alone():
    discriminator = resnet.Discriminator(28, 4)
    variables = variables_of(discriminator, IMAGES)
    apply = jax.jit(lambda x: discriminator.apply(variables, x, train=True))
    np.testing.assert_allclose(apply(IMAGES)[:1], apply(IMAGES[:1]), rtol=1e-4)


def normalized(params):
    """The kernels that spectral norm passes to a network, after 50 power iterations."""
    network = nets.spectral_norm(
        Network(
            lambda key: (params, ()),
            lambda params, state, key, *, train: (params, state),
        )
    )

    @jax.jit
    def run(key):
        params, state = network.init(key)

        def follow(state, _):
            _, state = network.apply(params, state, key, train=True)
            return state, None

        state, _ = jax.lax.scan(follow, state, length=50)
        return network.apply(params, state, key, train=False)[0]

    return run(KEY)


def test_spectral_norm_agrees_with_svd_and_bounds_the_slope_of_the_discriminator():
    discriminator = resnet.Discriminator(28, 8, num_classes=3)
    raw = jax.tree.map(lambda leaf: 10 * leaf, variables_of(discriminator, IMAGES, Y)["params"])
    params = normalized(raw)
    kernels = [leaf for leaf in jax.tree.leaves(params) if leaf.ndim > 1]
    assert len(kernels) == 3 + 3 + 2 + 2
    for kernel in kernels:
        matrix = np.float64(kernel).reshape(-1, kernel.shape[-1])
        assert abs(np.linalg.svd(matrix, compute_uv=False)[0] - 1) < 1e-3

    @jax.jit
    def slopes(params):
        def logit(x):
            return jnp.sum(discriminator.apply({"params": params}, x, Y, train=False))

        return jnp.sqrt(jnp.sum(jax.grad(logit)(IMAGES) ** 2, axis=(1, 2, 3)))

    # A 3x3 convolution whose kernel has norm 1 stretches by 3 at most, the mean of 2x2 positions by
    # 1/2, the sum over 7x7 positions by 7, and the head by 1 for the score and 1 for the class.
    bound = (3 * 3 / 2 + 1 / 2) ** 2 * (3 * 3 + 1) * 7 * 2
    assert jnp.all(slopes(params) <= bound)
    assert jnp.all(slopes(raw) > bound)


def test_attention_carries_further_than_the_convolutions():
    def far_corner(attention):
        network = resnet.Discriminator(28, 4, attention=attention)
        variables = variables_of(network, IMAGES)

        @jax.jit
        def last_block(x):
            _, captured = network.apply(
                variables,
                x,
                train=False,
                capture_intermediates=lambda module, _: isinstance(module, resnet.DownBlock),
            )
            return captured["intermediates"]["DownBlock_2"]["__call__"][0][:, -1, -1]

        moved = IMAGES.copy()
        moved[:, 0, 0] += 1
        return jnp.any(last_block(moved) != last_block(IMAGES))

    assert far_corner(attention=14)
    assert not far_corner(attention=0)


def test_attention_is_in_both_networks():
    for network, inputs in (
        (resnet.Generator(28, 1, 16, attention=14), jnp.ones((2, 8))),
        (resnet.Discriminator(28, 16, attention=14), IMAGES),
    ):
        _, variables = shapes_of(network, inputs)
        assert variables["params"]["SelfAttention_0"]["query"]["kernel"].shape == (1, 1, 16, 2)


def test_bfloat16_computes_from_float32_parameters():
    settings = {"num_classes": 3, "attention": 14, "dtype": jnp.bfloat16}
    x, g = shapes_of(resnet.Generator(28, 1, 8, **settings), jnp.ones((2, 8)), Y)
    logits, d = shapes_of(resnet.Discriminator(28, 8, **settings), IMAGES, Y)
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_errors():
    z = jnp.ones((2, 8))
    with pytest.raises(ValueError, match="images of 28x28 for image_size=32"):
        shapes_of(resnet.Discriminator(32, 4), IMAGES)
    with pytest.raises(ValueError, match=r"image_size is 30; expected .* such as"):
        shapes_of(resnet.Generator(30, 1, 4), z)
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(resnet.Discriminator(28, 4, num_classes=3), IMAGES)
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(resnet.Generator(28, 1, 4), z, Y)
    with pytest.raises(ValueError, match=r"attention=16.*\[14, 28\]"):
        shapes_of(resnet.Generator(28, 1, 4, attention=16), z)
    with pytest.raises(ValueError, match=r"attention=28.*\[14, 7\]"):
        shapes_of(resnet.Discriminator(28, 4, attention=28), IMAGES)


class PointGenerator(nn.Module):
    @nn.compact
    def __call__(self, z, y, *, train):
        h = nn.Dense(32)(z)[:, None, None]
        h = ConditionalBatchNorm(train)(h, jax.nn.one_hot(y, 3))
        return nn.Dense(2)(nn.relu(h)[:, 0, 0])


class PointDiscriminator(nn.Module):
    @nn.compact
    def __call__(self, x, y):
        h = nn.relu(nn.Dense(32)(x))
        return Projection(3)(nn.relu(nn.Dense(32)(h)), y)


def test_scales_and_projection_are_enough_to_learn_the_classes():
    # Class k is a cloud in the k-th corner of a triangle; the label has no other effect.
    random = np.random.default_rng(0)
    angles = 2 * np.pi * np.arange(3) / 3
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    y = random.integers(0, 3, (400, 64)).astype(np.int32)
    x = (corners[y] + 0.1 * random.normal(size=(400, 64, 2))).astype(np.float32)

    gan = recipes.gan(
        nets.from_linen(PointGenerator()),
        nets.spectral_norm(nets.from_linen(PointDiscriminator())),
        latent=latents.normal(4),
        g_optimizer=optax.adam(5e-3, b1=0, b2=0.9),
        d_optimizer=optax.adam(1e-2, b1=0, b2=0.9),
        loss=losses.hinge(),
        conditional=True,
        one_batch=True,
        ema_decay=0.98,
    )

    @jax.jit
    def train(key, batches, y):
        start = gan.init(key, jax.tree.map(lambda leaf: leaf[0], batches))
        state, _ = jaxgan.scan(gan).train_step(start, batches)
        return gan.sample(state, key, len(y), y)

    asked = np.arange(300) % 3
    points = train(KEY, Batch(x, y), asked)
    distances = np.linalg.norm(points[:, None] - corners, axis=-1)
    assert np.mean(distances.argmin(1) == asked) > 0.9
