"""What is compared: settings of `experiments/train.py`, and the PyTorch networks they stand for."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch_networks as peers
from torch_training import Trainer

from jaxgan.data import Dataset
from jaxgan.models.sizes import stages_of
from jaxgan.runs.config import Config, make
from jaxgan.runs.networks import Facts

_IMAGES = 2048

CASES: dict[str, tuple[Config, tuple[int, int, int]]] = {
    "dcgan_32": (make(width=64, ema_decay=0.0), (32, 32, 3)),
    "dcgan_64": (make(width=64, ema_decay=0.0), (64, 64, 3)),
    "dense": (make(model="mlp", width=256, one_batch=True, ema_decay=0.0), (28, 28, 1)),
    "wgan_gp": (
        make(
            width=64,
            loss="wasserstein",
            penalty="gradient_penalty",
            d_norm="layer",
            one_batch=True,
            d_steps=5,
            ema_decay=0.0,
        ),
        (32, 32, 3),
    ),
}


def images(shape: tuple[int, int, int], seed: int = 0) -> Dataset:
    """Random images: how fast a step is does not depend on what they show."""
    x = np.random.default_rng(seed).integers(0, 256, (_IMAGES, *shape), dtype=np.uint8)
    return Dataset(x, None, "random")


def facts(shape: tuple[int, int, int]) -> Facts:
    """What the networks have to know about the images."""
    return Facts(shape)


def networks(config: Config, shape: tuple[int, int, int]):
    """The generator and the discriminator in PyTorch."""
    size, _, channels = shape
    image = (channels, size, size)
    settings = config.networks
    width, latent = settings.width, settings.latent_dim
    if settings.model == "mlp":
        pixels = int(np.prod(image))
        generator = peers.Dense(latent, [width, 2 * width], image)
        return generator, peers.Dense(pixels, [2 * width, width], None)
    side, _, stages = stages_of(size)
    widths = [width * 2**stage for stage in range(stages)]
    generator = peers.DCGANGenerator(latent, side, widths[::-1], channels)
    return generator, peers.DCGANDiscriminator(side, widths, channels, settings.d_norm)


def trainer(config: Config, generator: Any, discriminator: Any, **settings: Any) -> Trainer:
    """The PyTorch side of a case."""
    objective, optimization = config.objective, config.optimization
    return Trainer(
        generator,
        discriminator,
        loss=objective.loss,
        penalty_weight=objective.penalty_weight if objective.penalty != "none" else 0.0,
        one_batch=objective.one_batch,
        learning_rates=(optimization.g_lr, optimization.d_lr),
        **settings,
    )


def named(params: Any) -> dict[str, np.ndarray]:
    """Leaves as `Conv_0.kernel`, on the host."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    keystr: Callable[..., str] = jax.tree_util.keystr
    return {keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}
