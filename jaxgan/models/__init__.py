"""Networks to train: flax.linen modules; `jaxgan.nets.from_linen` hands them to a recipe."""

from jaxgan.models import (
    attention,
    biggan,
    conditional,
    dcgan,
    equalized,
    grouped,
    layers,
    mlp,
    progressive,
    r3gan,
    resnet,
    sizes,
    stylegan2,
)

__all__ = [
    "attention",
    "biggan",
    "conditional",
    "dcgan",
    "equalized",
    "grouped",
    "layers",
    "mlp",
    "progressive",
    "r3gan",
    "resnet",
    "sizes",
    "stylegan2",
]
