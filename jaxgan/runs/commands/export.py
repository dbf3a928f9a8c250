"""Export the generator of a run: jaxgan-export --workdir=runs/dcgan_digits --out=generator.zip.

--format=stablehlo writes a program for CPU, CUDA and TPU that needs nothing of the run; onnx one
for ONNX runtimes (pip install "jaxgan[onnx]"); safetensors the weights with the settings.
jaxgan.load_generator(FILE) reads the first and the last. G's running average is taken if the run
has one.
"""

import json
from pathlib import Path

from absl import flags

from jaxgan.runs.commands.entry import start
from jaxgan.runs.commands.sample import define_checkpoint
from jaxgan.runs.flags import define
from jaxgan.runs.paths import check_directory, check_input, check_output

_SUFFIXES = {"stablehlo": ".zip", "onnx": ".onnx", "safetensors": ".safetensors"}


def define_flags() -> None:
    """Define the flags of this command."""
    define_checkpoint("export")
    define("format", str, "of the file", default="stablehlo", choices=tuple(_SUFFIXES))
    endings = ", ".join(_SUFFIXES.values())
    text = f"file to write ({endings}), or a directory for generator{{{endings}}}"
    define("out", str, text, required=True)
    define(
        "truncation",
        float,
        "make it draw more typical samples: keep each component of z within +-this, or styles at "
        "this share of their distance from the mean style",
        low=1e-3,
        high=100.0,
    )


def run(argv: list[str]) -> None:
    """Export what the flags ask for."""
    del argv
    values = flags.FLAGS
    check_input("workdir", values.workdir, directory=True)
    path, suffix = Path(values.out), _SUFFIXES[values.format]
    if path.is_dir() or not path.suffix:
        check_directory("out", path)
        path /= f"generator{suffix}"
    else:
        check_output("out", path, (suffix,))

    from jaxgan.runs.devices import check_platform
    from jaxgan.runs.exporting import check_format, write
    from jaxgan.runs.restore import restore

    check_format(values.format)
    check_platform()
    trained = restore(
        values.workdir,
        values.step,
        values.member,
        best=values.best,
        ema_sigma=values.ema_sigma,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    about = write(trained, path, values.format, values.truncation)
    print(f"the generator after {trained.step} steps: {path} ({_size(path)})")
    for name in ("latent", "classes", "source", "shape", "range", "random"):
        if about[name] is not None:
            print(f"{name + ':':9}{json.dumps(about[name])}")
    if values.format != "onnx":
        print(f"to use it:  jaxgan.load_generator({str(path)!r})")


def _size(path: Path) -> str:
    size = path.stat().st_size
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} kB"


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
