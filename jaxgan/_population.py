"""Many runs in one program: K seeds or K settings of one GAN, trained together under `vmap`.

A population is a GAN like any other, so the ways to run one apply:

    def make(setting):
        return recipes.gan(..., d_optimizer=optax.adam(setting["d_lr"], b1=0.5))

    gan = population(make, {"d_lr": jnp.array([1e-4, 2e-4, 4e-4])})
    state = gan.init(jax.random.split(key, 3), batch)
    state, metrics = jaxgan.jit(jaxgan.scan(gan)).train_step(state, batches)

What shapes and programs depend on (networks, losses, `d_steps`) is the same for all members. What
is only a number in an update may differ: learning rates, Adam's decays, the weight of the penalty,
the decay of the running average, the limit that weights are clipped to.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan._batch_axes import row, split
from jaxgan._checks import check_callable
from jaxgan.types import GAN, Batch, TrainState

__all__ = ["AXIS", "population"]

AXIS = "members"
"""The name of the mesh axis that members are split over."""


def population(
    make: Callable[[Any], GAN],
    settings: Any = (),
    *,
    batch_axis: Any = None,
    devices: Sequence[Any] | None = None,
) -> GAN:
    """Train K members of one kind together; member i is the GAN `make(settings[i])`.

    State, metrics and samples have an axis of K members in front, and so have the keys that `init`
    and `sample` take; their batch and their y are for all. No member depends on another: one that
    diverges leaves the rest alone. Up to rounding, a member is the GAN trained alone.

    The members step together: the step count of the first is used for all, so that a lazy penalty
    is computed only when it is due.

    Args:
        make: `(setting) -> GAN`, from traced scalars: no Python `if` may depend on them.
        settings: a pytree of arrays `[K]`; `()` where the members differ in their keys only.
        batch_axis: the axis of the members in each leaf of a step's batch; None where all share it.
            As in `jax.vmap` it may be a tree that matches the batch.
        devices: what to split the members over; each device trains its own members
            without any communication, and K must be a multiple of the number of devices. None keeps
            all members together.

    Returns:
        The GAN, not yet compiled. Before anything is compiled, its functions raise ValueError if
        settings, keys, state and batch differ in their number of members, or if that number does
        not divide over the devices.

    Raises:
        TypeError: `make` is no function.
        ValueError: `devices` is empty.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> def make(learning_rate):
        ...     return recipes.gan(
        ...         generator,
        ...         discriminator,
        ...         latent=latents.normal(2),
        ...         g_optimizer=optax.sgd(learning_rate),
        ...         d_optimizer=optax.sgd(learning_rate),
        ...     )
        ...
        >>> gan = jaxgan.population(make, jnp.array([0.01, 0.1, 1.0]))
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.split(jax.random.key(0), 3), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> metrics["d_loss"].shape
        (3,)
    """
    check_callable("a function (setting) -> GAN", make=make)
    if devices is not None and not len(devices):
        raise ValueError("devices is empty; expected at least one, or None")

    def spread(function: Callable, *axes) -> Callable:
        """`function(settings, *args)` where the members are; `axes` are theirs in the args."""
        axes = (0, *axes)
        if devices is None:
            on_devices = function
        else:
            on_devices = jax.shard_map(
                function,
                mesh=row(devices, AXIS),
                in_specs=split(axes, AXIS),
                out_specs=split(0, AXIS),
                check_vma=False,  # it guards sums over devices, and here are none
            )

        def apply(*args):
            _check_members(axes, (settings, *args), devices)
            return on_devices(settings, *args)

        return apply

    def init(key: jax.Array, batch: Batch) -> TrainState:
        def one(setting, key, batch):
            return make(setting).init(key, batch)

        return spread(jax.vmap(one, in_axes=(0, 0, None)), 0, None)(key, batch)

    def stepping(name: str) -> Callable:
        def step(state: TrainState, batch: Batch, *, axis_name=None, norms=True):
            def one(setting, state, batch, norms):
                advance = getattr(make(setting), name)
                return advance(state, batch, axis_name=axis_name, norms=norms)

            def together(settings, state, batch, norms):
                state, state_axes = _count_once(state)
                mapped = jax.vmap(one, in_axes=(0, state_axes, batch_axis, None))
                return mapped(settings, state, batch, norms)

            return spread(together, 0, batch_axis, None)(state, batch, norms)

        step.__name__ = name
        return step

    def sample(state: TrainState, key: jax.Array, n: int, y=None):
        def one(setting, state, key, y):
            return make(setting).sample(state, key, n, y)

        return spread(jax.vmap(one, in_axes=(0, 0, 0, None)), 0, 0, None)(state, key, y)

    return GAN(init, stepping("d_step"), stepping("g_step"), stepping("train_step"), sample)


def _count_once(state: TrainState) -> tuple[TrainState, TrainState]:
    """The state with one step count for all members, and the members' axes in it.

    If every member had its own, whether a penalty is due would be decided per member, and `vmap`
    would compute it in every step for all of them.
    """
    axes: Any = TrainState(0, 0, 0, 0)  # pyright: ignore[reportArgumentType]
    for name in ("g", "d"):
        player = getattr(state, name)
        state = state._replace(**{name: player._replace(step=player.step[0])})
        axes = axes._replace(**{name: player._replace(step=None, params=0, state=0, opt_state=0)})
    return state, axes


def _check_members(axes: Any, args: Any, devices: Sequence[Any] | None) -> None:
    sizes: set[int] = set()

    def look(axis: int | None, leaves: Any) -> None:
        if axis is not None:
            shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(leaves)]
            sizes.update(shape[axis] if axis < len(shape) else 0 for shape in shapes)

    jax.tree.map(look, axes, args, is_leaf=lambda axis: axis is None)
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"settings, keys or state, and batch are of {sorted(sizes)} members; "
            f"expected one number of them, the same in all (0 stands for no such axis)"
        )
    (members,) = sizes
    if devices is not None and members % len(devices):
        raise ValueError(
            f"{members} members do not divide over {len(devices)} devices; "
            f"expected a multiple of {len(devices)}"
        )
