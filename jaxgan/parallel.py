"""Ways to run a GAN: each takes a GAN and returns a GAN, so they combine.

`jit`, `pmap` and `shard_map` compile; `scan` goes inside one of them and runs many steps in one
call: `jaxgan.pmap(jaxgan.scan(gan), batch_axis=1)`.

The compiled steps donate the state: its buffers are reused for the new state, and the old one can
no longer be read. `batch_axis` says which axis of each leaf of the batch holds the examples; as in
`jax.vmap` it may be a tree that matches the batch. None stands for leaves that every device needs
whole, `PER_DEVICE` for leaves `[devices, ...]` of which each device sees its own entry, such as
the parts of a data set.

Where several processes run one program (`jax.distributed`), `pmap` and `shard_map` span the devices
of all of them. Each process then gives its own part of the batch, the one that its devices take: a
batch of 64 over two processes with equally many devices is 32 examples from each.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgan._alone import on_cpu
from jaxgan.core import NORMS
from jaxgan.types import GAN, Batch, Metrics

__all__ = ["AXIS", "PER_DEVICE", "greatest", "jit", "pmap", "scan", "shard_map"]

AXIS = "devices"
"""The name of the mapped axis, to be given to batch norm that is to see the whole batch."""

PER_DEVICE = "per device"
"""The `batch_axis` of leaves that hold one entry for each device."""


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
    chosen = list(devices) if devices is not None else _all_devices()
    local = [device for device in chosen if device.process_index == jax.process_index()]
    everywhere = NamedSharding(row(local, axis_name), PartitionSpec())
    mapped_axis = jax.tree.map(lambda axis: 0 if axis == PER_DEVICE else axis, batch_axis)

    def compiled(step):
        mapped = jax.pmap(
            partial(step, axis_name=axis_name),
            axis_name=axis_name,
            in_axes=(None, mapped_axis),
            out_axes=(None, None),
            devices=chosen,
            donate_argnums=(0,) if donate else (),
        )

        def apply(state, batch):
            return mapped(state, _map_batch(partial(_divide, len(local)), batch_axis, batch))

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
    mesh = mesh if mesh is not None else row(_all_devices(), axis_name)
    if axis_name not in mesh.axis_names:
        raise ValueError(f"the mesh has axes {mesh.axis_names}, but not {axis_name!r}")
    whole = PartitionSpec()
    parts = mesh.local_mesh.shape[axis_name]

    def place(axis, leaf):
        several = jax.process_count() > 1
        if several and _is_global(leaf):
            return leaf
        _check(parts, axis, leaf)
        if not several:
            return leaf
        return jax.make_array_from_process_local_data(
            NamedSharding(mesh, _spec(axis_name, axis)), leaf
        )

    def compiled(step):
        def one(state, batch):
            batch = _map_batch(
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
            return mapped(state, _map_batch(place, batch_axis, batch))

        return apply

    return _compile(gan, compiled, out_shardings=NamedSharding(mesh, whole))


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

    The lengths of gradients and updates (`jaxgan.two_player`) are measured once in each call, in
    its last step; all entries of these metrics have that value, so their mean has it too.

    Args:
        gan: the GAN, not yet compiled.
        load: `(source, item) -> Batch`.

    Returns:
        The GAN; metrics come stacked, `[K]` each.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> steps = jaxgan.jit(jaxgan.scan(gan, lambda x, index: Batch(x[index])))
        >>> state = steps.init(jax.random.key(0), batch)
        >>> data, order = jnp.ones((100, 2)), jnp.arange(40).reshape(10, 4)  # 4 a step
        >>> state, metrics = steps.train_step(state, (data, order))
        >>> int(state.g.step), metrics["d_loss"].shape
        (10, (10,))
    """

    def many(step):
        def steps(state, batch, *, axis_name=None, norms=True):
            source, items, *count = (None, batch) if load is None else batch
            length = len(jax.tree.leaves(items)[0])
            last = (count[0] if count else length) - 1

            def body(state, numbered):
                i, item = numbered
                one = item if load is None else load(source, item)
                return step(state, one, axis_name=axis_name, norms=norms & (i == last))

            run = partial(_scan_first, *count) if count else lax.scan
            state, metrics = run(body, state, (jnp.arange(length), items))
            return state, _everywhere(metrics, last)

        return steps

    return _map_steps(gan, many)


def _everywhere(metrics: Metrics, last: int | jax.Array) -> Metrics:
    """Give the norms of the last step to all steps up to it."""

    def spread(values):
        made = jnp.arange(len(values)) <= last
        made = made.reshape(-1, *[1] * (values.ndim - 1))
        return jnp.where(made, values[last], 0)

    return {name: spread(leaf) if name in NORMS else leaf for name, leaf in metrics.items()}


