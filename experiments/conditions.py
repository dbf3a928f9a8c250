"""What recipes ask of the data beside x, and what their samples are drawn from beside noise."""

import jax
import numpy as np
from choices import INPAINTING, PICTURE_TO_PICTURE
from config import Config

from jaxgan import data, masks
from jaxgan.recipes import masked

NEEDS = {
    "acgan": "labels",
    "sgan": "labels",
    "ccgan": "labels",
    "pix2pix": "pairs",
    "srgan": "pairs",
    "cyclegan": "domains",
    "cogan": "domains",
}
"""What the data's y has to be for a recipe."""


def mask_of(config: Config) -> masks.Mask:
    """Where the holes are that an inpainting run learns to fill."""
    make = {"center": masks.center, "box": masks.random_box}[config.mask]
    return make(config.mask_share)


def condition(config: Config, dataset: data.Dataset, rows: np.ndarray) -> np.ndarray | None:
    """What the samples that belong to these examples are drawn from: labels, pictures, or None."""
    if config.conditional:
        assert dataset.y is not None  # `checks` sees to that
        return np.asarray(dataset.y[rows])
    if config.recipe not in PICTURE_TO_PICTURE:
        return None
    if config.recipe not in INPAINTING:
        assert dataset.y is not None
        return data.to_unit(np.asarray(dataset.y[rows]))
    x = data.to_unit(np.asarray(dataset.x[rows]))
    return np.asarray(
        masked(jax.numpy.asarray(x), mask_of(config)(jax.random.key(0), *x.shape[:3]))
    )
