"""How a batch is split over devices: which axis of each leaf, and where its parts lie."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

__all__ = ["PER_DEVICE", "all_devices", "divide", "map_batch", "place", "row", "split"]

PER_DEVICE = "per device"
"""The `batch_axis` of leaves that hold one entry for each device."""


def row(devices: Sequence[Any], axis_name: str) -> Mesh:
    """A mesh with one axis."""
    return jax.make_mesh(
        (len(devices),), (axis_name,), axis_types=(AxisType.Auto,), devices=tuple(devices)
    )


def split(axes: Any, axis_name: str) -> Any:
    """Specs that split an axis of each leaf over the mesh, or none where it is None."""
    return jax.tree.map(partial(_spec, axis_name), axes, is_leaf=_is_none)


def _spec(axis_name: str, axis: Any) -> PartitionSpec:
    if axis is None:
        return PartitionSpec()
    return PartitionSpec(*[None] * (0 if axis == PER_DEVICE else axis), axis_name)


def all_devices() -> list[Any]:
    """The devices of all processes, those of each together: its part of a batch is one piece."""
    return [device for i in range(jax.process_count()) for device in jax.local_devices(i)]


def _is_none(axis: Any) -> bool:
    return axis is None


def _is_global(leaf: Any) -> bool:
    """Whether an array spans the processes already; what is being traced does."""
    if isinstance(leaf, Tracer):
        return True
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


def map_batch(change: Callable[[Any, Any], Any], batch_axis: Any, batch: Any) -> Any:
    """Apply `change(axis, leaf)` to every leaf of a batch."""

    def below(axis, leaves):
        return jax.tree.map(partial(change, axis), leaves)

    return jax.tree.map(below, batch_axis, batch, is_leaf=_is_none)


def place(mesh: Mesh, axis_name: str, batch_axis: Any, batch: Any) -> Any:
    """Put this process's part of a batch where the devices of a mesh expect it.

    Raises:
        ValueError: it does not divide.
    """
    parts, several = mesh.local_mesh.shape[axis_name], jax.process_count() > 1

    def one(axis, leaf):
        if several and _is_global(leaf):
            return leaf
        _check(parts, axis, leaf)
        if not several:
            return leaf
        where = NamedSharding(mesh, _spec(axis_name, axis))
        return jax.make_array_from_process_local_data(where, leaf)

    return map_batch(one, batch_axis, batch)


def _check(parts: int, axis: Any, leaf: Any) -> None:
    least = axis + 1 if isinstance(axis, int) else int(axis == PER_DEVICE)
    if np.ndim(leaf) < least:
        raise ValueError(
            f"a leaf of the batch has shape {np.shape(leaf)}; expected examples along axis {axis}"
        )
    if axis == PER_DEVICE and leaf.shape[0] != parts:
        raise ValueError(f"{leaf.shape[0]} entries for {parts} devices; expected one for each")
    if isinstance(axis, int) and leaf.shape[axis] % parts:
        raise ValueError(
            f"a batch of {leaf.shape[axis]} does not divide over {parts} devices; "
            f"expected a multiple of {parts}"
        )


def divide(parts: int, axis: Any, leaf: Any) -> Any:
    """Turn the axis of the examples into two, `[parts, examples / parts]`, where there is one."""
    _check(parts, axis, leaf)
    if not isinstance(axis, int):
        return leaf
    before, size, after = leaf.shape[:axis], leaf.shape[axis], leaf.shape[axis + 1 :]
    return leaf.reshape(*before, parts, size // parts, *after)
