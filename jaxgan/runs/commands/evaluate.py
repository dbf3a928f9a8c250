"""Evaluate a run, or the distance between two sets of pictures.

    jaxgan-evaluate --workdir=runs/dcgan_digits
    jaxgan-evaluate --real=photos/ --fake=samples.npz

It prints a table with each number next to its floor (real examples against real ones) and the score
of noise. That of a run is written to evaluation/step_N.json in the workdir, together with pictures;
the report command shows both. That of two sets is written to --out, if it is given.

--real and --fake take a directory of pictures or an archive of one, an .npz file with uint8
pictures [N, H, W, C] called samples or arr_0, or the name of a data set. --save_statistics=X.npz
keeps mean and covariance of the real ones, which --real=X.npz takes in their place; the Fréchet
distance needs nothing else.
"""

import json
import shlex
from pathlib import Path

from absl import flags

from jaxgan.runs.commands.entry import start
from jaxgan.runs.commands.sample import define_checkpoint
from jaxgan.runs.flags import define, load
from jaxgan.runs.invocation import command
from jaxgan.runs.paths import check_input, check_output
from jaxgan.runs.settings import FEATURES, ConfigError

_OF_RUNS = ("workdir", "step", "best", "ema_sigma", "member", "samples", "seed")
_OF_SETS = ("real", "fake", "save_statistics", "image_size", "cache_dir", "out")


def define_flags() -> None:
    """Define the flags of this command."""
    define_checkpoint("evaluate", required=False)
    text = "samples to draw; at most half as many as the data have examples"
    define("samples", int, text, default=10_000, low=2)
    text = "network in whose features images are compared"
    define("features", str, text, default="auto", choices=FEATURES)
    define("inception_weights", str, "weights file of the FID Inception network", default="")
    define("seed", int, "seed of the samples", default=0, low=0)
    define("real", str, "real pictures to compare others with, instead of a run")
    define("fake", str, "the pictures that are compared with them")
    define("save_statistics", str, "file to write mean and covariance of --real to: .npz")
    define("image_size", int, "side to resize and crop the pictures of --real and --fake to", low=1)
    define("cache_dir", str, "directory of decoded data; the user's cache if not given")
    define("out", str, "file to write the comparison of --real and --fake to: .json")


def run(argv: list[str]) -> None:
    """Evaluate the run or the pictures that the flags name, and print the table."""
    del argv
    values = flags.FLAGS
    is_of_sets = any(values[name].present for name in _OF_SETS)
    for name in _OF_RUNS if is_of_sets else ():
        if values[name].present:
            raise ConfigError(f"--{name}: it does not go with --real and --fake; leave it out")
    if values.inception_weights:
        check_input("inception_weights", values.inception_weights)
    if is_of_sets:
        _compare(values)
    else:
        _evaluate(values)


def _evaluate(values: flags.FlagValues) -> None:
    if values.workdir is None:
        raise ConfigError(
            "--workdir: expected the directory of a run, or pictures as --real and --fake"
        )
    check_input("workdir", values.workdir, directory=True)
    config = load(values.workdir)

    from jaxgan.runs.devices import begin
    from jaxgan.runs.measures.evaluate import evaluate
    from jaxgan.runs.measures.row import table

    begin(config.run)
    path, rows = evaluate(
        values.workdir,
        samples=values.samples,
        features=values.features,
        weights=values.inception_weights,
        step=values.step,
        member=values.member,
        best=values.best,
        ema_sigma=values.ema_sigma,
        seed=values.seed,
    )
    left_out = json.loads(path.read_text()).get("left_out", [])
    print("\n".join([table(rows), *left_out]))
    print(f"written to {path}; to view it: {command('report')} {shlex.quote(values.workdir)}")


def _compare(values: flags.FlagValues) -> None:
    if not values.real:
        raise ConfigError("--real: expected the pictures to compare others with")
    if not (values.fake or values.save_statistics):
        raise ConfigError(
            f"--real={values.real}: expected pictures to compare them with, --fake, or "
            f"--save_statistics"
        )
    for name, suffix in ("save_statistics", ".npz"), ("out", ".json"):
        if file := values[name].value:
            check_output(name, file, (suffix,))

    from jaxgan.runs.devices import check_platform
    from jaxgan.runs.files import write_whole
    from jaxgan.runs.measures import sets
    from jaxgan.runs.measures.row import table
    from jaxgan.runs.program_cache import keep_compiled

    check_platform()
    keep_compiled("")
    size, cache_dir = values.image_size or 0, values.cache_dir or ""
    real = sets.load("real", values.real, image_size=size, cache_dir=cache_dir)
    fake = None
    if values.fake:
        fake = sets.load("fake", values.fake, image_size=size, cache_dir=cache_dir)
    found = sets.compare(
        real,
        fake,
        features=values.features,
        weights=values.inception_weights,
        save_statistics=values.save_statistics or "",
        cache_dir=cache_dir,
    )
    rows = found.get("rows", [])
    print(f"real: {found['real']}")
    if fake is not None:
        print(f"fake: {found['fake']}")
        print("\n".join([*found["remarks"], table(rows), *found["left_out"]]))
    if values.save_statistics:
        print(f"statistics of {found['features']} are in {values.save_statistics}")
    if values.out:
        content = found | {"rows": [row._asdict() for row in rows]}
        write_whole(Path(values.out), json.dumps(content))
        print(f"written to {values.out}")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
