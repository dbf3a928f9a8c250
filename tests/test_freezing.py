"""Frozen layers do not move, and all others do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Batch, freezing, latents, nets, recipes
from jaxgan.models import dcgan, mlp, r3gan, resnet, stylegan2


@pytest.mark.parametrize("optimizer", [optax.adam(0.1), optax.rmsprop(0.1), optax.sgd(0.1, 0.9)])
def test_frozen_leaves_do_not_move_and_others_do(optimizer):
    d = nets.from_linen(mlp.Discriminator(widths=(4, 4)))
    names = [name for keys in freezing.layers(d.init, jnp.zeros((2, 3)))[:2] for name in keys]
    assert names == ["Dense_0", "Dense_1"]
    gan = recipes.gan(
        nets.from_linen(mlp.Generator(shape=(3,), widths=(4,))),
        d,
        latent=latents.normal(2),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=freezing.freeze(optimizer, names),
    )
    batch = Batch(jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)), jnp.float32))
    before = gan.init(jax.random.key(0), batch)
    after = before
    step = jaxgan.jit(gan, donate=False).train_step
    for _ in range(3):
        after, _ = step(after, batch)
    for name, layer in before.d.params.items():
        for leaf, value in layer.items():
            moved = bool(np.any(after.d.params[name][leaf] != value))
            assert moved == (name not in names), (name, leaf)
    for leaf in jax.tree.leaves(before.d.opt_state):
        assert leaf.shape not in {(3, 4), (4, 4)}  # no memory for what does not learn


@pytest.mark.parametrize(
    ("module", "size", "expected"),
    [
        (dcgan.Discriminator(64, 4), 64, ["Conv_0", "Conv_1", "Conv_2", "Conv_3", "Dense_0"]),
        (resnet.Discriminator(32, 4), 32, [*(f"DownBlock_{i}" for i in range(4)), "Projection_0"]),
        (
            r3gan.Discriminator(16, (16, 8)),
            16,
            ["Dense_0", *(f"Block_{i}" for i in (0, 1)), "Dense_1", "Block_2", "Block_3", "window"],
        ),
        (
            stylegan2.Discriminator(28, 4),
            28,
            [*(f"EqualizedConv_{i}" for i in range(8)), *(f"EqualizedDense_{i}" for i in (0, 1))],
        ),
    ],
)
def test_layers_are_listed_from_the_image_on(module, size, expected):
    """A normalization belongs to the layer before it, which need not be the alphabet's."""
    found = freezing.layers(nets.from_linen(module).init, jnp.zeros((4, size, size, 3)))
    assert [names[0] for names in found][: len(expected)] == expected
