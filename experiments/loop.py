"""The training loop: a function of the settings, which `train.py` calls with its flags."""

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
from checks import check, check_against_data
from config import Config, ConfigError
from devices import compile_steps, mode_and_devices
from feed import Feed, feed
from record import Recorder

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
        picture: the newest picture of samples, or None if none was made.
    """

    step: int
    state: jaxgan.TrainState
    stopped_by: int | None
    picture: Path | None


def run(config: Config) -> Result:
    """Train, or go on training, until `config.steps`; leave everything in `config.workdir`.

    Raises:
        ConfigError: the settings cannot be run; nothing has been written.
        DataError: the data set cannot be had; nothing has been written.
        DivergedError: a loss became NaN or infinite; the last good checkpoint is kept.
    """
    check(config)
    dataset = data.load(
        config.dataset,
        split=config.split,
        image_size=config.image_size or None,
        data_dir=config.data_dir or None,
        manual_dir=config.manual_dir or None,
    )
    check_against_data(config, dataset)
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
    )
    compiled, batches = compile_steps(experiment.gan, batches, mode, devices)
    state = _initial_state(config, compiled, dataset)

    workdir = Path(config.workdir)
    (workdir / "samples").mkdir(parents=True, exist_ok=True)
    (workdir / "flags.txt").write_text(config.to_flags())
    with checkpoint.Checkpoints(workdir / "checkpoints", keep=config.keep) as checkpoints:
        step = 0
        if checkpoints.steps():
            step, state = checkpoints.restore(state)
        with Recorder(config, step) as recorder, _signals() as stopped_by:
            if step:
                recorder.say(f"going on from step {step} of {config.workdir}")
            draw = _sampler(config, compiled, dataset)
            notes = {"shape": facts.shape, "class_names": facts.class_names}
            session = _Session(config, recorder, checkpoints, draw, notes)
            step, state = _train(config, compiled, batches, session, step, state, stopped_by)
    samples = workdir / "samples"
    pictures.evolution(samples)
    pictures.curves(workdir / "metrics.jsonl", workdir / "curves.png")
    newest = max(samples.glob("step_*.png"), default=None)
    return Result(step, state, next(iter(stopped_by), None), newest)


class _Session(NamedTuple):
    """What happens beside the steps, every so many of them."""

    config: Config
    recorder: Recorder
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
        if path.exists():
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


def _train(config: Config, gan, batches: Feed, session: _Session, step, state, stopped_by):
    """Run the compiled steps; between two calls, do what is due."""
    if step == 0:
        session.picture(0, state)
    pending: list = []
    while step < config.steps and not stopped_by:
        count = min(config.steps_per_call, config.steps - step)
        state, metrics = gan.train_step(state, (batches.source, batches.items(step, count)))
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


def _is_finite(state: jaxgan.TrainState) -> bool:
    floats = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return all(bool(jnp.isfinite(leaf).all()) for leaf in floats)


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
        samples = np.asarray(gan.sample(state, key, n=count, y=y))
        if is_images:
            return pictures.grid(data.to_uint8(samples))
        return pictures.scatter(samples, dataset.x[:count])

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
