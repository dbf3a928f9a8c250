"""Draw samples from a run: jaxgan-sample --workdir=runs/dcgan_digits --out=more.png.

--out=X.png makes a picture of them all, X.npz an array, and X.wav (for a run on sounds) the sounds
one after the other. A folder or X.zip gets a PNG for each sample, in folders by class; the same
command goes on with a folder where it was interrupted. X.gif and X.mp4 are films in which every
picture walks through latent space and returns to its start.

Runs that make pictures from others translate, enlarge, complete or reconstruct those of
--input=FILE_OR_DIRECTORY, or some of their own data with --from_data.
"""

import dataclasses
import os
from pathlib import Path
from typing import Any

from absl import flags

from jaxgan.runs.commands.entry import given, start
from jaxgan.runs.flags import define, define_options
from jaxgan.runs.paths import check_directory, check_input, check_output, is_folder, make_room
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.variants import VARIANTS

FILMS = (".gif", ".mp4")
_ENDINGS = (".png", ".npz", ".zip", ".wav", *FILMS)
# Flags for samples of random latents.
_OF_NOISE = ("label", "classes", "text", "truncation", "interpolate", "seed", "seeds")
# What each way to make pictures, other than drawing samples, does not use.
_UNUSED = {
    "input": (*_OF_NOISE, "n", "evolution"),
    "from_data": (*_OF_NOISE, "evolution"),
    "evolution": (*_OF_NOISE, "n", "step", "best", "ema_sigma", "member"),
    "seeds": ("seed", "n", "interpolate"),
    "classes": ("label",),
}


def define_flags() -> None:
    """Define the flags of this command, and the options of every GAN."""
    define_checkpoint("sample from")
    define("n", int, "number of samples", default=64, low=1)
    define("seed", int, "seed of the samples", default=0, low=0)
    define("seeds", str, "a sample for each of these seeds, as 0-35 or 1,4,9")
    define("label", str, "class to draw, by its name or its number; all in turn if not given")
    define("classes", str, "classes to draw in turn, by names or numbers, as cat,dog")
    define(
        "text",
        str,
        "sentence to draw, for a run on sentences; give it several times to draw them in turn",
        repeated=True,
    )
    define(
        "truncation",
        str,
        "draw more typical samples: keep each component of z within +-this, or styles at this "
        "share of their distance from the mean style; with several, as 0.5,0.7,1, a row of the "
        "same samples for each",
    )
    define("interpolate", int, "pictures from one latent to the next", default=0, low=0)
    define("input", str, "a picture, or a directory of them, to make others from")
    define(
        "from_data", bool, "make pictures from the run's own data, shown below them", default=False
    )
    define(
        "evolution", bool, "make a film of the pictures that the training has drawn", default=False
    )
    define(
        "out",
        str,
        "file to write: .png, .npz, .zip, .gif, .mp4 or .wav; or a directory, for a picture of "
        "each sample, or of each of --input",
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
    define(
        "ema_sigma",
        float,
        "width of G's running average, made of those of all checkpoints of a run with --ema_sigma; "
        "the run's own if not given",
        low=0.001,
        high=0.3,
    )
    define("member", int, "member of a run with --seeds or --sweep, from 0", low=0)


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


def _check(out: str) -> None:
    """Refuse what is wrong whatever the run is, before it is loaded.

    Raises:
        ConfigError: one line that names the flag.
    """
    values = flags.FLAGS
    check_input("workdir", values.workdir, directory=True)
    if values.input is not None and values.from_data:
        raise ConfigError("--input, --from_data: expected only one of them")
    if values.input is not None and not os.path.exists(values.input):
        raise ConfigError(f"--input={values.input}: there is no such file or directory")
    for way, unused in _UNUSED.items():
        for name in unused if values[way].value not in (None, False) else ():
            if values[name].present:
                raise ConfigError(
                    f"--{name}={values[name].value}: not used with --{way}; leave one of them out"
                )
    if values.input is not None and Path(values.input).is_dir():
        check_directory("out", out)
    elif values.input is not None or values.from_data:
        check_output("out", out, (".png",), made=True)
    elif values.evolution:
        check_output("out", out, FILMS, made=True)
    elif is_folder(out):
        check_directory("out", out)
    else:
        check_output("out", out, _ENDINGS, made=True)


def run(argv: list[str]) -> None:
    """Draw what the flags ask for."""
    del argv
    values = flags.FLAGS
    out = Path(values.out)
    _check(values.out)

    from jaxgan.runs.asked import check_draws_from_noise, seeds_of
    from jaxgan.runs.flags import load
    from jaxgan.runs.show.films import check_film, evolution

    check_film(out)
    seeds = None if values.seeds is None else seeds_of(values.seeds)
    config = load(values.workdir)
    options = options_of(config.recipe)
    if values.evolution:
        make_room(out)
        if evolution(Path(values.workdir) / "samples", out) is None:
            raise ConfigError(f"--workdir={values.workdir}: it has no pictures of its training")
        print(f"the evolution of its samples: {out}")
        return
    from_pictures = bool(values.input or values.from_data)
    if not from_pictures:
        check_draws_from_noise(config)

    from jaxgan.runs.devices import begin
    from jaxgan.runs.drawing import Drawing, write
    from jaxgan.runs.editing import edit_data, edit_files
    from jaxgan.runs.restore import restore

    begin(config.run)
    trained = restore(
        values.workdir,
        values.step,
        values.member,
        best=values.best,
        ema_sigma=values.ema_sigma,
    )
    if values.input:
        told = edit_files(trained, Path(values.input), out, options)
    elif values.from_data:
        told = edit_data(trained, values.n, out, options)
    else:
        own = given(("n", "seed", "label", "classes", "text", "truncation", "interpolate"))
        told = write(trained, Drawing(options, **own, seeds=seeds), out)
    print(f"{told}, after {trained.step} steps: {out}")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
