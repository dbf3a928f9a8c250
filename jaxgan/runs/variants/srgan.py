"""SRGAN (arXiv:1609.04802): pictures are enlarged, by the factor between the pairs of the data."""

import dataclasses
from typing import Any

import jax
import numpy as np

from jaxgan import data, recipes
from jaxgan.data import Dataset
from jaxgan.models import srgan
from jaxgan.runs.measures.answers import COUNT, Question, likeness, sharpness
from jaxgan.runs.measures.row import Row
from jaxgan.runs.networks import Model, blocks
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.variants import translation
from jaxgan.runs.variants.variant import (
    NO_NOISE,
    Experiment,
    Setup,
    Variant,
    no_latent,
    refuse_truncation,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The weight of what G learns besides fooling D."""

    content_weight: float = setting(1000.0, "weight of similarity to the target", low=0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ResNet:
    blocks: int = blocks()


def _build(setup: Setup) -> Experiment:
    maker, facts = setup.maker, setup.facts
    settings: dict[str, Any] = {"width": maker.shared.width, "axis_name": maker.axis_name}
    g = maker.g(
        srgan.Generator(
            channels=facts.shape[-1],
            blocks=maker.own.blocks,
            scale=facts.shape[0] // facts.source[0],
            interpolate=True,
            **settings,
        )
    )
    d = maker.d(srgan.Discriminator(**settings))
    keywords = setup.without("latent", "conditional")
    gan = recipes.srgan(g, d, content_weight=setup.own.content_weight, **keywords)
    return Experiment(gan, g, no_latent)


def _check_data(own: Settings, dataset: Dataset) -> None:
    del own
    translation.check_pictures(dataset)
    assert dataset.y is not None  # guaranteed by `checks`
    x, y = dataset.x.shape[1:], dataset.y.shape[1:]
    scale = x[0] // y[0]
    if (scale * y[0], scale * y[1]) != x[:2] or scale not in (2, 4):
        raise ConfigError(
            f"pictures of {x[0]}x{x[1]} for {y[0]}x{y[1]}; expected 2 or 4 times the size, as with "
            f"halved:NAME"
        )
    translation.check_alike(dataset)


def _enlarged(question: Question) -> list[Row]:
    """Measure similarity to the originals, and sharpness, against bilinear interpolation."""
    dataset = question.unseen
    assert dataset.y is not None
    x, y = np.asarray(dataset.x[:COUNT]), np.asarray(dataset.y[:COUNT])
    made = translation.translate(question.trained, y, None)
    shape = (*x.shape[:3], y.shape[-1])
    baseline = as_uint8(np.asarray(jax.image.resize(data.to_unit(y), shape, "bilinear")))
    title = "of enlarged pictures (noise: bilinear)"
    return [likeness("pairs", title, made, x, baseline), sharpness(made, x, baseline)]


VARIANT = Variant(
    _build,
    Settings,
    models=("srgan",),
    model=("srgan", Model(_ResNet)),
    lacks=NO_NOISE,
    # Sections 3.2 and 3.4.
    defaults={
        "dataset": "halved:digits",
        "g_lr": 0.0001,
        "d_lr": 0.0001,
        "beta1": 0.9,
        "batch_size": 16,
        "blocks": 16,
        "width": 64,
        "ema_decay": 0.0,
    },
    y="pairs",
    check_data=_check_data,
    pictures=translation.PICTURES,
    truncate=refuse_truncation,
    measures=(_enlarged,),
    is_distribution=False,
)
