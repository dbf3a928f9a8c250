"""The order of examples, and batches on the device."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.data import gather, order, to_uint8, to_unit

sizes = st.integers(1, 40)
few = settings(deadline=None, max_examples=60)


@few
@given(size=sizes, batch_size=st.integers(1, 90), seed=st.integers(0, 2**63), flip=st.booleans())
def test_every_epoch_shows_each_example_once(size, batch_size, seed, flip):
    count = 2 * size if flip else size
    steps = -(-3 * count // batch_size)
    index = order(size, batch_size, seed=seed, first_step=0, steps=steps, flip=flip)
    assert index.shape == (steps, batch_size)
    assert index.dtype == np.int32
    for epoch in index.ravel()[: 3 * count].reshape(3, count):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(count))


@few
@given(
    size=sizes,
    batch_size=st.integers(1, 90),
    first=st.integers(0, 50),
    steps=st.integers(0, 20),
    flip=st.booleans(),
)
def test_a_resumed_run_sees_the_batches_it_would_have_seen(size, batch_size, first, steps, flip):
    whole = order(size, batch_size, seed=7, first_step=0, steps=first + steps + 3, flip=flip)
    part = order(size, batch_size, seed=7, first_step=first, steps=steps, flip=flip)
    np.testing.assert_array_equal(part, whole[first : first + steps])


def test_order_is_a_function_of_its_arguments():
    first = order(50, 8, seed=1, first_step=3, steps=9)
    first[:] = 0  # changing the result does not affect later calls
    again = order(50, 8, seed=1, first_step=3, steps=9)
    assert again.any()
    np.testing.assert_array_equal(again, order(50, 8, seed=1, first_step=3, steps=9))
    assert (again != order(50, 8, seed=2, first_step=3, steps=9)).any()


def test_epochs_are_shuffled_differently():
    index = order(100, 100, seed=0, first_step=0, steps=2)
    assert (index[0] != index[1]).any()
    assert (index[0] != np.arange(100)).any()


def test_order_far_into_a_long_run():
    index = order(60_000, 64, seed=0, first_step=10**9, steps=2)
    assert index.min() >= 0
    assert index.max() < 60_000


def test_order_is_fast_enough_not_to_matter():
    order(60_000, 64, seed=0, first_step=0, steps=1)
    start = time.perf_counter()
    order(60_000, 64, seed=0, first_step=100, steps=1000)
    assert time.perf_counter() - start < 0.1  # a few milliseconds on an idle machine


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"batch_size": 0}, {"seed": -1}, {"first_step": -1}, {"steps": -1}]
)
def test_order_rejects_what_makes_no_sense(wrong):
    arguments = {"size": 5, "batch_size": 2, "seed": 0, "first_step": 0, "steps": 1} | wrong
    with pytest.raises(ValueError, match="expected"):
        order(**arguments)


IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)


def test_gather_takes_images_in_unit_range():
    batch = gather(jnp.asarray(IMAGES), np.array([3, 0]))
    assert batch.dtype == jnp.float32
    np.testing.assert_allclose(batch, IMAGES[[3, 0]] / 127.5 - 1, atol=1e-6)


def test_gather_mirrors_left_to_right_beyond_the_last_example():
    batch = gather(jnp.asarray(IMAGES), np.array([2, 5 + 2]))
    np.testing.assert_array_equal(batch[1], batch[0][:, ::-1])
    np.testing.assert_array_equal(to_uint8(batch), [IMAGES[2], IMAGES[2][:, ::-1]])


def test_gather_passes_points_through():
    points = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    batch = gather(jnp.asarray(points), np.array([6, 1, 7 + 1]))
    np.testing.assert_array_equal(batch, points[[6, 1, 1]])


def test_gather_mirrors_solids_too_and_passes_sounds_through():
    solids = np.random.default_rng(0).integers(0, 256, (3, 2, 2, 4, 1), dtype=np.uint8)
    batch = gather(jnp.asarray(solids), np.array([[1, 3 + 1]]))
    np.testing.assert_array_equal(to_uint8(batch), [[solids[1], solids[1][:, :, ::-1]]])
    sounds = np.random.default_rng(0).normal(size=(3, 8, 1)).astype(np.float32)
    np.testing.assert_array_equal(gather(jnp.asarray(sounds), np.array([2, 3 + 2])), sounds[[2, 2]])


def test_gather_is_the_same_inside_every_transformation():
    x = jnp.asarray(IMAGES)
    index = order(5, 4, seed=0, first_step=0, steps=4, flip=True)
    plain = jnp.stack([gather(x, i) for i in index])
    scanned = jax.lax.scan(lambda carry, i: (carry, gather(x, i)), None, index)[1]
    mapped = jax.pmap(gather, in_axes=(None, 0))(x, index)
    vmapped = jax.vmap(gather, in_axes=(None, 0))(x, index)
    for result in (scanned, mapped, vmapped, jax.jit(gather)(x, index)):
        np.testing.assert_array_equal(result, plain)


@pytest.mark.parametrize("array", [np.asarray, jnp.asarray])
def test_to_uint8_is_the_inverse_of_to_unit(array):
    values = np.arange(256, dtype=np.uint8)
    unit = to_unit(array(values))
    assert unit.dtype == np.float32
    assert float(unit.min()) == -1
    assert float(unit.max()) == 1
    back = to_uint8(unit)
    assert back.dtype == np.uint8
    assert isinstance(back, type(array(values)))
    np.testing.assert_array_equal(back, values)


def test_to_uint8_rounds_and_clips():
    values = np.array([-1.5, -1, 0.2 / 127.5 - 1, 0.8 / 127.5 - 1, 1, 7], np.float32)
    np.testing.assert_array_equal(to_uint8(values), [0, 0, 0, 1, 255, 255])
    half = jnp.asarray([0.5], jnp.bfloat16)  # computed in float32, whatever the input is
    np.testing.assert_array_equal(to_uint8(half), [191])
