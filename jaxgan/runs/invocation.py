"""How the commands are called from where the user is."""

import shutil
import sys
from pathlib import Path

_MODULES = Path(__file__).resolve().parent / "commands"


def command(name: str) -> str:
    """Return how to call another command in the way that this one was called.

    Args:
        name: `train`, `sample`, `evaluate`, `report` or `bench`.
    """
    called = Path(sys.argv[0])
    script = called.with_name(f"{name}.py")
    if called.suffix == ".py" and script.is_file() and called.resolve().parent != _MODULES:
        return f"python {script}"
    installed = f"jaxgan-{name}"
    if shutil.which(installed):
        return installed
    beside = called.with_name(installed)
    return str(beside) if beside.is_file() else f"python -m jaxgan.runs.commands.{name}"
