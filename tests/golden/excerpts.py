"""What the tests beside this file share: the authors' numbers, and their layouts in ours."""

import os
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict
from networks import shapes_of

HERE = Path(__file__).parent


@cache
def numbers(name: str, *, whole: bool = False) -> dict[str, np.ndarray]:
    """The excerpt of a file, or the whole file, without which a test is skipped."""
    folder = HERE
    if whole:
        folder = Path(os.environ.get("JAXGAN_TEST_DATA") or "none").parent / "golden"
        if not (folder / f"{name}.npz").exists():
            pytest.skip(f"beside the folder that JAXGAN_TEST_DATA names is no golden/{name}.npz")
    with np.load(folder / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def part(arrays: dict[str, np.ndarray], start: str) -> dict[str, np.ndarray]:
    """The arrays whose names begin so, without that beginning, and without TensorFlow's `:0`."""
    return {
        k.removeprefix(start).removesuffix(":0"): arrays[k]
        for k in arrays
        if k[: len(start)] == start
    }


def to_nhwc(x):
    return np.transpose(x, (0, 2, 3, 1))


def conv(kernel):
    """`[O, I, h, w]` to `[h, w, I, O]`."""
    return np.transpose(kernel, (2, 3, 1, 0))


def transposed(kernel):
    """A transposed convolution's `[I, O, h, w]`, which paints, to `[h, w, I, O]`, which looks."""
    return np.transpose(kernel, (2, 3, 0, 1))[::-1, ::-1]


def filled(module, leaves, *inputs, collection="params", **settings):
    """The tree of a module with these leaves, `{"a/b/kernel": array}`: all and no others."""
    _, shapes = shapes_of(module, *inputs, **settings)
    flat = flatten_dict(shapes[collection], sep="/")
    assert {k: v.shape for k, v in flat.items()} == {k: np.shape(v) for k, v in leaves.items()}
    return unflatten_dict({k: np.asarray(v, np.float32) for k, v in leaves.items()}, sep="/")


def assert_near(found, wanted, at_most=1e-5):
    """Deviations are relative to the largest number that is wanted."""
    found, wanted = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= at_most * np.abs(wanted).max()


def draws(monkeypatch, name: str, *values):
    """Let the next calls of `jax.random.NAME` give these values, of the shapes asked for."""
    waiting = list(values)

    def draw(key, shape=(), *args, **kwargs):
        del key, args, kwargs
        value = np.asarray(waiting.pop(0), np.float32)
        assert value.shape == tuple(shape), f"{shape} is drawn; expected {value.shape}"
        return jax.numpy.asarray(value)

    monkeypatch.setattr(jax.random, name, draw)
