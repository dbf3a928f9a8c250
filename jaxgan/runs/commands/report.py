"""Make a page about one or several runs: jaxgan-report runs/dcgan_digits.

The page is one self-contained file with settings, metrics, samples over training and curves. It is
written to report.html in the workdir, to ./report.html for several runs, or to --out=X.html.
"""

from pathlib import Path

from absl import flags

from jaxgan.runs.commands.entry import start
from jaxgan.runs.flags import define
from jaxgan.runs.paths import check_output
from jaxgan.runs.settings import ConfigError


def define_flags() -> None:
    """Define the flags of this command."""
    define("out", str, "file to write; report.html by default")


def run(argv: list[str]) -> None:
    """Write the page that the command line asks for."""
    if len(argv) < 2:
        raise ConfigError("no run is given; expected its directory, as runs/dcgan_digits")
    out = flags.FLAGS.out
    if out is not None:
        check_output("out", out)

    from jaxgan.runs.report.write import write

    path = write([Path(workdir) for workdir in argv[1:]], Path(out) if out else None)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    """Run the command."""
    start(run, define_flags, takes_names=True)


if __name__ == "__main__":
    main()
