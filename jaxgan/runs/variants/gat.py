"""GAT (arXiv:2509.24935): transformers, and a discriminator of several levels behind noise."""

import dataclasses
from typing import Any

import optax

from jaxgan import recipes
from jaxgan.models import gat
from jaxgan.runs.networks import Maker, Model, Pair
from jaxgan.runs.settings import setting
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import Experiment, Setup, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """How fast networks of any width learn, and whether levels agree."""

    width_rule: bool = setting(
        True, "multiply both learning rates, those of 768 channels, by 768 / --width"
    )
    level_consistency: float = setting(
        0.0, "weight with which G draws its levels together, as CAT does; 0 for none", low=0.0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Transformer:
    patch: int = setting(2, "side of the patches of an image", low=1, sizes=True)
    depth: int = setting(
        12, "blocks of either transformer, a multiple of 4", low=4, high=1024, sizes=True
    )
    heads: int = setting(12, "heads of the attention, a divisor of --width / 4", low=1, sizes=True)


def _pair(maker: Maker, truncation: float = 1.0) -> Pair:
    height, width, channels = maker.image_shape()
    shared: dict[str, Any] = maker.common(
        image_size=(height, width), width=maker.shared.width, **vars(maker.own)
    )
    generator = gat.Generator(channels=channels, truncation=truncation, **shared)
    return generator, gat.Discriminator(**shared)


def _build(setup: Setup) -> Experiment:
    maker, keywords = setup.maker, setup.keywords
    if setup.own.width_rule:
        scale = optax.scale(recipes.width_rate(maker.shared.width, rate=1.0))
        both = ("g_optimizer", "d_optimizer")
        keywords = keywords | dict[str, Any](
            {name: optax.chain(keywords[name], scale) for name in both}
        )
    g_module, d_module = maker.pair()
    g, d = maker.g(g_module), maker.d(d_module)
    gan = recipes.gat(g, d, consistency_weight=setup.own.level_consistency, **keywords)
    return Experiment(gan, recipes.last_level(g), setup.latent, maker)


def _truncate(trained: Trained, amount: float) -> Trained:
    """Move the styles toward the mean of their class, to the share `amount` of the distance."""
    maker = trained.experiment.own
    generator = recipes.last_level(maker.g(_pair(maker, amount)[0]))
    return trained._replace(experiment=trained.experiment._replace(generator=generator))


VARIANT = Variant(
    _build,
    Settings,
    models=("gat",),
    model=("gat", Model(_Transformer, _pair, is_open=False)),
    # The authors' code, size B.
    defaults={
        "loss": "relativistic_paired",
        "penalty": "approximate_r1_r2",
        "penalty_share": 1.0,
        "penalty_weight": 0.1,
        "latent_dim": 64,
        "batch_size": 512,
        "width": 768,
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "beta1": 0.0,
        "beta2": 0.99,
        "clip_norm": 1.0,
        "ema_decay": 0.999,
    },
    truncate=_truncate,
)
