"""The training loop: a function of the settings, which the command reads from its flags.

`run` trains one GAN; `sweep.run` trains a population in the same loop.
"""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import checkpoint, data, losses
from jaxgan.monitor import Monitor
from jaxgan.parallel import AXIS
from jaxgan.runs import hosts
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts, feed_of, initial_state, sample_key
from jaxgan.runs.devices import compile_steps, mode_and_devices, one_copy, share_of
from jaxgan.runs.feed import ahead
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show import pictures, plots
from jaxgan.runs.show.view import view
from jaxgan.runs.training.evaluator import Evaluator
from jaxgan.runs.training.prepare import prepare
from jaxgan.runs.training.record import NullRecorder, Recorder

_SAMPLES = 100


class DivergedError(RuntimeError):
    """A loss or a parameter that is no longer finite."""


class Result(NamedTuple):
    """The outcome of a run.

    Attributes:
        step: updates of G so far.
        state: the state after them.
        stopped_by: the signal that ended it early, or None.
        picture: the newest picture of samples, or None if this process made none.
        table: the final metrics of each member of a population.
    """

    step: int
    state: jaxgan.TrainState
    stopped_by: int | None
    picture: Path | None
    table: str = ""


class Watch:
    """An observer of metrics and states, which notices divergence; this one is for a single GAN.

    Both methods also return what has gone wrong, or "".
    """

    def __init__(self, config: Config):
        self._monitor = Monitor(
            critic=getattr(losses, config.objective.loss)().threshold is None,
            sigmoid=config.objective.loss in {"non_saturating", "minimax"},
        )
        self._has_heard_the_past = False

    def metrics(
        self, step: int, metrics: dict[str, np.ndarray], recorder: NullRecorder
    ) -> tuple[dict[str, float], str]:
        """Return the values to record for the metrics of the last steps, `[steps]` each."""
        means = {name: float(np.mean(values)) for name, values in metrics.items()}
        lost = [f"{name} is {value}" for name, value in means.items() if not math.isfinite(value)]
        if not self._has_heard_the_past:
            self._has_heard_the_past = True
            for line in recorder.past():
                self._monitor.listen(line["step"], line)
        if not lost:
            recorder.words(self._monitor.listen(step, means))
        return means, ", ".join(lost)

    def state(self, step: int, state: jaxgan.TrainState, recorder: NullRecorder) -> str:
        """Check a state before it is saved."""
        del step, recorder
        return "" if _is_finite(state) else "a parameter is not finite"


class Task(NamedTuple):
    """A GAN to train, with its data and observers.

    Attributes:
        gan: the compiled GAN, with many steps per call.
        batches: `(first_step, steps) -> (source, items)`, the data of a call.
        streams: whether the batches take time to read, so that they are prefetched.
        state: the state before the first step.
        draw: `state -> picture` of samples.
        watch: the observer of its metrics and states.
        evaluator: the evaluator of its samples, or None.
    """

    gan: jaxgan.GAN
    batches: Callable[[int, int], tuple[Any, Any]]
    streams: bool
    state: jaxgan.TrainState
    draw: Callable[[jaxgan.TrainState], np.ndarray]
    watch: Watch
    evaluator: Evaluator | None = None


def run(config: Config) -> Result:
    """Train, or resume training, until `--steps`; write everything to `--workdir`.

    If several processes train together, all of them call this, and errors are raised in all of
    them.

    Raises:
        ConfigError: the settings cannot be run; nothing has been written.
        DataError: the data set cannot be loaded; nothing has been written.
        DivergedError: a loss or a parameter is not finite; the last good checkpoint is kept.
        MetricError: samples cannot be measured.
        WeightsError: the weights of the FID Inception network cannot be read.
    """
    dataset = prepare(config)
    mode, devices = mode_and_devices(config.run)
    synchronized = mode != "jit" and config.networks.sync_batch_norm
    experiment = build(config, facts(dataset), axis_name=AXIS if synchronized else None)
    batches = feed_of(config, dataset, share_of(devices))
    compiled, batches = compile_steps(experiment.gan, batches, mode, devices)
    with hosts.together():
        evaluator = Evaluator(config, compiled, dataset) if config.evaluation.eval_every else None
    task = Task(
        compiled,
        lambda step, count: (batches.source, batches.items(config.run.seed, step, count)),
        not batches.on_device,
        initial_state(config, compiled, jax.random.key(config.run.seed), dataset),
        _sampler(config, compiled, dataset),
        Watch(config),
        evaluator,
    )
    return go(config, task, facts(dataset))


def go(config: Config, task: Task, known: Facts) -> Result:
    """Train a task from its newest checkpoint until `--steps`."""
    workdir = Path(config.run.workdir)
    hosts.first_once(partial(_begin, config))
    with checkpoint.Checkpoints(workdir / "checkpoints", keep=config.run.keep) as checkpoints:
        step, state = 0, task.state
        if checkpoints.steps():
            step, state = checkpoints.restore(state)
        recorder = Recorder(config, step) if hosts.writes() else NullRecorder()
        with recorder, hosts.stop_signals() as stop:
            if step:
                recorder.say(f"resuming from step {step} of {config.run.workdir}")
            session = _Session(config, task, recorder, checkpoints, known._asdict())
            step, state, stopped_by = _train(config, task, session, step, state, stop)
    newest = _finish(workdir) if hosts.writes() else None
    return Result(step, state, stopped_by, newest)


