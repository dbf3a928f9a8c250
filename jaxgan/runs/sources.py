"""What `--init_from` names: workdirs and files whose weights a run begins with."""

from pathlib import Path
from typing import NamedTuple

from jaxgan.runs.config import Config
from jaxgan.runs.settings import ConfigError


class Source(NamedTuple):
    """A file or a workdir to begin from.

    Attributes:
        path: where it is.
        part: the network of a player that has several, such as `to_x`; or "".
    """

    path: Path
    part: str = ""


def sources(config: Config) -> list[Source]:
    """Return what `--init_from` names: `PATH` or `PART=PATH`, separated by commas."""
    found = []
    for piece in filter(None, config.run.init_from.split(",")):
        part, _, path = piece.rpartition("=")
        found.append(Source(Path(path).expanduser(), part))
    return found


def check_sources(config: Config) -> None:
    """Refuse sources that are not there.

    Raises:
        ConfigError: one line that names the flag.
    """
    for path, _ in sources(config):
        if path.is_dir() and not (path / "flags.txt").is_file():
            raise ConfigError(f"--init_from={path}: there is no run here; give a workdir or a file")
        if not path.exists():
            raise ConfigError(f"--init_from={path}: there is no such file or workdir")
