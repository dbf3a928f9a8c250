"""ACGAN (arXiv:1610.09585): D predicts the class instead of being given it."""

import dataclasses

from jaxgan import recipes
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.variants.variant import SINGLE, Experiment, Setup, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The weight of what D predicts besides real or fake."""

    class_weight: float = setting(1.0, "weight of the class loss", low=0.0)


def _check(config) -> None:
    if not config.objective.conditional:
        raise ConfigError("--noconditional: --recipe=acgan needs the labels; leave it out")


def _build(setup: Setup) -> Experiment:
    g_module, d_module = setup.maker.pair()
    classes = len(setup.facts.class_names)
    g = setup.maker.g(g_module)
    d = setup.maker.d(d_module.clone(num_classes=None, classes=classes))
    weight = setup.own.class_weight
    gan = recipes.acgan(g, d, class_weight=weight, **setup.without("conditional"))
    return Experiment(gan, g, setup.latent)


VARIANT = Variant(
    _build,
    Settings,
    # Appendix A, table 1.
    defaults={"conditional": True, "g_lr": 2e-4, "d_lr": 2e-4, "batch_size": 100},
    models=("dcgan", "mlp"),
    lacks=SINGLE,
    y="labels",
    check=_check,
)
