"""How the steps of a run are compiled, and for which devices."""

import jax
import numpy as np
from config import Config
from feed import Feed
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import jaxgan
from jaxgan.parallel import AXIS


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
        return jaxgan.jit(many), batches
    whole = NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec())
    batches = batches._replace(source=jax.device_put(batches.source, whole))
    transform = {"pmap": jaxgan.pmap, "shard_map": jaxgan.shard_map}[mode]
    return transform(many, batch_axis=(None, 1)), batches
