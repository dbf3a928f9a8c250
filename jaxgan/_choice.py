"""A choice between losses that a step makes while it runs."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

ValueAndMore = tuple[jax.Array, Any]


def one_of(
    index: jax.Array, losses: Sequence[Callable[..., ValueAndMore]], params: Any, *rest: Any
) -> ValueAndMore:
    """`losses[index](params, *rest)`, whose gradient in the parameters is taken within the choice.

    A gradient through a choice keeps what all branches need: each of them has to fill in what only
    the others compute, which takes memory, and the most of the time that it takes to compile.

    There is no derivative in anything else, and none of the second order.

    Args:
        index: int32.
        losses: give a number and more of what has no derivative, with the same types.
        params: the parameters; the losses must not have them otherwise.
        rest: what else they are called with.
    """

    @jax.custom_vjp
    def chosen(index, params, rest):
        return lax.switch(index, losses, params, *rest)

    def forward(index, params, rest):
        gradients = [jax.value_and_grad(loss, has_aux=True) for loss in losses]
        return lax.switch(index, gradients, params, *rest)

    def backward(grads, cotangents):
        return None, jax.tree.map(lambda leaf: cotangents[0] * leaf, grads), None

    chosen.defvjp(forward, backward)
    return chosen(index, params, rest)


def nothing(x: jax.Array, dtype: Any = None) -> jax.Array:
    """Return 0, as an empty sum over `x` rather than a constant.

    Under `shard_map` it varies over the devices as the data do, and so goes into a choice with what
    is computed from them.
    """
    return jnp.sum(x.reshape(-1)[:0], dtype=dtype)
