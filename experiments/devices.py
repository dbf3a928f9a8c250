"""How the steps of a run are compiled, and for which devices."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from config import Config, ConfigError
from feed import Feed
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxgan
from jaxgan.parallel import AXIS
from jaxgan.population import population


def mode_and_devices(config: Config) -> tuple[str, list]:
    """How the steps run, and on which devices."""
    devices = jax.local_devices()
    if config.parallel == "auto":
        return ("pmap", devices) if len(devices) > 1 else ("jit", devices)
    return config.parallel, devices[:1] if config.parallel == "jit" else devices


def compile_steps(
    gan: jaxgan.GAN, batches: Feed, mode: str, devices: list
) -> tuple[jaxgan.GAN, Feed]:
    """Compile blocks of steps for these devices, and put the data where they want them."""
    many = jaxgan.scan(gan, batches.load)
    if mode == "jit":
        return jaxgan.jit(many, compiler_options=compiler_options()), batches
    transform = {"pmap": jaxgan.pmap, "shard_map": jaxgan.shard_map}[mode]
    return transform(many, batch_axis=(None, 1)), _on_all(batches, devices)


def devices_of_members(config: Config, members: int) -> list | None:
    """The devices that a population is split over; None if it is not.

    Raises:
        ConfigError: it cannot be split like that.
    """
    devices = jax.local_devices()
    if config.parallel == "pmap":
        raise ConfigError(
            "--parallel=pmap: it splits batches, and a population is split by members; "
            "choose --parallel=auto, jit or shard_map"
        )
    if config.parallel == "jit" or len(devices) == 1:
        return None
    if members % len(devices):
        raise ConfigError(
            f"--seeds, --sweep: {members} members do not divide over {len(devices)} devices; "
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
        batch_axis=(None, 1),
        devices=devices,
    )
    compiled = jaxgan.jit(many, compiler_options=compiler_options())
    return compiled, batches if devices is None else _on_all(batches, devices)


def _on_all(batches: Feed, devices: list) -> Feed:
    whole = NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec())
    return batches._replace(source=jax.device_put(batches.source, whole))


@cache
def compiler_options() -> dict[str, str]:
    """Options of XLA with which these programs run faster; none on GPU and TPU.

    On CPU, XLA 0.10 hands convolutions to YNNPACK, which takes up to 2.5 times as long as Eigen for
    the weight gradients of large images; it keeps the matrix products, where it is the faster one.
    """
    if jax.default_backend() != "cpu":
        return {}
    options = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
    try:
        jax.jit(lambda: 0, compiler_options=options).lower().compile()
    except jax.errors.JaxRuntimeError:  # another XLA, which has no such option
        return {}
    return options
