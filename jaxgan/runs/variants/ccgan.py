"""CC-GAN (arXiv:1611.06430): filling holes teaches D classes from few labels."""

import dataclasses
from typing import Any

from jaxgan import recipes
from jaxgan.data import Dataset
from jaxgan.runs.settings import setting
from jaxgan.runs.variants import few_labels, inpainting
from jaxgan.runs.variants.variant import (
    NO_NOISE,
    SINGLE,
    Experiment,
    Setup,
    Variant,
    no_latent,
    output,
    refuse_truncation,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(inpainting.Hole):
    """The holes, and the weights of what the players learn besides the game."""

    content_weight: float = setting(0.0, "weight of similarity to the target", low=0.0)
    class_weight: float = setting(1.0, "weight of the class loss", low=0.0)
    labelled: int = few_labels.labelled()


def _build(setup: Setup) -> Experiment:
    maker, own = setup.maker, setup.own
    g = maker.g(maker.translator(setup.facts.shape[-1]))
    d = maker.d(maker.whole(len(setup.facts.class_names)))
    gan = recipes.ccgan(
        g,
        d,
        mask=inpainting.mask_of(own),
        content_weight=own.content_weight,
        class_weight=own.class_weight,
        **setup.without("latent", "conditional"),
    )
    return Experiment(gan, g, no_latent, output(d, 1))


def _check_data(own: Any, dataset: Dataset) -> None:
    inpainting.check_data(own, dataset)
    few_labels.check_data(own, dataset)


VARIANT = Variant(
    _build,
    Settings,
    models=("unet", "translator"),
    lacks=NO_NOISE | SINGLE,
    y="labels",
    check=inpainting.check,
    check_data=_check_data,
    prepare=few_labels.hide_labels,
    pictures=inpainting.PICTURES,
    options=inpainting.Options,
    truncate=refuse_truncation,
    measures=(inpainting.completions, few_labels.accuracy),
    is_distribution=False,
)
