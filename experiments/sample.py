"""Draw samples from a run: python experiments/sample.py --workdir=runs/dcgan_digits --out=more.png.

--out=X.png makes a grid, X.npz an array, X.gif a grid in which every picture walks through latent
space and back to where it began, and X.wav, of a run on sounds, the sounds one after the other.

Runs that make pictures of pictures translate, enlarge, fill in or reconstruct those of
--input=FILE_OR_DIRECTORY, or with --from_data some of their own data. --sweep=0 walks through an
InfoGAN's first code.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import config as settings
import jax
import jax.numpy as jnp
import numpy as np
import pictures
import sounds
from absl import app, flags
from build import Experiment, Facts, build
from choices import PICTURE_TO_PICTURE
from config import Config, ConfigError
from edit import edit_data, edit_files
from members import is_population, label, members
from prepare import example
from views import as_uint8, show, stacked_rows

from jaxgan import TrainState, Variables, latents
from jaxgan.checkpoint import CheckpointError, Checkpoints
from jaxgan.data import DataError, notes

_AT_ONCE = 256
_STOPS = 4  # latents that a picture of a GIF passes
_FRAMES = 8  # pictures from one of them to the next, unless --interpolate says otherwise
_CODES = 9  # values of a continuous code that a sweep shows


class Run(NamedTuple):
    """A trained generator and what it was trained for."""

    config: Config
    facts: Facts
    experiment: Experiment
    variables: Variables
    step: int
    d_variables: Variables

    def draw(self, z: jax.Array, y: np.ndarray | None) -> Any:
        """Samples for latents `[n, dim]` and labels `[n]`: uint8 pictures, or anything else, float.

        Of a CoGAN, a pair of them.
        """
        apply = jax.jit(self.experiment.generator.apply, static_argnames="train")
        key = jax.random.key(0)  # a generator may be random inside, when it is trained
        parts = []
        for start in range(0, len(z), _AT_ONCE):
            rows = slice(start, start + _AT_ONCE)
            labels = () if y is None else (jnp.asarray(y[rows]),)
            samples, _ = apply(*self.variables, key, z[rows], *labels, train=False)
            parts.append(samples)
        samples = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
        return jax.tree.map(lambda a: as_uint8(a) if a.ndim == 4 else a, samples)


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
        facts = Facts(
            **{name: tuple(value) for name, value in checkpoints.notes(steps[-1]).items()}
        )
        experiment = build(chosen, facts)
        like = jax.eval_shape(experiment.gan.init, jax.random.key(0), example(facts))
        if is_population(config):
            like = jax.tree.map(partial(_stacked, len(everyone)), like)
        step, state = checkpoints.restore(like, step)
        if is_population(config):
            state = jax.tree.map(lambda leaf: leaf[member], state)
    judge = Variables(state.d.params, state.d.state)
    return Run(chosen, facts, experiment, _averaged(state), step, judge)


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
    if run.config.recipe in PICTURE_TO_PICTURE or run.experiment.codes is not None:
        raise ConfigError(
            f"--truncation: a run with --recipe={run.config.recipe} has no such latents"
        )
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


def sweep(run: Run, key: jax.Array, n: int, code: int) -> np.ndarray:
    """A picture with a row for each of n latents, along which one code of an InfoGAN changes.

    Raises:
        ConfigError: the run has no such code.
    """
    codes = run.experiment.codes
    if codes is None:
        raise ConfigError(f"--sweep={code}: --recipe={run.config.recipe} has no codes, InfoGAN has")
    continuous = code - len(codes.categories)
    if continuous >= codes.continuous:
        last = len(codes.categories) + codes.continuous - 1
        raise ConfigError(f"--sweep={code}: expected a code from 0 to {last}")
    z = run.experiment.latent(key, n)
    if continuous < 0:
        values = [codes.place(z, categories=[k]) for k in range(codes.categories[code])]
    else:
        own = z[:, z.shape[1] - codes.continuous :]
        values = [
            codes.place(z, continuous=own.at[:, continuous].set(value))
            for value in np.linspace(-1, 1, _CODES)
        ]
    rows = jnp.swapaxes(jnp.stack(values), 0, 1).reshape(-1, z.shape[1])
    return show(run.draw(rows, None), len(values))


def write(path: Path, run: Run, key: jax.Array, n: int, label, interpolate: int):
    """Write what the ending of `path` asks for.

    Raises:
        ConfigError: an ending that is not known, or settings that contradict each other.
    """
    if run.config.recipe in PICTURE_TO_PICTURE:
        raise ConfigError(
            f"--recipe={run.config.recipe}: it makes pictures of pictures; give --input=FILE, "
            f"--input=DIRECTORY or --from_data"
        )
    if path.suffix == ".npz":
        samples, y = make(run, key, n, label, interpolate)
        is_pair = isinstance(samples, tuple)
        arrays: dict[str, Any] = {"samples": samples[0] if is_pair else samples}
        arrays |= {"samples_of_y": samples[1]} if is_pair else {}
        arrays |= {} if y is None else {"labels": y}
        np.savez_compressed(path, **arrays)
    elif path.suffix == ".png":
        samples, _ = make(run, key, n, label, interpolate)
        pictures.save(_drawn(samples, interpolate or None), path)
    elif path.suffix == ".wav":
        if len(run.facts.shape) != 2:
            raise ConfigError(f"--out={path}: the run's data are {run.facts.shape}, no sounds")
        samples, _ = make(run, key, n, label, interpolate)
        sounds.write_wav(path, samples, notes.RATE)
    elif path.suffix == ".gif":
        y = labels(run, n, label)
        latent = run.experiment.latent
        frames = walk(latent, key, n, _STOPS, interpolate or _FRAMES, closed=True)
        pictures.animate([_drawn(run.draw(z, y), None) for z in frames], path, hold=1)
    else:
        raise ConfigError(f"--out={path}: expected a name that ends in .png, .npz, .gif or .wav")


def _drawn(samples: Any, columns: int | None) -> np.ndarray:
    if isinstance(samples, tuple):
        return stacked_rows(list(samples), columns or 10)
    return show(samples, columns)


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
    flags.DEFINE_integer("sweep", None, "InfoGAN: the code to walk through", lower_bound=0)
    flags.DEFINE_string("input", None, "a picture, or a directory of them, to make others of")
    flags.DEFINE_bool("from_data", False, "make pictures of the run's own data, shown below them")
    flags.DEFINE_bool("back", False, "CycleGAN: from its target domain back to the source")
    flags.DEFINE_string(
        "mask", None, "inpainting: a picture, white where --input is to be filled in"
    )
    flags.DEFINE_string(
        "out",
        None,
        "file to write: .png, .npz, .gif or .wav; a directory if --input is one",
        required=True,
    )


def main(argv: list[str]) -> None:
    """Draw what the flags ask for."""
    del argv
    values = flags.FLAGS
    path = Path(values.out)
    try:
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"--out={path}: there is no directory {path.parent}")
        _check_uses(values)
        run = restore(values.workdir, values.step, values.member, best=values.best)
        key = jax.random.key(values.seed)
        count = values.n
        if values.input:
            mask = Path(values.mask) if values.mask else None
            count = edit_files(run, Path(values.input), path, mask=mask, back=values.back)
        elif values.from_data:
            edit_data(run, values.n, path, back=values.back)
        elif values.sweep is not None:
            pictures.save(sweep(run, key, values.n, values.sweep), path)
        else:
            run = truncated(run, values.truncation)
            write(path, run, key, values.n, values.label, values.interpolate)
    except (ConfigError, CheckpointError, DataError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{count} samples after {run.step} steps: {path}")


def _check_uses(values: Any) -> None:
    """Refuse flags of which only one can be meant."""
    uses = [
        name for name in ("input", "from_data", "sweep") if values[name].value not in (None, False)
    ]
    if len(uses) > 1:
        raise ConfigError(f"--{uses[0]}, --{uses[1]}: only one of them at a time")
    for name, of in (("mask", ("input",)), ("back", ("input", "from_data"))):
        if values[name].value and not set(of) & set(uses):
            raise ConfigError(f"--{name}: it goes with {' or '.join('--' + one for one in of)}")


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=settings.parse_flags)
