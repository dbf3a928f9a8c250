"""Networks of pictures and sentences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import shapes_of, variables_of
from scipy.special import softmax

from jaxgan.models import text

KEY = jax.random.key(0)
WORDS = 7
Y = jnp.array([[0, 1, 2, -1], [0, 2, 1, -1], [3, 4, 5, 6]])


@pytest.mark.parametrize("attention", [False, True])
@pytest.mark.parametrize(
    ("size", "coarsest", "maps"), [(28, 7, [7, 14]), (28, 4, [4, 7, 14]), (32, 7, [4, 8, 16])]
)
def test_shapes_of_both_networks(size, coarsest, maps, attention):
    shared = {"vocabulary": WORDS, "image_size": size, "width": 4, "features": 5}
    shared |= {"coarsest": coarsest}
    widths = [4 * 2**stage for stage in reversed(range(len(maps)))]
    generator = text.Generator(attention=attention, **shared)
    x, variables = shapes_of(generator, jnp.ones((3, 6)), Y)
    assert x.shape == (3, size, size, 3)
    first = variables["params"]["Dense_0"]["kernel"].shape
    assert first == (6 + 5, widths[0] * maps[0] ** 2)
    logits, variables = shapes_of(text.Discriminator(**shared), jnp.ones((3, size, size, 3)), Y)
    assert logits.shape == (3,)
    last = variables["params"]["Dense_0"]["kernel"].shape
    assert last == ((widths[0] + 5) * maps[0] ** 2, 1)


def test_attention_is_a_mean_of_the_words_that_there_are():
    random = np.random.default_rng(0)
    h = random.standard_normal((3, 2, 2, 5), np.float32)
    words = random.standard_normal((3, 4, 5), np.float32)
    there = np.asarray(Y) >= 0
    scores = np.where(there[:, None, None], np.einsum("bhwc,blc->bhwl", h, words), -np.inf)
    expected = np.einsum("bhwl,blc->bhwc", softmax(scores, axis=-1), words)
    np.testing.assert_allclose(text.attend(h, words, there), expected, atol=1e-5)


def test_a_sentence_is_its_words_in_their_order():
    encoder = text.Encoder(WORDS, features=8)
    variables = encoder.init(KEY, Y)
    encode = jax.jit(lambda y: encoder.apply(variables, y))
    code, _ = encode(Y)
    assert np.abs(code[0] - code[1]).max() > 1e-3  # the same words in another order
    np.testing.assert_array_equal(encode(Y[::-1])[0], code[::-1])


def test_both_networks_mind_the_sentence():
    for network, given in (
        (text.Generator(WORDS, width=4, normalization="none"), jnp.ones((3, 6))),
        (text.Discriminator(WORDS, width=4, normalization="none"), jnp.ones((3, 32, 32, 3))),
    ):
        variables = variables_of(network, given, Y)
        one, other = (network.apply(variables, given, y, train=False) for y in (Y, Y[::-1]))
        assert np.abs(one[0] - other[0]).max() > 1e-4
        np.testing.assert_allclose(one[0], other[2], atol=1e-5)
