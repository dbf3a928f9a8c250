"""The training loop: a function of the settings, which the command reads from its flags.

`run` trains one GAN; `sweep.run` trains a population in the same loop.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import jaxgan
from jaxgan import checkpoint, data
from jaxgan._feed import blocks, order_seed
from jaxgan._fit import calls
from jaxgan.parallel import AXIS
from jaxgan.runs import hosts, workdir
from jaxgan.runs.build import build
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts, feed_of, initial_state, notes_of, sample_key
from jaxgan.runs.devices import compile_steps, mode_and_devices, share_of, to_sample
from jaxgan.runs.initial import begin
from jaxgan.runs.show import films
from jaxgan.runs.show.view import real_examples, view
from jaxgan.runs.training.evaluator import Evaluator
from jaxgan.runs.training.prepare import prepare
from jaxgan.runs.training.record import NullRecorder, Recorder
from jaxgan.runs.training.session import Session, StuckError
from jaxgan.runs.training.task import Task, Watch

_SAMPLES = 100


class DivergedError(RuntimeError):
    """A loss, a gradient or a parameter is no longer finite, and going back did not help."""


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


def run(config: Config) -> Result:
    """Train, or resume training, until `--steps`; write everything to `--workdir`.

    If several processes train together, all of them call this, and errors are raised in all of
    them.

    Raises:
        CheckpointError: no checkpoint can be restored, or the last one cannot be saved.
        ConfigError: the settings cannot be run; nothing has been written.
        DataError: the data set cannot be loaded; nothing has been written.
        DivergedError: a loss, a gradient or a parameter is not finite; the last good checkpoint is
            kept.
        MetricError: samples cannot be measured.
        WeightsError: the weights of the FID Inception network cannot be read.
    """
    dataset = prepare(config)
    mode, devices = mode_and_devices(config.run)
    synchronized = mode != "jit" and config.networks.sync_batch_norm
    known = facts(dataset)
    experiment = build(config, known, axis_name=AXIS if synchronized else None)
    batches = feed_of(config, dataset, share_of(devices))
    built_from = f"{config.identity()} {known}"
    compiled, batches = compile_steps(experiment.gan, batches, mode, devices, built_from)
    with hosts.together():
        evaluator = Evaluator(config, compiled, dataset) if config.evaluation.eval_every else None

    def read(step: int, steps: int, count: int, turn: int):
        seed = order_seed(config.run.seed, turn)
        return batches.source, batches.items(seed, step, steps, count)

    task = Task(
        compiled,
        read,
        not batches.on_device,
        begin(config, initial_state(config, compiled, jax.random.key(config.run.seed), dataset)),
        _sampler(config, compiled, dataset),
        Watch(config),
        evaluator,
        real_examples(config, dataset, _SAMPLES),
        to_sample,
    )
    return go(config, task, notes_of(dataset))


def go(config: Config, task: Task, notes: dict[str, Any]) -> Result:
    """Train a task from its newest checkpoint until `--steps`.

    Args:
        config: the settings.
        task: what to train.
        notes: what each checkpoint notes about the data.
    """
    directory = Path(config.run.workdir)
    like = jax.tree.map(_shape, task.state)
    with (
        workdir.claimed(config),
        checkpoint.Checkpoints(
            directory / "checkpoints", keep=config.run.keep, parents=False
        ) as checkpoints,
        hosts.stop_signals() as stop,
    ):
        _begin(config, task, checkpoints, notes)
        step, state, stopped_by = _train_or_go_back(config, task, checkpoints, notes, like, stop)
    newest = _finish(directory) if hosts.writes() else None
    return Result(step, state, stopped_by, newest)


def _train_or_go_back(
    config: Config,
    task: Task,
    checkpoints: checkpoint.Checkpoints,
    notes: dict[str, Any],
    like: Any,
    stop: hosts.Stop,
):
    """Train from the newest checkpoint, and again with other batches where that diverges."""
    directory = Path(config.run.workdir)
    rollbacks = workdir.Rollbacks(directory)
    allowed = left = config.run.max_rollbacks if task.watch.can_go_back else 0
    while True:
        first, state = checkpoints.restore(like)
        checkpoints.set_aside_after(first)
        with Recorder(config, first) if hosts.writes() else NullRecorder() as recorder:
            if first:
                recorder.say(f"resuming from step {first} of {directory}")
            session = Session(config, task, recorder, checkpoints, notes, first)
            try:
                return _train(session, first, state, rollbacks.count, stop)
            except StuckError as error:
                rollbacks.add(error.step, first, error.reason)
                _forget_after(directory, first)
                task.watch.forget()
                if not left:
                    raise _diverged(error.reason, allowed, first) from None
                recorder.say(f"{error.reason}: going back to step {first}, with other batches")
        left -= 1


def _begin(config: Config, task: Task, checkpoints: checkpoint.Checkpoints, notes) -> None:
    """Save the state before the first step, or check that the run was begun with these data.

    So a run has a checkpoint from its first moment on, and one that has none has lost it.
    """
    with hosts.together():
        is_new = not checkpoints.steps()
        if is_new:
            workdir.check_is_new(Path(config.run.workdir))
        else:
            workdir.check_data(config, checkpoints.notes(), notes)
    if is_new:
        checkpoints.save(0, task.state, notes)
    # It is going to be restored: two states would take twice the memory.
    jax.tree.map(lambda leaf: leaf.delete(), task.state)


def _shape(leaf: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _forget_after(directory: Path, step: int) -> None:
    """Remove what was made of later steps, which are going to be other ones."""
    if hosts.writes():
        for path in (directory / "samples").glob("step_*.png"):
            if int(path.stem.removeprefix("step_")) > step:
                path.unlink(missing_ok=True)
    with checkpoint.Checkpoints(directory / "best") as best:
        best.set_aside_after(step)


def _diverged(reason: str, rollbacks: int, kept: int) -> DivergedError:
    again = f", also after going back {rollbacks} times" if rollbacks else ""
    return DivergedError(
        f"the run diverged{again}: {reason}; the checkpoint of step {kept} is kept; "
        f"try a smaller --d_lr and --g_lr, or a --penalty"
    )


def _finish(directory: Path) -> Path | None:
    """Summarize the run in pictures, and return the newest picture of samples."""
    from jaxgan.runs.show import plots  # half a second that the first step need not wait for

    samples = directory / "samples"
    films.evolution(samples)
    plots.curves(directory / "metrics.jsonl", directory / "curves.png")
    return max(samples.glob("step_*.png"), default=None)


def _train(session: Session, step: int, state: jaxgan.TrainState, turn: int, stop: hosts.Stop):
    """Run the compiled steps, and do what is due between two calls."""
    task, run, evaluation = session.task, session.config.run, session.config.evaluation
    session.show_real()
    if step == 0:
        session.picture(0, state)
    stopped_by = None
    enough = session.had_enough()
    length = run.steps_per_call
    every = (run.log_every, run.sample_every, run.checkpoint_every, evaluation.eval_every)
    plan = blocks(step, run.steps, every, longest=length)
    made = calls(
        lambda *given: hosts.settle(task.gan.train_step(*given)),
        lambda i: task.batches(plan[i].start, length, len(plan[i]), turn),
        state,
        plan,
        threads=2 if task.streams else 0,
    )
    for block in plan:
        if enough or (stopped_by := stop() or None):
            break
        state, metrics = next(made)
        step = block.stop
        session.made(metrics, len(block))
        session.recorder.advance(step)
        due = partial(_due, step)
        if due(run.log_every):
            session.log(step)
        if due(run.sample_every):
            session.picture(step, state)
        # Before it is saved: a step that was saved is not made, and not measured, a second time.
        if due(evaluation.eval_every) or step == run.steps:
            session.log(step)
            enough = session.evaluate(step, state)
        if due(run.checkpoint_every) or session.wants_to_save():
            session.save(step, state)
    # Whatever the last step or a signal cut off; nothing is done a second time.
    session.log(step)
    session.picture(step, state)
    session.save_at_last(step, state)
    session.write_pictures()
    return step, state, stopped_by


def _due(step: int, every: int) -> bool:
    """Whether something that is done every so many steps, or never (0), is due now."""
    return every > 0 and step % every == 0


def _sampler(config: Config, gan: jaxgan.GAN, dataset: data.Dataset):
    count, y, show = view(config, dataset, _SAMPLES)
    key = sample_key(config.run.seed)

    def draw(state: jaxgan.TrainState) -> np.ndarray:
        samples = gan.sample(state, key, n=count, y=y)
        return show(jax.tree.map(np.asarray, samples))

    return draw
