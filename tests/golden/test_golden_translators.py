"""CycleGAN and pix2pix against the numbers of their authors' code."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.excerpts import assert_near, conv, filled, numbers, part, to_nhwc, transposed
from networks import compilation, count, shapes_of

from jaxgan import convolution, losses
from jaxgan.models import patch, translator, unet
from jaxgan.recipes import CYCLEGAN_SETTINGS

KEY = jax.random.key(0)
D = numbers("pix")


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def layer(ours, tensors, theirs, layout):
    return {
        f"{ours}/kernel": layout(tensors[f"{theirs}.weight"]),
        f"{ours}/bias": tensors[f"{theirs}.bias"],
    }


def test_a_translator():
    tensors, x = part(D, "res/G/"), to_nhwc(D["x"])
    # model.1, 4, 7 lead down, model.10 to 12 are blocks, model.13, 16 lead up, model.20 paints.
    inner = [f"model.{block}.conv_block.{i}" for block in (10, 11, 12) for i in (1, 5)]
    leaves = {}
    for i, name in enumerate(["model.1", "model.4", "model.7", *inner, "model.20"]):
        leaves |= layer(f"Conv_{i}", tensors, name, conv)
    for i, name in enumerate(["model.13", "model.16"]):
        leaves |= layer(f"ConvTranspose_{i}", tensors, name, transposed)
    module = translator.Generator(channels=3, width=8, blocks=3)
    params = filled(module, leaves, x)
    found = jax.jit(lambda x: module.apply({"params": params}, x))(x)
    assert_near(found, to_nhwc(D["res/y"]), at_most=2e-5)


def test_transposed_convolutions():
    x = to_nhwc(D["tc/x"])
    three, four = transposed(D["tc/w"]), transposed(D["tc4/w"])
    padding = ((1, 2), (1, 2))  # torch's padding=1, output_padding=1, as the translator has it
    found = convolution.conv_transpose(x, three, strides=2, padding=padding)
    assert_near(found, to_nhwc(D["tc/y"]))
    assert_near(convolution.conv_transpose(x, four, strides=2), to_nhwc(D["tc4/y"]))


def test_a_unet():
    whole = numbers("pix", whole=True)
    tensors, x = part(whole, "unet/G/"), to_nhwc(whole["x"])
    # The authors' blocks are nested: each holds its way down, the next block, and its way up.
    block, leaves = "model.model", layer("Conv_0", tensors, "model.model.0", conv)
    up = ["model.model.3"]
    for i in range(1, 5):
        block += ".1.model" if i == 1 else ".3.model"
        leaves |= layer(f"Conv_{i}", tensors, f"{block}.1", conv)
        up.append(f"{block}.{3 if i == 4 else 5}")
    for i, name in enumerate(reversed(up)):
        leaves |= layer(f"Upsample_{i}/ConvTranspose_0", tensors, name, transposed)
        if i:  # there what is skipped comes first, here last
            kernel = leaves[f"Upsample_{i}/ConvTranspose_0/kernel"]
            halves = np.split(kernel, 2, axis=2)
            leaves[f"Upsample_{i}/ConvTranspose_0/kernel"] = np.concatenate(halves[::-1], axis=2)
    module = unet.Generator(channels=3, width=8, stages=5, dropout=0.0)
    params = filled(module, leaves, x)
    found = jax.jit(lambda x: module.apply({"params": params}, x, rngs={"dropout": KEY}))(x)
    assert_near(found, to_nhwc(whole["unet/y"]))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_discriminators_of_patches(layers):
    whole = numbers("pix", whole=True)
    tensors, x = part(whole, f"patch{layers}/D/"), to_nhwc(whole["xx"])
    names = sorted({k.rsplit(".", 1)[0] for k in tensors}, key=lambda k: int(k.split(".")[1]))
    leaves = {}
    for i, name in enumerate(names):
        leaves |= layer(f"Conv_{i}", tensors, name, conv)
    module = patch.Discriminator(layers=layers, width=8)
    params = filled(module, leaves, x)
    found = jax.jit(lambda x: module.apply({"params": params}, x))(x)
    assert_near(found, whole[f"patch{layers}/y"][:, 0])


@pytest.mark.parametrize(
    ("module", "sides", "name"),
    [
        (unet.Generator(channels=3), [256], "unet_256"),
        (translator.Generator(), [256], "resnet_9"),
        (translator.Generator(blocks=6), [128], "resnet_6"),
        (patch.Discriminator(), [256], "patch_3"),
        (patch.Discriminator(), [256, 256], "patch_3_pairs"),
    ],
)
def test_numbers_of_parameters(module, sides, name):
    _, shapes = shapes_of(module, *(jnp.zeros((1, side, side, 3)) for side in sides))
    assert count(shapes["params"]) == D[f"count/{name}"]


def test_losses():
    real, fake = D["loss/r"], D["loss/f"]
    for loss, name in (
        (CYCLEGAN_SETTINGS["cyclegan"]["loss"], "ls"),
        (losses.non_saturating(), "va"),
    ):
        assert_near(jnp.mean(loss.discriminator(real, fake)), D[f"loss/{name}_d"])
        assert_near(jnp.mean(loss.generator(real, fake)), D[f"loss/{name}_g"])
