"""BigGAN: what it adds to the residual networks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of, variables_of

from jaxgan.models import biggan
from jaxgan.models.resnet import UpBlock

KEY = jax.random.key(0)
Y = jnp.array([0, 2])


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def test_parameter_counts_are_those_of_the_paper_s_network():
    # From the tests of google/compare_gan, for ImageNet at 128 pixels.
    y = jnp.zeros(1, int)
    _, g = shapes_of(biggan.Generator(128, 3, 96, 1000, attention=64), jnp.ones((1, 120)), y)
    _, d = shapes_of(
        biggan.Discriminator(128, 96, 1000, attention=64), jnp.ones((1, 128, 128, 3)), y
    )
    assert count(g["params"]) == 70_433_988
    assert count(d["params"]) == 87_982_370


def test_every_chunk_of_z_enters_at_its_own_block():
    generator = biggan.Generator(32, 1, 4, num_classes=3, embedding=5)
    z = np.random.default_rng(0).normal(size=(2, 12)).astype(np.float32)
    variables = variables_of(generator, z, Y)

    @jax.jit
    def features(z):
        _, captured = generator.apply(
            variables,
            z,
            Y,
            train=False,
            capture_intermediates=lambda module, _: isinstance(module, UpBlock),
        )
        blocks = captured["intermediates"]
        return [blocks[f"UpBlock_{i}"]["__call__"][0] for i in range(3)]

    before = features(z)
    for chunk, components in enumerate(np.split(np.arange(12), 4)):
        moved = z.copy()
        moved[:, components] += 1
        changed = [bool(jnp.any(a != b)) for a, b in zip(features(moved), before, strict=True)]
        # The first chunk makes the coarsest feature map, the input of the first block.
        assert changed == [chunk <= block + 1 for block in range(3)]


def test_chunks_of_unequal_length_use_all_of_z():
    _, variables = shapes_of(biggan.Generator(28, 1, 4), jnp.ones((2, 8)))
    params = variables["params"]
    blocks = [params[f"UpBlock_{i}"]["ConditionalBatchNorm_0"]["scale"] for i in range(2)]
    assert [dense["kernel"].shape[0] for dense in (params["Dense_0"], *blocks)] == [3, 3, 2]


def test_one_embedding_is_shared_by_all_blocks():
    _, variables = shapes_of(
        biggan.Generator(64, 3, 4, num_classes=10, embedding=16), jnp.ones((2, 25)), Y
    )
    params = variables["params"]
    with_classes = [leaf.shape for leaf in jax.tree.leaves(params) if leaf.shape[:1] == (10,)]
    assert with_classes == [params["embedding"]["kernel"].shape] == [(10, 16)]
    for block in range(4):
        for norm in ("ConditionalBatchNorm_0", "ConditionalBatchNorm_1"):
            for affine in params[f"UpBlock_{block}"][norm].values():
                assert affine["kernel"].shape[0] == 5 + 16


def test_without_labels_the_blocks_see_their_chunks_alone():
    _, variables = shapes_of(biggan.Generator(28, 1, 4), jnp.ones((2, 9)))
    assert "embedding" not in variables["params"]
    scale = variables["params"]["UpBlock_0"]["ConditionalBatchNorm_0"]["scale"]["kernel"]
    assert scale.shape == (3, 4)


def test_labels_change_the_output():
    generator = biggan.Generator(28, 1, 4, num_classes=3, embedding=5)
    z = jax.random.normal(KEY, (2, 9))
    variables = variables_of(generator, z, Y)
    apply = jax.jit(lambda y: generator.apply(variables, z, y, train=False))
    changed = jnp.abs(apply(Y) - apply(jnp.array([1, 2]))).reshape(2, -1).max(-1) > 0
    np.testing.assert_array_equal(changed, [True, False])


def test_weights_start_orthogonal():
    discriminator = biggan.Discriminator(28, 4, num_classes=3, attention=14)
    x = jnp.ones((2, 28, 28, 1))
    variables = jax.jit(lambda: discriminator.init(KEY, x, Y, train=False))()
    leaves = [leaf for leaf in jax.tree.leaves(variables["params"]) if leaf.ndim > 1]
    assert len(leaves) == 3 * 2 + 2 + 4 + 2
    for leaf in leaves:
        matrix = np.float64(leaf).reshape(-1, leaf.shape[-1])
        matrix = matrix if len(matrix) > leaf.shape[-1] else matrix.T
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-5)


def test_bfloat16_computes_from_float32_parameters():
    settings = {"num_classes": 3, "attention": 14, "dtype": jnp.bfloat16}
    x, g = shapes_of(biggan.Generator(28, 1, 8, **settings), jnp.ones((2, 9)), Y)
    logits, d = shapes_of(biggan.Discriminator(28, 8, **settings), jnp.ones(x.shape), Y)
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_errors():
    z, x = jnp.ones((2, 12)), jnp.ones((2, 28, 28, 1))
    with pytest.raises(ValueError, match=r"\(2, 2\) cannot be split into 3 chunks"):
        shapes_of(biggan.Generator(28, 1, 4), z[:, :2])
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(biggan.Generator(28, 1, 4, num_classes=3), z)
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(biggan.Discriminator(28, 4), x, Y)
    with pytest.raises(ValueError, match=r"attention=64.*\[14, 28\]"):
        shapes_of(biggan.Generator(28, 1, 4, attention=64), z)
    with pytest.raises(ValueError, match=r"image_size is 30; expected .* such as"):
        shapes_of(biggan.Generator(30, 1, 4), z)
