"""BiGAN (arXiv:1605.09782) and, with a random encoder, ALI (arXiv:1606.00704)."""

import dataclasses

from jaxgan import recipes
from jaxgan.models import joint
from jaxgan.runs.settings import setting
from jaxgan.runs.variants import autoencoder
from jaxgan.runs.variants.variant import NO_TERMS, UNLABELED, Experiment, Setup, Variant

_FEATURES = 128  # that D computes from a picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of the encoder."""

    stochastic: bool = setting(False, "let the encoder sample its latents, as ALI does")


def _build(setup: Setup) -> Experiment:
    """Build a GAN whose D sees latents together with examples."""
    maker, stochastic = setup.maker, setup.own.stochastic
    g = maker.g(maker.pair()[0])
    e = maker.g(maker.encoder(maker.shared.latent_dim * (2 if stochastic else 1)))
    dense, width = maker.shared.model == "mlp", maker.shared.width
    body = None if dense else maker.encoder(_FEATURES)
    d = maker.d(joint.Discriminator(body, (2 * width, width) if dense else (_FEATURES,)))
    keywords = setup.few("latent", "penalty", "penalty_weight", "penalty_every")
    gan = recipes.bigan(g, e, d, stochastic=stochastic, **keywords)
    return autoencoder.experiment(setup, gan, g, e)


VARIANT = Variant(
    _build,
    Settings,
    models=("dcgan", "mlp"),
    lacks=UNLABELED | NO_TERMS,
    # Section 4.1 and appendix C.
    defaults={
        "latent": "uniform",
        "latent_dim": 50,
        "g_lr": 0.0002,
        "d_lr": 0.0002,
        "beta1": 0.5,
        "batch_size": 128,
    },
    pictures=autoencoder.PICTURES,
    measures=(autoencoder.reconstructions,),
)
