"""What a command advises at its end is a command that works for this run."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from untrained import RUNS, SHARED

from jaxgan.runs import invocation
from jaxgan.runs.commands import train
from jaxgan.runs.config import make
from jaxgan.runs.training import loop, sweep
from jaxgan.runs.variants import VARIANTS

FAST = ("gan", "pix2pix")
TINY = {"steps": 1, "steps_per_call": 1, "parallel": "jit"}


def advised(config, result) -> list[list[str]]:
    lines = "\n".join(train.results(config, result))
    return [shlex.split(one) for one in re.findall(r"^to .*?: +(.*)$", lines, re.MULTILINE)]


@pytest.fixture
def called_as_modules(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr(invocation.shutil, "which", lambda name: None)
    python = "python -m jaxgan.runs.commands.{}"
    monkeypatch.setattr(train, "command", python.format)


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in VARIANTS],
)
def test_the_commands_that_a_training_advises_run(recipe, tmp_path, called_as_modules, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = SHARED | TINY | RUNS.get(recipe, {}) | {"workdir": "my runs/it's one"}
    config = make(recipe=recipe, **settings)
    sample, evaluate, longer = advised(config, loop.run(config))
    for command in (sample, evaluate, [*longer[:-1], "--steps=2"]):
        assert longer[-1] == "--steps=N"
        if "evaluate" in command[2]:
            command += ["--samples=20"]
        done = run_module(command)
        assert done.returncode == 0, (command, done.stderr)
    assert Path("more.png").is_file()


def test_a_member_is_named_where_there_are_several(tmp_path, called_as_modules, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ring = {"dataset": "ring", "model": "mlp", "width": 4, "latent_dim": 4}
    config = make(**TINY, **ring, seeds=2, workdir="run")
    sample, _ = advised(config, sweep.run(config))
    done = run_module(sample)
    assert done.returncode == 0, done.stderr


def run_module(command):
    return subprocess.run(
        [sys.executable, *command[1:]], capture_output=True, text=True, check=False, timeout=300
    )
