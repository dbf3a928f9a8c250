"""The discriminator of pairs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import count, shapes_of, variables_of

from jaxgan.models import dcgan, joint, mlp

X, Z = np.random.default_rng(0).normal(size=(2, 4, 28, 28, 1)).astype(np.float32)
Z = Z.reshape(4, -1)[:, :5]
BODIES = {
    "none": None,
    "dense": mlp.Encoder(6, widths=(8,)),
    "convolutional": dcgan.Encoder(6, width=4),
}


@pytest.mark.parametrize("name", BODIES)
def test_both_parts_change_the_logit(name):
    discriminator = joint.Discriminator(BODIES[name], widths=(16,))
    variables = variables_of(discriminator, X, Z)
    judge = jax.jit(lambda x, z: discriminator.apply(variables, x, z, train=False))
    logits = judge(X, Z)
    assert logits.shape == (4,)
    first = np.arange(4) == 0
    other_x = judge(np.where(first[:, None, None, None], -X, X), Z)
    other_z = judge(X, np.where(first[:, None], -Z, Z))
    np.testing.assert_array_equal(np.abs(other_x - logits) > 1e-4, first)
    np.testing.assert_array_equal(np.abs(other_z - logits) > 1e-4, first)


def test_parameters():
    _, variables = shapes_of(joint.Discriminator(widths=(16, 8)), X, Z)
    assert count(variables) == (28 * 28 + 5) * 16 + 16 + 16 * 8 + 8 + 8 + 1
    _, variables = shapes_of(joint.Discriminator(BODIES["convolutional"], widths=(16,)), X, Z)
    params = variables["params"]
    assert params["latent"]["kernel"].shape == (5, 6)
    assert params["Dense_0"]["kernel"].shape == (6 + 6, 16)
    assert set(variables) == {"params", "batch_stats"}


def test_bfloat16_computes_from_float32_parameters():
    bodies = [body and body.clone(dtype=jnp.bfloat16) for body in BODIES.values()]
    for body in bodies:
        logits, variables = shapes_of(joint.Discriminator(body, dtype=jnp.bfloat16), X, Z)
        assert logits.dtype == jnp.float32
        assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))
