"""AAE (arXiv:1511.05644): an autoencoder whose codes D distinguishes from the prior."""

import dataclasses

from jaxgan import recipes
from jaxgan.models import mlp
from jaxgan.runs.settings import setting
from jaxgan.runs.variants import autoencoder
from jaxgan.runs.variants.variant import (
    NO_PENALTY,
    NO_TERMS,
    UNLABELED,
    Experiment,
    Setup,
    Variant,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The weight of what the autoencoder learns besides fooling D."""

    content_weight: float = setting(10.0, "weight of similarity to the target", low=0.0)


def _build(setup: Setup) -> Experiment:
    maker = setup.maker
    g, e = maker.g(maker.pair()[0]), maker.g(maker.encoder(maker.shared.latent_dim))
    d = maker.d(mlp.Discriminator(widths=(256, 256)))
    weight = setup.own.content_weight
    gan = recipes.aae(e, g, d, reconstruction_weight=weight, **setup.few("latent"))
    return autoencoder.experiment(setup, gan, g, e)


VARIANT = Variant(
    _build,
    Settings,
    models=("dcgan", "mlp"),
    lacks=UNLABELED | NO_PENALTY | NO_TERMS,
    pictures=autoencoder.PICTURES,
    measures=(autoencoder.reconstructions,),
)
