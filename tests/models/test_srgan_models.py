"""The networks of SRGAN: sizes, counts, and the initial generator."""

import itertools

import jax
import jax.numpy as jnp
import pytest
from networks import count, shapes_of

from jaxgan.models import srgan


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", srgan.SCALES)
@pytest.mark.parametrize("size", [(7, 7), (24, 16)])
def test_pictures_of_any_size_are_enlarged(size, scale, channels):
    generator = srgan.Generator(channels, width=4, blocks=2, scale=scale)
    x, _ = shapes_of(generator, jnp.ones((2, *size, channels)))
    assert x.shape == (2, scale * size[0], scale * size[1], channels)
    logits, _ = shapes_of(srgan.Discriminator(width=4), jnp.ones(x.shape))
    assert logits.shape == (2,)


def test_parameter_counts():
    # The paper's generator enlarges four times: 1.5 M parameters (arXiv:1707.02921, table 1).
    _, g = shapes_of(srgan.Generator(), jnp.ones((1, 24, 24, 3)))
    inner, norm = 9 * 64 * 64, 2 * 64
    blocks = 16 * (2 * inner + 2 * norm + 1)
    upscaling = 2 * (9 * 64 * 256 + 256 + 1)
    ends = 81 * 3 * 64 + 64 + 1 + 81 * 64 * 3 + 3
    assert count(g["params"]) == blocks + inner + norm + upscaling + ends == 1_547_350
    _, d = shapes_of(srgan.Discriminator(), jnp.ones((1, 96, 96, 3)))
    sizes = [3, 64, 64, 128, 128, 256, 256, 512, 512]
    convolutions = 9 * sum(a * b for a, b in itertools.pairwise(sizes)) + 64
    dense = 6 * 6 * 512 * 1024 + 1024 + 1024 + 1
    assert count(d["params"]) == convolutions + 2 * sum(sizes[2:]) + dense


def test_everything_in_bfloat16_but_parameters_and_logits():
    y = jnp.ones((2, 8, 8, 1))
    x, g = shapes_of(srgan.Generator(1, 4, 1, 2, dtype=jnp.bfloat16), y)
    assert x.dtype == jnp.bfloat16
    logits, d = shapes_of(srgan.Discriminator(4, dtype=jnp.bfloat16), y)
    assert logits.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves((g, d))} == {jnp.dtype("float32")}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 3}, r"scale is one of \(2, 4\), not 3"),
        ({"channels": 3}, r"pictures of 1 channels for channels=3"),
        ({"channels": 2}, r"pictures of 1 channels for channels=2"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    generator = srgan.Generator(**{"channels": 1, "width": 4, "blocks": 1, **settings})
    with pytest.raises(ValueError, match=message):
        shapes_of(generator, jnp.ones((1, 4, 4, 1)))
