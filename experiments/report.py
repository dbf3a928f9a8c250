"""A page about runs: python experiments/report.py runs/dcgan_digits, or several runs.

The page is one file that needs nothing else: settings, metrics, samples over training, curves. It
goes to report.html in the run's directory, for several runs to ./report.html, or to --out=X.html.
"""

from pathlib import Path

import report_runs
from absl import app, flags
from config import ConfigError
from files import write_whole
from report_page import page


def report(workdirs: list[Path], out: Path | None = None) -> Path:
    """Write the page of one or several runs, whole or not at all.

    Args:
        workdirs: the directories of the runs.
        out: the file; `report.html` in the only run's directory, or in this one, if None.

    Returns:
        The file.

    Raises:
        ConfigError: one of them is not a run or cannot be read, or there is nowhere to write to.
    """
    out = out or (workdirs[0] if len(workdirs) == 1 else Path()) / "report.html"
    runs = report_runs.read(workdirs)
    if not out.absolute().parent.is_dir():
        raise ConfigError(f"--out={out}: there is no directory {out.parent}; make it first")
    try:
        # A lone surrogate, which JSON may hold, is no text; it becomes a question mark.
        write_whole(out, page(runs).encode(errors="replace"))
    except OSError as error:
        raise ConfigError(f"--out={out}: {error.strerror}; choose another file") from error
    return out


def parse_flags(argv: list[str]) -> list[str]:
    """Parse a command line that names runs beside the flags; answer a mistake in one line."""
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        raise SystemExit(f"error: {' '.join(str(error).split())}") from None
    if len(rest) < 2:
        raise SystemExit("error: no run is named; expected its directory, as runs/dcgan_digits")
    return rest


def define_flags() -> None:
    """Define the flags of this script."""
    flags.DEFINE_string("out", None, "file to write; report.html by default")


def main(argv: list[str]) -> None:
    """Write the page that the command line asks for."""
    out = flags.FLAGS.out
    try:
        path = report([Path(workdir) for workdir in argv[1:]], Path(out) if out else None)
    except (ConfigError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=parse_flags)
