"""The training loop: a function of the settings, which `train.py` calls with its flags.

`run` trains one GAN; `sweep.run` trains a population of them, in the same loop.
"""

import contextlib
import math
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pictures
from build import Facts, build
from config import Config
from devices import compile_steps, mode_and_devices
from prepare import facts, feed_of, initial_state, prepare, sample_key, view
from record import Recorder

import jaxgan
from jaxgan import checkpoint, data
from jaxgan.parallel import AXIS

_SAMPLES = 100


class DivergedError(RuntimeError):
    """A loss is no longer a number."""


class Result(NamedTuple):
    """Where a run ended.

    Attributes:
        step: updates of G so far.
        state: the state after them.
        stopped_by: the signal that ended it early, or None.
        picture: the newest picture of samples, or None if none was made.
        table: what became of each member of a population.
    """

    step: int
    state: jaxgan.TrainState
    stopped_by: int | None
    picture: Path | None
    table: str = ""


class Watch:
    """What is recorded of the metrics, and when a run is lost; this one watches a single GAN.

    Both functions also say what has gone wrong, or "".
    """

    def metrics(
        self, step: int, metrics: dict[str, np.ndarray], recorder: Recorder
    ) -> tuple[dict[str, float], str]:
        """The values to record of what the last steps measured, `[steps]` each."""
        del step, recorder
        means = {name: float(np.mean(values)) for name, values in metrics.items()}
        lost = [f"{name} is {value}" for name, value in means.items() if not math.isfinite(value)]
        return means, ", ".join(lost)

    def state(self, step: int, state: jaxgan.TrainState, recorder: Recorder) -> str:
        """Look at a state that is to be saved."""
        del step, recorder
        finite = all(bool(jnp.isfinite(leaf).all()) for leaf in floats(state))
        return "" if finite else "a parameter is not finite"


class Task(NamedTuple):
    """What a run trains.

    Attributes:
        gan: compiled, with many steps in a call.
        batches: `(first_step, steps) -> batch` of a call.
        state: before the first step.
        draw: `state -> picture` of samples.
        watch: looks at its metrics and states.
    """

    gan: jaxgan.GAN
    batches: Callable[[int, int], Any]
    state: jaxgan.TrainState
    draw: Callable[[jaxgan.TrainState], np.ndarray]
    watch: Watch


def run(config: Config) -> Result:
    """Train, or go on training, until `config.steps`; leave everything in `config.workdir`.

    Raises:
        ConfigError: the settings cannot be run; nothing has been written.
        DataError: the data set cannot be had; nothing has been written.
        DivergedError: a loss became NaN or infinite; the last good checkpoint is kept.
    """
    dataset = prepare(config)
    mode, devices = mode_and_devices(config)
    synchronised = mode != "jit" and config.sync_batch_norm
    experiment = build(config, facts(dataset), axis_name=AXIS if synchronised else None)
    compiled, batches = compile_steps(experiment.gan, feed_of(config, dataset), mode, devices)
    task = Task(
        compiled,
        lambda step, count: (batches.source, batches.items(config.seed, step, count)),
        initial_state(config, compiled, jax.random.key(config.seed), dataset),
        _sampler(config, compiled, dataset),
        Watch(),
    )
    return go(config, task, facts(dataset))


def go(config: Config, task: Task, known: Facts) -> Result:
    """Train a task, from its newest checkpoint on, until `config.steps`."""
    workdir = Path(config.workdir)
    (workdir / "samples").mkdir(parents=True, exist_ok=True)
    (workdir / "flags.txt").write_text(config.to_flags())
    with checkpoint.Checkpoints(workdir / "checkpoints", keep=config.keep) as checkpoints:
        step, state = 0, task.state
        if checkpoints.steps():
            step, state = checkpoints.restore(state)
        with Recorder(config, step) as recorder, _signals() as stopped_by:
            if step:
                recorder.say(f"going on from step {step} of {config.workdir}")
            session = _Session(config, task, recorder, checkpoints, known._asdict())
            step, state = _train(config, task, session, step, state, stopped_by)
    samples = workdir / "samples"
    pictures.evolution(samples)
    pictures.curves(workdir / "metrics.jsonl", workdir / "curves.png")
    newest = max(samples.glob("step_*.png"), default=None)
    return Result(step, state, next(iter(stopped_by), None), newest)


class _Session(NamedTuple):
    """What happens beside the steps, every so many of them."""

    config: Config
    task: Task
    recorder: Recorder
    checkpoints: checkpoint.Checkpoints
    notes: dict[str, Any]

    def log(self, step: int, pending: list) -> None:
        if not pending:
            return
        gathered = [jax.device_get(metrics) for metrics in pending]
        pending.clear()
        metrics = {
            name: np.concatenate([metrics[name] for metrics in gathered], axis=-1)
            for name in gathered[0]
        }
        values, lost = self.task.watch.metrics(step, metrics, self.recorder)
        if lost:
            raise self._diverged(step, lost)
        self.recorder.metrics(step, values)

    def picture(self, step: int, state: jaxgan.TrainState) -> None:
        path = Path(self.config.workdir) / "samples" / f"step_{step:08d}.png"
        if path.exists():
            return
        picture = self.task.draw(state)
        pictures.save(picture, path)
        self.recorder.picture(step, picture)

    def save(self, step: int, state: jaxgan.TrainState, pending: list) -> None:
        self.log(step, pending)
        # The metrics are of the parameters before the last update, so they may not know it yet.
        lost = self.task.watch.state(step, state, self.recorder)
        if lost:
            raise self._diverged(step, lost)
        self.checkpoints.save(step, state, self.notes)

    def _diverged(self, step: int, what: str) -> DivergedError:
        kept = self.checkpoints.steps()
        where = f"; the checkpoint of step {kept[-1]} is kept" if kept else ""
        return DivergedError(
            f"the run diverged before step {step}: {what}{where}; "
            f"try a smaller --d_lr and --g_lr, or a --penalty"
        )


def _train(config: Config, task: Task, session: _Session, step, state, stopped_by):
    """Run the compiled steps; between two calls, do what is due."""
    if step == 0:
        session.picture(0, state)
    pending: list = []
    while step < config.steps and not stopped_by:
        count = min(config.steps_per_call, config.steps - step)
        state, metrics = task.gan.train_step(state, task.batches(step, count))
        pending.append(metrics)
        due = partial(_due, step, step + count)
        step += count
        session.recorder.advance(step)
        if due(config.log_every):
            session.log(step, pending)
        if due(config.sample_every):
            session.picture(step, state)
        if due(config.checkpoint_every):
            session.save(step, state, pending)
    # Whatever the last step or a signal cut off; what is done already is not done again.
    session.log(step, pending)
    session.picture(step, state)
    session.save(step, state, pending)
    return step, state


def floats(state: jaxgan.TrainState) -> list[jax.Array]:
    """What may stop being finite in a state."""
    return [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]


def _due(before: int, after: int, every: int) -> bool:
    """Whether something that happens every so many steps falls between two steps."""
    return before // every != after // every


def _sampler(config: Config, gan: jaxgan.GAN, dataset: data.Dataset):
    count, y, show = view(config, dataset, _SAMPLES)
    key = sample_key(config.seed)

    def draw(state: jaxgan.TrainState) -> np.ndarray:
        return show(np.asarray(gan.sample(state, key, n=count, y=y)))

    return draw


@contextlib.contextmanager
def _signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying of them; a second one is not waited for."""
    received: list[int] = []

    def handle(number, frame):
        del frame
        received.append(number)
        signal.signal(number, previous[number])

    previous = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        previous[number] = signal.signal(number, handle)
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
