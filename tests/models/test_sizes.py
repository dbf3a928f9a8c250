"""The sizes of images: which there are, and that every family makes and judges them."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgan.models import (
    biggan,
    cogan,
    dcgan,
    patch,
    progressive,
    r3gan,
    resnet,
    sizes,
    stylegan2,
    translator,
    unet,
)

KEY = jax.random.key(0)
RNGS = dict.fromkeys(("params", "noise", "mixing", "dropout"), KEY)
SIZES = [(48, 32), (32, 64), 24, 96, 256, 512]
FAMILIES = [dcgan, resnet, biggan, progressive, stylegan2, r3gan]

each_size = pytest.mark.parametrize("size", SIZES, ids=sizes.written)
lengths = st.integers(1, 700)


@given(lengths, lengths)
def test_what_there_are_networks_for(height, width):
    """The rule as it is told, computed from the coarsest map up instead of from the image down."""
    there_are = any(
        height == coarse * 2**k and 2**k * 3 <= min(height, width) <= 2**k * 7 and width % 2**k == 0
        for k in range(2, 10)
        for coarse in range(3, height + 1)
    )
    if not there_are:
        with pytest.raises(ValueError, match=rf"is {sizes.written((height, width))}; expected"):
            sizes.stages_of((height, width))
        return
    coarsest = sizes.stages_of((height, width))
    scale = 2**coarsest.doublings
    assert (coarsest.height * scale, coarsest.width * scale) == (height, width)
    assert sizes.nearest_sizes((height, width)) == [(height, width)]


@given(st.integers(1, 700))
def test_the_nearest_squares_leave_nothing_between(side):
    known = [one for one in range(1, 2000) if sizes._stages(one, one)]
    below, above = [s for s in known if s <= side], [s for s in known if s >= side]
    assert {s for s, _ in sizes.nearest_sizes(side)} == {*below[-1:], *above[:1]}


@given(lengths, lengths)
def test_there_is_always_a_size_to_name(height, width):
    found = sizes.nearest_sizes((height, width))
    for size in found:
        sizes.check_image_size(size)
    assert found


@given(lengths, lengths, st.integers(4, 7))
def test_maps_double_from_the_coarsest_to_the_image(height, width, coarsest):
    if not sizes._stages(height, width):
        return
    maps = sizes.maps_of((height, width), coarsest)
    assert maps[-1] == (height, width)
    assert 3 <= min(maps[0]) <= coarsest
    for (h, w), finer in pairwise(maps):
        assert (h, w) == tuple(-(-side // 2) for side in finer)
    # Nothing is halved without need.
    assert len(maps) == 3 or min(maps[1]) > coarsest or maps == sizes.maps_of((height, width))


def test_the_sizes_of_before_have_the_stages_of_before():
    before = {28: (7, 2), 32: (4, 3), 56: (7, 3), 64: (4, 4), 112: (7, 4), 128: (4, 5)}
    for size, (coarsest, doublings) in before.items():
        assert sizes.stages_of(size) == (coarsest, coarsest, doublings)
        assert sizes.stages_of((size, size)) == sizes.stages_of(size)


def shapes(module, *inputs, **settings):
    """The shapes of the output and of the parameters."""
    made, variables = jax.eval_shape(
        lambda *inputs: module.init_with_output(RNGS, *inputs, **settings), *inputs
    )
    return made, variables["params"]


def count(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


@each_size
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.split(".")[-1])
def test_every_family_makes_and_judges_them(family, size):
    settings = {"width": 4} if family is not r3gan else {"widths": (16, 16, 16)}
    image = (2, *sizes.sides_of(size), 3)
    z, y = jnp.zeros((2, 16)), jnp.zeros(2, int)
    x, g = shapes(
        family.Generator(image_size=size, channels=3, num_classes=3, **settings), z, y, train=True
    )
    assert x.shape == image
    logits, d = shapes(
        family.Discriminator(image_size=size, num_classes=3, **settings),
        jnp.zeros(image),
        y,
        train=True,
    )
    assert logits.shape == (2,)
    assert min(count(g), count(d)) > 500
    taller = jnp.zeros((2, image[1] + 4, *image[2:]))
    with pytest.raises(ValueError, match="images of"):
        shapes(family.Discriminator(image_size=size, **settings), taller, train=True)


@each_size
def test_translators_and_pairs_keep_them(size):
    image = (2, *sizes.sides_of(size), 3)
    x = jnp.zeros(image)
    for module in (unet.Generator(width=4, stages=3), translator.Generator(width=4, blocks=1)):
        assert shapes(module, x)[0].shape == image
    assert shapes(patch.Discriminator(width=4, layers=2), x)[0].ndim == 3
    made, _ = shapes(
        cogan.Generator(image_size=size, channels=3, width=4), x[:, 0, :, 0], train=True
    )
    assert [one.shape for one in made] == [image, image]
    logits, _ = shapes(cogan.Discriminator(image_size=size, width=4), x, x, train=True)
    assert [one.shape for one in logits] == [(2,), (2,)]


def test_rectangles_grow_from_rectangles():
    assert progressive.resolutions((48, 32)) == (6, 12, 24, 48)
    for height, width in (6, 4), (12, 8), (24, 16):
        network = progressive.Generator(image_size=(48, 32), width=2, resolution=height)
        x, _ = shapes(network, jnp.zeros((2, 8)))
        assert x.shape == (2, height, width, 1)
        logits, _ = shapes(
            progressive.Discriminator(image_size=(48, 32), width=2, resolution=height),
            jnp.zeros(x.shape),
        )
        assert logits.shape == (2,)


def test_a_count_by_hand():
    """DCGAN at 48x32 with width 4: 6x4 with 16 channels, 12x8 with 8, 24x16 with 4."""
    _, g = shapes(dcgan.Generator((48, 32), 3, width=4), jnp.zeros((2, 10)), train=True)
    dense, norms = 10 * 6 * 4 * 16, 2 * (16 + 8 + 4)
    convolutions = 16 * (16 * 8 + 8 * 4 + 4 * 3) + 3
    assert count(g) == dense + norms + convolutions
