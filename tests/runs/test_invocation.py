"""What a command advises next is spelled as the user called this one."""

import sys
from pathlib import Path

import pytest

from jaxgan.runs import commands, invocation

SCRIPTS = Path(__file__).parents[2] / "experiments"
MODULES = Path(commands.__file__).parent


@pytest.mark.parametrize(
    ("called", "on_path", "expected"),
    [
        (SCRIPTS / "train.py", True, f"python {SCRIPTS / 'sample.py'}"),
        (Path("/usr/bin/jaxgan-train"), True, "jaxgan-sample"),
        (MODULES / "train.py", False, "python -m jaxgan.runs.commands.sample"),
        (Path("/some/program.py"), False, "python -m jaxgan.runs.commands.sample"),
    ],
)
def test_the_next_command_is_there(called, on_path, expected, monkeypatch):
    monkeypatch.setattr(sys, "argv", [str(called)])
    monkeypatch.setattr(invocation.shutil, "which", lambda name: name if on_path else None)
    assert invocation.command("sample") == expected


def test_a_command_that_is_not_on_the_path_is_named_in_full(tmp_path, monkeypatch):
    for name in ("jaxgan-train", "jaxgan-sample"):
        (tmp_path / name).touch()
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "jaxgan-train")])
    monkeypatch.setattr(invocation.shutil, "which", lambda name: None)
    assert invocation.command("sample") == str(tmp_path / "jaxgan-sample")
