"""What recipes are handed is made by a call; whoever forgets the call is told so at once."""

import re

import jax.numpy as jnp
import optax
import pytest
from networks import mlp

from jaxgan import augment, latents, losses, masks, penalties, recipes, regularizers, schedules

SGD = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}


def gan(**settings):
    return recipes.gan(mlp(2), mlp(), **{"latent": latents.normal(2), **SGD, **settings})


def own(recipe, networks=2, **settings):
    return recipe(*[mlp(2)] * networks, **SGD, **settings)


FORGOTTEN = {
    "latent=latents.normal": lambda: gan(latent=latents.normal),
    "loss=losses.hinge": lambda: gan(loss=losses.hinge),
    "penalty=penalties.r1": lambda: gan(penalty=penalties.r1),
    "penalty_weight=schedules.cosine": lambda: gan(penalty_weight=schedules.cosine),
    "regularizer=regularizers.lecam": lambda: gan(regularizer=regularizers.lecam),
    "augment=augment.differentiable": lambda: gan(augment=augment.differentiable),
    "ema_decay=schedules.ema_decay": lambda: gan(ema_decay=schedules.ema_decay),
    "latent=latents.uniform": lambda: own(recipes.cogan, latent=latents.uniform),
    "loss=losses.wasserstein": lambda: own(recipes.cyclegan, loss=losses.wasserstein),
    "mask=masks.center": lambda: own(recipes.context_encoder, mask=masks.center),
    "loss=losses.minimax": lambda: own(
        recipes.aae, 3, latent=latents.normal(2), loss=losses.minimax
    ),
    "penalty=penalties.r2": lambda: own(
        recipes.bigan, 3, latent=latents.normal(2), penalty=penalties.r2
    ),
    "penalty=penalties.dragan": lambda: penalties.lazy(penalties.dragan, every=2),
    "penalty=penalties.r1_r2": lambda: penalties.combine((penalties.r1_r2, 1.0)),
    "penalty=penalties.approximate_r1": lambda: gan(penalty=penalties.approximate_r1),
    "change=augment.differentiable": lambda: penalties.consistency(augment.differentiable),
}


@pytest.mark.parametrize(("forgotten", "make"), FORGOTTEN.items(), ids=FORGOTTEN)
def test_a_factory_instead_of_what_it_returns_is_refused_before_anything_is_traced(forgotten, make):
    keyword, _, name = forgotten.partition("=")
    message = f"{keyword} is the function {name} itself; expected what it returns: call it"
    with pytest.raises(TypeError, match=re.escape(message)):
        make()


def test_functions_of_ones_own_are_taken():
    def latent(key, n):
        return jnp.zeros((n, 2))

    def penalty(critic, real, fake, key):
        return critic(real) ** 2

    gan(latent=latent, penalty=penalty)
