"""Progressive growing and WaveGAN against the numbers of their authors' codes, in TensorFlow."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.excerpts import assert_near, filled, numbers, part, to_nhwc
from networks import compilation

from jaxgan.models import progressive, wavegan
from jaxgan.resample import box_downsample, nearest_upsample

KEY = jax.random.key(0)
D = numbers("tf")
LEVELS = {32: 0, 16: 1, 8: 2, 4: 3}  # the authors' level of detail of a side


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def layer(ours, tensors, theirs):
    return {
        f"{ours}/{a}": tensors[f"{theirs}/{b}"] for a, b in (("kernel", "weight"), ("bias", "bias"))
    }


def growing_generator(tensors):
    first = tensors["4x4/Dense/weight"]
    pixels = first.reshape(len(first), -1, 4, 4).transpose(0, 2, 3, 1)
    leaves = {
        "block_4/EqualizedDense_0/kernel": pixels.reshape(len(first), -1),
        "block_4/bias": tensors["4x4/Dense/bias"],
    } | layer("block_4/EqualizedConv_0", tensors, "4x4/Conv")
    for side in (8, 16, 32):
        for i in (0, 1):
            leaves |= layer(f"block_{side}/EqualizedConv_{i}", tensors, f"{side}x{side}/Conv{i}")
    for side, level in LEVELS.items():
        leaves |= layer(f"to_rgb_{side}", tensors, f"ToRGB_lod{level}")
    return leaves


def growing_discriminator(tensors):
    last = tensors["4x4/Dense0/weight"]
    pixels = last.reshape(-1, 4, 4, last.shape[1]).transpose(1, 2, 0, 3)
    leaves = {
        "EqualizedDense_0/kernel": pixels.reshape(last.shape),
        "EqualizedDense_0/bias": tensors["4x4/Dense0/bias"],
    }
    leaves |= layer("EqualizedDense_1", tensors, "4x4/Dense1") | layer("conv", tensors, "4x4/Conv")
    for side in (8, 16, 32):
        leaves |= layer(f"conv_{side}", tensors, f"{side}x{side}/Conv0")
        leaves |= layer(f"widen_{side}", tensors, f"{side}x{side}/Conv1")
    for side, level in LEVELS.items():
        leaves |= layer(f"from_rgb_{side}", tensors, f"FromRGB_lod{level}")
    return leaves


@pytest.mark.parametrize(("side", "share", "name"), [(32, 0.6, "0.4"), (16, 0.6, "1.4")])
def test_a_growing_generator(side, share, name):
    z = D["progan/z"]
    params = filled(progressive.Generator(32, 3, 8), growing_generator(part(D, "progan/G/")), z)
    module = progressive.Generator(32, 3, 8, resolution=side)
    image = jax.jit(lambda z: module.apply({"params": params}, z, None, share))(z[:2])
    # The authors' images are always of the full size.
    assert_near(nearest_upsample(image, 32 // side), to_nhwc(D[f"progan/img{name}"]))


@pytest.mark.parametrize(
    ("side", "share", "name"),
    [(32, 1.0, "0.0"), (32, 0.6, "0.4"), (16, 1.0, "1.0"), (16, 0.6, "1.4"), (4, 1.0, "3.0")],
)
def test_a_growing_discriminator(side, share, name):
    whole = numbers("tf", whole=True)
    x, leaves = to_nhwc(whole["progan/x"]), growing_discriminator(part(whole, "progan/D/"))
    params = filled(progressive.Discriminator(32, 8), leaves, x)
    module = progressive.Discriminator(32, 8, resolution=side)
    small = box_downsample(x, 32 // side)
    found = jax.jit(lambda x: module.apply({"params": params}, x, None, share))(small)
    assert_near(found, np.ravel(whole[f"progan/log{name}"]))


def test_wavegans_generator():
    tensors, z = part(D, "wave/G/"), D["wave/z"]
    leaves = {
        "Dense_0/kernel": tensors["z_project/dense/kernel"],
        "Dense_0/bias": tensors["z_project/dense/bias"],
    }
    for i in range(5):
        theirs = f"upconv_{i}/conv2d_transpose"
        # A transposed convolution `[1, taps, O, I]` that paints.
        kernel = tensors[f"{theirs}/kernel"][0].transpose(0, 2, 1)[::-1]
        leaves |= {
            f"ConvTranspose_{i}/kernel": kernel,
            f"ConvTranspose_{i}/bias": tensors[f"{theirs}/bias"],
        }
    module = wavegan.Generator(16384, 2)
    params = filled(module, leaves, z, train=False)
    found = jax.jit(lambda z: module.apply({"params": params}, z, train=False))(z)
    assert_near(found, D["wave/snd"])


def test_wavegans_discriminator():
    whole = numbers("tf", whole=True)
    tensors, x = part(whole, "wave/D/"), whole["wave/x"]
    leaves = {}
    for ours, theirs in {
        **{f"Conv_{i}": f"downconv_{i}" for i in range(5)},
        "Projection_0/score": "output",
    }.items():
        for name in ("kernel", "bias"):
            (found,) = (k for k in tensors if k.startswith(f"{theirs}/") and k.endswith(name))
            leaves[f"{ours}/{name}"] = tensors[found]
    module = wavegan.Discriminator(16384, 2, shuffle=0)
    params = filled(module, leaves, x, train=False)
    found = jax.jit(lambda x: module.apply({"params": params}, x, train=False))(x)
    assert_near(found, np.ravel(whole["wave/log"]))


@pytest.mark.parametrize("shift", [-2, 1])
def test_phase_shuffle(monkeypatch, shift):
    monkeypatch.setattr(
        jax.random, "randint", lambda key, shape, low, high, *dtype: jnp.full(shape, shift)
    )
    found = wavegan.phase_shuffle(KEY, jnp.asarray(D["wave/h"]), 2)
    np.testing.assert_array_equal(found, D[f"wave/shift{shift}"])
