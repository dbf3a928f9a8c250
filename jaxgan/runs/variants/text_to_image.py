"""GAN-CLS (arXiv:1605.05396): pictures of what sentences say."""

import dataclasses
from typing import Any

import numpy as np

from jaxgan import data, recipes
from jaxgan.data import Dataset
from jaxgan.data.sentences import to_sentences
from jaxgan.models import text
from jaxgan.runs.measures.answers import COUNT, Question
from jaxgan.runs.measures.row import Row
from jaxgan.runs.networks import Maker, Model, Pair, coarsest, upsample
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.variants.variant import Experiment, Setup, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What D is to reject."""

    wrong_share: float = setting(
        0.5, "share of real pictures with wrong texts in what D is to reject", low=0.0, high=0.99
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Text:
    text_dim: int = setting(64, "dimension of the code of a sentence", low=1, sizes=True)
    word_attention: bool = setting(False, "let G look words up at every place, as in AttnGAN")
    upsample: str = upsample()
    coarsest: int = coarsest()


def _pair(maker: Maker) -> Pair:
    size, channels = maker.size_and_channels()
    shared: dict[str, Any] = {
        "vocabulary": len(maker.facts.class_names),
        "image_size": size,
        "width": maker.shared.width,
        "features": maker.own.text_dim,
        "coarsest": maker.own.coarsest,
        "axis_name": maker.axis_name,
        "dtype": maker.dtype,
    }
    looks, method = maker.own.word_attention, maker.own.upsample
    return (
        text.Generator(channels=channels, attention=looks, upsample=method, **shared),
        text.Discriminator(normalization=maker.shared.d_norm, **shared),
    )


def _check(config: Any) -> None:
    if not config.objective.conditional:
        raise ConfigError("--noconditional: --recipe=text_to_image needs the text; leave it out")


def _build(setup: Setup) -> Experiment:
    g_module, d_module = setup.maker.pair()
    g, d = setup.maker.g(g_module), setup.maker.d(d_module)
    share, keywords = setup.own.wrong_share, setup.without("conditional")
    return Experiment(recipes.text_to_image(g, d, wrong_share=share, **keywords), g, setup.latent)


def _shown(question: Question) -> list[Row]:
    """Measure how many samples show what was asked for, in words like those of the data or not."""
    trained = question.trained
    if trained.dataset_name != "scenes":
        return []
    height, width, _ = trained.facts.shape
    rare = data.load("scenes", split="unseen", image_size=(height, width))
    return _of(question, "seen", question.unseen) + _of(question, "unseen", rare)


def _of(question: Question, kind: str, dataset: Dataset) -> list[Row]:
    """Measure samples of sentences, beside real pictures of them, and of other sentences."""
    from jaxgan.metrics.scenes import PARTS, shows  # imports scipy

    assert dataset.y is not None
    x, y = np.asarray(dataset.x[:COUNT]), dataset.y[:COUNT]
    asked = to_sentences(y, dataset.class_names)
    made = question.trained.draw(question.trained.experiment.latent(question.key, len(y)), y)
    fake, real, noise = (shows(one, asked) for one in (made, x, np.roll(x, 1, axis=0)))
    return [
        Row(
            f"asked/{kind}_{part}",
            f"samples that show {'everything' if part == 'all' else f'the {part}'} asked for, with "
            f"{kind} pairs of color and shape (noise: pictures of other sentences)",
            *(float(np.mean(fake[part])), len(y)),
            real=float(np.mean(real[part])),
            noise=float(np.mean(noise[part])),
            better="higher",
        )
        for part in PARTS
    ]


VARIANT = Variant(
    _build,
    Settings,
    models=("text",),
    model=("text", Model(_Text, _pair, is_open=False)),
    # Section 5.
    defaults={
        "dataset": "scenes",
        "conditional": True,
        "g_lr": 0.0002,
        "d_lr": 0.0002,
        "beta1": 0.5,
        "batch_size": 64,
    },
    y="sentences",
    check=_check,
    measures=(_shown,),
)
