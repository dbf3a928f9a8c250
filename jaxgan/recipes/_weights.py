"""Weights of the terms of a loss, and what D pays for a penalty."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import penalties
from jaxgan._checks import check_numbers
from jaxgan._choice import nothing, one_of
from jaxgan.schedules import Schedule

__all__ = ["Weight", "check_weights", "paying"]

Weight = float | jax.Array | Schedule
"""A number, or a function of the player's step."""


def check_weights(**weights: Any) -> None:
    """Check that weights are at least 0; what a schedule gives is not known yet."""
    known = {name: weight for name, weight in weights.items() if not callable(weight)}
    check_numbers("[0, inf)", **known)


def paying(penalty: penalties.Penalty, weight: Weight, every: int) -> Callable[..., jax.Array]:
    """What D pays for a penalty: `(params, critic_of, real, fake, key, step) -> scalar`, weighted.

    The critic is `critic_of(params)`.
    """

    def pay(params, critic_of, real, fake, key, step):
        def penalize(params):
            return jnp.mean(every * penalty(critic_of(params), real, fake, key)), ()

        def wait(params):
            del params
            return nothing(real, dtype), ()

        weight_now = weight(step) if callable(weight) else weight
        if every == 1:
            return weight_now * penalize(params)[0]
        dtype = jax.eval_shape(penalize, params)[0].dtype
        due = (step % every == 0).astype(jnp.int32)
        return weight_now * one_of(due, [wait, penalize], params)[0]

    return pay
