"""What networks make of a picture that is its own mirror image is its own mirror image.

With kernels that are symmetric. Where a way down and the way up that mirrors it pad differently,
what comes out is shifted by a pixel or more. CycleGAN's translator, whose windows of 3x3 pixels are
centered on every second one, mirrors nothing exactly: see `test_translator.py`.
"""

import jax
import numpy as np
import pytest
from flax import linen as nn
from networks import compilation, shapes_of

from jaxgan import resample
from jaxgan.models import resnet, srgan, stylegan2, unet
from jaxgan.models.equalized import EqualizedConv
from jaxgan.models.layers import UPSAMPLE_METHODS

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


class DownAndUp(nn.Module):
    """SNGAN's block that halves, and its block that doubles."""

    @nn.compact
    def __call__(self, x):
        return resnet.UpBlock(2, train=True)(resnet.DownBlock(2)(x))


class FilteredDownAndUp(nn.Module):
    """StyleGAN2's layer that halves, with its skip, and its layer that doubles."""

    @nn.compact
    def __call__(self, x):
        down = EqualizedConv(2, strides=2, padding="VALID")(stylegan2._filter(x, 2))
        skip = EqualizedConv(2, (1, 1))(resample.downsample(x))
        w = np.ones((len(x), 3), np.float32)
        return stylegan2.ModulatedConv(2, doubles=True)(down + skip, w) + resample.upsample(down)


NETWORKS = {
    "srgan": srgan.Generator(channels=1, width=2, blocks=1, scale=4),
    "sngan": DownAndUp(),
    "stylegan2": FilteredDownAndUp(),
} | {
    f"unet {method}": unet.Generator(1, 2, stages=3, dropout=0.0, upsample=method)
    for method in UPSAMPLE_METHODS
}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def symmetric(shape, shuffles):
    """A kernel that is its own mirror image, and the same for pixels that are shuffled."""
    if len(shape.shape) != 4:
        return np.full(shape.shape, 0.1, np.float32)
    outputs = 1 if shuffles else shape.shape[3]
    kernel = RNG.normal(0, 0.5, (*shape.shape[:3], outputs)) / np.sqrt(np.prod(shape.shape[:3]))
    kernel = kernel + kernel[::-1]
    return np.broadcast_to(kernel + kernel[:, ::-1], shape.shape).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_picture_that_mirrors_itself_stays_one(name):
    network, shuffles = NETWORKS[name], name in ("srgan", "unet pixel_shuffle")
    x = RNG.uniform(-1, 1, (1, 16, 24, 1)).astype(np.float32)
    x = x + x[:, ::-1]
    x = x + x[:, :, ::-1]
    _, shapes = shapes_of(network, x)
    variables = jax.tree.map(lambda shape: symmetric(shape, shuffles), shapes)
    rngs = {"dropout": KEY}
    settings = {"train": False} if "train" in type(network).__call__.__annotations__ else {}
    apply = lambda x: network.apply(  # noqa: E731
        variables, x, rngs=rngs, mutable=["batch_stats"], **settings
    )
    y = np.asarray(jax.jit(apply)(x)[0])
    assert np.std(y) > 1e-3
    for mirrored in (y[:, ::-1], y[:, :, ::-1]):
        np.testing.assert_allclose(mirrored, y, rtol=1e-3, atol=1e-4 * np.abs(y).max())
