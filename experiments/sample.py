"""Draw samples from a run: python experiments/sample.py --workdir=runs/dcgan_digits --out=more.png.

--out=X.png makes a grid, X.npz an array, X.gif a grid in which every picture walks through latent
space and back to where it began.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import config as settings
import jax
import jax.numpy as jnp
import numpy as np
import pictures
from absl import app, flags
from build import Experiment, Facts, build
from config import Config, ConfigError
from members import is_population, label, members

from jaxgan import Batch, TrainState, Variables, data, latents
from jaxgan.checkpoint import CheckpointError, Checkpoints

_AT_ONCE = 256
_STOPS = 4  # latents that a picture of a GIF passes
_FRAMES = 8  # pictures from one of them to the next, unless --interpolate says otherwise


class Run(NamedTuple):
    """A trained generator and what it was trained for."""

    config: Config
    facts: Facts
    experiment: Experiment
    variables: Variables
    step: int

    def draw(self, z: jax.Array, y: np.ndarray | None) -> np.ndarray:
        """Samples for latents `[n, dim]` and labels `[n]`: uint8 images, or float points."""
        apply = jax.jit(self.experiment.generator.apply, static_argnames="train")
        key = jax.random.key(0)  # a generator may be random inside, when it is trained
        parts = []
        for start in range(0, len(z), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            labels = () if y is None else (jnp.asarray(y[rows]),)
            samples, _ = apply(*self.variables, key, z[rows], *labels, train=False)
            parts.append(np.asarray(samples))
        samples = np.concatenate(parts)
        return data.to_uint8(samples) if samples.ndim == 4 else samples


def restore(
    workdir: str, step: int | None = None, member: int | None = None, *, best: bool = False
) -> Run:
    """Load the generator of a run, from its running average where there is one.

    Args:
        workdir: of the run.
        step: the checkpoint; the newest if None.
        member: which of a population.
        best: whether to take the best of the steps that were evaluated, instead of the newest.

    Raises:
        ConfigError: there is no run in `workdir`, or it has not saved anything yet, or has no such
            member.
        CheckpointError: what it saved cannot be restored.
    """
    config = settings.load(workdir)
    everyone = members(config)
    chosen = _choose(config, everyone, member)
    directory = Path(workdir) / ("best" if best else "checkpoints")
    if best and not directory.is_dir():
        raise ConfigError(f"--workdir={workdir}: no best step is kept; train with --eval_every")
    if not directory.is_dir():
        raise ConfigError(f"--workdir={workdir}: the run has no checkpoints yet")
    with Checkpoints(directory) as checkpoints:
        steps = checkpoints.steps()
        if not steps or step not in {None, *steps}:
            raise ConfigError(f"--step: --workdir={workdir} has checkpoints of steps {steps}")
        notes = checkpoints.notes(steps[-1])
        facts = Facts(tuple(notes["shape"]), tuple(notes["class_names"]))
        experiment = build(chosen, facts)
        example = Batch(jnp.zeros((2, *facts.shape)), jnp.zeros(2, jnp.int32))
        like = jax.eval_shape(experiment.gan.init, jax.random.key(0), example)
        if is_population(config):
            like = jax.tree.map(partial(_stacked, len(everyone)), like)
        step, state = checkpoints.restore(like, step)
        if is_population(config):
            state = jax.tree.map(lambda leaf: leaf[member], state)
    return Run(chosen, facts, experiment, _averaged(state), step)


def _choose(config: Config, everyone: list[Config], member: int | None) -> Config:
    """The settings that the generator was trained with."""
    if not is_population(config):
        if member is not None:
            raise ConfigError(f"--member={member}: one GAN was trained here, not several")
        return config
    if member is None or not 0 <= member < len(everyone):
        names = ", ".join(f"{i}: {label(config, one)}" for i, one in enumerate(everyone))
        given = "" if member is None else f"={member}"
        raise ConfigError(f"--member{given}: several GANs were trained here; choose of {names}")
    return everyone[member]


def _stacked(members: int, leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((members, *leaf.shape), leaf.dtype)


def _averaged(state: TrainState) -> Variables:
    return state.ema or Variables(state.g.params, state.g.state)


def labels(run: Run, n: int, label: int | None) -> np.ndarray | None:
    """Labels of n samples: the one that is asked for, or all in turn.

    Raises:
        ConfigError: the run has no such class.
    """
    if not run.config.conditional:
        if label is not None:
            raise ConfigError(f"--label={label}: the run was trained without --conditional")
        return None
    classes = len(run.facts.class_names)
    if label is None:
        return np.arange(n) % classes
    if label >= classes:
        raise ConfigError(f"--label={label}: expected a class from 0 to {classes - 1}")
    return np.full(n, label)


def truncated(run: Run, truncation: float | None) -> Run:
    """The run, with more typical samples.

    StyleGAN2's styles are drawn towards their mean, to the share `truncation` of the way; of other
    generators, components of z stay within +-`truncation`.

    Raises:
        ConfigError: this distribution cannot be truncated.
    """
    if truncation is None:
        return run
    if run.config.recipe == "stylegan2":
        return run._replace(experiment=build(run.config, run.facts, truncation=truncation))
    if run.config.latent != "normal":
        raise ConfigError("--truncation: the run was trained with uniform latents, not normal ones")
    latent = latents.truncated(run.config.latent_dim, truncation)
    return run._replace(experiment=run.experiment._replace(latent=latent))


def walk(sample: latents.Latent, key: jax.Array, n: int, stops: int, frames: int, closed: bool):
    """Latents on the way through several random ones, `[frames in all, n, dim]`."""
    points = jnp.stack([sample(k, n) for k in jax.random.split(key, stops)])
    ends = jnp.roll(points, -1, axis=0) if closed else points[1:]
    starts = points if closed else points[:-1]
    t = jnp.linspace(0.0, 1.0, frames, endpoint=not closed)[:, None, None]
    legs = [latents.slerp(a, b, t) for a, b in zip(starts, ends, strict=True)]
    return jnp.concatenate(legs)


def make(run: Run, key: jax.Array, n: int, label, interpolate: int):
    """Samples `[n, ...]` and their labels; with `interpolate`, in rows from a latent to another.

    Raises:
        ConfigError: `n` is not a whole number of rows, or the label does not exist.
    """
    if not interpolate:
        y = labels(run, n, label)
        return run.draw(run.experiment.latent(key, n), y), y
    if interpolate < 2 or n % interpolate:
        raise ConfigError(
            f"--interpolate={interpolate}: expected 2 or more, and a divisor of --n={n}"
        )
    rows = n // interpolate
    z = walk(run.experiment.latent, key, rows, stops=2, frames=interpolate, closed=False)
    y = labels(run, rows, label)
    y = None if y is None else np.repeat(y, interpolate)
    return run.draw(jnp.swapaxes(z, 0, 1).reshape(n, -1), y), y


def write(path: Path, run: Run, key: jax.Array, n: int, label, interpolate: int):
    """Write what the ending of `path` asks for.

    Raises:
        ConfigError: an ending that is not known, or settings that contradict each other.
    """
    is_images = len(run.facts.shape) == 3
    if path.suffix == ".npz":
        samples, y = make(run, key, n, label, interpolate)
        arrays: dict[str, Any] = {"samples": samples} | ({} if y is None else {"labels": y})
        np.savez_compressed(path, **arrays)
    elif path.suffix == ".png":
        samples, _ = make(run, key, n, label, interpolate)
        columns = interpolate or None
        picture = pictures.grid(samples, columns) if is_images else pictures.scatter(samples)
        pictures.save(picture, path)
    elif path.suffix == ".gif":
        y = labels(run, n, label)
        latent = run.experiment.latent
        frames = walk(latent, key, n, _STOPS, interpolate or _FRAMES, closed=True)
        drawn = [run.draw(z, y) for z in frames]
        drawing = pictures.grid if is_images else pictures.scatter
        pictures.animate([drawing(samples) for samples in drawn], path, hold=1)
    else:
        raise ConfigError(f"--out={path}: expected a name that ends in .png, .npz or .gif")


def define_flags() -> None:
    """Define the flags of this script."""
    flags.DEFINE_string("workdir", None, "the run to sample from", required=True)
    flags.DEFINE_integer("n", 64, "number of samples", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "seed of the samples", lower_bound=0)
    flags.DEFINE_integer(
        "label", None, "class to draw; all in turn if it is not given", lower_bound=0
    )
    flags.DEFINE_float(
        "truncation",
        None,
        "keep each component of z within +-this; StyleGAN2: share of the way from the mean style",
        lower_bound=1e-3,
    )
    flags.DEFINE_integer("interpolate", 0, "pictures from one latent to the next", lower_bound=0)
    flags.DEFINE_integer("step", None, "checkpoint to use; the newest if it is not given")
    flags.DEFINE_bool("best", False, "use the best of the steps that --eval_every measured")
    flags.DEFINE_integer("member", None, "which GAN of a run with --seeds or --sweep, from 0 on")
    flags.DEFINE_string("out", None, "file to write: .png, .npz or .gif", required=True)


def main(argv: list[str]) -> None:
    """Draw what the flags ask for."""
    del argv
    values = flags.FLAGS
    path = Path(values.out)
    try:
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"--out={path}: there is no directory {path.parent}")
        run = restore(values.workdir, values.step, values.member, best=values.best)
        run = truncated(run, values.truncation)
        key = jax.random.key(values.seed)
        write(path, run, key, values.n, values.label, values.interpolate)
    except (ConfigError, CheckpointError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{values.n} samples after {run.step} steps: {path}")


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=settings.parse_flags)
