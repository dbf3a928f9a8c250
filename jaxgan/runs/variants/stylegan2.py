"""StyleGAN2 (arXiv:1912.04958): styles, style mixing, and path length regularization."""

import dataclasses

from jaxgan import recipes
from jaxgan.models import stylegan2
from jaxgan.runs.networks import Maker, Model, Pair
from jaxgan.runs.settings import setting
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants.variant import Experiment, Setup, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The regularization of G."""

    path_weight: float = setting(2.0, "weight of the path length regularizer", low=0.0)
    path_every: int = setting(4, "apply it every k-th step, k times as much", low=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Styles:
    mixing: float = setting(0.9, "share of the images with two styles", low=0.0, high=1.0)


def _pair(maker: Maker, truncation: float = 1.0) -> Pair:
    size, channels = maker.size_and_channels()
    shared = maker.common(image_size=size, width=maker.shared.width)
    styles = {"w_dim": maker.shared.latent_dim, "mixing": maker.own.mixing}
    return (
        stylegan2.Generator(channels=channels, truncation=truncation, **styles, **shared),
        stylegan2.Discriminator(**shared),
    )


def _build(setup: Setup) -> Experiment:
    maker = setup.maker
    g_module, d_module = maker.pair()
    g, d = maker.g(g_module), maker.d(d_module)
    gan = recipes.stylegan2(g, d, **vars(setup.own), **setup.keywords)
    return Experiment(gan, g, setup.latent, lambda amount: maker.g(_pair(maker, amount)[0]))


def _truncate(trained: Trained, amount: float) -> Trained:
    """Move the styles towards their mean, to the share `amount` of the distance from it."""
    generator = trained.experiment.own(amount)
    return trained._replace(experiment=trained.experiment._replace(generator=generator))


VARIANT = Variant(
    _build,
    Settings,
    models=("stylegan2",),
    model=("stylegan2", Model(_Styles, _pair, is_open=False, streams=("mixing", "noise"))),
    # Section 3.1 and appendix B, with the learning rate and batch of configuration F.
    defaults={
        "penalty": "r1",
        "penalty_weight": 10.0,
        "penalty_every": 16,
        "g_lr": 0.002,
        "d_lr": 0.002,
        "beta1": 0.0,
        "beta2": 0.99,
        "batch_size": 32,
        "latent_dim": 512,
    },
    truncate=_truncate,
)
