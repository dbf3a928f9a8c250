"""Runs of every kind that have not learned anything yet: quicker to make than trained ones."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import Variables
from jaxgan.runs.build import build
from jaxgan.runs.config import make
from jaxgan.runs.data import example, facts, load
from jaxgan.runs.trained import Trained

SHARED = {"width": 4, "batch_size": 4, "split": "train[:9900]"}
RUNS = {
    "pix2pix": {"model": "unet", "stages": 1, "patch_layers": 1, "dataset": "outlines:digits"},
    "cyclegan": {
        "model": "unet",
        "stages": 1,
        "patch_layers": 1,
        "dataset": "unpaired:outlines:digits",
    },
    "context_encoder": {"model": "unet", "stages": 1, "mask_share": 0.3},
    "srgan": {"model": "srgan", "blocks": 1, "dataset": "halved:digits"},
    "aae": {"model": "mlp", "latent_dim": 4},
    "infogan": {"model": "mlp", "latent_dim": 4, "code_categories": 3},
    "sgan": {"model": "mlp", "latent_dim": 4, "labelled": 20},
    "acgan": {"model": "mlp", "latent_dim": 4, "conditional": True},
    "stylegan2": {"latent_dim": 8, "width": 1},
    "cogan": {"model": "mlp", "latent_dim": 4, "dataset": "unpaired:outlines:digits"},
}


@cache
def run_of(recipe: str, **more) -> Trained:
    """A run of this GAN, or of another kind with settings of its own."""
    config = make(recipe=recipe, **SHARED | RUNS.get(recipe, {}) | more)
    known = facts(load(config))
    experiment = build(config, known)
    state = jax.eval_shape(experiment.gan.init, jax.random.key(0), example(known))
    random = np.random.default_rng(0)
    size = 0.0 if recipe == "srgan" else 0.3  # an SRGAN of zeros is bilinear interpolation

    def drawn(path, leaf):  # quicker than to compile the initializers
        values = size * random.normal(size=leaf.shape)
        values = abs(values) if "var" in jax.tree_util.keystr(path[-1:]) else values
        return jnp.asarray(values, leaf.dtype)

    fill = partial(jax.tree_util.tree_map_with_path, drawn)
    d = Variables(*fill((state.d.params, state.d.state)))
    g = Variables(*fill(state.ema or (state.g.params, state.g.state)))
    return Trained(config, known, experiment, g, 0, d)
