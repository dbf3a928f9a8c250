"""From settings to functions: the GAN of a run."""

from functools import partial
from typing import Any

import optax
from architectures import Facts, Pair, networks
from choices import SMOOTHED
from config import Config, ConfigError
from games import GAMES, Experiment, Setting
from jax.core import Tracer

import jaxgan
from jaxgan import (
    augment,
    distortions,
    losses,
    nets,
    penalties,
    recipes,
    regularizers,
    schedules,
)
from jaxgan.latents import normal, uniform
from jaxgan.models.progressive import resolutions

__all__ = ["Experiment", "Facts", "build"]


# What the networks draw from; dropout for others.
_STREAMS = {"stylegan2": ("mixing", "noise"), "wavegan": ("phase",)}


def build(
    config: Config, facts: Facts, *, axis_name: str | None = None, truncation: float = 1.0
) -> Experiment:
    """Make the GAN that the settings describe.

    Args:
        config: the settings, checked. Those that `members.SWEEPABLE` names may be traced.
        facts: shape and classes of the data.
        axis_name: the axis to synchronise batch norm over, under pmap or shard_map.
        truncation: how far StyleGAN2's generator goes from the mean style, when it samples.

    Raises:
        ConfigError: the networks cannot make or judge data of this shape.
    """
    latent = {"normal": normal, "uniform": uniform}[config.latent](config.latent_dim)
    settings = {
        "latent": latent,
        "g_optimizer": _optimizer(config, config.g_lr),
        "d_optimizer": _d_optimizer(config),
        "loss": _loss(config),
        **_penalty(config),
        "regularizer": regularizers.lecam() if config.lecam else None,
        "regularizer_weight": config.lecam,
        "augment": _augmentation(config),
        "conditional": config.conditional,
        "one_batch": config.one_batch,
        "d_steps": config.d_steps,
        "ema_decay": _ema_decay(config),
    }
    network = partial(_network, config)
    try:
        if config.recipe in GAMES:
            return GAMES[config.recipe](Setting(config, facts, axis_name, settings, network))
        modules = networks(config, facts, axis_name=axis_name, truncation=truncation)
    except ValueError as error:
        raise ConfigError(f"--model={config.model}, --dataset, --image_size: {error}") from error
    if config.recipe == "progressive":
        return _progressive(config, modules, settings)
    recipe = recipes.gan
    if config.recipe == "stylegan2":
        settings |= {"path_weight": config.path_weight, "path_every": config.path_every}
        recipe = recipes.stylegan2
    generator, discriminator = network(modules[0], True), network(modules[1], False)
    return Experiment(recipe(generator, discriminator, **settings), generator, latent)


def _progressive(config: Config, modules: Pair, settings: dict[str, Any]) -> Experiment:
    generator, discriminator = (
        lambda resolution, module=module: _network(
            config, module.clone(resolution=resolution), of_g=True
        )
        for module in modules
    )
    growth = recipes.Growth(
        resolutions(modules[0].image_size), config.fade_steps, config.stable_steps
    )
    gan = recipes.progressive(generator, discriminator, growth=growth, **settings)
    return Experiment(gan, recipes.grown(generator, growth), settings["latent"])


def _network(config: Config, module: Any, of_g: bool) -> jaxgan.Network:
    network = nets.from_linen(module, rngs=_STREAMS.get(config.model, ("dropout",)))
    if config.remat:
        network = nets.remat(network)
    if config.microbatch:
        network = nets.microbatch(network, config.microbatch)
    norm = config.g_spectral_norm if of_g else config.spectral_norm
    return nets.spectral_norm(network) if norm else network


def _is_on(value: Any) -> bool:
    """0 is for no; a traced value is never 0 (`members` sees to that)."""
    return isinstance(value, Tracer) or bool(value)


def _loss(config: Config) -> losses.AdversarialLoss:
    pair = getattr(losses, config.loss)
    if config.loss in SMOOTHED:
        return pair(label_smoothing=config.label_smoothing)
    return pair()


def _penalty(config: Config) -> dict[str, Any]:
    penalty = None if config.penalty == "none" else getattr(penalties, config.penalty)()
    weight = _moving(config, config.penalty_weight, config.penalty_weight_end)
    if config.consistency:
        shifted = penalties.consistency(augment.differentiable(("translation",)), fake_weight=1)
        terms = [(shifted, config.consistency)] + ([(penalty, weight)] if penalty else [])
        penalty, weight = penalties.combine(*terms), 1.0
    return {
        "penalty": penalty,
        "penalty_weight": weight,
        "penalty_every": config.penalty_every,
    }


def _augmentation(config: Config) -> augment.Augmentation | None:
    match config.augment:
        case "diffaugment":
            return augment.differentiable(tuple(config.augment_policy.split(",")))
        case "ada":
            threshold = _loss(config).threshold
            assert threshold is not None  # `checks` sees to that
            return augment.adaptive(
                batch_size=config.batch_size,
                target=config.ada_target,
                images=config.ada_images,
                threshold=threshold,
            )
        case "scheduled":
            probability = schedules.cosine(
                0, config.augment_end, config.burn_in, batch_size=config.batch_size
            )
            return augment.scheduled(probability, distortions.pipeline(color=0.5))
    return None


def _optimizer(config: Config, learning_rate: Any) -> optax.GradientTransformation:
    learning_rate = _moving(config, learning_rate, config.lr_end)
    beta2: Any = config.beta2
    adam: Any = optax.adam
    if config.burn_in and config.beta2_end:
        beta2 = _moving(config, beta2, config.beta2_end / beta2)
        adam = optax.inject_hyperparams(adam, static_args=("b1", "eps", "eps_root"))
    match config.optimizer:
        case "adam":
            optimizer = adam(learning_rate, b1=config.beta1, b2=beta2)
        case "rmsprop":
            optimizer = optax.rmsprop(learning_rate)
        case _:
            optimizer = optax.sgd(learning_rate)
    if config.orthogonal:
        optimizer = optax.chain(regularizers.orthogonal(config.orthogonal), optimizer)
    return optimizer


def _d_optimizer(config: Config) -> optax.GradientTransformation:
    optimizer = _optimizer(config, config.d_lr)
    if _is_on(config.clip_weights):
        return optax.chain(optimizer, penalties.clip_weights(config.clip_weights))
    return optimizer


def _moving(config: Config, start: Any, share: float) -> Any:
    """A setting that moves from its start to a share of it while the GAN burns in."""
    if not config.burn_in or share == 1:
        return start
    return schedules.cosine(start, share * start, config.burn_in, batch_size=config.batch_size)


def _ema_decay(config: Config) -> Any:
    if config.ema_half_life:
        half_life = schedules.cosine(
            0, config.ema_half_life, config.burn_in, batch_size=config.batch_size
        )
        return schedules.ema_decay(half_life, batch_size=config.batch_size)
    return config.ema_decay if _is_on(config.ema_decay) else None
