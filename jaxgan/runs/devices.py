"""Compilation of the steps of a run, and the devices that they run on."""

import dataclasses
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxgan
from jaxgan import population
from jaxgan._feed import Feed, Share
from jaxgan.parallel import AXIS, PER_DEVICE
from jaxgan.runs.program_cache import keep_compiled
from jaxgan.runs.settings import ConfigError, Run
from jaxgan.runs.step_cache import keep_traced


def check_platform() -> None:
    """Initialize JAX's backend.

    Raises:
        ConfigError: the platform that JAX_PLATFORMS asks for is not available.
    """
    try:
        jax.devices()
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(
            f"JAX_PLATFORMS={os.environ.get('JAX_PLATFORMS', '')}: {reason}"
        ) from error


def begin(run: Run) -> None:
    """Initialize JAX for a command that uses a run, with the programs that were compiled before.

    Raises:
        ConfigError: the platform that JAX_PLATFORMS asks for is not available.
    """
    check_platform()
    keep_compiled(run.compilation_cache)


def mode_and_devices(run: Run) -> tuple[str, list]:
    """Return how the steps run, and the devices of all processes, grouped by process.

    Raises:
        ConfigError: there are not enough devices, or they cannot be used in this way.
    """
    here = jax.local_device_count()
    if run.num_devices > here:
        whose = "this machine has" if jax.process_count() == 1 else "each process has"
        raise ConfigError(
            f"--num_devices={run.num_devices}: {whose} {here}; give fewer, or 0 for all"
        )
    count = run.num_devices or here
    devices = [d for i in range(jax.process_count()) for d in jax.local_devices(i)[:count]]
    mode = run.parallel
    if mode == "auto":
        mode = "jit" if len(devices) == 1 else "pmap"
    if mode == "jit" and (jax.process_count() > 1 or run.num_devices > 1):
        raise ConfigError("--parallel=jit: it uses one device; choose pmap, shard_map or auto")
    if mode == "shard_optimizer" and run.shard_data:
        raise ConfigError(
            "--shard_data: it does not go with --parallel=shard_optimizer, which keeps the data "
            "whole; choose pmap or shard_map"
        )
    return mode, devices[:1] if mode == "jit" else devices


def share_of(devices: list) -> Share:
    """Return which of the devices this process feeds."""
    mine = [i for i, device in enumerate(devices) if device.process_index == jax.process_index()]
    return Share(mine[0], mine[-1] + 1, len(devices))


def compile_steps(
    gan: jaxgan.GAN, batches: Feed, mode: str, devices: list, built_from: str = ""
) -> tuple[jaxgan.GAN, Feed]:
    """Compile blocks of steps for these devices, and put the data where the steps need them.

    Args:
        gan: the GAN of the run.
        batches: its data.
        mode: how the steps run, as `mode_and_devices` says.
        devices: those that they run on.
        built_from: everything that the GAN and the batches were built from besides this package;
            if given, what is traced for one device is kept for other starts.
    """
    many = jaxgan.scan(gan, batches.load)
    if mode == "jit":
        if built_from:
            many = many._replace(train_step=keep_traced(many.train_step, built_from))
        return jaxgan.jit(many, compiler_options=compiler_options()), _on_device(batches)
    axis = (PER_DEVICE if batches.sharded else None, 1, None)
    local = [device for device in devices if device.process_index == jax.process_index()]
    mesh = Mesh(np.array(local if mode == "pmap" else devices), (AXIS,))
    where = NamedSharding(mesh, PartitionSpec(AXIS) if batches.sharded else PartitionSpec())
    source = jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(where, leaf), batches.source
    )
    if mode == "pmap":
        compiled = jaxgan.pmap(many, devices=devices, batch_axis=axis)
    elif mode == "shard_map":
        compiled = jaxgan.shard_map(many, mesh=mesh, batch_axis=axis)
    else:
        compiled = jaxgan.shard_optimizer(many, mesh=mesh, batch_axis=axis)
    return compiled, batches._replace(source=source)


def to_sample(state: jaxgan.TrainState) -> jaxgan.TrainState:
    """Return one device's copy of a state without optimizers; every process has to call this.

    A process may sample from it without the others.
    """
    g, d = (player._replace(opt_state=()) for player in (state.g, state.d))
    return jax.tree.map(_one_copy, state._replace(g=g, d=d))


def _one_copy(leaf: jax.Array) -> jax.Array:
    if not leaf.is_fully_replicated:
        assert isinstance(leaf.sharding, NamedSharding)  # only shard_optimizer splits a state
        leaf = jax.device_put(leaf, NamedSharding(leaf.sharding.mesh, PartitionSpec()))
    return leaf.addressable_data(0)


def devices_of_members(run: Run, members: int) -> list | None:
    """Return the devices that a population is split over, or None if it is not split.

    Raises:
        ConfigError: it cannot be split over these devices.
    """
    _, devices = mode_and_devices(dataclasses.replace(run, parallel="auto"))
    if jax.process_count() > 1 or run.shard_data:
        raise ConfigError(
            "--seeds, --sweep: a population is trained by one process on the whole data set; "
            "leave out --coordinator and --shard_data"
        )
    if run.parallel in ("pmap", "shard_optimizer"):
        raise ConfigError(
            f"--parallel={run.parallel}: it splits batches, and a population is split by members; "
            f"choose --parallel=auto, jit or shard_map"
        )
    if run.parallel == "jit" or len(devices) == 1:
        return None
    if members % len(devices):
        raise ConfigError(
            f"--seeds, --sweep: {members} members cannot be split over {len(devices)} devices; "
            f"train a multiple of {len(devices)}, or choose --parallel=jit"
        )
    return devices


def compile_population(
    make: Callable[[Any], jaxgan.GAN], settings: Any, batches: Feed, devices: list | None
) -> tuple[jaxgan.GAN, Feed]:
    """Compile blocks of steps of all members; their batches are `[steps, members, B, ...]`."""
    many = population(
        lambda setting: jaxgan.scan(make(setting), batches.load),
        settings,
        batch_axis=(None, 1, None),
        devices=devices,
    )
    compiled = jaxgan.jit(many, compiler_options=compiler_options())
    return compiled, _on_device(batches) if devices is None else _on_all(batches, devices)


def _on_device(batches: Feed) -> Feed:
    def items(seed: int, first_step: int, steps: int, count: int | None = None):
        # Here rather than in the call, so that prefetched items are already on the device.
        return jax.device_put(batches.items(seed, first_step, steps, count))

    return batches._replace(source=jax.device_put(batches.source), items=items)


def _on_all(batches: Feed, devices: list) -> Feed:
    whole = NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec())
    return batches._replace(source=jax.device_put(batches.source, whole))


@cache
def compiler_options() -> dict[str, str]:
    """Return options of XLA that make these programs faster on CPU; none on GPU and TPU.

    On CPU, the XLA of jax 0.10 hands convolutions to YNNPACK, which takes up to 2.5 times as long
    as Eigen for the weight gradients of large images; matrix products and sums stay with it.
    """
    if jax.default_backend() != "cpu":
        return {}
    kept = "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
    options = {"xla_cpu_experimental_ynn_fusion_type": kept}
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:  # another XLA, which has no such option
        return {}
    return options
