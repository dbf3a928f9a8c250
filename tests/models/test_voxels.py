"""3D-GAN's networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of, variables_of

from jaxgan.models import voxels

KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize("normalization", ["batch", "layer", "none"])
@pytest.mark.parametrize("side", voxels.SIDES)
def test_shapes(side, normalization):
    solids, g = shapes_of(
        voxels.Generator(side, width=2, normalization=normalization), jnp.ones((2, 8))
    )
    assert solids.shape == (2, side, side, side, 1)
    logits, d = shapes_of(
        voxels.Discriminator(side, width=2, normalization=normalization), jnp.ones(solids.shape)
    )
    assert logits.shape == (2,)
    assert ("batch_stats" in g) == (normalization == "batch")
    # The first stage of the discriminator has no normalization.
    assert ("batch_stats" in d) == (normalization == "batch" and side > 8)
    coarsest = 2 * side // 8
    assert g["params"]["Dense_0"]["kernel"].shape == (8, 4**3 * coarsest)
    assert d["params"]["Projection_0"]["score"]["kernel"].shape == (4**3 * coarsest, 1)


def test_parameter_counts_are_those_of_the_paper():
    # Section 3.1: 200 latents, stages of 512, 256, 128 and 64 channels, kernels of 4x4x4. Layers
    # before a batch normalization have no bias, and each normalization has two per channel.
    weights = 4**3 * (512 * 256 + 256 * 128 + 128 * 64 + 64 * 1)
    _, g = shapes_of(voxels.Generator(), jnp.ones((1, 200)))
    scales = 2 * (512 + 256 + 128 + 64)
    assert count(g["params"]) == 200 * 4**3 * 512 + weights + scales + 1
    _, d = shapes_of(voxels.Discriminator(), jnp.ones((1, 64, 64, 64, 1)))
    assert count(d["params"]) == weights + 64 + 2 * (512 + 256 + 128) + 4**3 * 512 + 1


def test_voxels_lie_between_minus_one_and_one():
    generator = voxels.Generator(8, width=4)
    z = 1e3 * jax.random.normal(KEY, (2, 8))
    variables = variables_of(generator, z)
    x = jax.jit(lambda z: generator.apply(variables, z, train=False))(z)
    assert jnp.all(jnp.abs(x) <= 1)
    assert jnp.std(x) > 0


def test_layer_norm_scores_every_solid_alone():
    critic = voxels.Discriminator(16, width=2, normalization="layer")
    x = jax.random.normal(KEY, (3, 16, 16, 16, 1))
    variables = variables_of(critic, x)
    apply = jax.jit(lambda x: critic.apply(variables, x, train=True))
    np.testing.assert_allclose(apply(x)[:1], apply(x[:1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (voxels.Generator(8, width=2, num_classes=3), (4, 8)),
        (voxels.Discriminator(8, width=2, num_classes=3), (4, 8, 8, 8, 1)),
    ],
)
def test_labels_change_the_output(network, shape):
    x = jax.random.normal(KEY, shape)
    variables = variables_of(network, x, jnp.zeros(4, int))
    apply = jax.jit(lambda y: network.apply(variables, x, y, train=False))
    a, b = apply(jnp.zeros(4, int)), apply(jnp.array([0, 1, 2, 0]))
    changed = jnp.abs(a - b).reshape(4, -1).max(-1) > 0
    np.testing.assert_array_equal(changed, [False, True, True, False])


def test_bfloat16_computes_from_float32_parameters():
    x, g = shapes_of(voxels.Generator(8, width=2, dtype=jnp.bfloat16), jnp.ones((2, 8)))
    logits, d = shapes_of(voxels.Discriminator(8, width=2, dtype=jnp.bfloat16), jnp.ones(x.shape))
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_errors():
    with pytest.raises(ValueError, match=r"8, 16, 32, 64.*not 12"):
        shapes_of(voxels.Generator(12), jnp.ones((2, 8)))
    with pytest.raises(ValueError, match=r"solids of \(8, 8, 16, 1\) for side=8"):
        shapes_of(voxels.Discriminator(8), jnp.ones((2, 8, 8, 16, 1)))
    with pytest.raises(ValueError, match=r"'batch', 'layer', 'none'.*'instance'"):
        shapes_of(voxels.Generator(8, normalization="instance"), jnp.ones((2, 8)))
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(voxels.Discriminator(8, num_classes=3), jnp.ones((2, 8, 8, 8, 1)))
