"""CycleGAN (arXiv:1703.10593), and DiscoGAN and DualGAN with other settings: there and back."""

import dataclasses
from typing import Any

import numpy as np

from jaxgan import data, nets, recipes
from jaxgan.data import Dataset
from jaxgan.runs.measures.answers import COUNT, Question, likeness
from jaxgan.runs.measures.row import Row
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import setting
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import translation
from jaxgan.runs.variants.variant import (
    NO_NOISE,
    NO_PENALTY,
    NO_TERMS,
    Examples,
    Experiment,
    Pictures,
    Setup,
    Variant,
    no_latent,
    refuse_truncation,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The losses that couple the two translators, and what D sees."""

    cycle_weight: float = setting(10.0, "weight of the cycle loss", low=0.0)
    cycle_distance: str = setting("l1", "distance of the cycle loss", choices=("l1", "l2"))
    identity_weight: float = setting(5.0, "weight of the identity loss", low=0.0)
    pool_size: int = setting(50, "past pictures that D sees again; 0 for none", low=0, sizes=True)
    patch_layers: int = setting(
        2, "strided convolutions of a PatchGAN's D", low=1, high=16, sizes=True
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The direction of the translation."""

    back: bool = setting(False, "translate from the target domain back to the source")


def _build(setup: Setup) -> Experiment:
    maker, facts, own = setup.maker, setup.facts, setup.own
    channels = {"to_x": facts.shape[-1], "to_y": facts.source[-1]}
    translators = {name: maker.g(maker.translator(count)) for name, count in channels.items()}
    discriminators = {name: maker.d(maker.patches(own.patch_layers)) for name in ("x", "y")}
    keywords = setup.few()
    if setup.loss == "least_squares":
        del keywords["loss"]  # the recipe's own, whose halves are not those of `losses`
    published = {"l1": "cyclegan", "l2": "discogan"}[own.cycle_distance]
    gan = recipes.cyclegan(
        translators,
        discriminators,
        distance=recipes.CYCLEGAN_SETTINGS[published]["distance"],
        cycle_weight=own.cycle_weight,
        identity_weight=own.identity_weight,
        pool_size=own.pool_size,
        **keywords,
    )
    there, back = (nets.part(network, name) for name, network in translators.items())
    return Experiment(gan, there, no_latent, back)


def _check_data(own: Settings, dataset: Dataset) -> None:
    translation.check_sizes(dataset)
    if own.identity_weight > 0:
        translation.check_alike(dataset, "; --identity_weight=0 is for such domains")


def _translate(trained: Trained, given: np.ndarray, options: Options | None) -> np.ndarray:
    if options is None or not options.back:
        return translation.translate(trained, given, options)
    return as_uint8(trained.remake(trained.experiment.own, data.to_unit(given)))


def _examples(own: Any, dataset: Dataset, rows: np.ndarray, options: Options) -> Examples:
    if not options.back:
        return translation.examples(own, dataset, rows, options)
    x = np.asarray(dataset.x[rows])
    target = np.asarray(dataset.y[rows]) if dataset.paired and dataset.y is not None else None
    return Examples(x, x, target)


def _shape(facts: Facts, options: Options) -> tuple[int | None, int]:
    return None, (facts.shape if options.back else facts.source)[-1]


def _cycle(question: Question) -> list[Row]:
    """Measure the similarity of pictures and their translations there and back."""
    if not (question.unseen.has_pictures and question.unseen.paired):
        return []
    x = np.asarray(question.unseen.x[:COUNT])
    there = _translate(question.trained, x, Options(back=True))
    again = _translate(question.trained, there, None)
    title = "of pictures there and back (noise: to another)"
    return [likeness("cycle", title, again, x, np.roll(again, 1, axis=0))]


VARIANT = Variant(
    _build,
    Settings,
    models=("translator", "unet"),
    lacks=NO_NOISE | NO_PENALTY | NO_TERMS | {"freeze_d"},  # it has two discriminators
    # Section 4 and appendix 7.1; no average of G is kept.
    defaults={
        "dataset": "unpaired:outlines:digits",
        "loss": "least_squares",
        "g_lr": 0.0002,
        "d_lr": 0.0002,
        "beta1": 0.5,
        "batch_size": 1,
        "ema_decay": 0.0,
    },
    y="domains",
    check_data=_check_data,
    pictures=Pictures(
        _translate,
        _examples,
        _shape,
        translation.condition,
        is_back=lambda options: options.back,
    ),
    options=Options,
    truncate=refuse_truncation,
    measures=(translation.pairs, _cycle),
    is_distribution=False,
)
