"""The training loop: a function of the settings, which `train.py` calls with its flags."""

import dataclasses
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import hosts
import jax
import jax.numpy as jnp
import numpy as np
import pictures
from build import Facts, build
from checks import check, check_against_data
from config import Config, ConfigError
from devices import compile_steps, mode_and_devices, share_of
from feed import Feed, feed
from record import Recorder, Silent

import jaxgan
from jaxgan import Batch, checkpoint, data
from jaxgan.parallel import AXIS

_SAMPLES = 100
_POINTS = 1000


class DivergedError(RuntimeError):
    """A loss is no longer a number."""


class Result(NamedTuple):
    """Where a run ended.

    Attributes:
        step: updates of G so far.
        state: the state after them.
        stopped_by: the signal that ended it early, or None.
        picture: the newest picture of samples, or None if none was made here.
    """

    step: int
    state: jaxgan.TrainState
    stopped_by: int | None
    picture: Path | None


def run(config: Config) -> Result:
    """Train, or go on training, until `config.steps`; leave everything in `config.workdir`.

    Where several processes train together, all of them call this, and what goes wrong is raised in
    all of them.

    Raises:
        ConfigError: the settings cannot be run; nothing has been written.
        DataError: the data set cannot be had; nothing has been written.
        DivergedError: a loss became NaN or infinite; the last good checkpoint is kept.
    """
    hosts.check_same(dataclasses.replace(config, data_dir="", manual_dir="").to_flags())
    with hosts.together():
        check(config)
    dataset = hosts.first_once(partial(_load, config))
    mode, devices = mode_and_devices(config)
    facts = Facts(dataset.x.shape[1:], dataset.class_names)
    synchronised = mode != "jit" and config.sync_batch_norm
    experiment = build(config, facts, axis_name=AXIS if synchronised else None)
    batches = feed(
        dataset,
        config.d_steps * config.batch_size,
        seed=config.seed,
        flip=config.flip,
        device_gb=config.device_data_gb,
        share=share_of(devices),
        shard=config.shard_data and mode != "jit",
    )
    compiled, batches = compile_steps(experiment.gan, batches, mode, devices)
    state = _initial_state(config, compiled, dataset)

    workdir = Path(config.workdir)
    hosts.first_once(partial(_begin, config))
    with checkpoint.Checkpoints(workdir / "checkpoints", keep=config.keep) as checkpoints:
        step = 0
        if checkpoints.steps():
            step, state = checkpoints.restore(state)
        recorder = Recorder(config, step) if hosts.writes() else Silent()
        with recorder, hosts.stop_signals() as stop:
            if step:
                recorder.say(f"going on from step {step} of {config.workdir}")
            draw = _sampler(config, compiled, dataset)
            notes = {"shape": facts.shape, "class_names": facts.class_names}
            session = _Session(config, recorder, checkpoints, draw, notes)
            step, state, stopped_by = _train(config, compiled, batches, session, step, state, stop)
    newest = _finish(workdir) if hosts.writes() else None
    return Result(step, state, stopped_by, newest)


def _load(config: Config) -> data.Dataset:
    dataset = data.load(
        config.dataset,
        split=config.split,
        image_size=config.image_size or None,
        data_dir=config.data_dir or None,
        manual_dir=config.manual_dir or None,
    )
    check_against_data(config, dataset)
    return dataset


def _begin(config: Config) -> Path:
    """Make the workdir; in a process that does not write, see that it is there."""
    flags = Path(config.workdir) / "flags.txt"
    if hosts.writes():
        (flags.parent / "samples").mkdir(parents=True, exist_ok=True)
        flags.write_text(config.to_flags())
    elif not flags.exists():
        raise ConfigError(
            f"--workdir={config.workdir}: process {jax.process_index()} does not see what process "
            f"0 wrote there; several machines need a directory that they share"
        )
    return flags


