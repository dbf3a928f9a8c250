"""Generative adversarial networks in JAX.

`two_player` makes a GAN of two players, and `jaxgan.recipes` has GANs ready-made; `fit` trains one
on data. `jit`, `pmap`, `shard_map`, `shard_optimizer` and `scan` say how to run steps in a loop of
one's own, and `population` trains many in one program. These need JAX and optax only; what needs
more (`models`, `data`, `metrics`, `checkpoint`, `export`, `onnx`, `weights`) is imported when it is
first used. `load_run` and `load_generator` read what runs have made.

Examples in docstrings assume these imports:

    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    import jaxgan
    from jaxgan import *
"""

import importlib
from typing import TYPE_CHECKING

from jaxgan import (
    augment,
    averages,
    convolution,
    distortions,
    freezing,
    latents,
    losses,
    masks,
    monitor,
    nets,
    optimizers,
    parallel,
    penalties,
    recipes,
    regularizers,
    resample,
    rules,
    schedules,
    types,
)
from jaxgan._fit import Moment, fit
from jaxgan._population import population
from jaxgan.core import two_player
from jaxgan.parallel import jit, pmap, scan, shard_map, shard_optimizer
from jaxgan.types import GAN, Batch, Network, Player, PlayerState, TrainState, Variables

if TYPE_CHECKING:
    from jaxgan import checkpoint, data, export, metrics, models, onnx, weights
    from jaxgan.runs.loading import load_generator, load_run

__version__ = "0.1.0"

_WHEN_USED = ("checkpoint", "data", "export", "metrics", "models", "onnx", "weights")
_OF_RUNS = ("load_generator", "load_run")

__all__ = [
    "GAN",
    "Batch",
    "Moment",
    "Network",
    "Player",
    "PlayerState",
    "TrainState",
    "Variables",
    "augment",
    "averages",
    "checkpoint",
    "convolution",
    "data",
    "distortions",
    "export",
    "fit",
    "freezing",
    "jit",
    "latents",
    "load_generator",
    "load_run",
    "losses",
    "masks",
    "metrics",
    "models",
    "monitor",
    "nets",
    "onnx",
    "optimizers",
    "parallel",
    "penalties",
    "pmap",
    "population",
    "recipes",
    "regularizers",
    "resample",
    "rules",
    "scan",
    "schedules",
    "shard_map",
    "shard_optimizer",
    "two_player",
    "types",
    "weights",
]


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHEN_USED, *_OF_RUNS})


def __getattr__(name: str):
    if name in _WHEN_USED:
        return importlib.import_module(f"jaxgan.{name}")
    if name in _OF_RUNS:
        return getattr(importlib.import_module("jaxgan.runs.loading"), name)
    raise AttributeError(f"module 'jaxgan' has no attribute {name!r}")
