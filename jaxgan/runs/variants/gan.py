"""GAN (arXiv:1406.2661) and its variants that only change networks, losses or penalties."""

from typing import Any

from jaxgan import recipes
from jaxgan.runs.variants.variant import Experiment, Setup, Variant


def build(setup: Setup) -> Experiment:
    """Build a GAN from noise to examples, with or without labels."""
    g_module, d_module = setup.maker.pair()
    g, d = setup.maker.g(g_module), setup.maker.d(d_module)
    keywords = setup.keywords
    if getattr(setup.maker.own, "d_last", "linear") == "san":
        keywords = keywords | dict[str, Any](d_term=recipes.slicing)
    return Experiment(recipes.gan(g, d, **keywords), g, setup.latent)


VARIANT = Variant(build)
