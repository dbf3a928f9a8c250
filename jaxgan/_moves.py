"""What rules of the game are made of: both players' gradients at one point, and how they change."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from jaxgan import core
from jaxgan._checks import check_types
from jaxgan._scatter import Scatter
from jaxgan.types import GAN, Game, TrainState


def with_gradients(gan: GAN, found: Callable) -> GAN:
    """`found(game, state, batch, axis_name)` gives what both players move by."""

    def train_step(game, state, batch, axis_name, norms):
        return moved(game, state, found(game, state, batch, axis_name), axis_name, norms)

    return stepping(gan, train_step)


def stepping(gan: GAN, advance: Callable) -> GAN:
    check_types(GAN, gan=gan)
    game = gan.game
    if game is None:
        raise ValueError("gan has no players; expected a GAN of two_player or of a recipe")
    if game.d_steps != 1:
        raise ValueError(f"d_steps is {game.d_steps}; expected 1, since both players move together")

    def train_step(state: TrainState, batch: Any, *, axis_name=None, norms=True):
        if isinstance(axis_name, Scatter):
            raise ValueError("rules do not go with shard_optimizer; choose jit, pmap or shard_map")
        return advance(game, state, batch, axis_name, norms)

    return gan._replace(train_step=train_step, game=None)


def field_of(game: Game, state: TrainState, batch, axis_name, key=None):
    """What each player finds at this point, as `core.gradients`."""
    key = state.key if key is None else key
    return tuple(
        core.gradients(player, own, core.variables(other), batch, stream, axis_name)
        for player, own, other, stream in _sides(game, state, key)
    )


def _sides(game: Game, state: TrainState, key: jax.Array):
    g_key, d_key = core.streams(key)
    yield game.generator, state.g, state.d, g_key
    yield game.discriminator, state.d, state.g, d_key


def moved(game: Game, state: TrainState, found, axis_name, norms):
    """Let both optimizers step by what was found."""
    g, g_metrics = core.apply(game.generator, state.g, found[0], axis_name, norms)
    d, d_metrics = core.apply(game.discriminator, state.d, found[1], axis_name, norms)
    metrics = core.prefixed("d_", d_metrics) | core.prefixed("g_", g_metrics)
    return game.average(state._replace(g=g, d=d)), metrics


def local_field(game: Game, state: TrainState, batch, axis_name, key):
    """`(g_params, d_params) -> (v, rest)` of this device's examples, differentiable in both."""
    sides = [
        (*side[:2], jax.random.fold_in(side[3], side[1].step)) for side in _sides(game, state, key)
    ]

    def field(*params):
        found = []
        for i, (player, own, noise) in enumerate(sides):
            mine, other = params[i], core.variables((state.d, state.g)[i])
            other = other._replace(params=params[1 - i])
            drawn = noise
            if axis_name is not None:
                mine, drawn = core.on_this_device(mine, noise, axis_name)
            found.append(
                core.local_gradients(player, mine, own.state, other, batch, drawn, own.step)
            )
        return tuple(grads for grads, *_ in found), [rest for _, *rest in found]

    return field


def linearized(game: Game, state: TrainState, batch, axis_name):
    """Return v, `J^T`, `J` and what else was found, over all devices."""
    field = local_field(game, state, batch, axis_name, state.key)
    mean = here = lambda tree: tree
    if axis_name is not None:
        mean = partial(core.mean_over_devices, axis_name=axis_name)
        here = partial(core.vary, index=jax.lax.axis_index(axis_name))
    params = here((state.g.params, state.d.params))
    v, pull, rest = jax.vjp(field, *params, has_aux=True)
    if axis_name is not None:
        players = game.generator, game.discriminator
        merged = [
            core.over_devices(player, (grads, *one), axis_name)
            for player, grads, one in zip(players, v, rest, strict=True)
        ]
        v, rest = tuple(grads for grads, *_ in merged), [one for _, *one in merged]

    def back(cotangent):
        return mean(pull(here(cotangent)))

    def along(tangent):
        return mean(jax.jvp(lambda *p: field(*p)[0], params, here(tangent))[1])

    return v, back, along, rest


def solve(matrix: Callable, b: Any, iterations: int) -> Any:
    """Solve `matrix(x) = b` by BiCGSTAB, to 1e-10 of b's length or as far as the iterations go.

    (JAX's own does not pass the checks of `jax.shard_map`.)
    """
    b, tree = ravel_pytree(b)

    def apply(u):
        return ravel_pytree(matrix(tree(u)))[0]

    def ratio(a, c):
        return jnp.where(c == 0, 0.0, a / jnp.where(c == 0, 1.0, c))

    def goes_on(carry):
        (_, r, *_), i = carry
        return (jnp.vdot(r, r) > 1e-20 * jnp.vdot(b, b)) & (i < iterations)

    def iterate(carry):
        (x, r, p, rho), i = carry
        q = apply(p)
        alpha = ratio(rho, jnp.vdot(b, q))
        s = r - alpha * q
        t = apply(s)
        omega = ratio(jnp.vdot(t, s), jnp.vdot(t, t))
        x, r = x + alpha * p + omega * s, s - omega * t
        new = jnp.vdot(b, r)
        p = r + ratio(new, rho) * ratio(alpha, omega) * (p - omega * q)
        return (x, r, p, new), i + 1

    start = (jnp.zeros_like(b), b, b, jnp.vdot(b, b))
    (x, *_), _ = jax.lax.while_loop(goes_on, iterate, (start, 0))
    return tree(x)


def found_by(grads, rest):
    return tuple((mine, *one) for mine, one in zip(grads, rest, strict=True))


def add(tree, scale, other):
    return jax.tree.map(lambda a, b: a + scale * b, tree, other)


def dot(a, b) -> jax.Array:
    return jnp.asarray(sum(map(jnp.vdot, jax.tree.leaves(a), jax.tree.leaves(b))))
