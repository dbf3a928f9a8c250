"""Make a page about one or several runs: jaxgan-report runs/dcgan_digits.

The page is one self-contained file with settings, metrics, samples over training and curves. It is
written to report.html in the workdir, to ./report.html for several runs, or to --out=X.html.

--card writes a model card in Markdown instead, as hubs show it, to README.md in the workdir.
"""

from pathlib import Path

from absl import flags

from jaxgan.runs.commands.entry import start
from jaxgan.runs.flags import define
from jaxgan.runs.paths import check_output
from jaxgan.runs.settings import ConfigError


def define_flags() -> None:
    """Define the flags of this command."""
    define("out", str, "file to write; report.html by default, README.md with --card")
    define("card", bool, "write a model card in Markdown instead of a page", default=False)
    define("license", str, "license of the model, for its card: cc-by-4.0, apache-2.0, ...")


def run(argv: list[str]) -> None:
    """Write the page that the command line asks for."""
    if len(argv) < 2:
        raise ConfigError("no run is given; expected its directory, as runs/dcgan_digits")
    out = flags.FLAGS.out
    if out is not None:
        check_output("out", out)

    workdirs = [Path(workdir) for workdir in argv[1:]]
    if flags.FLAGS.license is not None and not flags.FLAGS.card:
        raise ConfigError("--license: it is a line of the model card; add --card")
    if flags.FLAGS.card and len(workdirs) > 1:
        raise ConfigError(f"--card: expected one run, got {len(workdirs)}")

    from jaxgan.runs.report import write

    if flags.FLAGS.card:
        print(write.write_card(workdirs[0], flags.FLAGS.license, Path(out) if out else None))
        return
    path = write.write(workdirs, Path(out) if out else None)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    """Run the command."""
    start(run, define_flags, takes_names=True)


if __name__ == "__main__":
    main()
