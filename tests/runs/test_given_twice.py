"""A flag that is given twice is told, and none is undone silently."""

import subprocess
import sys

import pytest
from absl import flags as absl_flags

from jaxgan.runs import flags
from jaxgan.runs.given_twice import check_given_once
from jaxgan.runs.settings import ConfigError


def check(*arguments: str) -> list[str]:
    values = absl_flags.FlagValues()
    flags.define_settings(values)
    return check_given_once(["train", *flags._with_presets([*arguments])], values)


@pytest.mark.parametrize("preset", [["--preset=dcgan_digits"], ["--preset", "dcgan_digits"]])
@pytest.mark.parametrize("workdir", [["--workdir=mine"], ["--workdir", "mine"], ["-workdir=mine"]])
def test_a_preset_does_not_undo_what_was_typed_before_it(workdir, preset):
    with pytest.raises(ConfigError, match=r"--workdir=mine: --preset=dcgan_digits comes after it"):
        check(*workdir, *preset)
    assert check(*preset, *workdir) == []


def test_the_flags_of_a_run_do_not_undo_it_either(tmp_path):
    file = tmp_path / "flags.txt"
    file.write_text("# of a run\n--g_lr=0.001\n--noflip\n--conditional\n")
    again = f"--flagfile={file}"
    for typed in "--g_lr=0.002", "--flip", "--noconditional", "--workdir=elsewhere":
        with pytest.raises(ConfigError, match="comes after it and says"):
            check(typed, again)
        assert check(again, typed) == []
    # The same value in another spelling.
    assert check("--g_lr=1e-3", "--flip=false", "--conditional=true", again) == []


def test_what_was_typed_twice_is_told():
    assert check("--steps=10", "--seed=1", "--steps=20", "--seed=1") == [
        "--steps is given twice: 20 counts, and 10 does not"
    ]
    assert check("--flip", "--noflip") == ["--flip is given twice: False counts, and True does not"]
    assert check("--sweep=g_lr=1e-3,1e-4", "--sweep=d_lr=1e-3,1e-4") == []
    assert check("--steps=no", "--unknown=1", "--unknown=2", "name", "--", "--steps=3") == []


def test_a_command_says_it_and_goes_on():
    """What is wrong here is the number of steps, after the remark about the seed."""
    command = [sys.executable, "-m", "jaxgan.runs.commands.train", "--seed=1", "--seed=2"]
    done = subprocess.run([*command, "--steps=0"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    remark, error = done.stderr.splitlines()
    assert remark == "--seed is given twice: 2 counts, and 1 does not"
    assert error.startswith("error: ")


def test_help_can_be_cut_short():
    line = f"{sys.executable} -m jaxgan.runs.commands.train --help | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Train a GAN: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