def _finish(workdir: Path) -> Path | None:
    """Sum up the run in pictures; returns the newest picture of samples."""
    samples = workdir / "samples"
    pictures.evolution(samples)
    pictures.curves(workdir / "metrics.jsonl", workdir / "curves.png")
    return max(samples.glob("step_*.png"), default=None)


class _Session(NamedTuple):
    """What happens beside the steps, every so many of them."""

    config: Config
    recorder: Silent
    checkpoints: checkpoint.Checkpoints
    draw: Callable[[jaxgan.TrainState], np.ndarray]
    notes: dict[str, Any]

    def log(self, step: int, pending: list) -> None:
        if not pending:
            return
        gathered = [jax.device_get(metrics) for metrics in pending]
        pending.clear()
        means = {
            name: float(np.mean(np.concatenate([metrics[name] for metrics in gathered])))
            for name in gathered[0]
        }
        lost = [f"{name} is {value}" for name, value in means.items() if not math.isfinite(value)]
        if lost:
            raise self._diverged(step, ", ".join(lost))
        self.recorder.metrics(step, means)

    def picture(self, step: int, state: jaxgan.TrainState) -> None:
        path = Path(self.config.workdir) / "samples" / f"step_{step:08d}.png"
        if not hosts.writes() or path.exists():
            return
        picture = self.draw(state)
        pictures.save(picture, path)
        self.recorder.picture(step, picture)

    def save(self, step: int, state: jaxgan.TrainState, pending: list) -> None:
        self.log(step, pending)
        # The metrics are of the parameters before the last update, so they may not know it yet.
        if not _is_finite(state):
            raise self._diverged(step, "a parameter is not finite")
        self.checkpoints.save(step, state, self.notes)

    def _diverged(self, step: int, what: str) -> DivergedError:
        kept = self.checkpoints.steps()
        where = f"; the checkpoint of step {kept[-1]} is kept" if kept else ""
        return DivergedError(
            f"the run diverged before step {step}: {what}{where}; "
            f"try a smaller --d_lr and --g_lr, or a --penalty"
        )


def _train(config: Config, gan, batches: Feed, session: _Session, step, state, stop: hosts.Stop):
    """Run the compiled steps; between two calls, do what is due."""
    if step == 0:
        session.picture(0, state)
    pending: list = []
    stopped_by = None
    while step < config.steps and not (stopped_by := stop() or None):
        count = min(config.steps_per_call, config.steps - step)
        block = batches.source, batches.items(step, count)
        state, metrics = hosts.settle(gan.train_step(state, block))
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
    return step, state, stopped_by


@jax.jit
def _is_finite(state: jaxgan.TrainState) -> jax.Array:
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in floats]))


def _due(before: int, after: int, every: int) -> bool:
    """Whether something that happens every so many steps falls between two steps."""
    return before // every != after // every


def _initial_state(config: Config, gan: jaxgan.GAN, dataset: data.Dataset) -> jaxgan.TrainState:
    x = np.zeros((2, *dataset.x.shape[1:]), np.float32)
    y = None if dataset.y is None else np.zeros(2, np.int32)
    try:
        return gan.init(jax.random.key(config.seed), Batch(x, y))
    except ValueError as error:
        raise ConfigError(f"--model={config.model}: {error}") from error


def _sampler(config: Config, gan: jaxgan.GAN, dataset: data.Dataset):
    """Draw always the same latents, and with labels each class in a column of its own."""
    key = jax.random.fold_in(jax.random.key(config.seed), 1)
    is_images = dataset.x.ndim == 4
    count = _SAMPLES if is_images else _POINTS
    y = np.arange(count) % len(dataset.class_names) if config.conditional else None

    def draw(state: jaxgan.TrainState) -> np.ndarray:
        # One device's copy is enough, and the only one that a process may use by itself.
        state = jax.tree.map(lambda leaf: leaf.addressable_data(0), state)
        samples = np.asarray(gan.sample(state, key, n=count, y=y))
        if is_images:
            return pictures.grid(data.to_uint8(samples))
        return pictures.scatter(samples, dataset.x[:count])

    return draw
