"""From settings to functions: the networks and the GAN of a run."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from config import SMOOTHED, Config, ConfigError
from jax.core import Tracer

import jaxgan
from jaxgan import losses, nets, penalties
from jaxgan.latents import Latent, normal, uniform
from jaxgan.models import dcgan, mlp, sizes


class Facts(NamedTuple):
    """What the networks have to know about the data, and what a checkpoint notes about them."""

    shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()


class Experiment(NamedTuple):
    """What a run trains, and what its samples are drawn with."""

    gan: jaxgan.GAN
    generator: jaxgan.Network
    latent: Latent


def build(config: Config, facts: Facts, *, axis_name: str | None = None) -> Experiment:
    """Make the GAN that the settings describe.

    Args:
        config: the settings, checked. Those that `members.SWEEPABLE` names may be traced.
        facts: shape and classes of the data.
        axis_name: the axis to synchronise batch norm over, under pmap or shard_map.

    Raises:
        ConfigError: the networks cannot make or judge data of this shape.
    """
    try:
        generator, discriminator = map(
            nets.from_linen, networks(config, facts, axis_name=axis_name)
        )
    except ValueError as error:
        raise ConfigError(f"--model={config.model}, --image_size: {error}") from error
    if config.spectral_norm:
        discriminator = nets.spectral_norm(discriminator)
    latent = {"normal": normal, "uniform": uniform}[config.latent](config.latent_dim)
    d_optimizer = _optimizer(config, config.d_lr)
    if _is_on(config.clip_weights):
        d_optimizer = optax.chain(d_optimizer, penalties.clip_weights(config.clip_weights))
    gan = jaxgan.recipes.gan(
        generator,
        discriminator,
        latent=latent,
        g_optimizer=_optimizer(config, config.g_lr),
        d_optimizer=d_optimizer,
        loss=_loss(config),
        penalty=None if config.penalty == "none" else getattr(penalties, config.penalty),
        penalty_weight=config.penalty_weight,
        penalty_every=config.penalty_every,
        conditional=config.conditional,
        one_batch=config.one_batch,
        d_steps=config.d_steps,
        ema_decay=config.ema_decay if _is_on(config.ema_decay) else None,
    )
    return Experiment(gan, generator, latent)


def _thrifty(config: Config, network: jaxgan.Network) -> jaxgan.Network:
    if config.remat:
        network = nets.remat(network)
    return nets.microbatch(network, config.microbatch) if config.microbatch else network


def _is_on(value: Any) -> bool:
    """0 is for no; a traced value is never 0 (`members` sees to that)."""
    return isinstance(value, Tracer) or bool(value)


def networks(config: Config, facts: Facts, *, axis_name: str | None = None, dtype: Any = None):
    """The generator and the discriminator, as flax modules.

    Args:
        config: the settings, checked.
        facts: shape and classes of the data.
        axis_name: the axis to synchronise batch norm over, under pmap or shard_map.
        dtype: type to compute in; the one of `config.precision` if None.

    Raises:
        ValueError: they cannot make or judge data of this shape.
    """
    dtype = dtype or {"float32": jnp.float32, "bfloat16": jnp.bfloat16}[config.precision]
    shared = {
        "num_classes": len(facts.class_names) if config.conditional else None,
        "dtype": dtype,
    }
    if config.model == "mlp":
        width = config.width
        generator = mlp.Generator(
            shape=facts.shape,
            widths=(width, 2 * width),
            output="tanh" if len(facts.shape) == 3 else "linear",
            **shared,
        )
        discriminator = mlp.Discriminator(
            widths=(2 * width, width), dropout=config.dropout, **shared
        )
    else:
        if len(facts.shape) != 3 or facts.shape[0] != facts.shape[1]:
            raise ValueError(f"a DCGAN makes square images, the data are {facts.shape}")
        size, _, channels = facts.shape
        sizes.check_image_size(size, channels)
        shared |= {"image_size": size, "width": config.width, "axis_name": axis_name}
        generator = dcgan.Generator(channels=channels, upsample=config.upsample, **shared)
        discriminator = dcgan.Discriminator(normalization=config.d_norm, **shared)
    return generator, discriminator


def _loss(config: Config) -> losses.AdversarialLoss:
    pair = getattr(losses, config.loss)
    if config.loss in SMOOTHED:
        return pair(label_smoothing=config.label_smoothing)
    return pair()


def _optimizer(config: Config, learning_rate: float) -> optax.GradientTransformation:
    match config.optimizer:
        case "adam":
            return optax.adam(learning_rate, b1=config.beta1, b2=config.beta2)
        case "rmsprop":
            return optax.rmsprop(learning_rate)
        case _:
            return optax.sgd(learning_rate)
