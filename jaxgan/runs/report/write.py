"""Writing the page of one or several runs, or the card of one, to a file."""

from pathlib import Path

from jaxgan.runs.files import write_whole
from jaxgan.runs.paths import check_output
from jaxgan.runs.report import runs
from jaxgan.runs.report.card import UNSTATED, card
from jaxgan.runs.report.page import page
from jaxgan.runs.settings import ConfigError


def write(workdirs: list[Path], out: Path | None = None) -> Path:
    """Write the page of one or several runs atomically.

    Args:
        workdirs: directories of the runs.
        out: the file; if None, `report.html` in the workdir of a single run, or else here.

    Returns:
        The file.

    Raises:
        ConfigError: one of them is not a run or cannot be read, or `out` cannot be written.
    """
    out = out or (workdirs[0] if len(workdirs) == 1 else Path()) / "report.html"
    found = runs.read(workdirs)
    return _write(out, page(found))


def write_card(workdir: Path, license_name: str | None = None, out: Path | None = None) -> Path:
    """Write the model card of a run atomically; see `card`.

    Args:
        workdir: directory of the run.
        license_name: license of the model; None if its author has not named one.
        out: the file; if None, `README.md` in the workdir.

    Returns:
        The file.

    Raises:
        ConfigError: it is not a run or cannot be read, or `out` exists or cannot be written.
    """
    out = out or workdir / "README.md"
    if out.exists():
        raise ConfigError(f"--card: {out} exists, and may have been edited; give another --out")
    (found,) = runs.read([workdir])
    return _write(out, card(found, license_name or UNSTATED, out.parent))


def _write(out: Path, text: str) -> Path:
    check_output("out", out)
    try:
        # A lone surrogate, which JSON may contain, is not valid text; it becomes a question mark.
        write_whole(out, text.encode(errors="replace"))
    except OSError as error:
        raise ConfigError(f"--out={out}: {error.strerror}; choose another file") from error
    return out
