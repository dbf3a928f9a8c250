"""What a run would be, without a step of it: parameters, memory, and what D would see."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import data
from jaxgan.data import Dataset
from jaxgan.data.memory import gigabytes, machine_memory
from jaxgan.runs import objective
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts
from jaxgan.runs.members import count
from jaxgan.runs.networks import example
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show.samples import show, stacked_rows

_SHOWN = 20  # pictures of the preview
_STRENGTH = 0.5  # ADA's chance
_LATE = 2**30  # a step after --burn_in


def describe(config: Config, dataset: Dataset) -> str:
    """Say how many parameters a run has and what memory its arrays take, a line for each.

    Args:
        config: the settings, checked.
        dataset: the data.
    """
    known = facts(dataset)
    gan = build(config, known).gan
    state = jax.eval_shape(lambda: gan.init(jax.random.key(0), example(known)))
    batch = config.optimization.batch_size * math.prod(known.shape) * np.dtype(np.float32).itemsize
    members = count(config)
    shape = "x".join(map(str, known.shape))
    lines = {
        "data": f"{len(dataset.x)} of {shape}, {_memory(dataset.x.nbytes)}",
        "G": f"{_parameters(state.g.params):,} parameters",
        "D": f"{_parameters(state.d.params):,} parameters",
        "state": f"{_memory(members * _bytes(state))}: players, optimizers and the average of G",
        "a batch": f"{_memory(batch)} of {config.optimization.batch_size} examples",
        "activations": "not known before a step is compiled; --microbatch and --remat reduce them",
        "machine": f"{gigabytes(machine_memory())} of memory, {_devices()}",
        "training": f"{config.run.steps} steps into {config.run.workdir}, not begun by this",
    }
    width = max(map(len, lines)) + 1
    return "\n".join(f"{name + ':':<{width}} {text}" for name, text in lines.items())


def _parameters(params: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def _bytes(state: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def _memory(size: float) -> str:
    return gigabytes(size) if size >= 1e9 else f"{size / 1e6:.3g} MB"


def _devices() -> str:
    kinds = [device.device_kind for device in jax.devices()]
    return f"{len(kinds)} {kinds[0]}"


def preview(config: Config, dataset: Dataset) -> np.ndarray:
    """Draw examples of the data, and below each what D would see of it, uint8 `[H, W, 3]`.

    Augmentation that grows is shown as strong as it may get: ADA at a chance of 1/2.

    Raises:
        ConfigError: the data are no pictures.
    """
    if dataset.x.ndim != 4:
        raise ConfigError(f"--out: --dataset={config.data.dataset} has no pictures; leave it out")
    rows = np.random.default_rng(0).permutation(len(dataset.x))[:_SHOWN]
    real = np.asarray(dataset.x[np.sort(rows)])
    change = objective.keywords(config.objective, config.optimization, config.game)["augment"]
    if change is None:
        return show(real, columns=10)
    state: Any = change.init()
    if config.objective.augment == "ada":
        state = state._replace(p=jnp.float32(_STRENGTH))
    elif config.objective.augment == "scheduled":
        state = jnp.int32(_LATE)
    seen = change.apply(state, jax.random.key(config.run.seed), jnp.asarray(data.to_unit(real)))
    return stacked_rows([real, data.to_uint8(np.clip(seen, -1, 1))], 10)
