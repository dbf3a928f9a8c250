"""Progressive growing (arXiv:1710.10196): the images grow while the networks learn."""

import dataclasses

from jaxgan import recipes
from jaxgan.models import progressive
from jaxgan.models.progressive import resolutions
from jaxgan.runs.networks import Maker, Model, Pair
from jaxgan.runs.settings import setting
from jaxgan.runs.variants.variant import Experiment, Setup, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The schedule of the resolutions."""

    stable_steps: int = setting(600, "updates of G at each resolution", low=1)
    fade_steps: int = setting(300, "updates of G while a resolution fades in", low=1)


def _pair(maker: Maker) -> Pair:
    size, channels = maker.size_and_channels()
    shared = maker.common(image_size=size, width=maker.shared.width)
    return progressive.Generator(channels=channels, **shared), progressive.Discriminator(**shared)


def _build(setup: Setup) -> Experiment:
    modules = setup.maker.pair()
    generator, discriminator = (
        lambda resolution, module=module: setup.maker.g(module.clone(resolution=resolution))
        for module in modules
    )
    sizes = resolutions(modules[0].image_size)  # pyright: ignore[reportAttributeAccessIssue]
    growth = recipes.Growth(sizes, setup.own.fade_steps, setup.own.stable_steps)
    gan = recipes.progressive(generator, discriminator, growth=growth, **setup.keywords)
    return Experiment(gan, recipes.grown(generator, growth), setup.latent)


VARIANT = Variant(
    _build,
    Settings,
    models=("progressive",),
    model=("progressive", Model(pair=_pair, is_open=False)),
    # Appendix A.1; its drift term, 0.001 D(x)^2, is not implemented.
    defaults={
        "loss": "wasserstein",
        "penalty": "gradient_penalty",
        "penalty_weight": 10.0,
        "g_lr": 0.001,
        "d_lr": 0.001,
        "beta1": 0.0,
        "beta2": 0.99,
        "batch_size": 16,
        "ema_decay": 0.999,
    },
    # Its weights are equalized, and its networks need whole batches.
    lacks=frozenset({"spectral_norm", "g_spectral_norm", "microbatch"}),
)
