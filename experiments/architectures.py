"""From settings to the two networks of a run, as flax modules."""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from config import Config

from jaxgan.models import (
    biggan,
    dcgan,
    mlp,
    patch,
    progressive,
    r3gan,
    resnet,
    sizes,
    stylegan2,
    translator,
    unet,
    voxels,
    wavegan,
)


class Facts(NamedTuple):
    """What the networks have to know about the data, and what a checkpoint notes about them."""

    shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()
    source: tuple[int, ...] = ()
    """The shape of y, where it is pictures."""


Pair = tuple[nn.Module, nn.Module]

DTYPES: dict[str, Any] = {"float32": jnp.float32, "bfloat16": jnp.bfloat16}


def networks(
    config: Config,
    facts: Facts,
    *,
    axis_name: str | None = None,
    dtype: Any = None,
    truncation: float = 1.0,
) -> Pair:
    """The generator and the discriminator.

    Args:
        config: the settings, checked.
        facts: shape and classes of the data.
        axis_name: the axis to synchronise batch norm over, under pmap or shard_map.
        dtype: type to compute in; the one of `config.precision` if None.
        truncation: how far StyleGAN2's generator goes from the mean style, when it samples.

    Raises:
        ValueError: they cannot make or judge data of this shape.
    """
    shared = {
        "num_classes": len(facts.class_names) if config.conditional else None,
        "dtype": dtype or DTYPES[config.precision],
    }
    if config.model == "mlp":
        return _dense(config, facts, shared)
    if config.model == "wavegan":
        return _wavegan(config, facts, shared)
    if config.model == "voxels":
        return _voxels(config, facts, axis_name, shared)
    if len(facts.shape) != 3 or facts.shape[0] != facts.shape[1]:
        raise ValueError(f"--model={config.model} makes square images, the data are {facts.shape}")
    size, _, channels = facts.shape
    sizes.check_image_size(size, channels)
    shared |= {"image_size": size}
    if config.model == "stylegan2":
        return _stylegan2(config, channels, truncation, shared)
    return _MODELS[config.model](config, channels, axis_name, shared)


def _dense(config: Config, facts: Facts, shared: dict[str, Any]) -> Pair:
    width = config.width
    generator = mlp.Generator(
        shape=facts.shape,
        widths=(width, 2 * width),
        output="tanh" if len(facts.shape) == 3 else "linear",
        **shared,
    )
    return generator, mlp.Discriminator(widths=(2 * width, width), dropout=config.dropout, **shared)


def _dcgan(config: Config, channels: int, axis_name: str | None, shared: dict[str, Any]) -> Pair:
    shared = shared | {"width": config.width, "axis_name": axis_name}
    return (
        dcgan.Generator(channels=channels, upsample=config.upsample, **shared),
        dcgan.Discriminator(normalization=config.d_norm, **shared),
    )


def _resnet(config: Config, channels: int, axis_name: str | None, shared: dict[str, Any]) -> Pair:
    module = {"resnet": resnet, "biggan": biggan}[config.model]
    shared = shared | {"width": config.width, "attention": config.attention}
    return (
        module.Generator(channels=channels, axis_name=axis_name, **shared),
        module.Discriminator(**shared),
    )


def _stylegan2(config: Config, channels: int, truncation: float, shared: dict[str, Any]) -> Pair:
    shared = shared | {"width": config.width}
    styles = {"w_dim": config.latent_dim, "mixing": config.mixing, "truncation": truncation}
    return (
        stylegan2.Generator(channels=channels, **styles, **shared),
        stylegan2.Discriminator(**shared),
    )


def _progressive(
    config: Config, channels: int, axis_name: str | None, shared: dict[str, Any]
) -> Pair:
    del axis_name  # no batch norm
    shared = shared | {"width": config.width}
    return progressive.Generator(channels=channels, **shared), progressive.Discriminator(**shared)


def _r3gan(config: Config, channels: int, axis_name: str | None, shared: dict[str, Any]) -> Pair:
    del axis_name  # no batch norm
    _, doublings = sizes.IMAGE_SIZES[shared["image_size"]]
    widths = tuple(map(int, config.widths.split(","))) if config.widths else ()
    shared = shared | {
        "widths": widths or (config.width,) * (doublings + 1),
        "blocks": config.blocks,
        "low_stages": doublings,  # all but the coarsest compute in --precision, as in the paper
    }
    return r3gan.Generator(channels=channels, **shared), r3gan.Discriminator(**shared)


def _wavegan(config: Config, facts: Facts, shared: dict[str, Any]) -> Pair:
    if len(facts.shape) != 2 or facts.shape[0] not in wavegan.LENGTHS:
        raise ValueError(
            f"--model=wavegan makes sounds of {sorted(wavegan.LENGTHS)} values, the data are "
            f"{facts.shape}"
        )
    shared = shared | {"length": facts.shape[0], "width": config.width}
    d = wavegan.Discriminator(shuffle=config.phase_shuffle, **shared)
    return wavegan.Generator(**shared), d


def _voxels(config: Config, facts: Facts, axis_name: str | None, shared: dict[str, Any]) -> Pair:
    if len(facts.shape) != 4:
        raise ValueError(f"--model=voxels makes solids, the data are {facts.shape}")
    shared = shared | {"side": facts.shape[0], "width": config.width, "axis_name": axis_name}
    d = voxels.Discriminator(normalization=config.d_norm, **shared)
    return voxels.Generator(**shared), d


def encoder(config: Config, facts: Facts, features: int, axis_name: str | None = None) -> nn.Module:
    """What reads numbers off an example; as large as the discriminator."""
    dtype = DTYPES[config.precision]
    if config.model == "mlp":
        return mlp.Encoder(features, widths=(2 * config.width, config.width), dtype=dtype)
    size = facts.shape[0]
    settings: dict[str, Any] = {"width": config.width, "axis_name": axis_name, "dtype": dtype}
    return dcgan.Encoder(features, image_size=size, normalization=config.d_norm, **settings)


def picture_generator(config: Config, channels: int) -> nn.Module:
    """What makes pictures of pictures."""
    settings = {"channels": channels, "width": config.width, "dtype": DTYPES[config.precision]}
    if config.model == "translator":
        return translator.Generator(blocks=config.blocks, **settings)
    return unet.Generator(
        stages=config.stages, dropout=config.dropout, upsample=config.upsample, **settings
    )


def patches(config: Config) -> nn.Module:
    """A discriminator that gives every patch of a picture its logit."""
    norm = "none" if config.d_norm == "none" else "instance"
    settings = {"layers": config.patch_layers, "normalization": norm}
    return patch.Discriminator(width=config.width, dtype=DTYPES[config.precision], **settings)


def whole(
    config: Config, facts: Facts, axis_name: str | None, classes: int | None = None
) -> nn.Module:
    """A discriminator of whole pictures, which may tell their class."""
    return dcgan.Discriminator(
        image_size=facts.shape[0],
        width=config.width,
        normalization=config.d_norm,
        axis_name=axis_name,
        dtype=DTYPES[config.precision],
        classes=classes,
    )


_MODELS: dict[str, Callable[..., Pair]] = {
    "dcgan": _dcgan,
    "resnet": _resnet,
    "biggan": _resnet,
    "progressive": _progressive,
    "r3gan": _r3gan,
}
