"""The U-Net of pix2pix."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of, variables_of

from jaxgan.models import unet

KEY = jax.random.key(0)
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize(
    ("shape", "stages"), [((28, 28), 2), ((32, 32), 5), ((32, 96), 4), ((256, 256), 8), ((6, 2), 1)]
)
def test_images_keep_their_size(shape, stages):
    network = unet.Generator(channels=3, width=4, stages=stages)
    x, variables = shapes_of(network, jnp.ones((2, *shape, 1)))
    assert x.shape == (2, *shape, 3)
    assert set(variables) == {"params"}


def test_the_papers_network_has_as_many_weights_as_the_papers():
    _, variables = shapes_of(unet.Generator(), jnp.ones((1, 256, 256, 3)))
    widths = [3, 64, 128, 256, 512, 512, 512, 512, 512]
    down = sum(16 * a * b + b for a, b in pairwise(widths))
    # On the way up, each stage but the first also gets the features of the same size.
    inputs = [512, 1024, 1024, 1024, 1024, 512, 256, 128]
    up = sum(16 * a * b + b for a, b in zip(inputs, [*widths[7:0:-1], 3], strict=True))
    assert count(variables["params"]) == down + up


def test_it_computes_in_the_type_asked_for():
    network = unet.Generator(width=4, stages=3, dtype=jnp.bfloat16)
    x, variables = shapes_of(network, jnp.ones((1, 8, 8, 1)))
    assert x.dtype == jnp.bfloat16
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(variables))


def test_the_output_is_an_image_and_dropout_is_its_noise():
    y = jnp.asarray(RANDOM.normal(size=(1, 8, 8, 1)), jnp.float32)
    network = unet.Generator(width=4, stages=3)
    variables = variables_of(network, y)
    noisy = jax.vmap(lambda key: network.apply(variables, y, rngs={"dropout": key}))
    first, second = jax.jit(noisy)(jax.random.split(KEY))
    assert np.abs(first).max() <= 1
    assert np.abs(first - second).mean() > 0.01
    # Without dropout, it needs no random stream.
    shapes_of(unet.Generator(width=4, stages=3, dropout=0.0), y)
    jax.eval_shape(unet.Generator(width=4, stages=3, dropout=0.0).apply, variables, y)


def test_skips_hand_details_past_the_middle():
    """A pixel of x depends on the same pixel of y, and its neighbors, more than on others."""
    y = jnp.asarray(RANDOM.normal(size=(1, 16, 16, 1)), jnp.float32)
    at = np.arange(2, 14)

    def slopes(skips):
        network = unet.Generator(1, width=8, stages=4, dropout=0.0, skips=skips)
        variables = variables_of(network, y)
        pixel = lambda y, at: network.apply(variables, y)[0, at, at, 0]  # noqa: E731
        return jax.vmap(jax.grad(pixel), (None, 0))(y, at)[:, 0, :, :, 0]

    def sharpness(slopes):
        """The gradient with respect to a pixel's neighborhood, relative to that of all pixels."""
        slopes = np.abs(slopes)
        near = [s[i - 1 : i + 2, i - 1 : i + 2] for i, s in zip(at, slopes, strict=True)]
        return np.mean(near) / np.mean(slopes)

    with_skips, without = jax.jit(lambda: (slopes(True), slopes(False)))()
    assert sharpness(with_skips) > 2.2  # 2.5
    assert sharpness(without) < 1.6  # 1.3: only borders show where in the image something is


def test_what_does_not_fit_is_refused():
    for shape, stages in (((28, 28), 3), ((32, 36), 3)):
        with pytest.raises(ValueError, match=f"{shape[0]}x{shape[1]} .* multiples of 8"):
            shapes_of(unet.Generator(stages=stages), jnp.ones((1, *shape, 1)))
    with pytest.raises(ValueError, match="stages is 0"):
        shapes_of(unet.Generator(stages=0), jnp.ones((1, 8, 8, 1)))
    with pytest.raises(ValueError, match="dropout is 1"):
        shapes_of(unet.Generator(stages=1, dropout=1.0), jnp.ones((1, 8, 8, 1)))


def test_skipped_features_pass_a_relu():
    """As in the authors' code, whose ReLU follows the joining: nothing negative is handed on."""
    y = jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 8, 1)), jnp.float32)
    network = unet.Generator(channels=1, width=2, stages=2, dropout=0.0)
    params = variables_of(network, y)["params"]
    # Of the first layer only the bias counts, so that all its features are negative.
    first = {"kernel": 0 * params["Conv_0"]["kernel"], "bias": jnp.float32([-1, -1])}
    last = params["Upsample_1"]["ConvTranspose_0"]

    def run(kernel):
        layer = {"ConvTranspose_0": {**last, "kernel": kernel}}
        changed = {**params, "Conv_0": first, "Upsample_1": layer}
        return network.apply({"params": changed}, y, rngs={"dropout": jax.random.key(0)})

    of_skips = last["kernel"].at[:, :, 2:].set(7.0)  # behind the 2 channels from below
    np.testing.assert_array_equal(*jax.jit(lambda: (run(last["kernel"]), run(of_skips)))())
