"""Optimizers for games, as optax transformations: where a player's own gradients are enough.

Negative momentum (Gidel et al. 2019, arXiv:1807.04740) is `optax.sgd(rate, momentum=-0.5)`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgan._checks import check_integers, check_numbers
from jaxgan._handed import check_optimizers

__all__ = ["lookahead", "optimistic"]


class _Optimistic(NamedTuple):
    inner: optax.OptState
    past: Any
    step: jax.Array


def optimistic(optimizer: optax.GradientTransformation) -> optax.GradientTransformation:
    """Make a step twice, and take the one before back (Daskalakis et al. 2018, arXiv:1711.00141).

    `w <- w + 2 u_t - u_{t-1}` with u the optimizer's steps: of SGD it is optimistic mirror descent,
    of Adam optimistic Adam. The first step is u_0. On the bilinear game with learning rate a it
    converges for a < 1 / sqrt(3).

    Args:
        optimizer: whose steps these are, such as `optax.adam(1e-4, b1=0.5)`.

    Returns:
        The optimizer.

    Example:
        >>> optimizer = optimizers.optimistic(optax.sgd(1.0))
        >>> state = optimizer.init(jnp.zeros(()))
        >>> for gradient in 1.0, 3.0:
        ...     update, state = optimizer.update(jnp.array(gradient), state)
        ...     print(update)
        -1.0
        -5.0
    """
    check_optimizers(optimizer=optimizer)

    def init(params):
        past = jax.tree.map(jnp.zeros_like, params)
        return _Optimistic(optimizer.init(params), past, jnp.zeros((), jnp.int32))

    def update(updates, state, params=None):
        now, inner = optimizer.update(updates, state.inner, params)
        is_first = state.step == 0
        moves = jax.tree.map(
            lambda new, old: jnp.where(is_first, new, 2 * new - old), now, state.past
        )
        return moves, _Optimistic(inner, now, state.step + 1)

    return optax.GradientTransformation(init, update)


class _Lookahead(NamedTuple):
    inner: optax.OptState
    slow: Any
    step: jax.Array


def lookahead(
    optimizer: optax.GradientTransformation, every: int = 5, share: float | jax.Array = 0.5
) -> optax.GradientTransformation:
    """Go back a part of the way after every k steps (Chavdarova et al. 2021, arXiv:2006.14567).

    After every k-th step, `slow <- slow + share (w - slow)` and `w <- slow`. Lookahead-minmax is
    this for both players, at the same time: `every` is then d_steps times as large for D.

    Args:
        optimizer: of the steps between.
        every: k, at least 1; 5 in the paper, and thousands over extragradient.
        share: in [0, 1].

    Returns:
        The optimizer, which needs the parameters: `update(gradients, state, params)`.

    Raises:
        ValueError: a number is out of range; in `update`, the parameters are missing.

    Example:
        >>> optimizer, w = optimizers.lookahead(optax.sgd(1.0), every=2), jnp.zeros(())
        >>> state = optimizer.init(w)
        >>> for _ in range(4):
        ...     update, state = optimizer.update(jnp.array(-1.0), state, w)
        ...     w = optax.apply_updates(w, update)
        ...     print(w)
        1.0
        1.0
        2.0
        2.0
    """
    check_optimizers(optimizer=optimizer)
    check_integers(every=every)
    check_numbers("[0, 1]", share=share)

    def init(params):
        # A copy, not an alias: a buffer that occurs twice in the state cannot be donated.
        slow = jax.tree.map(jnp.copy, params)
        return _Lookahead(optimizer.init(params), slow, jnp.zeros((), jnp.int32))

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("lookahead needs the parameters: call update(grads, state, params)")
        moves, inner = optimizer.update(updates, state.inner, params)
        step = state.step + 1
        is_due = step % every == 0

        def back(slow, param, move):
            return jnp.where(is_due, slow + share * (param + move - slow), param + move)

        there = jax.tree.map(back, state.slow, params, moves)
        slow = jax.tree.map(lambda old, new: jnp.where(is_due, new, old), state.slow, there)
        moves = jax.tree.map(jnp.subtract, there, params)
        return moves, _Lookahead(inner, slow, step)

    return optax.GradientTransformation(init, update)
