"""What the training loop is given: a GAN with its data and its observers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import losses
from jaxgan.monitor import Monitor
from jaxgan.runs.config import Config
from jaxgan.runs.training import health
from jaxgan.runs.training.evaluator import Evaluator
from jaxgan.runs.training.record import NullRecorder


class Watch:
    """An observer of metrics and states, which notices divergence; this one is for a single GAN.

    `metrics` and `state` also return what has gone wrong for good, or "".
    """

    can_go_back = True
    """Whether another order of the data may help."""

    def __init__(self, config: Config):
        self._monitor = Monitor(
            critic=getattr(losses, config.objective.loss)().threshold is None,
            sigmoid=config.objective.loss in {"non_saturating", "minimax"},
        )
        self._max_skipped = config.run.max_skipped
        self._streak, self._fault = 0, ""
        self._has_heard_the_past = False

    def metrics(
        self, step: int, metrics: dict[str, np.ndarray], recorder: NullRecorder
    ) -> tuple[dict[str, float], str]:
        """Return the values to record for the metrics of the last steps, `[steps]` each."""
        if not self._has_heard_the_past:
            self._has_heard_the_past = True
            for line in recorder.past():
                self._monitor.listen(line["step"], line)
        means = {name: float(health.mean(values)) for name, values in metrics.items()}
        means = {name: value for name, value in means.items() if np.isfinite(value)}
        recorder.words(self._monitor.listen(step, means))
        return means, self._skipped(step, metrics, recorder)

    def _skipped(self, step: int, metrics: dict[str, np.ndarray], recorder: NullRecorder) -> str:
        is_skipped = health.skipped(metrics)
        fault = health.first_fault(metrics, step - len(is_skipped) + 1)
        if fault:
            recorder.say(f"{is_skipped.sum()} of {len(is_skipped)} steps were skipped: {fault}")
        self._fault = self._fault if self._streak else fault
        self._streak = int(health.streak(is_skipped, self._streak))
        return self._fault if self._streak >= self._max_skipped else ""

    def is_in_doubt(self) -> bool:
        """Whether the newest update was skipped."""
        return self._streak > 0

    def state(self, step: int, state: jaxgan.TrainState, recorder: NullRecorder) -> str:
        """Check a state before it is saved."""
        del recorder
        return "" if _is_finite(state) else f"a parameter is not finite at step {step}"

    def forget(self) -> None:
        """Begin anew: the run has gone back to a good state."""
        self._streak, self._fault = 0, ""
        self._has_heard_the_past = False


class Task(NamedTuple):
    """A GAN to train, with its data and observers.

    Attributes:
        gan: the compiled GAN, with many steps per call.
        batches: `(first_step, steps, count, turn) -> (source, items)`, the data of a call that
            makes only the first `count` steps, in the order of this turn.
        streams: whether the batches take time to read, so that they are prefetched.
        state: the state before the first step.
        draw: `state -> picture` of samples.
        watch: the observer of its metrics and states.
        evaluator: the evaluator of its samples, or None.
        real: a picture of real examples to hold the samples against, or None.
        to_sample: `state -> state` that one process may draw from without the others, which all
            have to call this.
    """

    gan: jaxgan.GAN
    batches: Callable[[int, int, int, int], tuple[Any, Any]]
    streams: bool
    state: jaxgan.TrainState
    draw: Callable[[jaxgan.TrainState], np.ndarray]
    watch: Watch
    evaluator: Evaluator | None = None
    real: np.ndarray | None = None
    to_sample: Callable[[jaxgan.TrainState], jaxgan.TrainState] = lambda state: state


def floats(state: jaxgan.TrainState) -> list[jax.Array]:
    """Return the leaves of a state that may become NaN or infinite."""
    return [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]


@jax.jit
def _is_finite(state: jaxgan.TrainState) -> jax.Array:
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in floats(state)]))