def _scan_first(count: jax.Array, body: Callable, state: Any, items: Any) -> tuple[Any, Any]:
    """`lax.scan` over the first `count` items, a number that the program does not depend on."""

    def item(i):
        return jax.tree.map(lambda leaf: leaf[i], items)

    length = len(jax.tree.leaves(items)[0])
    body = jax.jit(body)  # so that it is traced once: for its shapes, and for the loop
    _, metrics = jax.eval_shape(body, state, item(0))
    history = jax.tree.map(lambda one: jnp.zeros((length, *one.shape), one.dtype), metrics)

    def advance(i, carry):
        state, history = carry
        state, metrics = body(state, item(i))
        return state, jax.tree.map(lambda past, now: past.at[i].set(now), history, metrics)

    return lax.fori_loop(0, count, advance, (state, history))


def greatest(value: int) -> jax.Array:
    """Find the greatest of the values that the processes give; every process has to call this.

    Returns:
        int32 `[]`, the same on all processes. The call does not wait; `int()` of its result does.

    Example:
        >>> int(parallel.greatest(7))
        7
    """
    if jax.process_count() == 1:
        return jnp.asarray(value, jnp.int32)
    return _greatest(np.full(jax.local_device_count(), value, np.int32))


_greatest = jax.pmap(lambda value: lax.pmax(value, AXIS), axis_name=AXIS, out_axes=None)


def _map_steps(gan: GAN, transform: Callable[[Callable], Callable]) -> GAN:
    return gan._replace(
        d_step=transform(gan.d_step),
        g_step=transform(gan.g_step),
        train_step=transform(gan.train_step),
    )


# For what runs once on CPU: LLVM needs a third of the time, and no bit of the results changes.
_QUICKLY = {"xla_backend_optimization_level": "1"}


def _compile(gan: GAN, compiled: Callable[[Callable], Callable], **settings: Any) -> GAN:
    """Compile the steps by `compiled`, the rest by `jax.jit`; the settings are those of init."""
    gan = _for_this_platform(gan)
    plain = jax.jit(gan.init, **settings)
    quick = jax.jit(gan.init, compiler_options=_QUICKLY, **settings)

    def init(key: jax.Array, batch: Batch):
        return (quick if _takes_options(key) else plain)(key, batch)

    return _map_steps(gan._replace(init=init, sample=_compiled_sample(gan)), compiled)


def _takes_options(key: jax.Array) -> bool:
    """Whether that fits: inside another `jax.jit` no options are allowed, and tests have less."""
    plainly = jax.config.values["jax_disable_most_optimizations"] or isinstance(key, Tracer)
    return jax.default_backend() == "cpu" and not plainly


def _for_this_platform(gan: GAN) -> GAN:
    """Trace every function for CPUs alone where JAX computes on them by default."""

    def wrapped(function):
        @wraps(function)
        def here(*args, **kwargs):
            with on_cpu(jax.default_backend() == "cpu"):
                return function(*args, **kwargs)

        return here

    return GAN(*map(wrapped, gan))


def _compiled_sample(gan: GAN) -> Callable:
    compiled = jax.jit(gan.sample, static_argnames="n")

    # Labels that the host holds are checked in a trace that knows their values.
    def sample(state: Any, key: jax.Array, n: int, y: Any = None):
        if any(isinstance(leaf, np.ndarray | np.generic) for leaf in jax.tree.leaves(y)):
            jax.eval_shape(lambda state, key: gan.sample(state, key, n, y), state, key)
        return compiled(state, key, n=n, y=y)

    return sample


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


def _all_devices() -> list[Any]:
    """The devices of all processes, those of each together: its part of a batch is one piece."""
    return [device for i in range(jax.process_count()) for device in jax.local_devices(i)]


def _is_none(axis: Any) -> bool:
    return axis is None


def _is_global(leaf: Any) -> bool:
    """Whether an array spans the processes already; what is being traced does."""
    if isinstance(leaf, Tracer):
        return True
    return isinstance(leaf, jax.Array) and not leaf.is_fully_addressable


def _map_batch(change: Callable[[Any, Any], Any], batch_axis: Any, batch: Any) -> Any:
    """Apply `change(axis, leaf)` to every leaf of a batch."""

    def below(axis, leaves):
        return jax.tree.map(partial(change, axis), leaves)

    return jax.tree.map(below, batch_axis, batch, is_leaf=_is_none)


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


def _divide(parts: int, axis: Any, leaf: Any) -> Any:
    """Turn the axis of the examples into two, `[parts, examples / parts]`, where there is one."""
    _check(parts, axis, leaf)
    if not isinstance(axis, int):
        return leaf
    before, size, after = leaf.shape[:axis], leaf.shape[axis], leaf.shape[axis + 1 :]
    return leaf.reshape(*before, parts, size // parts, *after)
