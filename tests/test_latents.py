import functools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan import latents

KEY = jax.random.key(0)
N = 4000

SAMPLERS = {
    "normal": (latents.normal(5), 5),
    "uniform": (latents.uniform(5), 5),
    "truncated": (latents.truncated(5, 0.7), 5),
    "categorical": (latents.categorical(4), 4),
    "concatenate": (latents.concatenate(latents.normal(3), latents.categorical(4)), 7),
}
each_sampler = pytest.mark.parametrize("name", SAMPLERS)


@functools.cache
def compiled(name):
    return jax.jit(lambda key: SAMPLERS[name][0](key, N))


def draw(name, key=KEY):
    return np.asarray(compiled(name)(key))


slerp = jax.jit(latents.slerp)


@each_sampler
def test_a_sampler_gives_n_rows_of_dim_floats(name):
    latent, dim = SAMPLERS[name]
    for n in (1, 6):
        z = jax.eval_shape(lambda key, n=n: latent(key, n), KEY)
        assert z.shape == (n, dim)
        assert z.dtype == np.float32


@each_sampler
def test_a_sampler_is_a_function_of_its_key(name):
    assert (draw(name) == draw(name)).all()
    assert (draw(name) != draw(name, key=jax.random.key(1))).any()


@pytest.mark.parametrize("name", ["normal", "uniform", "truncated"])
def test_components_are_not_correlated_beyond_chance(name):
    z = draw(name)
    assert np.abs(np.corrcoef(z.T) - np.eye(5)).max() < 4 / np.sqrt(N)


def test_normal_has_mean_0_and_variance_1():
    z = draw("normal")
    np.testing.assert_allclose(z.mean(0), 0, atol=4 / np.sqrt(N))
    np.testing.assert_allclose(z.var(0), 1, atol=4 * np.sqrt(2 / N))
    np.testing.assert_allclose((z**4).mean(), 3, atol=0.4)  # not just any law of variance 1


def test_uniform_fills_the_cube_and_stays_in_it():
    z = draw("uniform")
    assert -1 <= z.min() < -0.99
    assert 0.99 < z.max() < 1
    np.testing.assert_allclose(z.mean(0), 0, atol=4 * np.sqrt(1 / 3 / N))
    np.testing.assert_allclose(z.var(0), 1 / 3, atol=0.02)


@pytest.mark.parametrize("threshold", [0.1, 2.0])
def test_truncated_stays_within_the_threshold_without_piling_up_there(threshold):
    z = np.asarray(latents.truncated(5, threshold)(KEY, N))
    assert np.abs(z).max() <= threshold
    assert np.abs(z).max() > 0.98 * threshold
    # Clipped normals would lie on the bound itself; drawn anew they do not.
    assert np.mean(np.abs(z) > 0.999 * threshold) < 0.01


def test_a_threshold_that_is_not_positive_is_refused():
    for threshold in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="threshold"):
            latents.truncated(5, threshold)


def test_categorical_is_one_hot_and_even():
    z = draw("categorical")
    assert set(np.unique(z)) == {0.0, 1.0}
    assert (z.sum(axis=1) == 1).all()
    np.testing.assert_allclose(z.mean(0), 0.25, atol=4 * np.sqrt(0.25 * 0.75 / N))


def test_concatenated_parts_keep_their_laws_and_share_no_noise():
    mixed = draw("concatenate")
    assert (mixed[:, 3:].sum(axis=1) == 1).all()
    twice = latents.concatenate(latents.normal(1), latents.normal(1))(KEY, N)
    assert abs(np.corrcoef(np.asarray(twice).T)[0, 1]) < 4 / np.sqrt(N)


def vectors(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_slerp_starts_at_the_start_and_ends_at_the_end():
    start, end = vectors(0, 6, 16), 2 * vectors(1, 6, 16)
    np.testing.assert_allclose(slerp(start, end, 0.0), start, atol=1e-5)
    np.testing.assert_allclose(slerp(start, end, 1.0), end, atol=1e-5)


def test_slerp_of_right_angles_is_the_circle():
    start, end = np.float32([1, 0]), np.float32([0, 1])
    t = np.linspace(0, 1, 7)[:, None]
    expected = np.concatenate([np.cos(t * np.pi / 2), np.sin(t * np.pi / 2)], axis=1)
    np.testing.assert_allclose(slerp(start, end, t), expected, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0.1, 30))
def test_slerp_between_equal_lengths_keeps_the_length(seed, t, length):
    start, end = vectors(seed, 2, 8)
    start, end = (length * v / np.linalg.norm(v) for v in (start, end))
    np.testing.assert_allclose(np.linalg.norm(slerp(start, end, t)), length, rtol=1e-3)


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0])
def test_slerp_joins_parallel_vectors_by_the_straight_line(factor):
    start = vectors(0, 8)
    np.testing.assert_allclose(
        slerp(start, factor * start, 0.25), (0.75 + 0.25 * factor) * start, atol=1e-5
    )


def test_slerp_of_a_zero_vector_is_finite():
    assert np.isfinite(slerp(np.zeros(4), vectors(0, 4), 0.5)).all()


def test_slerp_broadcasts_t_over_leading_axes():
    start, end = vectors(0, 3, 8), vectors(1, 3, 8)
    t = np.linspace(0, 1, 5)[:, None, None]
    walk = slerp(start, end, t)
    assert walk.shape == (5, 3, 8)
    alone = slerp(start[2], end[2], t[3, 0, 0])
    np.testing.assert_allclose(walk[3, 2], alone, atol=1e-5)
