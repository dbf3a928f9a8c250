"""The GANs that a run can train: a module for each, and their list."""

from importlib import import_module

from jaxgan.runs import networks
from jaxgan.runs.networks import Model
from jaxgan.runs.variants.variant import Variant

__all__ = ["MODELS", "VARIANTS", "models_of"]

VARIANTS: dict[str, Variant] = {
    name: import_module(f"{__name__}.{name}").VARIANT
    for name in (
        "gan",
        "progressive",
        "stylegan2",
        "r3gan",
        "gat",
        "acgan",
        "infogan",
        "sgan",
        "cogan",
        "bigan",
        "aae",
        "pix2pix",
        "cyclegan",
        "context_encoder",
        "ccgan",
        "srgan",
        "text_to_image",
    )
}
"""All GANs, by the value of --recipe, which is also the name of the module."""

MODELS: dict[str, Model] = networks.MODELS | dict(
    variant.model for variant in VARIANTS.values() if variant.model is not None
)
"""All networks, by the value of --model."""


def models_of(variant: Variant) -> tuple[str, ...]:
    """Return the networks that a GAN goes with, the default first."""
    if variant.models:
        return variant.models
    return tuple(name for name, model in MODELS.items() if model.pair and model.is_open)
