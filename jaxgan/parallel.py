"""Ways to run a GAN: each takes a GAN and returns a GAN, so they combine.

`jit`, `pmap` and `shard_map` compile; `scan` goes inside one of them and runs many steps in one
call: `jaxgan.pmap(jaxgan.scan(gan), batch_axis=1)`.

The compiled steps donate the state: its buffers are reused for the new state, and the old one can
no longer be read. `batch_axis` says which axis of each leaf of the batch holds the examples; as in
`jax.vmap` it may be a tree that matches the batch, and None stands for leaves that every device
needs whole.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgan.types import GAN, Batch

__all__ = ["AXIS", "jit", "pmap", "scan", "shard_map"]

AXIS = "devices"
"""The name of the mapped axis; batch norm that is to see the whole batch is told this name."""


def jit(gan: GAN, *, donate: bool = True, compiler_options: dict[str, Any] | None = None) -> GAN:
    """Compile a GAN for one device, or for wherever its arrays lie.

    Args:
        gan: the GAN.
        donate: whether a step may reuse the memory of the state it is given.
        compiler_options: XLA's, for the steps; they cannot be set inside another `jax.jit`.

    Returns:
        The GAN with every function compiled; the steps take no `axis_name`.
    """

    def compiled(step):
        return jax.jit(
            step, donate_argnums=(0,) if donate else (), compiler_options=compiler_options
        )

    return _map_steps(_jit_rest(gan, jax.jit(gan.init)), compiled)


def pmap(
    gan: GAN,
    *,
    devices: Sequence[Any] | None = None,
    batch_axis: Any = 0,
    axis_name: str = AXIS,
    donate: bool = True,
) -> GAN:
    """Split each batch over the local devices with `jax.pmap`; average gradients over them.

    State and metrics stay unreplicated, as on one device: no leading device axis, nothing to
    replicate or to take apart. Noise is drawn anew on each device, so a run depends on the number
    of devices. Batch norm sees each device's part unless it is told the axis name.

    Args:
        gan: the GAN.
        devices: which; all local ones if None.
        batch_axis: the axis of the examples in the batch's leaves.
        axis_name: the name of the mapped axis.
        donate: whether a step may reuse the memory of the state it is given.

    Returns:
        The GAN; its steps take whole batches and raise ValueError for a batch that does not divide.
    """
    chosen = list(devices) if devices is not None else jax.local_devices()
    everywhere = NamedSharding(row(chosen, axis_name), PartitionSpec())

    def compiled(step):
        mapped = jax.pmap(
            partial(step, axis_name=axis_name),
            axis_name=axis_name,
            in_axes=(None, batch_axis),
            out_axes=(None, None),
            devices=chosen,
            donate_argnums=(0,) if donate else (),
        )

        def apply(state, batch):
            return mapped(state, _divide(batch, batch_axis, len(chosen)))

        return apply

    # Where the state starts is where the steps leave it: nothing moves, nothing compiles twice.
    return _map_steps(_jit_rest(gan, jax.jit(gan.init, out_shardings=everywhere)), compiled)


def shard_map(
    gan: GAN,
    *,
    mesh: Mesh | None = None,
    batch_axis: Any = 0,
    axis_name: str = AXIS,
    donate: bool = True,
) -> GAN:
    """Split each batch over a mesh axis with `jax.shard_map`; otherwise like `pmap`.

    Args:
        gan: the GAN.
        mesh: a mesh with an axis `axis_name`; all devices in a row if None.
        batch_axis: the axis of the examples in the batch's leaves.
        axis_name: the mesh axis to split batches over.
        donate: whether a step may reuse the memory of the state it is given.

    Returns:
        The GAN; its steps raise ValueError for a batch that does not divide.

    Raises:
        ValueError: the mesh has no such axis.
    """
    mesh = mesh if mesh is not None else row(jax.devices(), axis_name)
    if axis_name not in mesh.axis_names:
        raise ValueError(f"the mesh has axes {mesh.axis_names}, but not {axis_name!r}")
    whole = PartitionSpec()
    specs = split(batch_axis, axis_name)

    def compiled(step):
        mapped = jax.jit(
            jax.shard_map(
                partial(step, axis_name=axis_name),
                mesh=mesh,
                in_specs=(whole, specs),
                out_specs=(whole, whole),
            ),
            donate_argnums=(0,) if donate else (),
        )

        def apply(state, batch):
            _divide(batch, batch_axis, mesh.shape[axis_name])
            return mapped(state, batch)

        return apply

    init = jax.jit(gan.init, out_shardings=NamedSharding(mesh, whole))
    return _map_steps(_jit_rest(gan, init), compiled)


def scan(gan: GAN, load: Callable[[Any, Any], Batch] | None = None) -> GAN:
    """Run several steps in one call, with `lax.scan`.

    Without `load`, a step's batch has one more axis in front: K batches for K steps. With `load`,
    it is a pair `(source, items)`: step k trains on `load(source, items[k])`, inside the compiled
    program. With the data set itself as the source and indices as the items, whole epochs run
    without the host:

        steps = jaxgan.jit(jaxgan.scan(gan, lambda x, index: Batch(gather(x, index))))
        state, metrics = steps.train_step(state, (x, order(len(x), 64, ...)))

    A third part, `(source, items, count)`, makes only the first `count` steps, so that a run whose
    last call is shorter compiles nothing anew; the metrics after them are 0.

    Args:
        gan: the GAN, not yet compiled.
        load: `(source, item) -> Batch`.

    Returns:
        The GAN; metrics come stacked, `[K]` each.
    """

    def many(step):
        def steps(state, batch, *, axis_name=None):
            source, items, *count = (None, batch) if load is None else batch

            def body(state, item):
                one = item if load is None else load(source, item)
                return step(state, one, axis_name=axis_name)

            if count:
                return _scan_first(body, state, items, *count)
            return lax.scan(body, state, items)

        return steps

    return _map_steps(gan, many)


def _scan_first(body: Callable, state: Any, items: Any, count: jax.Array) -> tuple[Any, Any]:
    """`lax.scan` over the first `count` items, a number that the program does not depend on."""

    def item(i):
        return jax.tree.map(lambda leaf: leaf[i], items)

    length = len(jax.tree.leaves(items)[0])
    _, metrics = jax.eval_shape(body, state, item(0))
    history = jax.tree.map(lambda one: jnp.zeros((length, *one.shape), one.dtype), metrics)

    def advance(i, carry):
        state, history = carry
        state, metrics = body(state, item(i))
        return state, jax.tree.map(lambda past, now: past.at[i].set(now), history, metrics)

    return lax.fori_loop(0, count, advance, (state, history))


def _map_steps(gan: GAN, transform: Callable[[Callable], Callable]) -> GAN:
    return gan._replace(
        d_step=transform(gan.d_step),
        g_step=transform(gan.g_step),
        train_step=transform(gan.train_step),
    )


def _jit_rest(gan: GAN, init: Callable) -> GAN:
    sample = jax.jit(gan.sample, static_argnames="n")
    return gan._replace(init=init, sample=sample)


def row(devices: Sequence[Any], axis_name: str) -> Mesh:
    """A mesh with one axis."""
    return jax.make_mesh(
        (len(devices),), (axis_name,), axis_types=(AxisType.Auto,), devices=tuple(devices)
    )


def split(axes: Any, axis_name: str) -> Any:
    """Specs that split an axis of each leaf over the mesh, or none where it is None."""

    def spec(axis):
        return PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, axis_name)

    return jax.tree.map(spec, axes, is_leaf=lambda axis: axis is None)


def _divide(batch: Any, batch_axis: Any, parts: int) -> Any:
    """Turn the axis of the examples into two, `[parts, examples / parts]`, where there is one."""

    def divide(axis, leaves):
        if axis is None:
            return leaves

        def one(leaf):
            size = leaf.shape[axis]
            if size % parts:
                raise ValueError(
                    f"a batch of {size} does not divide over {parts} devices; "
                    f"expected a multiple of {parts}"
                )
            return leaf.reshape(*leaf.shape[:axis], parts, size // parts, *leaf.shape[axis + 1 :])

        return jax.tree.map(one, leaves)

    return jax.tree.map(divide, batch_axis, batch, is_leaf=lambda axis: axis is None)
