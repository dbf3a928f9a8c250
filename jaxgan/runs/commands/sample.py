"""Draw samples from a run: jaxgan-sample --workdir=runs/dcgan_digits --out=more.png.

--out=X.png makes a grid, X.npz an array, X.gif a grid in which every picture walks through latent
space and returns to its start, and X.wav (for a run on sounds) the sounds one after the other.

Runs that make pictures from others translate, enlarge, complete or reconstruct those of
--input=FILE_OR_DIRECTORY, or some of their own data with --from_data.
"""

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from jaxgan.runs.commands.entry import given, start
from jaxgan.runs.flags import define, define_options
from jaxgan.runs.paths import check_directory, check_input, check_output
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.variants import VARIANTS

if TYPE_CHECKING:
    from jaxgan.runs.trained import Trained

_STOPS = 4  # latents that a picture of a GIF passes through
_ENDINGS = (".png", ".npz", ".gif", ".wav")
_OF_NOISE = ("label", "truncation", "interpolate", "seed")  # flags for samples of random latents
_FRAMES = 8  # pictures from one of them to the next, unless --interpolate says otherwise


def define_flags() -> None:
    """Define the flags of this command, and the options of every GAN."""
    define_checkpoint("sample from")
    define("n", int, "number of samples", default=64, low=1)
    define("seed", int, "seed of the samples", default=0, low=0)
    define("label", int, "class to draw; all classes in turn if not given", low=0)
    define(
        "truncation",
        float,
        "draw more typical samples: keep each component of z within +-this, or styles at this "
        "share of their distance from the mean style",
        low=1e-3,
        high=100.0,
    )
    define("interpolate", int, "pictures from one latent to the next", default=0, low=0)
    define("input", str, "a picture, or a directory of them, to make others from")
    define(
        "from_data", bool, "make pictures from the run's own data, shown below them", default=False
    )
    define(
        "out",
        str,
        "file to write: .png, .npz, .gif or .wav; a directory if --input is one",
        required=True,
    )
    define_sample_options()


def define_sample_options(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags for the sampling options of each GAN."""
    groups = {f"--recipe={name}": one.options for name, one in VARIANTS.items()}
    define_options(groups, flag_values)


def define_checkpoint(purpose: str, *, required: bool = True) -> None:
    """Define the flags that select the checkpoint of a run."""
    define("workdir", str, f"directory of the run to {purpose}", required=required)
    define("step", int, "step of the checkpoint; the newest if not given", low=0)
    define("best", bool, "use the best of the evaluated steps", default=False)
    define("member", int, "member of a run with --seeds or --sweep, from 0", low=0)


def make(trained: "Trained", key: Any, n: int, label: int | None, interpolate: int):
    """Draw samples `[n, ...]` and their labels; with `interpolate`, rows between two latents.

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


def write(
    path: Path, trained: "Trained", options: Any, key: Any, n: int, label, interpolate: int
) -> None:
    """Write a file in the format of its extension, or the picture that the GAN's options ask for.

    Raises:
        ConfigError: the extension is unknown, or the settings contradict each other.
    """
    from jaxgan.data import notes
    from jaxgan.runs.show import pictures, sounds
    from jaxgan.runs.trained import walk

    variant = VARIANTS[trained.config.recipe]
    how = variant.pictures
    if how is not None and how.condition is not None:
        raise ConfigError(
            f"--recipe={trained.config.recipe}: it makes pictures from others; give --input=FILE, "
            f"--input=DIRECTORY or --from_data"
        )
    if (picture := variant.draw(trained, options, key, n)) is not None:
        if path.suffix != ".png":
            raise ConfigError(f"--out={path}: expected a name that ends in .png")
        if label is not None or interpolate:
            raise ConfigError(
                "--label, --interpolate: not used by a picture that an option of the GAN asks for; "
                "leave them out"
            )
        pictures.save(picture, path)
    elif path.suffix == ".npz":
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
            raise ConfigError(
                f"--out={path}: expected a run on sounds, and its data are {trained.facts.shape}"
            )
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


def options_of(recipe: str, flag_values: flags.FlagValues = flags.FLAGS) -> Any:
    """Return the sampling options of a GAN that the flags give.

    Raises:
        ConfigError: an option is given that this GAN does not have.
    """
    own = {field.name for field in dataclasses.fields(VARIANTS[recipe].options)}
    owners: dict[str, list[str]] = {}
    for name, variant in VARIANTS.items():
        for field in dataclasses.fields(variant.options):
            owners.setdefault(field.name, []).append(f"--recipe={name}")
    asked = {name: value for name, value in given(owners, flag_values).items() if value is not None}
    for name, value in asked.items():
        if name not in own and value is not False:
            raise ConfigError(
                f"--{name}={value}: not used by a run with --recipe={recipe}; it goes with "
                f"{' or '.join(owners[name])}"
            )
    return VARIANTS[recipe].options(**{name: asked[name] for name in own & asked.keys()})


def _check(out: Path) -> None:
    """Refuse what is wrong whatever the run is.

    Raises:
        ConfigError: one line that names the flag.
    """
    values = flags.FLAGS
    check_input("workdir", values.workdir, directory=True)
    if values.input is not None and values.from_data:
        raise ConfigError("--input, --from_data: expected only one of them")
    if values.input is not None and not os.path.exists(values.input):
        raise ConfigError(f"--input={values.input}: there is no such file or directory")
    if values.input is not None and Path(values.input).is_dir():
        check_directory("out", out)
    else:
        check_output("out", out, _ENDINGS)
    source = "input" if values.input else "from_data" if values.from_data else None
    void = {None: (), "input": (*_OF_NOISE, "n"), "from_data": _OF_NOISE}
    for name in void[source]:
        if values[name].present:
            raise ConfigError(
                f"--{name}={values[name].value}: not used with --{source}, which makes pictures "
                f"from others; leave it out"
            )


def run(argv: list[str]) -> None:
    """Draw what the flags ask for."""
    del argv
    values = flags.FLAGS
    path = Path(values.out)
    _check(path)

    import jax

    from jaxgan.runs.devices import check_platform
    from jaxgan.runs.editing import edit_data, edit_files
    from jaxgan.runs.flags import load
    from jaxgan.runs.memory import check_samples
    from jaxgan.runs.restore import restore

    recipe = load(values.workdir).recipe
    options = options_of(recipe)
    check_platform()
    trained = restore(values.workdir, values.step, values.member, best=values.best)
    key = jax.random.key(values.seed)
    count, variant = values.n, VARIANTS[recipe]
    if values.input:
        count = edit_files(trained, Path(values.input), path, options)
    elif values.from_data:
        edit_data(trained, values.n, path, options)
    else:
        asked = given(("n", "interpolate"))
        pictures = values.n
        if path.suffix == ".gif":
            pictures *= _STOPS * (values.interpolate or _FRAMES)
        check_samples(trained, pictures, asked)
        if values.truncation is not None:
            trained = variant.truncate(trained, values.truncation)
        write(path, trained, options, key, values.n, values.label, values.interpolate)
    print(f"{count} samples after {trained.step} steps: {path}")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
