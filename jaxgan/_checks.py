"""Checks of arguments; each message is one line that names the argument and what was expected.

Shapes and dtypes are known while a program is traced, so to look at them costs nothing when it
runs. Values are looked at where they are known already: a tracer has none yet.
"""

import operator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

__all__ = [
    "check_array",
    "check_batch",
    "check_callable",
    "check_integers",
    "check_labels",
    "check_lengths",
    "check_numbers",
    "check_one_shape",
    "check_types",
    "on_host",
    "told",
]

_KINDS = {
    "examples": (jnp.floating, jnp.uint8),
    "floats": (jnp.floating,),
    "integers": (jnp.integer,),
    "numbers": (jnp.floating, jnp.integer, jnp.bool_),
    "uint8": (jnp.uint8,),
}

ImageSize = int | tuple[int, int]
"""The side of square images, or height and width."""


def check_integers(least: int = 1, **values: Any) -> None:
    """Check that numbers are whole, and not less than the least."""
    for name, value in values.items():
        try:
            number = operator.index(value)
        except TypeError:
            raise TypeError(f"{name} is {told(value)}; expected an integer") from None
        if number < least:
            raise ValueError(f"{name} is {number}; expected at least {least}")


def check_numbers(interval: str, **values: Any) -> None:
    """Check that numbers are in an interval such as `[0, 1)`; NaN is in none."""
    low, high = (float(bound) for bound in interval[1:-1].split(","))
    for name, value in values.items():
        if isinstance(value, Tracer):
            continue
        number = np.asarray(value)
        if number.ndim or not _is(number.dtype, "numbers"):
            raise TypeError(f"{name} is {told(value)}; expected a number")
        above = low <= number if interval[0] == "[" else low < number
        if not (above and (number <= high if interval[-1] == "]" else number < high)):
            raise ValueError(f"{name} is {value}; expected a number in {interval}")


def check_callable(expected: str = "a function", **values: Any) -> None:
    """Check that arguments can be called; what they are called with is in their types."""
    for name, value in values.items():
        if not callable(value):
            raise TypeError(f"{name} is {told(value)}; expected {expected}")


def check_array(
    name: str, value: Any, shape: str, kind: str = "floats", *, empty: bool = False
) -> None:
    """Check the type of an array, its axes, and that it has an element.

    Args:
        name: of the argument.
        value: what was given.
        shape: such as `[B, H, W, 3]`, or with any axes in one place: `[B, ...]`.
        kind: of `_KINDS`.
        empty: whether it may have no element.
    """
    if not hasattr(value, "shape") or not hasattr(value, "dtype"):
        raise TypeError(f"{name} is {told(value)}; expected an array of {kind} {shape}")
    found, wanted = value.shape, shape[1:-1].split(", ")
    fits = len(found) == len(wanted)
    if wanted[-1] == "...":
        fits = len(found) >= len(wanted) - 1
    known = zip(found, wanted, strict=False)
    if not (fits and all(axis == int(size) for axis, size in known if size.isdigit())):
        raise ValueError(f"{name} has shape {found}; expected {kind} {shape}")
    if 0 in found and not empty:
        raise ValueError(f"{name} has shape {found} and is empty; expected {kind} {shape}")
    if not _is(value.dtype, kind):
        raise ValueError(f"{name} is {value.dtype} {found}; expected {kind} {shape}")


def check_one_shape(**arrays: Any) -> None:
    """Check that arrays have one shape: others would be broadcast against one another."""
    shapes = {name: np.shape(value) for name, value in arrays.items()}
    if len(set(shapes.values())) > 1:
        found = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(f"shapes differ: {found}; expected one shape")


def check_lengths(name: str, tree: Any, length: int, of: str) -> None:
    """Check that every array of a tree has one entry for each example."""
    for leaf in jax.tree.leaves(tree):
        shape = np.shape(leaf)
        if shape[:1] != (length,):
            raise ValueError(f"{name} has shape {shape}; expected {length} examples, as {of}")


def check_labels(name: str, y: Any, classes: int | None = None) -> None:
    """Check labels: integers `[B]`; NumPy's are also looked at, each from -1 to `classes` - 1."""
    check_array(name, y, "[B]", "integers")
    if classes is None or not isinstance(y, np.ndarray):
        return
    low, high = int(y.min()), int(y.max())
    if low < -1 or high >= classes:
        raise ValueError(
            f"{name} has labels from {low} to {high}; expected 0 to {classes - 1} for {classes} "
            f"classes, or -1 where there is none"
        )


def check_batch(batch: Any, *, pictures: bool = False, values: bool = False) -> None:
    """Check the examples that a player sees.

    Args:
        batch: a `Batch`.
        pictures: whether y is of examples, like x, rather than of labels.
        values: whether to look at values too, which brings x to the host: once, not in each step.
    """
    _check_examples("batch.x", batch.x)
    if batch.y is not None:
        check_lengths("batch.y", batch.y, len(batch.x), "batch.x")
    if pictures and batch.y is not None:
        _check_examples("batch.y", batch.y)
    if values:
        _check_range("batch.x", batch.x)


def check_types(expected: type, **values: Any) -> None:
    """Check that arguments are of a type."""
    for name, value in values.items():
        if not isinstance(value, expected):
            raise TypeError(f"{name} is {told(value)}; expected {_with_article(expected)}")


def on_host(tree: Any) -> Any:
    """Bring integers, such as labels, to the host if their values are known, to be looked at."""

    def fetch(leaf):
        known = isinstance(leaf, jax.Array) and not isinstance(leaf, Tracer)
        if known and _is(leaf.dtype, "integers") and leaf.is_fully_addressable:
            return np.asarray(leaf)
        return leaf

    return jax.tree.map(fetch, tree)


def _check_examples(name: str, x: Any) -> None:
    if getattr(x, "dtype", None) == jnp.uint8:
        raise ValueError(
            f"{name} is uint8; expected floats in [-1, 1]: convert it with jaxgan.data.to_unit"
        )
    check_array(name, x, "[B, ...]")


_FAR = 16.0  # no data scaled to [-1, 1], or to a deviation of 1, are beyond it


def _check_range(name: str, x: Any) -> None:
    if isinstance(x, Tracer) or not getattr(x, "is_fully_addressable", True):
        return
    largest = float(np.max(np.abs(np.asarray(x, np.float32))))
    if not np.isfinite(largest):
        raise ValueError(f"{name} has values that are NaN or infinite; expected finite ones")
    if x.ndim == 4 and largest > _FAR:
        raise ValueError(
            f"{name} has values up to {largest:g}; expected pictures in [-1, 1]: x / 127.5 - 1 if "
            f"they are in [0, 255]"
        )


def _is(dtype: Any, kind: str) -> bool:
    return any(jnp.issubdtype(dtype, one) for one in _KINDS[kind])


def told(value: Any) -> str:
    """What was given, in few words on one line."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if value is None or isinstance(value, bool | int | float | complex | str):
        return repr(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"the function {value.__qualname__}"
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + (f" of shape {shape}" if isinstance(shape, tuple) else "")


def _with_article(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}"
