"""How the steps of a run are compiled, and for which devices."""

import jax
import numpy as np
from config import Config, ConfigError
from feed import Feed, Share
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxgan
from jaxgan.parallel import AXIS, PER_DEVICE


def mode_and_devices(config: Config) -> tuple[str, list]:
    """How the steps run, and on which devices of all processes, those of each together.

    Raises:
        ConfigError: there are not so many devices, or they cannot be used in this way.
    """
    here = jax.local_device_count()
    if config.num_devices > here:
        whose = "this machine has" if jax.process_count() == 1 else "each process has"
        raise ConfigError(f"--num_devices={config.num_devices}: {whose} {here} (or give 0 for all)")
    count = config.num_devices or here
    devices = [d for i in range(jax.process_count()) for d in jax.local_devices(i)[:count]]
    mode = config.parallel
    if mode == "auto":
        mode = "jit" if len(devices) == 1 else "pmap"
    if mode == "jit" and (jax.process_count() > 1 or config.num_devices > 1):
        raise ConfigError("--parallel=jit: it uses one device; choose pmap, shard_map or auto")
    return mode, devices[:1] if mode == "jit" else devices


def share_of(devices: list) -> Share:
    """Which of the devices this process feeds."""
    mine = [i for i, device in enumerate(devices) if device.process_index == jax.process_index()]
    return Share(mine[0], mine[-1] + 1, len(devices))


def compile_steps(
    gan: jaxgan.GAN, batches: Feed, mode: str, devices: list
) -> tuple[jaxgan.GAN, Feed]:
    """Compile blocks of steps for these devices, and put the data where they want them."""
    many = jaxgan.scan(gan, batches.load)
    if mode == "jit":
        return jaxgan.jit(many), batches._replace(source=jax.device_put(batches.source))
    axis = (PER_DEVICE if batches.sharded else None, 1)
    local = [device for device in devices if device.process_index == jax.process_index()]
    mesh = Mesh(np.array(devices if mode == "shard_map" else local), (AXIS,))
    where = NamedSharding(mesh, PartitionSpec(AXIS) if batches.sharded else PartitionSpec())
    source = jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(where, leaf), batches.source
    )
    if mode == "pmap":
        compiled = jaxgan.pmap(many, devices=devices, batch_axis=axis)
    else:
        compiled = jaxgan.shard_map(many, mesh=mesh, batch_axis=axis)
    return compiled, batches._replace(source=source)
