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
from config import SMOOTHED, Config, ConfigError, load
from feed import Feed, feed
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from record import Recorder, check_wandb

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
    mode, devices = _mode(config)
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
    compiled, batches = _compile(experiment.gan, batches, mode, devices)
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


def check(config: Config) -> None:
    """Refuse settings that contradict each other or the files that are there.

    Raises:
        ConfigError: one line that names the flag.
    """
    check_wandb(config)
    if config.ema_decay >= 1:
        raise ConfigError(f"--ema_decay={config.ema_decay}: expected 0 <= decay < 1")
    if config.label_smoothing >= 1:
        raise ConfigError(f"--label_smoothing={config.label_smoothing}: expected 0 <= s < 1")
    if config.label_smoothing and config.loss not in SMOOTHED:
        raise ConfigError(f"--label_smoothing: --loss is one of {', '.join(SMOOTHED)} with it")
    if config.penalty != "none" and config.model == "dcgan" and config.d_norm == "batch":
        raise ConfigError(
            f"--penalty={config.penalty}: no example has its own gradient with --d_norm=batch; "
            f"choose --d_norm=layer or --d_norm=none"
        )
    _, devices = _mode(config)
    if config.batch_size % len(devices):
        raise ConfigError(
            f"--batch_size={config.batch_size}: expected a multiple of the {len(devices)} devices"
        )
    workdir = Path(config.workdir)
    if workdir.exists() and not workdir.is_dir():
        raise ConfigError(f"--workdir={workdir}: it is a file; expected a directory")
    if (workdir / "flags.txt").exists():
        difference = load(workdir).difference(config)
        if difference:
            raise ConfigError(
                f"--workdir={workdir}: another run is kept here: {', '.join(difference)}; "
                f"choose another --workdir, or the same settings to go on"
            )
    elif workdir.exists() and any(workdir.iterdir()):
        raise ConfigError(f"--workdir={workdir}: it is not empty, and holds no run to go on with")


def check_against_data(config: Config, dataset: data.Dataset) -> None:
    """Refuse settings that the data set cannot serve.

    Raises:
        ConfigError: one line that names the flag.
    """
    if config.batch_size > len(dataset.x):
        raise ConfigError(
            f"--batch_size={config.batch_size}: --dataset={config.dataset} has only "
            f"{len(dataset.x)} examples"
        )
    if config.conditional and dataset.y is None:
        raise ConfigError(f"--conditional: --dataset={config.dataset} has no labels")
    if config.flip and dataset.x.ndim != 4:
        raise ConfigError(f"--flip: --dataset={config.dataset} has points, not images")


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


def _mode(config: Config) -> tuple[str, list]:
    """How the steps run, and on which devices."""
    devices = jax.local_devices()
    if config.parallel == "auto":
        return ("pmap", devices) if len(devices) > 1 else ("jit", devices)
    return config.parallel, devices[:1] if config.parallel == "jit" else devices


def _compile(gan: jaxgan.GAN, batches: Feed, mode: str, devices: list) -> tuple[jaxgan.GAN, Feed]:
    many = jaxgan.scan(gan, batches.load)
    if mode == "jit":
        return jaxgan.jit(many), batches
    whole = NamedSharding(Mesh(np.array(devices), (AXIS,)), PartitionSpec())
    batches = batches._replace(source=jax.device_put(batches.source, whole))
    transform = {"pmap": jaxgan.pmap, "shard_map": jaxgan.shard_map}[mode]
    return transform(many, batch_axis=(None, 1)), batches


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
