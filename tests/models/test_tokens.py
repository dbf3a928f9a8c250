"""Images as tokens, and the two ways to tell places: against loops, and by what they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.models.tokens import from_patches, patch_grid, places, rotate, sine_table, to_patches

RANDOM = np.random.default_rng(0)
few = st.integers(1, 4)


def normal(*shape):
    return jnp.float32(RANDOM.normal(size=shape))


@settings(deadline=None, max_examples=8)
@given(few, few, few, few)
def test_patches_are_cut_row_by_row_and_put_together_again(patch, rows, columns, channels):
    height, width = rows * patch, columns * patch
    x = RANDOM.normal(size=(2, height, width, channels)).astype(np.float32)
    tokens = np.asarray(to_patches(jnp.asarray(x), patch))
    n = 0
    for top in range(0, height, patch):
        for left in range(0, width, patch):
            square = x[:, top : top + patch, left : left + patch]
            np.testing.assert_array_equal(tokens[:, n], square.reshape(2, -1))
            n += 1
    assert n == tokens.shape[1] == rows * columns
    np.testing.assert_array_equal(from_patches(jnp.asarray(tokens), (height, width), patch), x)


def test_places_are_those_of_the_patches():
    height, width, patch = 6, 9, 3
    of_pixels = np.stack(np.mgrid[:height, :width] // patch, axis=-1)[None].astype(np.float32)
    tokens = to_patches(jnp.asarray(of_pixels), patch).reshape(-1, patch**2, 2)
    np.testing.assert_array_equal(places(*patch_grid((height, width), patch)), tokens[:, 0])


def test_waves_against_loops():
    place, width = np.asarray(places(3, 5)), 12
    table = np.asarray(sine_table(jnp.asarray(place), width))
    for n, (row, column) in enumerate(place):
        want = []
        for p in (row, column):
            angles = [p / 10_000 ** (i / 3) for i in range(3)]
            want += [np.sin(a) for a in angles] + [np.cos(a) for a in angles]
        np.testing.assert_allclose(table[n], want, atol=1e-6)
    distances = np.linalg.norm(table[:, None] - table, axis=-1)
    assert (distances[~np.eye(15, dtype=bool)] > 0.1).all()  # no two places look alike


def test_rotation_is_a_product_of_complex_numbers():
    x, place = normal(2, 6, 3, 8), np.asarray(places(2, 3))
    pairs = np.asarray(x[..., :4]) + 1j * np.asarray(x[..., 4:])
    angles = np.concatenate([p[:, None] / 100.0 ** (np.arange(2) / 2) for p in place.T], axis=1)
    want = pairs * np.exp(1j * angles)[:, None]
    got = rotate(x, jnp.asarray(place), theta=100.0)
    np.testing.assert_allclose(got, np.concatenate([want.real, want.imag], axis=-1), atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.tuples(st.integers(-20, 20), st.integers(-20, 20)))
def test_attention_sees_distances_alone(shift):
    query, key = normal(1, 12, 2, 16), normal(1, 12, 2, 16)
    place = places(3, 4)

    def logits(place):
        return jnp.einsum("bqhd,bkhd->bhqk", rotate(query, place), rotate(key, place))

    np.testing.assert_allclose(logits(place + jnp.float32(shift)), logits(place), atol=2e-4)
    np.testing.assert_allclose(
        jnp.linalg.norm(rotate(query, place), axis=-1), jnp.linalg.norm(query, axis=-1), rtol=1e-5
    )


def test_each_axis_turns_channels_of_its_own_and_place_0_none():
    x = normal(1, 3, 1, 8)
    turned = rotate(x, jnp.float32([[0, 0], [5, 0], [0, 5]]))
    changed = jnp.any(jnp.abs(turned - x) > 1e-6, axis=(0, 2))
    of_rows = np.array([True, True, False, False] * 2)
    np.testing.assert_array_equal(changed, [np.zeros(8, bool), of_rows, ~of_rows])


def test_errors():
    with pytest.raises(ValueError, match=r"image_size=28x30 does not divide.*patch=4; expected a"):
        patch_grid((28, 30), 4)
    with pytest.raises(ValueError, match=r"tokens has shape \(1, 3, 4\); expected 4 of a multiple"):
        from_patches(jnp.ones((1, 3, 4)), 4, 2)
    with pytest.raises(ValueError, match="width is 6; expected a multiple of 4"):
        sine_table(places(2, 2), 6)
    with pytest.raises(ValueError, match="channels of a head is 6"):
        rotate(jnp.ones((1, 4, 2, 6)), places(2, 2))
    with pytest.raises(ValueError, match=r"place has shape \(4, 2\); expected 3"):
        jax.eval_shape(rotate, jnp.ones((1, 3, 2, 8)), places(2, 2))
