"""The engine: one update rule for both players of every GAN in this package."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan._checks import check_integers, check_numbers, check_types
from jaxgan._handed import check_optimizers, refuse_factories
from jaxgan._scatter import Scatter
from jaxgan.schedules import Schedule
from jaxgan.types import (
    GAN,
    Batch,
    Game,
    Metrics,
    Player,
    PlayerState,
    Sample,
    TrainState,
    Variables,
)

__all__ = ["NORMS", "mean_over_devices", "of_first_device", "two_player"]

_G, _D = 0, 1  # folded into the run's key, so that the players never share noise
_NORMS = ("grad_norm", "update_ratio")
NORMS = tuple(f"{player}_{name}" for player in "gd" for name in _NORMS)
"""The metrics that a step measures only where its `norms` is True."""


def two_player(
    generator: Player,
    discriminator: Player,
    *,
    sample: Sample,
    d_steps: int = 1,
    ema_decay: float | jax.Array | Schedule | None = None,
) -> GAN:
    """Make a GAN of two players, each of which minimizes its own loss over its own parameters.

    One update of player P against opponent Q, at P's step t, on a batch b:

        key_t = fold_in(fold_in(key, P), t)
        P.params <- optimizer(grad_{P.params} loss_P(P.params, P.state, stop_gradient(Q), b, key_t))

    A loss or a gradient that is not finite never enters the state: such an update is skipped. The
    player keeps its parameters, its state and its optimizer's state, and only its step t goes on,
    so that the next update draws other noise.

    Args:
        generator: the player whose variables are averaged and sampled from.
        discriminator: its opponent.
        sample: `(variables, key, n, y) -> samples`, given the generator's `Variables`.
        d_steps: updates of D for each update of G in `train_step`, at least 1.
        ema_decay: decay b in [0, 1) of the generator's running average, per update of G:
            `ema <- b_t ema + (1 - b_t) params` with `b_t = min(b, (1 + t) / (10 + t))`, so that
            short runs are not dominated by their first weights. Float statistics are averaged
            likewise. A function gives b_t of G's step t itself, as the schedules of
            `jaxgan.schedules` do. None keeps no average.

    Returns:
        The GAN. Its steps average over `axis_name` if they are given one. Their metrics are those
        of the players' losses, and of each player `loss`, `skipped` (1 for an update that was
        skipped, else 0), `grad_norm` (length of the gradient) and `update_ratio` (length of the
        update, as a share of the parameters'). The last two read all parameters, which costs small
        dense networks a tenth of a step, so the steps take `norms: bool | jax.Array = True`: where
        it is False, the two are not measured and are NaN. `jaxgan.scan` measures them once in each
        call.

    Raises:
        TypeError: `ema_decay` is a factory of schedules instead of a schedule.
        ValueError: `d_steps` or `ema_decay` is out of range; in `train_step`, the batch does not
            divide into `d_steps` minibatches.

    Example:
        >>> # G moves g to wherever d points; D's d is the distance of g from the data.
        >>> init = lambda key, batch: Variables(jnp.zeros(()))
        >>> def g_loss(params, state, opponent, batch, key, step):
        ...     return -params * opponent.params, (state, {})
        ...
        >>> def d_loss(params, state, opponent, batch, key, step):
        ...     gap = jnp.mean(batch.x) - opponent.params
        ...     return (params - gap) ** 2, (state, {"gap": gap})
        ...
        >>> gan = jaxgan.two_player(
        ...     Player(init, g_loss, optax.sgd(0.1)),
        ...     Player(init, d_loss, optax.sgd(0.5)),
        ...     sample=lambda variables, key, n, y: jnp.full(n, variables.params),
        ... )
        >>> batches = Batch(jnp.full((100, 8), 3.0))
        >>> state = gan.init(jax.random.key(0), Batch(jnp.zeros(8)))
        >>> state, metrics = jaxgan.scan(gan).train_step(state, batches)
        >>> print(gan.sample(state, jax.random.key(1), 2).round(2))
        [3. 3.]
        >>> metrics["d_gap"].shape
        (100,)
    """
    refuse_factories(ema_decay=ema_decay)
    check_types(Player, generator=generator, discriminator=discriminator)
    check_optimizers(g_optimizer=generator.optimizer, d_optimizer=discriminator.optimizer)
    check_integers(d_steps=d_steps)
    if not (ema_decay is None or callable(ema_decay)):
        check_numbers("[0, 1)", ema_decay=ema_decay)

    def init(key: jax.Array, batch: Batch) -> TrainState:
        g_key, d_key, run_key = jax.random.split(key, 3)
        g = _init_player(generator, g_key, batch)
        d = _init_player(discriminator, d_key, batch)
        # A copy, not an alias: a buffer that occurs twice in the state cannot be donated.
        ema = () if ema_decay is None else jax.tree.map(jnp.copy, variables(g))
        return TrainState(run_key, g, d, ema)

    def d_step(state: TrainState, batch: Batch, *, axis_name=None, norms: bool | jax.Array = True):
        _, key = streams(state.key)
        opponent = variables(state.g)
        d, metrics = _update(discriminator, state.d, opponent, batch, key, axis_name, norms)
        return state._replace(d=d), prefixed("d_", metrics)

    def g_step(state: TrainState, batch: Batch, *, axis_name=None, norms: bool | jax.Array = True):
        key, _ = streams(state.key)
        opponent = variables(state.d)
        g, metrics = _update(generator, state.g, opponent, batch, key, axis_name, norms)
        return average(state._replace(g=g)), prefixed("g_", metrics)

    def average(state: TrainState) -> TrainState:
        if ema_decay is None:
            return state
        ema = _average(state.ema, variables(state.g), ema_decay, state.g.step - 1)
        return state._replace(ema=ema)

    def train_step(
        state: TrainState, batch: Batch, *, axis_name=None, norms: bool | jax.Array = True
    ):
        settings = {"axis_name": axis_name, "norms": norms}
        if d_steps == 1:
            state, d_metrics = d_step(state, batch, **settings)
        else:
            minibatches = _split(batch, d_steps)
            state, d_metrics = lax.scan(partial(d_step, **settings), state, minibatches)
            d_metrics = jax.tree.map(lambda metric: jnp.mean(metric, axis=0), d_metrics)
            batch = jax.tree.map(lambda leaf: leaf[-1], minibatches)
        state, g_metrics = g_step(state, batch, **settings)
        return state, d_metrics | g_metrics

    def sample_average(state: TrainState, key: jax.Array, n: int, y=None):
        averaged = variables(state.g) if ema_decay is None else state.ema
        return sample(averaged, key, n, y)

    game = Game(generator, discriminator, d_steps, average)
    return GAN(init, d_step, g_step, train_step, sample_average, game)


def streams(key: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return G's and D's keys, which never share noise."""
    return jax.random.fold_in(key, _G), jax.random.fold_in(key, _D)


def variables(player: PlayerState) -> Variables:
    return Variables(player.params, player.state)


def _init_player(player: Player, key: jax.Array, batch: Batch) -> PlayerState:
    params, state = player.init(key, batch)
    return PlayerState(jnp.zeros((), jnp.int32), params, state, player.optimizer.init(params))


def _update(player: Player, own: PlayerState, opponent: Variables, batch, key, axis_name, norms):
    """An update of one player against the other one's variables."""
    found = gradients(player, own, opponent, batch, key, axis_name)
    return apply(player, own, found, axis_name, norms)


def gradients(player: Player, own: PlayerState, opponent: Variables, batch, key, axis_name):
    """Return a player's gradient, the state that its loss leaves, and metrics."""
    key = jax.random.fold_in(key, own.step)
    of = partial(_gradients, player)
    of = axis_name.map(of) if isinstance(axis_name, Scatter) else partial(of, axis_name=axis_name)
    return of(own.params, own.state, opponent, batch, key, own.step)


def apply(player: Player, own: PlayerState, found, axis_name, norms):
    """The only optimizer update in this package."""
    grads, state, metrics = found
    is_good = _is_finite((metrics["loss"], grads, state))

    def change():
        updates, opt_state = player.optimizer.update(grads, own.opt_state, own.params)
        return optax.apply_updates(own.params, updates), state, opt_state

    # Not a selection between two states, for which XLA would make both.
    kept = lax.cond(is_good, change, lambda: (own.params, own.state, own.opt_state))
    new = PlayerState(own.step + 1, *kept)
    if isinstance(axis_name, Scatter):
        new = axis_name.place(new)
    metrics |= _measure(norms, grads, own.params, new.params)
    metrics["skipped"] = 1.0 - is_good
    return new, metrics


def _gradients(player: Player, params, state, opponent, batch, key, step, *, axis_name, mean=None):
    """The only gradient in this package, with what the loss gives besides.

    Over an axis, all of it becomes one: gradients by `mean(grads, axis_name)`.
    """
    if axis_name is not None:
        params, key = on_this_device(params, key, axis_name)
    opponent = lax.stop_gradient(opponent)
    found = local_gradients(player, params, state, opponent, batch, key, step)
    return found if axis_name is None else over_devices(player, found, axis_name, mean)


def local_gradients(player: Player, params, state, opponent, batch, key, step):
    """Return a player's gradient on this device's examples; the opponent is not held still."""
    loss = jax.value_and_grad(player.loss, has_aux=True)
    (value, (state, metrics)), grads = loss(params, state, opponent, batch, key, step)
    return grads, state, {"loss": value, **metrics}


def on_this_device(params, key, axis_name):
    """Return parameters whose gradients are this device's, and a key of its own."""
    index = lax.axis_index(axis_name)
    return vary(params, index), jax.random.fold_in(key, index)


def over_devices(player: Player, found, axis_name, mean=None):
    """Make what the devices found one."""
    grads, state, metrics = found
    mean, merge = mean or mean_over_devices, player.merge or mean_over_devices
    return mean(grads, axis_name), merge(state, axis_name), mean_over_devices(metrics, axis_name)


def _is_finite(tree) -> jax.Array:
    """Whether all floats are finite, and the sum of their squares too, which Adam keeps.

    A product reads them as fast as the memory gives them; `jnp.isfinite` of each takes far longer.
    (Not `jnp.vdot`, which flattens: arrays in parts would be gathered for it.)
    """
    squares = [
        jnp.tensordot(
            leaf,
            leaf,
            leaf.ndim,
            preferred_element_type=jnp.promote_types(leaf.dtype, jnp.float32),
        )
        for leaf in jax.tree.leaves(tree)
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    return jnp.isfinite(sum(squares))


def _measure(norms: bool | jax.Array, grads, old, new) -> Metrics:
    """Lengths of the gradient and of the update, computed only where they are wanted."""

    def measure():
        update = jax.tree.map(jnp.subtract, new, old)
        ratio = _norm(update) / jnp.maximum(_norm(old), 1e-12)
        return jnp.stack([_norm(grads), ratio]).astype(jnp.float32)

    # The barrier keeps XLA from folding a constant: whether the norms are measured would change how
    # the rest of the step is fused, and with it the last bits of what a step alone and a scan give.
    norms = lax.optimization_barrier(jnp.asarray(norms))
    values = lax.cond(norms, measure, lambda: jnp.full(2, jnp.nan, jnp.float32))
    return dict(zip(_NORMS, values, strict=True))


def _norm(tree) -> jax.Array:
    return jnp.sqrt(sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(tree)))


def vary(params, index: jax.Array):
    """Make parameters that are the same on every device formally different: add 0 times the index.

    Under `jax.shard_map` with `check_vma=True`, the gradient with respect to replicated parameters
    arrives already summed over the devices; averaging it again would silently be too large by the
    number of devices. XLA removes the addition. (`lax.pcast` says the same, but not under `vmap`.)
    """
    return jax.tree.map(lambda leaf: leaf + (0 * index).astype(leaf.dtype), params)


def mean_over_devices(tree, axis_name):
    """Average every float leaf over the devices; counters are equal everywhere already.

    XLA joins the reductions to one all-reduce, as far as they do not wait for one another.

    Args:
        tree: any pytree of arrays.
        axis_name: the mapped axis.

    Example:
        >>> def average(tree):
        ...     return jaxgan.core.mean_over_devices(tree, "devices")
        ...
        >>> losses_of_two = {"loss": jnp.array([1.0, 3.0])}
        >>> print(jax.vmap(average, axis_name="devices")(losses_of_two)["loss"])
        [2. 2.]
    """
    leaves, structure = jax.tree.flatten(tree)
    floats = [i for i, leaf in enumerate(leaves) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    for i, mean in zip(floats, lax.pmean([leaves[i] for i in floats], axis_name), strict=True):
        leaves[i] = mean
    return jax.tree.unflatten(structure, leaves)


def of_first_device(tree, axis_name):
    """Give all devices what the first one has: for what cannot be averaged, such as examples.

    Args:
        tree: any pytree of arrays.
        axis_name: the mapped axis.

    Example:
        >>> def first(tree):
        ...     return jaxgan.core.of_first_device(tree, "devices")
        ...
        >>> print(jax.vmap(first, axis_name="devices")(jnp.array([1.0, 3.0])))
        [1. 1.]
    """
    is_first = lax.axis_index(axis_name) == 0
    return jax.tree.map(
        lambda leaf: lax.psum(jnp.where(is_first, leaf, jnp.zeros_like(leaf)), axis_name), tree
    )


def _average(ema: Variables, new: Variables, decay: Any, step: jax.Array) -> Variables:
    warm_up = (1.0 + step) / (10.0 + step)
    decay_now: Any = decay(step) if callable(decay) else jnp.minimum(decay, warm_up)

    def average(old, new):
        if not jnp.issubdtype(new.dtype, jnp.inexact):
            return new
        return (old + (1 - decay_now) * (new - old)).astype(old.dtype)

    return jax.tree.map(average, ema, new)


def _split(batch: Batch, parts: int) -> Batch:
    """`[parts * B, ...]` -> `[parts, B, ...]`.

    Minibatch k takes every parts-th example from k on, not a contiguous piece: so the minibatches
    of a batch that is cut over devices are the minibatches of the whole batch, cut over devices.
    """

    def split(leaf):
        size = leaf.shape[0]
        if size % parts:
            raise ValueError(
                f"a batch of {size} does not divide into d_steps={parts} minibatches; "
                f"train_step takes d_steps * batch size examples"
            )
        return jnp.moveaxis(leaf.reshape(size // parts, parts, *leaf.shape[1:]), 1, 0)

    return jax.tree.map(split, batch)


def prefixed(prefix: str, metrics: Metrics) -> Metrics:
    return {prefix + name: value for name, value in metrics.items()}
