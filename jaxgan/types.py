"""The vocabulary: what a network, a player, a batch, a state and a GAN are.

What holds something is a `NamedTuple` of arrays or of pure functions, so everything is a pytree or
can be closed over, and nothing here knows how it is run: jit, vmap, scan, pmap and shard_map all
apply. The functions that users write or are handed have a type each (`Loss`, `Step`, ...), which
says what they are called with.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import optax

__all__ = [
    "GAN",
    "Batch",
    "Game",
    "Initialize",
    "Loss",
    "Merge",
    "Metrics",
    "Network",
    "NetworkApply",
    "NetworkInit",
    "Params",
    "Player",
    "PlayerState",
    "Sample",
    "SampleState",
    "State",
    "Step",
    "TrainState",
    "Variables",
]

Params = Any
"""Any pytree of float arrays: what the optimizer changes."""

State = Any
"""Any pytree of arrays that a forward pass changes, such as batch statistics; `()` if there are
none."""

Metrics = dict[str, jax.Array]
"""Scalars by name."""

NetworkInit = Callable[..., tuple[Params, State]]
"""`(key, *inputs) -> (params, state)`."""

NetworkApply = Callable[..., tuple[Any, State]]
"""`(params, state, key, *inputs, train) -> (outputs, state)`. `train` is a Python bool: with True,
batch norm takes the batch's statistics and dropout is active."""


class Network(NamedTuple):
    """A neural network as two pure functions, after Haiku's `TransformedWithState`.

    Attributes:
        init: `(key, *inputs) -> (params, state)`.
        apply: `(params, state, key, *inputs, train) -> (outputs, state)`.
    """

    init: NetworkInit
    apply: NetworkApply


class Variables(NamedTuple):
    """The arrays of a network: what is learned, and what only follows the inputs."""

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


class Initialize(Protocol):
    """How a player begins."""

    def __call__(self, key: jax.Array, batch: Batch, /) -> Variables:
        """Make a player's first variables.

        Args:
            key: random key.
            batch: examples; only their shapes and dtypes matter.
        """
        ...


class Loss(Protocol):
    """What a player minimizes."""

    def __call__(
        self,
        params: Params,
        state: State,
        opponent: Variables,
        batch: Batch,
        key: jax.Array,
        step: jax.Array,
        /,
    ) -> tuple[jax.Array, tuple[State, Metrics]]:
        """Compute a player's loss on a batch.

        Args:
            params: the player's own parameters.
            state: its own state.
            opponent: the other player's variables, behind a stopped gradient.
            batch: examples of the data.
            key: random key of this step and this player.
            step: how many updates this player has had, int32.

        Returns:
            The loss, a scalar, and a pair of the player's new state and of metrics.
        """
        ...


class Merge(Protocol):
    """How the states that several devices come to become one."""

    def __call__(self, state: State, axis_name: Any, /) -> State:
        """Merge the states of all devices to one that is the same on all of them.

        Args:
            state: this device's.
            axis_name: the mapped axis of the devices.
        """
        ...


class Sample(Protocol):
    """How samples are made of a generator's variables."""

    def __call__(self, variables: Variables, key: jax.Array, n: int, y: Any = None, /) -> Any:
        """Make samples.

        Args:
            variables: the generator's.
            key: random key.
            n: how many samples.
            y: their conditions `[n, ...]`, or None.

        Returns:
            `[n, ...]`.
        """
        ...


class Player(NamedTuple):
    """One side of the game: its variables, what it wants, and how it learns.

    Attributes:
        init: `(key, batch) -> Variables`.
        loss: `(params, state, opponent, batch, key, step) -> (loss, (state, metrics))`.
        optimizer: any optax transformation.
        merge: `(state, axis_name) -> state`. If None, float leaves are averaged and others left
            alone, which is right for statistics and counters, and wrong for examples
            (`docs/adr/0010`).
    """

    init: Initialize
    loss: Loss
    optimizer: optax.GradientTransformation
    merge: Merge | None = None


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


class Step(Protocol):
    """One or several updates, in the shape of the body of `lax.scan`."""

    def __call__(
        self,
        state: TrainState,
        batch: Any,
        *,
        axis_name: Any = None,
        norms: bool | jax.Array = True,
    ) -> tuple[TrainState, Metrics]:
        """Update the state.

        Args:
            state: the state before.
            batch: a `Batch`, or what `jaxgan.scan` makes batches of.
            axis_name: a mapped axis on which the state is the same and the batch is not: gradients,
                float statistics and metrics are averaged over it.
            norms: whether to measure the lengths of gradients and updates; where it is False, these
                metrics are NaN.

        Returns:
            The state after, and metrics.
        """
        ...


class SampleState(Protocol):
    """How samples are made of the state of a run."""

    def __call__(self, state: TrainState, key: jax.Array, n: int, y: Any = None) -> Any:
        """Make samples, from the generator's running average where there is one.

        Args:
            state: the state of the run.
            key: random key.
            n: how many samples.
            y: their conditions `[n, ...]`, if the GAN is conditional.

        Returns:
            `[n, ...]`.
        """
        ...


class Game(NamedTuple):
    """What a GAN is made of, for rules that make other steps of it.

    Attributes:
        generator: the player whose variables are averaged.
        discriminator: its opponent.
        d_steps: updates of D for each update of G.
        average: `state -> state`, with the running average after an update of G.
    """

    generator: Player
    discriminator: Player
    d_steps: int
    average: Callable[[TrainState], TrainState]


class GAN(NamedTuple):
    """A whole GAN: five pure functions, and what they were made of.

    Attributes:
        init: `(key, batch) -> TrainState`; of the batch only shapes and dtypes matter.
        d_step: one update of the discriminator. The generator's variables are left alone.
        g_step: one update of the generator and of its average. D's variables are left alone.
        train_step: `d_steps` updates of D, then one of G. Its batch holds one minibatch for each
            update of D, so its leaves are `[d_steps * B, ...]`; G sees the last of them.
        sample: `(state, key, n, y=None) -> samples`, from the running average where there is one.
        game: its players, if `jaxgan.rules` is to make other steps of them.

    The three steps are called alike, `(state, batch, *, axis_name=None, norms=True)`; see `Step`.
    """

    init: Callable[[jax.Array, Batch], TrainState]
    d_step: Step
    g_step: Step
    train_step: Step
    sample: SampleState
    game: Game | None = None
