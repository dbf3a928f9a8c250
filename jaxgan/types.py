"""The vocabulary: what a network, a player, a batch, a state and a GAN are.

Everything is a `NamedTuple` of arrays or of pure functions, so everything is a pytree or can be
closed over, and nothing here knows how it is run: jit, vmap, scan, pmap and shard_map all apply.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import optax

Params = Any
"""Any pytree of float arrays: what the optimiser changes."""

State = Any
"""Any pytree of arrays that a forward pass changes, such as batch statistics; `()` if there are
none."""

Metrics = dict[str, jax.Array]
"""Scalars by name."""


class Network(NamedTuple):
    """A neural network as two pure functions, after Haiku's `TransformedWithState`.

    Attributes:
        init: `(key, *inputs) -> (params, state)`.
        apply: `(params, state, key, *inputs, train) -> (outputs, state)`. `train` is a Python bool:
            with True, batch norm takes the batch's statistics and dropout is active.
    """

    init: Callable[..., tuple[Params, State]]
    apply: Callable[..., tuple[Any, State]]


class Variables(NamedTuple):
    """The arrays of a network: what is learnt, and what is only counted along."""

    params: Params
    state: State = ()


class Batch(NamedTuple):
    """Examples of the data.

    Attributes:
        x: `[B, ...]`, the data; images are `[B, H, W, C]` in [-1, 1].
        y: the condition, `[B, ...]`: class labels (int32, -1 where there is none), the picture that
            x is to be made from, or examples of the other domain.
    """

    x: Any
    y: Any = None


class Player(NamedTuple):
    """One side of the game: its variables, what it wants, and how it learns.

    Attributes:
        init: `(key, batch) -> Variables`.
        loss: `(params, state, opponent, batch, key, step) -> (loss, (state, metrics))`, where
            `opponent` is the other player's `Variables`, behind a stopped gradient, and `step`
            counts this player's updates so far.
        optimizer: any optax transformation.
        merge: `(state, axis_name) -> state`, how the states that the devices come to become one
            that is the same on all of them. If None, float leaves are averaged and others left
            alone, which is right for statistics and counters, and wrong for examples
            (`docs/adr/0010`).
    """

    init: Callable[[jax.Array, Batch], Variables]
    loss: Callable[..., tuple[jax.Array, tuple[State, Metrics]]]
    optimizer: optax.GradientTransformation
    merge: Callable[[State, Any], State] | None = None


class PlayerState(NamedTuple):
    """What changes about a player: `step` (int32) counts its own updates."""

    step: jax.Array
    params: Params
    state: State
    opt_state: optax.OptState


class TrainState(NamedTuple):
    """Everything a run needs to go on, and nothing else.

    Attributes:
        key: the run's random key. It never changes: step keys are folded out of it.
        g: the generator's player.
        d: the discriminator's player.
        ema: running average of the generator's `Variables`; `()` if the GAN keeps none.
    """

    key: jax.Array
    g: PlayerState
    d: PlayerState
    ema: Any = ()


class GAN(NamedTuple):
    """A whole GAN as pure functions.

    Every step is `(state, batch, *, axis_name=None) -> (state, metrics)`, the shape of the body of
    `lax.scan`. With `axis_name`, gradients, float statistics and metrics are averaged over that
    mapped axis, on which the state is the same and the batch is not.

    Attributes:
        init: `(key, batch) -> TrainState`; of the batch only shapes and dtypes matter.
        d_step: one update of the discriminator. The generator's variables are left alone.
        g_step: one update of the generator and of its running average. The discriminator's are not.
        train_step: `d_steps` updates of D, then one of G. Its batch holds one minibatch for each
            update of D, so its leaves are `[d_steps * B, ...]`; G sees the last of them.
        sample: `(state, key, n, y=None) -> samples`, from the running average where there is one.
    """

    init: Callable[[jax.Array, Batch], TrainState]
    d_step: Callable[..., tuple[TrainState, Metrics]]
    g_step: Callable[..., tuple[TrainState, Metrics]]
    train_step: Callable[..., tuple[TrainState, Metrics]]
    sample: Callable[..., Any]