def _begin(config: Config) -> Path:
    """Create the workdir; in a process that does not write, check that it is there."""
    flags = Path(config.run.workdir) / "flags.txt"
    if hosts.writes():
        (flags.parent / "samples").mkdir(parents=True, exist_ok=True)
        flags.write_text(config.to_flags())
    elif not flags.exists():
        raise ConfigError(
            f"--workdir={config.run.workdir}: process {jax.process_index()} does not see what "
            f"process 0 wrote there; give a directory that all machines share"
        )
    return flags


def _finish(workdir: Path) -> Path | None:
    """Summarize the run in pictures, and return the newest picture of samples."""
    samples = workdir / "samples"
    pictures.evolution(samples)
    plots.curves(workdir / "metrics.jsonl", workdir / "curves.png")
    return max(samples.glob("step_*.png"), default=None)


class _Session(NamedTuple):
    """What happens between the steps: logging, pictures, evaluations and checkpoints."""

    config: Config
    task: Task
    recorder: NullRecorder
    checkpoints: checkpoint.Checkpoints
    notes: dict[str, Any]

    def log(self, step: int, pending: list) -> None:
        if not pending:
            return
        gathered = [(jax.device_get(metrics), count) for metrics, count in pending]
        pending.clear()
        metrics = {
            name: np.concatenate([metrics[name][..., :count] for metrics, count in gathered], -1)
            for name in gathered[0][0]
        }
        values, lost = self.task.watch.metrics(step, metrics, self.recorder)
        if lost:
            raise self._diverged(step, lost)
        self.recorder.metrics(step, values)

    def picture(self, step: int, state: jaxgan.TrainState) -> None:
        path = Path(self.config.run.workdir) / "samples" / f"step_{step:08d}.png"
        if not hosts.writes() or path.exists():
            return
        picture = self.task.draw(state)
        pictures.save(picture, path)
        self.recorder.picture(step, picture)

    def evaluate(self, step: int, state: jaxgan.TrainState) -> bool:
        evaluator = self.task.evaluator
        return evaluator is not None and evaluator.evaluate(step, state, self.recorder, self.notes)

    def had_enough(self) -> bool:
        evaluator = self.task.evaluator
        return evaluator is not None and evaluator.is_over(self.recorder)

    def save(self, step: int, state: jaxgan.TrainState, pending: list) -> None:
        self.log(step, pending)
        # The metrics are of the parameters before the last update, so they may not show it yet.
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


def _train(config: Config, task: Task, session: _Session, step, state, stop: hosts.Stop):
    """Run the compiled steps, and do what is due between two calls."""
    if step == 0:
        session.picture(0, state)
    pending: list = []
    stopped_by = None
    enough = session.had_enough()
    # All blocks have one length, and say how much of it counts: nothing is compiled twice.
    length = config.run.steps_per_call
    blocks = ahead(
        lambda step: task.batches(step, length),
        range(step, config.run.steps, length),
        threads=2 if task.streams else 0,
    )
    while step < config.run.steps and not enough and not (stopped_by := stop() or None):
        count = min(length, config.run.steps - step)
        block = (*next(blocks), np.asarray(count, np.int32))
        state, metrics = hosts.settle(task.gan.train_step(state, block))
        pending.append((metrics, count))
        due = partial(_due, step, step + count)
        step += count
        session.recorder.advance(step)
        if due(config.run.log_every):
            session.log(step, pending)
        if due(config.run.sample_every):
            session.picture(step, state)
        if due(config.run.checkpoint_every):
            session.save(step, state, pending)
        if due(config.evaluation.eval_every) or step == config.run.steps:
            session.log(step, pending)
            enough = session.evaluate(step, state)
    # Whatever the last step or a signal cut off; nothing is done a second time.
    session.log(step, pending)
    session.picture(step, state)
    session.save(step, state, pending)
    return step, state, stopped_by


def floats(state: jaxgan.TrainState) -> list[jax.Array]:
    """Return the leaves of a state that may become NaN or infinite."""
    return [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]


@jax.jit
def _is_finite(state: jaxgan.TrainState) -> jax.Array:
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in floats(state)]))


def _due(before: int, after: int, every: int) -> bool:
    """Whether something that is done every so many steps, or never (0), is due between two."""
    return every > 0 and before // every != after // every


def _sampler(config: Config, gan: jaxgan.GAN, dataset: data.Dataset):
    count, y, show = view(config, dataset, _SAMPLES)
    key = sample_key(config.run.seed)

    def draw(state: jaxgan.TrainState) -> np.ndarray:
        samples = gan.sample(one_copy(state), key, n=count, y=y)
        return show(jax.tree.map(np.asarray, samples))

    return draw
