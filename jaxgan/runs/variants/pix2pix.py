"""pix2pix (arXiv:1611.07004): pictures are translated, learning from pairs."""

import dataclasses
from typing import Any

from jaxgan import recipes
from jaxgan.data import Dataset
from jaxgan.runs.settings import setting
from jaxgan.runs.variants import translation
from jaxgan.runs.variants.variant import (
    NO_NOISE,
    SINGLE,
    Experiment,
    Setup,
    Variant,
    no_latent,
    refuse_truncation,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The weight of what G learns besides fooling D, and the field of view of D."""

    content_weight: float = setting(100.0, "weight of similarity to the target", low=0.0)
    patch_layers: int = setting(
        2, "strided convolutions of a PatchGAN's D", low=1, high=16, sizes=True
    )


def _build(setup: Setup) -> Experiment:
    maker, own = setup.maker, setup.own
    g = maker.g(maker.translator(setup.facts.shape[-1]))
    d = maker.d(maker.patches(own.patch_layers))
    keywords = setup.without("latent", "conditional")
    gan = recipes.pix2pix(g, d, content_weight=own.content_weight, **keywords)
    return Experiment(gan, g, no_latent)


def _check_data(own: Any, dataset: Dataset) -> None:
    del own
    translation.check_sizes(dataset)


VARIANT = Variant(
    _build,
    Settings,
    models=("unet", "translator"),
    lacks=NO_NOISE | SINGLE,
    # Section 3.3 and appendix 6.1; no average of G is kept.
    defaults={
        "dataset": "outlines:digits",
        "g_lr": 0.0002,
        "d_lr": 0.0002,
        "beta1": 0.5,
        "batch_size": 1,
        "ema_decay": 0.0,
        "dropout": 0.5,
    },
    y="pairs",
    check_data=_check_data,
    pictures=translation.PICTURES,
    truncate=refuse_truncation,
    measures=(translation.pairs,),
    is_distribution=False,
)
