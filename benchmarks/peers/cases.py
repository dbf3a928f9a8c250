"""The PyTorch networks that the cases of `settings.py` stand for, and the images that both see."""

import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch_networks as peers
import torch_r3gan
import torch_stylegan2
import torch_translators
from torch import nn
from torch_training import CycleGAN, Pix2Pix, Players, Trainer

from jaxgan.data import Dataset
from jaxgan.models import progressive, resnet
from jaxgan.models.sizes import stages_of
from jaxgan.runs.config import Config
from jaxgan.runs.networks import Facts

_IMAGES = 2048


def images(config: Config, shape: tuple[int, int, int], seed: int = 0) -> Dataset:
    """Random images: how fast a step is does not depend on what they show."""
    draw = np.random.default_rng(seed).integers
    x = draw(0, 256, (_IMAGES, *shape), dtype=np.uint8)
    y = draw(0, 256, x.shape, dtype=np.uint8) if config.recipe in _TRANSLATIONS else None
    return Dataset(x, y, "random", paired=config.recipe != "cyclegan")


def facts(config: Config, shape: tuple[int, int, int]) -> Facts:
    """What the networks have to know about the images."""
    return Facts(shape, source=shape if config.recipe in _TRANSLATIONS else ())


def _gan(config, shape, **settings) -> Players:
    objective, latent = config.objective, config.networks.latent_dim
    own = vars(config.own) if config.recipe == "stylegan2" else {}
    return Trainer(
        *_NETWORKS[config.networks.model](config, shape),
        latent=latent,
        penalty=objective.penalty,
        penalty_weight=objective.penalty_weight,
        penalty_every=objective.penalty_every,
        one_batch=objective.one_batch,
        **own,
        **settings,
    )


def _dense(config, shape):
    size, _, channels = shape
    width, image = config.networks.width, (channels, size, size)
    generator = peers.Dense(config.networks.latent_dim, [width, 2 * width], image)
    return generator, peers.Dense(math.prod(image), [2 * width, width], None)


def _dcgan(config, shape):
    settings, (size, _, channels) = config.networks, shape
    side, _, stages = stages_of(size)
    widths = [settings.width * 2**stage for stage in range(stages)]
    generator = peers.DCGANGenerator(settings.latent_dim, side, widths[::-1], channels)
    return generator, peers.DCGANDiscriminator(side, widths, channels, settings.d_norm)


def _resnet(config, shape):
    size, _, channels = shape
    widths = resnet.stage_widths(size, config.networks.width)
    generator = peers.ResNetGenerator(
        config.networks.latent_dim, stages_of(size).height, widths, channels
    )
    return generator, peers.ResNetDiscriminator(widths[::-1], channels, halvings=2)


def _r3gan(config, shape):
    size, _, channels = shape
    own, side = config.own_of_model, stages_of(size).height
    shared = {
        "side": side,
        "widths": list(map(int, own.widths.split(","))),
        "channels": channels,
        "blocks": own.blocks,
    }
    generator = torch_r3gan.R3GANGenerator(config.networks.latent_dim, **shared)
    return generator, torch_r3gan.R3GANDiscriminator(**shared)


def _stylegan2(config, shape):
    size, _, channels = shape
    latent = config.networks.latent_dim
    widths = list(progressive.stage_widths(size, config.networks.width).values())
    generator = torch_stylegan2.StyleGAN2Generator(latent, latent, widths, channels)
    return generator, torch_stylegan2.StyleGAN2Discriminator(widths, channels)


def _pix2pix(config, shape, **settings) -> Players:
    width, channels, own = config.networks.width, shape[-1], config.own
    return Pix2Pix(
        torch_translators.UNet(channels, channels, width, config.own_of_model.stages),
        torch_translators.PatchDiscriminator(2 * channels, width, own.patch_layers),
        content_weight=own.content_weight,
        **settings,
    )


def _cyclegan(config, shape, **settings) -> Players:
    width, channels, own = config.networks.width, shape[-1], config.own
    blocks = config.own_of_model.blocks
    translators = {
        name: torch_translators.Translator(channels, channels, width, blocks)
        for name in ("to_x", "to_y")
    }
    discriminators = {
        name: torch_translators.PatchDiscriminator(channels, width, own.patch_layers)
        for name in ("x", "y")
    }
    return CycleGAN(
        nn.ModuleDict(translators),
        nn.ModuleDict(discriminators),
        cycle_weight=own.cycle_weight,
        identity_weight=own.identity_weight,
        pool_size=own.pool_size,
        **settings,
    )


_NETWORKS = {
    "mlp": _dense,
    "dcgan": _dcgan,
    "resnet": _resnet,
    "r3gan": _r3gan,
    "stylegan2": _stylegan2,
}
_TRANSLATIONS = {"pix2pix": _pix2pix, "cyclegan": _cyclegan}


def trainer(config: Config, shape: tuple[int, int, int], **settings: Any) -> Players:
    """The PyTorch side of a case, with further keywords of `Players`."""
    optimization = config.optimization
    return _TRANSLATIONS.get(config.recipe, _gan)(
        config,
        shape,
        loss=config.objective.loss,
        learning_rates=(optimization.g_lr, optimization.d_lr),
        betas=(optimization.beta1, optimization.beta2),
        **settings,
    )


def named(params: Any) -> dict[str, np.ndarray]:
    """Leaves as `Conv_0.kernel`, on the host."""
    leaves = jax.tree_util.tree_leaves_with_path(params)
    keystr: Callable[..., str] = jax.tree_util.keystr
    return {keystr(path, simple=True, separator="."): np.asarray(leaf) for path, leaf in leaves}
