"""Resampling against what NumPy makes: squares, zeros inserted, convolutions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks import compilation

from jaxgan.resample import box_downsample, downsample, nearest_upsample, upsample

RANDOM = np.random.default_rng(0)
KERNELS = [(1, 3, 3, 1), (1, 2, 1), (1, 1), (1, 3, 5, 2), (1, 4, 6, 4, 1), (1,)]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def filtered(x, kernel, before, after):
    """Pads with zeros (or crops), and convolves, window by window."""
    window = np.outer(kernel, kernel) / np.sum(kernel) ** 2
    window = window[::-1, ::-1]
    sides = ((0, 0), *[(max(before, 0), max(after, 0))] * 2, (0, 0))
    x = np.pad(x, sides)
    x = x[:, : x.shape[1] + min(after, 0), : x.shape[2] + min(after, 0)]
    size = len(kernel)
    views = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(1, 2))
    return np.einsum("bhwcij,ij->bhwc", views, window)


def upsampled(x, kernel):
    batch, height, width, channels = x.shape
    zeros = np.zeros((batch, 2 * height, 2 * width, channels))
    zeros[:, ::2, ::2] = x
    return 4 * filtered(zeros, kernel, (len(kernel) + 1) // 2, (len(kernel) - 2) // 2)


def downsampled(x, kernel):
    whole = filtered(x, kernel, (len(kernel) - 1) // 2, (len(kernel) - 2) // 2)
    return whole[:, ::2, ::2]


@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_to_zeros_inserted_and_convolved(kernel):
    x = RANDOM.normal(size=(2, 6, 8, 3)).astype(np.float32)
    up, down = jax.jit(lambda x: (upsample(x, kernel), downsample(x, kernel)))(x)
    assert up.shape == (2, 12, 16, 3)
    assert down.shape == (2, 3, 4, 3)
    np.testing.assert_allclose(up, upsampled(x, kernel), atol=1e-5)
    np.testing.assert_allclose(down, downsampled(x, kernel), atol=1e-5)


def test_numbers_written_out():
    ramp = jnp.broadcast_to(jnp.arange(4.0)[None, :, None, None], (1, 4, 4, 1))
    # Along a row everything is flat; the border fades by 3/4, as if there were 0 outside.
    np.testing.assert_allclose(
        upsample(ramp)[0, :, 3, 0], [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 2.25]
    )
    np.testing.assert_allclose(downsample(ramp)[0, :, 0, 0] * 8 / 7, [0.625, 2.0])


def test_adjoint_to_each_other():
    x, y = (jnp.float32(RANDOM.normal(size=(1, n, n, 2))) for n in (4, 8))
    left = jnp.vdot(upsample(x), y)
    np.testing.assert_allclose(left, 4 * jnp.vdot(x, downsample(y)), rtol=1e-4)


def test_bfloat16_stays_and_odd_sides_are_rounded_down():
    x = jnp.ones((1, 7, 7, 1), jnp.bfloat16)
    assert upsample(x).dtype == downsample(x).dtype == jnp.bfloat16
    assert downsample(x).shape == (1, 3, 3, 1)


def test_squares_against_numpy():
    x = RANDOM.normal(size=(2, 4, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(
        box_downsample(jnp.asarray(x)),
        x.reshape(2, 2, 2, 3, 2, 3).mean(axis=(2, 4)),
        rtol=1e-5,
        atol=1e-6,
    )
    np.testing.assert_array_equal(
        nearest_upsample(jnp.asarray(x), 3), x.repeat(3, axis=1).repeat(3, axis=2)
    )
