"""Ways to run a GAN: each takes a GAN and returns a GAN, so they combine.

`jit`, `pmap`, `shard_map` and `shard_optimizer` compile; `scan` goes inside one of them and runs
many steps in one call: `jaxgan.pmap(jaxgan.scan(gan), batch_axis=1)`.

The compiled steps donate the state: its buffers are reused for the new state, and the old one can
no longer be read. `batch_axis` says which axis of each leaf of the batch holds the examples; as in
`jax.vmap` it may be a tree that matches the batch. None stands for leaves that every device needs
whole, `PER_DEVICE` for leaves `[devices, ...]` of which each device sees its own entry, such as
the parts of a data set.

Where several processes run one program (`jax.distributed`), all but `jit` span the devices of all
of them. Each process then gives its own part of the batch, the one that its devices take: a
batch of 64 over two processes with equally many devices is 32 examples from each.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxgan._alone import on_cpu
from jaxgan._batch_axes import PER_DEVICE, all_devices, divide, map_batch, place, row, split
from jaxgan._scan import map_steps, scan
from jaxgan._scatter import MIN_SIZE, Scatter
from jaxgan.types import GAN, Batch

__all__ = ["AXIS", "PER_DEVICE", "greatest", "jit", "pmap", "scan", "shard_map", "shard_optimizer"]

AXIS = "devices"
"""The name of the mapped axis, to be given to batch norm that is to see the whole batch."""


def jit(gan: GAN, *, donate: bool = True, compiler_options: dict[str, Any] | None = None) -> GAN:
    """Compile a GAN for one device, or for wherever its arrays lie.

    Args:
        gan: the GAN.
        donate: whether a step may reuse the memory of the state it is given.
        compiler_options: XLA's, for the steps; they cannot be set inside another `jax.jit`.

    Returns:
        The GAN with every function compiled; the steps take no `axis_name`.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> compiled = jaxgan.jit(gan)
        >>> state = compiled.init(jax.random.key(0), batch)
        >>> state, metrics = compiled.train_step(state, batch)
        >>> int(state.g.step)
        1
    """

    def compiled(step):
        return jax.jit(
            step, donate_argnums=(0,) if donate else (), compiler_options=compiler_options
        )

    return _compile(gan, compiled)


def pmap(
    gan: GAN,
    *,
    devices: Sequence[Any] | None = None,
    batch_axis: Any = 0,
    axis_name: str = AXIS,
    donate: bool = True,
) -> GAN:
    """Split each batch over devices with `jax.pmap`; average gradients over them.

    State and metrics stay unreplicated, as on one device: no leading device axis, nothing to
    replicate or to take apart. Noise is drawn anew on each device, so a run depends on the number
    of devices. Batch norm sees each device's part unless it is given the axis name. Across
    processes, every process has a state of its own, equal to the others'.

    Args:
        gan: the GAN.
        devices: which, in the same order on all processes; all devices of all of them if None.
        batch_axis: the axis of the examples in the batch's leaves.
        axis_name: the name of the mapped axis.
        donate: whether a step may reuse the memory of the state it is given.

    Returns:
        The GAN; its steps take whole batches and raise ValueError for a batch that does not divide.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> compiled = jaxgan.pmap(gan, devices=jax.devices()[:1])
        >>> state = compiled.init(jax.random.key(0), batch)
        >>> state, metrics = compiled.train_step(state, batch)  # the whole batch
        >>> int(state.g.step)
        1
    """
    chosen = list(devices) if devices is not None else all_devices()
    local = [device for device in chosen if device.process_index == jax.process_index()]
    everywhere = NamedSharding(row(local, axis_name), PartitionSpec())
    mapped_axis = jax.tree.map(lambda axis: 0 if axis == PER_DEVICE else axis, batch_axis)

    def compiled(step):
        @wraps(step)
        def one(state, batch):
            return step(state, batch, axis_name=axis_name)

        mapped = jax.pmap(
            one,
            axis_name=axis_name,
            in_axes=(None, mapped_axis),
            out_axes=(None, None),
            devices=chosen,
            donate_argnums=(0,) if donate else (),
        )

        def apply(state, batch):
            return mapped(state, map_batch(partial(divide, len(local)), batch_axis, batch))

        return apply

    # Where the state starts is where the steps leave it: nothing moves, nothing compiles twice.
    return _compile(gan, compiled, out_shardings=everywhere)


def shard_map(
    gan: GAN,
    *,
    mesh: Mesh | None = None,
    batch_axis: Any = 0,
    axis_name: str = AXIS,
    donate: bool = True,
) -> GAN:
    """Split each batch over a mesh axis with `jax.shard_map`; otherwise like `pmap`.

    Across processes there is one state, of global arrays.

    Args:
        gan: the GAN.
        mesh: a mesh with an axis `axis_name`; all devices of all processes in a row if None.
        batch_axis: the axis of the examples in the batch's leaves.
        axis_name: the mesh axis to split batches over.
        donate: whether a step may reuse the memory of the state it is given.

    Returns:
        The GAN; its steps raise ValueError for a batch that does not divide.

    Raises:
        ValueError: the mesh has no such axis.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> auto = (jax.sharding.AxisType.Auto,)
        >>> mesh = jax.make_mesh((1,), ("devices",), axis_types=auto)
        >>> compiled = jaxgan.shard_map(gan, mesh=mesh)
        >>> state = compiled.init(jax.random.key(0), batch)
        >>> state, metrics = compiled.train_step(state, batch)  # the whole batch
        >>> int(state.g.step)
        1
    """
    mesh = _mesh(mesh, axis_name)
    whole = PartitionSpec()

    def compiled(step):
        @wraps(step)
        def one(state, batch):
            batch = map_batch(
                lambda axis, leaf: leaf[0] if axis == PER_DEVICE else leaf, batch_axis, batch
            )
            return step(state, batch, axis_name=axis_name)

        mapped = jax.jit(
            jax.shard_map(
                one,
                mesh=mesh,
                in_specs=(whole, split(batch_axis, axis_name)),
                out_specs=(whole, whole),
            ),
            donate_argnums=(0,) if donate else (),
        )

        def apply(state, batch):
            return mapped(state, place(mesh, axis_name, batch_axis, batch))

        return apply

    return _compile(gan, compiled, out_shardings=NamedSharding(mesh, whole))


def shard_optimizer(
    gan: GAN,
    *,
    mesh: Mesh | None = None,
    batch_axis: Any = 0,
    axis_name: str = AXIS,
    min_size: int = MIN_SIZE,
    donate: bool = True,
) -> GAN:
    """Like `shard_map`, with the optimizers' states and the running average split over devices.

    With Adam, data parallelism needs 16 bytes for each parameter on every one of n devices (itself,
    its gradient, two moments), and 4 more for the running average of one of G. Here it is 8 + 8 / n
    bytes and 4 / n more. Steps are those of `shard_map`, to rounding, with any optimizer. They send
    as much: gradients are scattered while they are added up, each device updates its part, and the
    new parameters are gathered. (Stage 1 of ZeRO, arXiv:1910.02054.)

    Args:
        gan: the GAN.
        mesh: as in `shard_map`, and so are `batch_axis`, `axis_name` and `donate`.
        batch_axis: the axis of the examples in the batch's leaves. None is for what the `load` of
            `scan` takes: all that a loss sees is split. `PER_DEVICE` is not supported.
        axis_name: the mesh axis to split over.
        min_size: numbers in the smallest array that is split. The longest axis that divides is; an
            array that has none stays whole.
        donate: whether a step may reuse the memory of the state it is given.

    Returns:
        The GAN; its steps raise ValueError for a batch that does not divide, or not in all of its
        leaves. Its states are of the same shapes as ever: only where their arrays lie differs.

    Raises:
        ValueError: the mesh has no such axis, or a leaf of the batch is `PER_DEVICE`.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> adam = {"g_optimizer": optax.adam(0.1), "d_optimizer": optax.adam(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **adam)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> mesh = jax.make_mesh((1,), ("devices",), axis_types=(jax.sharding.AxisType.Auto,))
        >>> compiled = jaxgan.shard_optimizer(gan, mesh=mesh)
        >>> state = compiled.init(jax.random.key(0), batch)
        >>> state, metrics = compiled.train_step(state, batch)  # the whole batch
        >>> int(state.g.step)
        1
    """
    scatter = Scatter(_mesh(mesh, axis_name), axis_name, min_size)
    if PER_DEVICE in jax.tree.leaves(batch_axis):
        raise ValueError(
            "batch_axis: PER_DEVICE is for pmap and shard_map, where a device sees one entry only; "
            "give the axis of the examples, or None"
        )

    def init(key, batch):
        where = scatter.shardings(jax.eval_shape(gan.init, key, batch))
        return _compiled_init(gan, out_shardings=where)(key, batch)

    def check(axis, leaf):
        del leaf
        if axis is None:
            raise ValueError(
                "batch_axis: None for a leaf of a Batch, which is whole on every device under "
                "shard_map only; give the axis of its examples"
            )

    def constrain(axis, leaf):
        where = NamedSharding(scatter.mesh, split(axis, axis_name))
        return lax.with_sharding_constraint(leaf, where)

    def compiled(step):
        @wraps(step)
        def one(state, batch):
            batch = map_batch(constrain, batch_axis, batch)
            state, metrics = step(state, batch, axis_name=scatter)
            return lax.with_sharding_constraint(state, scatter.shardings(state)), metrics

        mapped = jax.jit(one, donate_argnums=(0,) if donate else ())

        def apply(state, batch):
            if isinstance(batch, Batch):
                map_batch(check, batch_axis, batch)
            return mapped(state, place(scatter.mesh, axis_name, batch_axis, batch))

        return apply

    return _compile(gan, compiled)._replace(init=init)


def greatest(value: int) -> jax.Array:
    """Find the greatest of the values that the processes give; every process has to call this.

    Returns:
        int32 `[]`, the same on all processes. The call does not wait; `int()` of its result does.

    Example:
        >>> int(parallel.greatest(7))
        7
    """
    if jax.process_count() == 1:
        return jax.device_put(np.int32(value))
    return _greatest(np.full(jax.local_device_count(), value, np.int32))


_greatest = jax.pmap(lambda value: lax.pmax(value, AXIS), axis_name=AXIS, out_axes=None)


def _mesh(mesh: Mesh | None, axis_name: str) -> Mesh:
    """The mesh that was given, or all devices in a row."""
    if mesh is None:
        return row(all_devices(), axis_name)
    if axis_name not in mesh.axis_names:
        raise ValueError(f"the mesh has axes {mesh.axis_names}, but not {axis_name!r}")
    return mesh


# For what runs once on CPU: LLVM needs a third of the time, and no bit of the results changes.
_QUICKLY = {"xla_backend_optimization_level": "1"}


def _compile(gan: GAN, compiled: Callable[[Callable], Callable], **settings: Any) -> GAN:
    """Compile the steps by `compiled`, the rest by `jax.jit`; the settings are those of init."""
    gan = _for_this_platform(gan)
    init = _compiled_init(gan, **settings)
    return map_steps(gan._replace(init=init, sample=_compiled_sample(gan)), compiled)


def _compiled_init(gan: GAN, **settings: Any) -> Callable:
    plain = jax.jit(gan.init, **settings)
    quick = jax.jit(gan.init, compiler_options=_QUICKLY, **settings)

    def init(key: jax.Array, batch: Batch):
        return (quick if _takes_options(key) else plain)(key, batch)

    return init


def _takes_options(key: jax.Array) -> bool:
    """Whether that fits: inside another `jax.jit` no options are allowed, and tests have less."""
    plainly = jax.config.values["jax_disable_most_optimizations"] or isinstance(key, Tracer)
    return jax.default_backend() == "cpu" and not plainly


_FUNCTIONS = ("init", "d_step", "g_step", "train_step", "sample")


def _for_this_platform(gan: GAN) -> GAN:
    """Trace every function for CPUs alone where JAX computes on them by default."""

    def wrapped(function):
        @wraps(function)
        def here(*args, **kwargs):
            with on_cpu(jax.default_backend() == "cpu"):
                return function(*args, **kwargs)

        return here

    return gan._replace(**{name: wrapped(getattr(gan, name)) for name in _FUNCTIONS})


def _compiled_sample(gan: GAN) -> Callable:
    compiled = jax.jit(gan.sample, static_argnames="n")

    # Labels that the host holds are checked in a trace that knows their values.
    def sample(state: Any, key: jax.Array, n: int, y: Any = None):
        if any(isinstance(leaf, np.ndarray | np.generic) for leaf in jax.tree.leaves(y)):
            jax.eval_shape(lambda state, key: gan.sample(state, key, n, y), state, key)
        return compiled(state, key, n=n, y=y)

    return sample
