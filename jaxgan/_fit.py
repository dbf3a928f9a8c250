"""`jaxgan.fit`: training in compiled calls, with what is done between them.

The order of the data, the calls and what prefetches them are those of the commands' loop
(`jaxgan.runs.training.loop`), which is built on `calls`, too.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan._checks import (
    check_array,
    check_callable,
    check_integers,
    check_lengths,
    check_types,
    told,
)
from jaxgan.parallel import jit, scan
from jaxgan.types import GAN, Batch, TrainState

__all__ = ["Moment", "calls", "fit"]


class Moment(NamedTuple):
    """What a callback of `jaxgan.fit` is given.

    Attributes:
        step: updates of G so far.
        state: the state after them; the next steps reuse its memory, so it is not to be kept.
        metrics: their means over the steps since this callback was last called.
        gan: the compiled GAN, for `moment.gan.sample(moment.state, key, n, y)`.
    """

    step: int
    state: TrainState
    metrics: dict[str, float]
    gan: GAN


Callback = tuple[int, Callable[[Moment], Any]]


def fit(
    gan: GAN,
    data: Any,
    steps: int,
    *,
    callbacks: Sequence[Callback] = (),
    batch_size: int = 64,
    flip: bool = False,
    seed: int = 0,
    state: TrainState | None = None,
    directory: str | Path | None = None,
    checkpoint_every: int = 400,
    steps_per_call: int = 20,
    device_data_gb: float = 4.0,
) -> TrainState:
    """Train a GAN, in compiled calls of many steps, with the data on the device.

    The data are shuffled anew in every epoch. Their order, and all noise, are functions of the seed
    and the step: training that goes on from a checkpoint ends in the state, bit for bit, that it
    would have reached anyway.

    Args:
        gan: not yet compiled, such as `recipes.gan(...)`.
        data: examples `[N, ...]`, a `Batch` of examples and their y, or what `jaxgan.data.load`
            returns. Images of uint8 are scaled to [-1, 1].
        steps: updates of G to make in all, those before `state` or a checkpoint included.
        callbacks: pairs `(every, function)`: the function is called with a `Moment` after every so
            many steps, in this order. Training ends if one returns True.
        batch_size: examples in a step; `d_steps` times as many as in an update.
        flip: whether every image also occurs mirrored.
        seed: of the initial state and of the order of the data.
        state: where to start instead; its memory is used for the new one.
        directory: of checkpoints. If there are any, training goes on from the newest.
        checkpoint_every: steps between two checkpoints; the last state is saved as well.
        steps_per_call: steps in one compiled call. Longer ones spare small networks the time
            between the calls; what is due within a call shortens it.
        device_data_gb: keep data on the device up to this many GB; more are read ahead by threads.

    Returns:
        The last state; `gan.sample` draws from it.

    Raises:
        CheckpointError: no checkpoint can be restored, or one cannot be saved.
        FloatingPointError: all updates of a player since the last look were skipped, because its
            loss or gradient is not finite.
        TypeError: an argument has another type.
        ValueError: an argument is out of range, `x` and `y` have different lengths, or the
            checkpoints in `directory` are of another seed or batch size.

    Example:
        >>> ring = jaxgan.data.load("ring")
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> show = lambda moment: print(moment.step, sorted(moment.metrics)[0])
        >>> state = jaxgan.fit(gan, ring.x, 40, callbacks=[(20, show)])
        20 d_accuracy_fake
        40 d_accuracy_fake
        >>> gan.sample(state, jax.random.key(0), 3).shape
        (3, 2)
    """
    from jaxgan._feed import blocks, feed

    check_types(GAN, gan=gan)
    check_integers(steps=steps, batch_size=batch_size, steps_per_call=steps_per_call)
    check_integers(checkpoint_every=checkpoint_every)
    check_integers(0, seed=seed)
    _check_callbacks(callbacks)
    batches = feed(_dataset(data), batch_size, flip=flip, device_gb=device_data_gb)
    source = jax.device_put(batches.source)
    compiled = jit(scan(gan, batches.load))
    if state is None:
        item = jax.tree.map(lambda leaf: leaf[0, :2], batches.items(seed, 0, 1))
        state = compiled.init(jax.random.key(seed), batches.load(source, item))
    notes = {"seed": seed, "batch_size": batch_size}
    with _checkpoints(directory) as checkpoints:
        first, state = _start(checkpoints, state, notes)
        periods = [checkpoint_every * (checkpoints is not None), *(every for every, _ in callbacks)]
        plan = blocks(first, steps, periods, longest=steps_per_call)

        def read(i: int):
            return source, batches.items(seed, plan[i].start, steps_per_call, len(plan[i]))

        threads = 0 if batches.on_device else 2
        history = [_History() for _ in callbacks]
        made = calls(compiled.train_step, read, state, plan, threads=threads)
        for block, (state, metrics) in zip(plan, made, strict=True):
            step, is_over = block.stop, block.stop == steps
            for (every, function), past in zip(callbacks, history, strict=True):
                past.add(metrics, len(block))
                if step % every == 0:
                    is_over |= function(Moment(step, state, past.means(), compiled)) is True
            if checkpoints is not None and (is_over or step % checkpoint_every == 0):
                checkpoints.save(step, state, notes)
            if is_over:
                _History((metrics, len(block))).means()
                break
    return state


def calls(
    train_step: Callable,
    read: Callable[[int], tuple[Any, Any]],
    state: TrainState,
    plan: Sequence[range],
    *,
    threads: int,
) -> Iterator[tuple[TrainState, Any]]:
    """Make the steps of a plan, call by call.

    All calls have one length and say how much of it counts, so that nothing is compiled twice.

    Args:
        train_step: that of a GAN of `jaxgan.scan`, compiled.
        read: `i -> (source, items)`, the data of the i-th call.
        state: the state before the first.
        plan: the steps of each call.
        threads: how many read ahead; 0 for none.

    Yields:
        The state and the metrics after each call, of which as many count as it has steps.
    """
    from jaxgan._feed import ahead

    for block, batch in zip(plan, ahead(read, len(plan), threads=threads), strict=True):
        state, metrics = train_step(state, (*batch, np.asarray(len(block), np.int32)))
        yield state, metrics


class _History:
    """The metrics of several calls, and how many of their steps count."""

    def __init__(self, *calls: tuple[Any, int]):
        self._calls = list(calls)

    def add(self, metrics: Any, count: int) -> None:
        self._calls.append((metrics, count))

    def means(self) -> dict[str, float]:
        """Return the means over the finite ones, and forget them."""
        found = [(jax.device_get(metrics), count) for metrics, count in self._calls]
        self._calls.clear()
        values = {
            name: np.concatenate([metrics[name][:count] for metrics, count in found])
            for name in found[0][0]
        }
        for name, skipped in values.items():
            if name.endswith("_skipped") and np.all(skipped == 1):
                raise FloatingPointError(
                    f"all {len(skipped)} updates of {name[0].upper()} up to here were skipped: its "
                    f"loss or gradient is not finite; try smaller learning rates, or a penalty"
                )
        finite = {name: one[np.isfinite(one)] for name, one in values.items()}
        return {name: float(np.mean(one)) for name, one in finite.items() if len(one)}


def _check_callbacks(callbacks: Any) -> None:
    for pair in callbacks:
        if not isinstance(pair, tuple) or len(pair) != 2:
            raise TypeError(f"a callback is {told(pair)}; expected a pair (every, function)")
        check_integers(every=pair[0])
        check_callable("a function (Moment) -> None", function=pair[1])


def _dataset(data: Any):
    """What was given, as a data set on the host."""
    from jaxgan.data import Dataset

    if isinstance(data, Dataset):
        return data
    x, y = data if isinstance(data, Batch) else (data, None)
    check_array("data", x, "[N, ...]", "examples")
    if y is not None:
        check_array("data.y", y, "[N, ...]", "numbers")
        check_lengths("data.y", y, len(x), "data.x")
    return Dataset(np.asarray(x), None if y is None else np.asarray(y), "data")


def _checkpoints(directory: str | Path | None):
    if directory is None:
        return contextlib.nullcontext()
    from jaxgan.checkpoint import Checkpoints

    return Checkpoints(directory)


def _start(checkpoints: Any, state: TrainState, notes: dict) -> tuple[int, TrainState]:
    """The newest checkpoint, if there is one, else the state."""
    if checkpoints is None or not checkpoints.steps():
        return int(state.g.step), state
    found = checkpoints.notes()
    for name, value in notes.items():
        if found.get(name) != value:
            raise ValueError(
                f"{name} is {value}; the checkpoints in this directory are of {name}="
                f"{found.get(name)}: give that, or another directory"
            )
    return checkpoints.restore(state)
