"""The networks of GAT: published sizes, levels that add up, and what changes what."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of

from jaxgan.models import gat

RANDOM = np.random.default_rng(0)
SMALL = {"depth": 4, "width": 16, "heads": 2}
Z = jnp.float32(RANDOM.normal(size=(3, 5)))
Y = jnp.array([0, 2, 0])


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def generator(**settings):
    return gat.Generator(
        **{"image_size": (8, 12), "channels": 2, "num_classes": 3} | SMALL | settings
    )


def discriminator(**settings):
    return gat.Discriminator(**{"image_size": (8, 12), "num_classes": 3} | SMALL | settings)


LEVELS = jnp.float32(RANDOM.normal(size=(3, 4, 8, 12, 2)))


def variables_of(network, *inputs):
    """Variables as after a while, drawn by NumPy; layers that learn slowly have large weights."""
    _, shapes = shapes_of(network, *inputs)

    def draw(path, leaf):
        slow = "EqualizedDense" in jax.tree_util.keystr(path)
        return jnp.float32(RANDOM.normal(0, 100 if slow else 0.3, leaf.shape))

    params = jax.tree_util.tree_map_with_path(draw, shapes["params"])
    return {**jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shapes), "params": params}


@pytest.mark.parametrize(
    ("name", "g_published", "d_published"),
    [
        ("S", 29_361_344, 32.7),
        ("B", 116_754_752, 97.3),
        ("L", 408_748_576, 315.2),
        ("XL", 602_251_136, 459.5),
    ],
)
def test_parameter_counts_are_the_published_ones(name, g_published, d_published):
    """The authors also store a fixed table of places, and in G an embedding times 0."""
    size = gat.SIZES[name]
    table = 16 * 16 * size.width
    unused = (2 * 2 * 4 + 1) * size.width
    y = jnp.zeros(2, int)
    g = gat.Generator(32, 4, 2, num_classes=1000, **size._asdict())
    d = gat.Discriminator(32, 2, num_classes=1000, **size._asdict())
    levels, g_variables = shapes_of(g, jnp.ones((2, 64)), y)
    logits, d_variables = shapes_of(d, jnp.ones(levels.shape), y)
    assert levels.shape == (2, 4, 32, 32, 4)
    assert logits.shape == (2,)
    assert count(g_variables["params"]) + table + unused == g_published
    assert round((count(d_variables["params"]) + table) / 1e6, 1) == d_published


@pytest.mark.parametrize(
    ("size", "published"), [(gat.Size(24, 768, 12), 261), (gat.Size(32, 1280, 16), 960)]
)
def test_with_shifts_the_counts_are_those_that_cat_publishes(size, published):
    """CAT-M and CAT-H (arXiv:2605.26449), in millions."""
    g = gat.Generator(32, 4, 2, shift=True, num_classes=1000, **size._asdict())
    _, variables = shapes_of(g, jnp.ones((2, 64)), jnp.zeros(2, int))
    not_stored = (16 * 16 + 2 * 2 * 4 + 1) * size.width  # as above
    assert round((count(variables["params"]) + not_stored) / 1e6) == published


@pytest.mark.parametrize("size", [(4, 4, 1), (28, 4, 1), ((12, 20), 2, 3), (32, 8, 4)])
def test_any_size_that_divides_into_patches(size):
    image_size, patch, channels = size
    levels, _ = shapes_of(gat.Generator(image_size, channels, patch, levels=2), Z)
    height, width = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    assert levels.shape == (3, 2, height, width, channels)
    logits, _ = shapes_of(gat.Discriminator(image_size, patch), jnp.ones(levels.shape))
    assert logits.shape == (3,)


def test_every_level_adds_what_its_head_sees_to_the_one_before():
    network = generator()
    variables = variables_of(network, Z, Y)

    def levels(params):
        return network.apply({**variables, "params": params}, Z, Y, train=False)

    everything = levels(variables["params"])
    assert (np.diff(everything, axis=1) != 0).any(axis=(0, 2, 3, 4)).all()
    for k in range(4):
        silent = jax.tree.map(jnp.zeros_like, variables["params"][f"Dense_{k}"])
        without = levels({**variables["params"], f"Dense_{k}": silent})
        below = without[:, k - 1] if k else jnp.zeros_like(without[:, 0])
        np.testing.assert_allclose(without[:, k], below, atol=1e-5)
        # The levels below are as before, and what comes later is added as before.
        np.testing.assert_array_equal(without[:, :k], everything[:, :k])
        np.testing.assert_allclose(
            np.diff(without[:, k:], axis=1), np.diff(everything[:, k:], axis=1), atol=1e-4
        )


def test_the_length_of_z_does_not_matter_and_its_direction_does():
    network = generator(num_classes=None)
    variables = variables_of(network, Z)
    apply = jax.jit(lambda z: network.apply(variables, z, train=False))
    np.testing.assert_allclose(apply(7 * Z), apply(Z), rtol=1e-3, atol=1e-3)
    assert jnp.abs(apply(Z[::-1])[0] - apply(Z)[0]).max() > 0.1


def test_labels_change_what_both_networks_do():
    for network, inputs in ((generator(), Z), (discriminator(), LEVELS)):
        variables = variables_of(network, inputs, Y)
        apply = jax.jit(lambda y, n=network, v=variables, x=inputs: n.apply(v, x, y, train=False))
        difference = jnp.abs(apply(Y) - apply(0 * Y)).reshape(3, -1).max(axis=1)
        np.testing.assert_array_equal(difference > 1e-3, [False, True, False])


def test_the_mean_style_of_each_class_and_truncation_toward_it():
    network = generator()
    variables = variables_of(network, Z, Y)
    mapping = gat.Mapping(16, 3)
    w = mapping.apply({"params": variables["params"]["mapping"]}, Z, Y)
    start = jnp.float32(RANDOM.normal(size=(3, 16)))
    variables = {**variables, "averages": {"w": start}}
    _, after = network.apply(variables, Z, Y, train=True, mutable=["averages"])
    mean = after["averages"]["w"]
    np.testing.assert_allclose(mean[0], 0.995 * start[0] + 0.005 * (w[0] + w[2]) / 2, rtol=1e-5)
    np.testing.assert_array_equal(mean[1], start[1])  # there was none of this class
    np.testing.assert_allclose(mean[2], 0.995 * start[2] + 0.005 * w[1], rtol=1e-5)

    whole = network.apply(variables, Z, Y, train=False)
    constant = generator(truncation=0.0).apply(variables, Z, Y, train=False)
    np.testing.assert_allclose(constant[0], constant[2], rtol=1e-5)  # of one class
    assert jnp.abs(constant[0] - constant[1]).max() > 0.01
    assert jnp.abs(whole[0] - whole[2]).max() > 0.01


def test_the_mean_style_takes_no_gradient_and_the_rest_of_both_networks_does():
    g, d = generator(depth=2, levels=2), discriminator(depth=1)
    g_variables = variables_of(g, Z, Y)
    d_params = variables_of(d, LEVELS[:, :2], Y)["params"]

    def logit(params):
        g_params, d_params = params
        levels, _ = g.apply(
            {**g_variables, "params": g_params}, Z, Y, train=True, mutable=["averages"]
        )
        return jnp.sum(d.apply({"params": d_params}, levels, Y, train=True))

    gradients = jax.jit(jax.grad(logit))((g_variables["params"], d_params))
    for path, leaf in jax.tree_util.tree_leaves_with_path(gradients):
        assert jnp.abs(leaf).max() > 0, jax.tree_util.keystr(path)


def test_d_looks_at_every_level_and_at_where_things_are():
    network = discriminator(num_classes=None)
    variables = variables_of(network, LEVELS)
    apply = jax.jit(lambda levels: network.apply(variables, levels, train=True))
    slopes = jax.jit(jax.grad(lambda levels: jnp.sum(apply(levels))))(LEVELS)
    assert (jnp.abs(slopes).max(axis=(2, 3, 4)) > 1e-4).all()
    for changed in (LEVELS[:, ::-1], jnp.roll(LEVELS, 4, axis=2), jnp.roll(LEVELS, 4, axis=3)):
        assert jnp.abs(apply(changed) - apply(LEVELS)).max() > 1e-4
    np.testing.assert_allclose(apply(LEVELS[::-1]), apply(LEVELS)[::-1], rtol=1e-4, atol=1e-5)


def test_in_bfloat16_only_the_blocks_compute_in_it():
    for network, inputs in ((generator(depth=2, levels=2), Z), (discriminator(depth=2), LEVELS)):
        low = network.clone(dtype=jnp.bfloat16)
        variables = variables_of(network, inputs, Y)
        output, found = shapes_of(low, inputs, Y)
        assert output.dtype == jnp.float32
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(found))
        _, seen = jax.eval_shape(
            lambda low=low, v=variables, x=inputs: low.apply(
                v, x, Y, train=False, capture_intermediates=True, mutable=["intermediates"]
            )
        )
        blocks = [v for k, v in seen["intermediates"].items() if "Block_" in k]
        assert len(blocks) == 2
        assert all(block["__call__"][0].dtype == jnp.bfloat16 for block in blocks)
        got, want = (
            jax.jit(lambda n=n, v=variables, x=inputs: n.apply(v, x, Y, train=False))()
            for n in (low, network)
        )
        assert 0 < jnp.abs(got - want).max() < 0.1 * jnp.abs(want).max()


def test_errors():
    with pytest.raises(ValueError, match="depth=6 blocks do not divide into levels=4 parts"):
        shapes_of(generator(depth=6), Z, Y)
    with pytest.raises(ValueError, match="image_size=28 does not divide into patches of patch=3"):
        shapes_of(gat.Generator(28, patch=3), Z)
    with pytest.raises(ValueError, match="images of 8x12 for image_size=12"):
        shapes_of(discriminator(image_size=12), LEVELS, Y)
    with pytest.raises(ValueError, match=r"levels has shape \(3, 8, 12, 2\)"):
        shapes_of(discriminator(), LEVELS[:, 0], Y)
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(generator(), Z)
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(discriminator(num_classes=None), LEVELS, Y)
