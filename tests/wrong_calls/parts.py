"""What wrong calls are made of: values, and what is right about them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from networks import mlp
from PIL import Image

import jaxgan
from jaxgan import (
    latents,
    metrics,
    recipes,
)

NAN = float("nan")
KEY = jax.random.key(0)
POINTS, PICTURES = np.zeros((4, 2), np.float32), np.zeros((4, 8, 8, 1), np.float32)
BYTES = PICTURES.astype(np.uint8)
LABELS = np.arange(4, dtype=np.int32)
LOGITS = np.zeros((4, 3), np.float32)
FEATURES = np.random.default_rng(0).normal(size=(20, 3))
MOMENTS = metrics.moments(FEATURES)
WITH_NAN = np.where(np.arange(3) == 1, NAN, FEATURES)
SGD = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
NOISE = latents.normal(2)
PLAYERS = {"latent": NOISE, **SGD}
GROWTH = recipes.Growth((4, 8), 1, 1)
POOL = recipes.Pool(np.zeros((2, 3), np.float32), np.int32(0))
VARIABLES = jaxgan.Variables((), {})
GRAY = Image.new("L", (4, 4))


def gan(recipe=recipes.gan, networks=2, **settings):
    return recipe(*[mlp(2)] * networks, **PLAYERS | settings)


def translating(recipe, **settings):
    return recipe(mlp(2), mlp(), **SGD | settings)


def critic(x):
    return jnp.sum(x, axis=1)


def applied(module, *inputs, **settings):
    return partial(module.init, KEY, *inputs, **settings)
