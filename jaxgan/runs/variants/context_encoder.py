"""Context encoders (arXiv:1604.07379): the content of a hole is predicted from its surroundings."""

import dataclasses

from jaxgan import recipes
from jaxgan.runs.settings import setting
from jaxgan.runs.variants import inpainting
from jaxgan.runs.variants.variant import (
    NO_NOISE,
    Experiment,
    Setup,
    Variant,
    no_latent,
    refuse_truncation,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(inpainting.Hole):
    """The holes, and the weight of what G learns besides fooling D."""

    content_weight: float = setting(999.0, "weight of similarity to the target", low=0.0)


def _build(setup: Setup) -> Experiment:
    maker, own = setup.maker, setup.own
    g, d = maker.g(maker.translator(setup.facts.shape[-1])), maker.d(maker.whole())
    keywords = setup.without("latent", "conditional")
    gan = recipes.context_encoder(
        g, d, mask=inpainting.mask_of(own), content_weight=own.content_weight, **keywords
    )
    return Experiment(gan, g, no_latent)


VARIANT = Variant(
    _build,
    Settings,
    models=("unet", "translator"),
    lacks=NO_NOISE,
    # Section 4, and the code, in which G learns ten times as fast as D.
    defaults={"g_lr": 0.002, "d_lr": 0.0002, "beta1": 0.5, "batch_size": 64, "ema_decay": 0.0},
    check=inpainting.check,
    check_data=inpainting.check_data,
    pictures=inpainting.PICTURES,
    options=inpainting.Options,
    truncate=refuse_truncation,
    measures=(inpainting.completions,),
    is_distribution=False,
)
