"""Draw samples from a run: jaxgan-sample --workdir=runs/dcgan_digits --out=more.png.

--out=X.png makes a grid, X.npz an array, X.gif a grid in which every picture walks through latent
space and back to where it began, and X.wav, of a run on sounds, the sounds one after the other.

Runs that make pictures of pictures translate, enlarge, fill in or reconstruct those of
--input=FILE_OR_DIRECTORY, or with --from_data some of their own data.
"""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from jaxgan.runs.commands.entry import errors_in_one_line, given, start
from jaxgan.runs.flags import define, define_options
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.variants import VARIANTS

if TYPE_CHECKING:
    from jaxgan.runs.trained import Trained

_STOPS = 4  # latents that a picture of a GIF passes
_FRAMES = 8  # pictures from one of them to the next, unless --interpolate says otherwise


def define_flags() -> None:
    """Define the flags of this command, and the options of every GAN."""
    define_checkpoint("sample from")
    define("n", int, "number of samples", default=64, low=1)
    define("seed", int, "seed of the samples", default=0, low=0)
    define("label", int, "class to draw; all in turn if it is not given", low=0)
    define(
        "truncation",
        float,
        "draw more typical samples: keep each component of z within +-this, or go this share of "
        "the way from the mean style",
        low=1e-3,
    )
    define("interpolate", int, "pictures from one latent to the next", default=0, low=0)
    define("input", str, "a picture, or a directory of them, to make others of")
    define(
        "from_data", bool, "make pictures of the run's own data, shown below them", default=False
    )
    define(
        "out",
        str,
        "file to write: .png, .npz, .gif or .wav; a directory if --input is one",
        required=True,
    )
    define_options({f"--recipe={name}": one.options for name, one in VARIANTS.items()})


def define_checkpoint(purpose: str) -> None:
    """Define the flags that name the checkpoint of a run."""
    define("workdir", str, f"the run to {purpose}", required=True)
    define("step", int, "checkpoint to use; the newest if it is not given")
    define("best", bool, "use the best of the steps that were evaluated", default=False)
    define("member", int, "which GAN of a run with --seeds or --sweep, from 0 on")


def make(trained: "Trained", key: Any, n: int, label: int | None, interpolate: int):
    """Samples `[n, ...]` and their labels; with `interpolate`, in rows from a latent to another.

    Raises:
        ConfigError: `n` is not a whole number of rows, or the label does not exist.
    """
    import jax.numpy as jnp

    from jaxgan.runs.trained import walk

    latent = trained.experiment.latent
    if not interpolate:
        y = trained.labels(n, label)
        return trained.draw(latent(key, n), y), y
    if interpolate < 2 or n % interpolate:
        raise ConfigError(
            f"--interpolate={interpolate}: expected 2 or more, and a divisor of --n={n}"
        )
    rows = n // interpolate
    z = walk(latent, key, rows, stops=2, frames=interpolate, closed=False)
    y = trained.labels(rows, label)
    y = None if y is None else np.repeat(y, interpolate)
    return trained.draw(jnp.swapaxes(z, 0, 1).reshape(n, -1), y), y


def write(path: Path, trained: "Trained", key: Any, n: int, label, interpolate: int) -> None:
    """Write what the ending of `path` asks for.

    Raises:
        ConfigError: an ending that is not known, or settings that contradict each other.
    """
    from jaxgan.data import notes
    from jaxgan.runs.show import pictures, sounds
    from jaxgan.runs.trained import walk

    how = VARIANTS[trained.config.recipe].pictures
    if how is not None and how.condition is not None:
        raise ConfigError(
            f"--recipe={trained.config.recipe}: it makes pictures of pictures; give --input=FILE, "
            f"--input=DIRECTORY or --from_data"
        )
    if path.suffix == ".npz":
        samples, y = make(trained, key, n, label, interpolate)
        is_pair = isinstance(samples, tuple)
        arrays: dict[str, Any] = {"samples": samples[0] if is_pair else samples}
        arrays |= {"samples_of_y": samples[1]} if is_pair else {}
        arrays |= {} if y is None else {"labels": y}
        np.savez_compressed(path, **arrays)
    elif path.suffix == ".png":
        samples, _ = make(trained, key, n, label, interpolate)
        pictures.save(_drawn(samples, interpolate or None), path)
    elif path.suffix == ".wav":
        if len(trained.facts.shape) != 2:
            raise ConfigError(f"--out={path}: the run's data are {trained.facts.shape}, no sounds")
        samples, _ = make(trained, key, n, label, interpolate)
        sounds.write_wav(path, samples, notes.RATE)
    elif path.suffix == ".gif":
        y = trained.labels(n, label)
        latent = trained.experiment.latent
        frames = walk(latent, key, n, _STOPS, interpolate or _FRAMES, closed=True)
        pictures.animate([_drawn(trained.draw(z, y), None) for z in frames], path, hold=1)
    else:
        raise ConfigError(f"--out={path}: expected a name that ends in .png, .npz, .gif or .wav")


def _drawn(samples: Any, columns: int | None) -> np.ndarray:
    from jaxgan.runs.show.samples import show, stacked_rows

    if isinstance(samples, tuple):
        return stacked_rows(list(samples), columns or 10)
    return show(samples, columns)


def options_of(recipe: str) -> Any:
    """The options of a GAN's samples that the flags give.

    Raises:
        ConfigError: one is given that this GAN does not have.
    """
    own = {field.name for field in dataclasses.fields(VARIANTS[recipe].options)}
    owners: dict[str, list[str]] = {}
    for name, variant in VARIANTS.items():
        for field in dataclasses.fields(variant.options):
            owners.setdefault(field.name, []).append(f"--recipe={name}")
    asked = {name: value for name, value in given(owners).items() if value is not None}
    for name, value in asked.items():
        if name not in own and value is not False:
            raise ConfigError(
                f"--{name}={value}: a run with --recipe={recipe} has no use for it; it goes with "
                f"{' or '.join(owners[name])}"
            )
    return VARIANTS[recipe].options(**{name: asked[name] for name in own & asked.keys()})


def run(argv: list[str]) -> None:
    """Draw what the flags ask for."""
    del argv
    values = flags.FLAGS
    path = Path(values.out)
    with errors_in_one_line():
        if not path.absolute().parent.is_dir():
            raise ConfigError(f"--out={path}: there is no directory {path.parent}")
        if values.input and values.from_data:
            raise ConfigError("--input, --from_data: only one of them at a time")

        import jax

        from jaxgan.runs.editing import edit_data, edit_files
        from jaxgan.runs.flags import load
        from jaxgan.runs.restore import restore
        from jaxgan.runs.show import pictures

        recipe = load(values.workdir).recipe
        options = options_of(recipe)
        trained = restore(values.workdir, values.step, values.member, best=values.best)
        key = jax.random.key(values.seed)
        count, variant = values.n, VARIANTS[recipe]
        if values.input:
            count = edit_files(trained, Path(values.input), path, options)
        elif values.from_data:
            edit_data(trained, values.n, path, options)
        elif (picture := variant.draw(trained, options, key, values.n)) is not None:
            pictures.save(picture, path)
        else:
            if values.truncation is not None:
                trained = variant.truncate(trained, values.truncation)
            write(path, trained, key, values.n, values.label, values.interpolate)
    print(f"{count} samples after {trained.step} steps: {path}")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
