"""WaveGAN's networks, and its phase shuffle against NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation, count, shapes_of, variables_of

from jaxgan import nets
from jaxgan.models import wavegan

KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.mark.parametrize("length", wavegan.LENGTHS)
def test_shapes(length):
    sounds, g = shapes_of(wavegan.Generator(length, width=4), jnp.ones((2, 8)))
    assert sounds.shape == (2, length, 1)
    logits, d = shapes_of(wavegan.Discriminator(length, width=4), jnp.ones((2, length, 1)))
    assert logits.shape == (2,)
    # The stages of the table in the module, from 16 values to the last but one, and back.
    ups = [4 * 2**stage for stage in reversed(range(len(channels(g, "ConvTranspose"))))]
    assert channels(g, "ConvTranspose") == [*ups[1:], 1]
    assert g["params"]["Dense_0"]["bias"].size == 16 * ups[0]
    assert channels(d, "Conv") == ups[::-1]
    assert d["params"]["Projection_0"]["score"]["kernel"].shape == (16 * ups[0], 1)
    assert 16 * 4 ** len(ups) == length


def channels(variables, layer):
    params = variables["params"]
    layers = [params[f"{layer}_{i}"] for i in range(len(params) - 1)]
    assert all(each["kernel"].shape[0] == 25 for each in layers)
    return [each["bias"].size for each in layers]


def test_parameter_counts_are_those_of_the_paper():
    # Tables 3 and 4 with d = 64: stages of 1024, 512, 256, 128 and 64 channels, and the sound's 1.
    weights = 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 1)
    _, g = shapes_of(wavegan.Generator(), jnp.ones((1, 100)))
    assert count(g) == 101 * 16 * 1024 + weights + 512 + 256 + 128 + 64 + 1 == 19_065_345
    _, d = shapes_of(wavegan.Discriminator(), jnp.ones((1, 16384, 1)))
    assert count(d) == weights + 64 + 128 + 256 + 512 + 1024 + 16 * 1024 + 1 == 17_427_969


def test_sounds_lie_between_minus_one_and_one():
    generator = wavegan.Generator(256, width=2)
    z = 100 * jax.random.normal(KEY, (2, 8))
    variables = variables_of(generator, z)
    x = jax.jit(lambda z: generator.apply(variables, z, train=False))(z)
    assert jnp.all(jnp.abs(x) <= 1)
    assert jnp.std(x) > 0


def test_phase_shuffle_shifts_and_reflects():
    x = np.random.default_rng(0).normal(size=(200, 7, 3)).astype(np.float32)
    shuffled = np.asarray(wavegan.phase_shuffle(KEY, jnp.asarray(x), 2))
    padded = np.pad(x, ((0, 0), (2, 2), (0, 0)), mode="reflect")
    # Shifted later by k: what was at t is at t + k.
    candidates = np.stack([padded[:, 2 - k : 9 - k] for k in range(-2, 3)])
    matches = (candidates == shuffled).all(axis=(2, 3))
    assert (matches.sum(axis=0) == 1).all()
    assert (matches.sum(axis=1) > 20).all()  # 40 of each on average, with a standard deviation of 6
    np.testing.assert_array_equal(candidates[2], x)


def test_phase_shuffle_keeps_the_gradients_of_what_it_keeps():
    x = jnp.arange(12.0).reshape(1, 12, 1)
    gradient = jax.grad(lambda x: jnp.sum(wavegan.phase_shuffle(KEY, x, 0)))(x)
    np.testing.assert_array_equal(gradient, jnp.ones_like(x))
    total = jax.grad(lambda x: jnp.sum(wavegan.phase_shuffle(KEY, x, 2)))(x).sum()
    assert total == 12


def test_phases_are_shuffled_in_training_only():
    x = jax.random.normal(KEY, (4, 256, 1))

    def logits(shuffle, seed, train):
        discriminator = wavegan.Discriminator(256, width=2, shuffle=shuffle)
        network = nets.from_linen(discriminator, rngs=("phase",))
        params = variables_of(discriminator, x)["params"]
        return np.asarray(network.apply(params, {}, jax.random.key(seed), x, train=train)[0])

    still = logits(0, 0, True)
    np.testing.assert_allclose(logits(2, 0, False), still, rtol=1e-5)
    first, again, other = (logits(2, seed, True) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4
    assert np.abs(first - still).max() > 1e-4


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (wavegan.Generator(256, width=2, num_classes=3), (4, 8)),
        (wavegan.Discriminator(256, width=2, num_classes=3), (4, 256, 1)),
    ],
)
def test_labels_change_the_output(network, shape):
    x = jax.random.normal(KEY, shape)
    variables = variables_of(network, x, jnp.zeros(4, int))
    apply = jax.jit(lambda y: network.apply(variables, x, y, train=False))
    a, b = apply(jnp.zeros(4, int)), apply(jnp.array([0, 1, 2, 0]))
    changed = jnp.abs(a - b).reshape(4, -1).max(-1) > 0
    np.testing.assert_array_equal(changed, [False, True, True, False])


def test_bfloat16_computes_from_float32_parameters():
    x, g = shapes_of(wavegan.Generator(256, width=2, dtype=jnp.bfloat16), jnp.ones((2, 8)))
    logits, d = shapes_of(
        wavegan.Discriminator(256, width=2, dtype=jnp.bfloat16), jnp.ones(x.shape)
    )
    assert x.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((g, d)))


def test_errors():
    with pytest.raises(ValueError, match=r"256, 1024, 4096, 16384, 65536.*not 1000"):
        shapes_of(wavegan.Generator(1000), jnp.ones((2, 8)))
    with pytest.raises(ValueError, match=r"sounds of \(1024, 2\) for length=1024"):
        shapes_of(wavegan.Discriminator(1024), jnp.ones((2, 1024, 2)))
    with pytest.raises(ValueError, match="no labels"):
        shapes_of(wavegan.Discriminator(256, num_classes=3), jnp.ones((2, 256, 1)))
    with pytest.raises(ValueError, match="num_classes=None"):
        shapes_of(wavegan.Generator(256), jnp.ones((2, 8)), jnp.zeros(2, int))
