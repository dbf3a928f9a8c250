"""Rules of the game: how two players move who minimize a loss each.

In `two_player` they take turns. Each function here takes a GAN and returns one whose `train_step`
follows another rule; its `d_step` and `g_step` are as before. With w = (g, d) for the parameters of
both, v(w) = (grad_g L_G, grad_d L_D) for their gradients at one point, and J = Dv:

    simultaneous     w <- w - lr v(w)
    extragradient    w <- w - lr v(w - lr v(w))
    consensus        w <- w - lr (v + gamma J^T v)
    symplectic       w <- w - lr (v + lambda A^T v),  A = (J - J^T) / 2
    competitive      the equilibrium of the game's bilinear approximation
    unrolled         G's loss is the one after D's next K steps

A rule changes gradients or where they are taken, and leaves the step to each player's optimizer.
All that a rule needs for both players comes from one batch, so `d_steps` has to be 1. What a loss
itself holds still (`jax.lax.stop_gradient`) has no second derivative either.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan import core
from jaxgan._checks import check_integers, check_numbers
from jaxgan._handed import check_optimizers
from jaxgan._moves import (
    add,
    dot,
    field_of,
    found_by,
    linearized,
    local_field,
    moved,
    solve,
    stepping,
    with_gradients,
)
from jaxgan.types import GAN, Player, Variables

__all__ = [
    "bilinear",
    "competitive",
    "consensus",
    "extragradient",
    "simultaneous",
    "symplectic",
    "unrolled",
]

_AHEAD = 2  # folded into the run's key, for noise of steps that are taken back


def bilinear(optimizer: optax.GradientTransformation, start: Any = (1.0, 1.0)) -> GAN:
    """Make the smallest game on which rules differ: G wants g d small, and D wants it large.

    `L_G = sum(g d)`, `L_D = -sum(g d)`; the equilibrium is at 0. Plain simultaneous steps spiral
    away from it, steps in turns circle around it, and the rules here approach it.

    Args:
        optimizer: of both players.
        start: where G and D begin: two numbers, or two arrays of one shape.

    Returns:
        The GAN, which looks at nothing of its batches. Its samples are g.

    Example:
        >>> gan = rules.bilinear(optax.sgd(0.5))
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params, state.d.params)  # D moves first
        0.25 1.5
    """
    check_optimizers(optimizer=optimizer)

    def player(sign, start):
        def loss(params, state, opponent, batch, key, step):
            return sign * jnp.vdot(params, opponent.params), (state, {})

        return Player(lambda key, batch: Variables(jnp.asarray(start), ()), loss, optimizer)

    def sample(variables, key, n, y=None):
        return jnp.broadcast_to(variables.params, (n, *variables.params.shape))

    return core.two_player(player(1, start[0]), player(-1, start[1]), sample=sample)


def simultaneous(gan: GAN) -> GAN:
    """Let both players move at once, each against where the other one was.

    On the bilinear game `g d` with learning rate a, |w|^2 grows by 1 + a^2 in every step.

    Args:
        gan: of `jaxgan.two_player` or a recipe, not yet compiled.

    Returns:
        The GAN with another `train_step`.

    Raises:
        ValueError: the GAN has no players of its own, or `d_steps` is not 1.

    Example:
        >>> gan = rules.simultaneous(rules.bilinear(optax.sgd(0.5)))
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params, state.d.params)
        0.5 1.5
    """
    return with_gradients(gan, field_of)


def extragradient(gan: GAN) -> GAN:
    """Take the gradients where both players would be after a step (Korpelevich 1976).

    Both steps are the optimizer's, which remembers both; the second one begins where the first one
    did. With Adam this is ExtraAdam (Gidel et al. 2019, arXiv:1802.10551). The first step takes
    noise of its own on the same examples, where the paper takes other examples.

    On the bilinear game, |w|^2 changes by 1 - a^2 + a^4 in every step, which falls up to a = 1.

    Args:
        gan: of `jaxgan.two_player` or a recipe, not yet compiled.

    Returns:
        The GAN with another `train_step`. A step that cannot be taken ahead, because something is
        not finite, is not taken.

    Raises:
        ValueError: as in `simultaneous`.

    Example:
        >>> gan = rules.extragradient(rules.bilinear(optax.sgd(0.5)))
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params, state.d.params)
        0.25 1.25
    """

    def train_step(game, state, batch, axis_name, norms):
        key = jax.random.fold_in(state.key, _AHEAD)
        first = field_of(game, state, batch, axis_name, key)
        ahead, _ = moved(game, state, first, axis_name, False)
        there = ahead._replace(
            g=ahead.g._replace(step=state.g.step), d=ahead.d._replace(step=state.d.step)
        )
        start = state._replace(
            g=state.g._replace(opt_state=ahead.g.opt_state, state=ahead.g.state),
            d=state.d._replace(opt_state=ahead.d.opt_state, state=ahead.d.state),
        )
        return moved(game, start, field_of(game, there, batch, axis_name), axis_name, norms)

    return stepping(gan, train_step)


def consensus(gan: GAN, gamma: float | jax.Array = 10.0) -> GAN:
    """Add the gradient of `gamma / 2 |v|^2` to the players' (Mescheder et al. 2017).

    `v + gamma J^T v`: both players also prefer points where neither has anything to win
    (arXiv:1705.10461). Networks have to be twice differentiable, and a step costs two to three.

    Args:
        gan: of `jaxgan.two_player` or a recipe, not yet compiled.
        gamma: weight, at least 0.

    Returns:
        The GAN with another `train_step`.

    Raises:
        ValueError: as in `simultaneous`, or `gamma` is negative.

    Example:
        >>> gan = rules.consensus(rules.bilinear(optax.sgd(0.5)), 1.0)
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params, state.d.params)
        0.0 1.0
    """
    check_numbers("[0, inf)", gamma=gamma)

    def found(game, state, batch, axis_name):
        v, back, _, rest = linearized(game, state, batch, axis_name)
        return found_by(add(v, gamma, back(v)), rest)

    return with_gradients(gan, found)


def symplectic(gan: GAN, weight: float | jax.Array = 1.0, *, aligned: bool = True) -> GAN:
    """Turn the players' gradients by the part of the game that only turns (Balduzzi et al. 2018).

    `v + weight s A^T v` with A = (J - J^T) / 2 (arXiv:1802.05642). With `aligned`, s is
    `sign(<v, J^T v> <A^T v, J^T v> / n + 0.1)` for n parameters, so that the players are drawn to
    stable points and driven off others; without it, s = 1.

    Args:
        gan: of `jaxgan.two_player` or a recipe, not yet compiled.
        weight: lambda, at least 0.
        aligned: whether the sign follows the game.

    Returns:
        The GAN with another `train_step`.

    Raises:
        ValueError: as in `simultaneous`, or `weight` is negative.

    Example:
        >>> gan = rules.symplectic(rules.bilinear(optax.sgd(0.5)))
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params, state.d.params)
        0.0 1.0
    """
    check_numbers("[0, inf)", weight=weight)

    def found(game, state, batch, axis_name):
        v, back, along, rest = linearized(game, state, batch, axis_name)
        gradient = back(v)  # of |v|^2 / 2
        turn = jax.tree.map(lambda a, b: (a - b) / 2, gradient, along(v))
        sign = 1.0
        if aligned:
            count = sum(leaf.size for leaf in jax.tree.leaves(v))
            sign = jnp.sign(dot(v, gradient) * dot(turn, gradient) / count + 0.1)
        return found_by(add(v, weight * sign, turn), rest)

    return with_gradients(gan, found)


def competitive(gan: GAN, learning_rate: float | jax.Array, *, iterations: int = 20) -> GAN:
    """Move to where each player's step is best against the other's (Schaefer & Anandkumar 2019).

    The equilibrium of the game's bilinear approximation (arXiv:1905.12103), with a the learning
    rate, J_gd = grad_d grad_g L_G and J_dg = grad_g grad_d L_D:

        g <- g - a (I - a^2 J_gd J_dg)^-1 (v_g - a J_gd v_d)

    and likewise for D. The systems are solved by BiCGSTAB, whose every iteration costs four
    derivatives of v along a direction. On the bilinear game, |w|^2 changes by 1 / (1 + a^2).

    Args:
        gan: of `jaxgan.two_player` or a recipe, not yet compiled.
        learning_rate: a, which has to be that of both optimizers too; they are meant to be SGD.
        iterations: most that a system is given.

    Returns:
        The GAN with another `train_step`.

    Raises:
        ValueError: as in `simultaneous`, or a number is out of range.

    Example:
        >>> gan = rules.competitive(rules.bilinear(optax.sgd(0.5)), 0.5)
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params.round(3), state.d.params.round(3))
        0.4 1.2
    """
    check_numbers("[0, inf)", learning_rate=learning_rate)
    check_integers(iterations=iterations)

    def found(game, state, batch, axis_name):
        v, _, along, rest = linearized(game, state, batch, axis_name)
        still = jax.tree.map(jnp.zeros_like, v)

        def across(i, u):
            """J times a move of player 1 - i alone, as player i feels it."""
            return along((still[0], u) if i == 0 else (u, still[1]))[i]

        def direction(i):
            def matrix(u):
                return add(u, -(learning_rate**2), across(i, across(1 - i, u)))

            return solve(matrix, add(v[i], -learning_rate, across(i, v[1 - i])), iterations)

        return found_by((direction(0), direction(1)), rest)

    return with_gradients(gan, found)


def unrolled(gan: GAN, steps: int = 5, learning_rate: float | jax.Array = 1e-4) -> GAN:
    """Let G see D after its next K steps, and differentiate through them (Metz et al. 2017).

    `d_K = d - lr grad_d L_D` applied K times on the same examples and noise, by plain gradient
    steps (arXiv:1611.02163); G minimizes L_G(g, d_K(g)), and D takes one step of its optimizer from
    where it is. What D's network remembers of the K steps is forgotten.

    Args:
        gan: of `jaxgan.two_player` or a recipe, not yet compiled.
        steps: K, at least 0; 0 is `simultaneous`.
        learning_rate: of these steps.

    Returns:
        The GAN with another `train_step`.

    Raises:
        ValueError: as in `simultaneous`, or a number is out of range.

    Example:
        >>> gan = rules.unrolled(rules.bilinear(optax.sgd(0.5)), 4, 0.125)
        >>> batch = Batch(jnp.zeros(1))
        >>> state, _ = gan.train_step(gan.init(jax.random.key(0), batch), batch)
        >>> print(state.g.params, state.d.params)
        0.0 1.5
    """
    check_integers(0, steps=steps)
    check_numbers("[0, inf)", learning_rate=learning_rate)

    def later(game, state, batch, axis_name, g_params):
        """D's parameters after the steps."""
        field = local_field(game, state, batch, axis_name, state.key)

        def move(d_params, _):
            (_, grads), _ = field(g_params, d_params)
            if axis_name is not None:
                grads = core.mean_over_devices(grads, axis_name)
            return add(d_params, -learning_rate, grads), None

        return jax.lax.scan(move, state.d.params, length=steps)[0]

    def found(game, state, batch, axis_name):
        def loss(params, own, opponent, *rest):
            d_params = later(game, state, batch, axis_name, params)
            return game.generator.loss(params, own, opponent._replace(params=d_params), *rest)

        seeing = game._replace(generator=game.generator._replace(loss=loss))
        return field_of(seeing, state, batch, axis_name)

    return with_gradients(gan, found)
