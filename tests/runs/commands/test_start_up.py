"""A command answers at once when all it has to do is to answer."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "experiments"
# What takes long to import, and what answers need none of.
SLOW = {
    "grain",
    "matplotlib",
    "orbax",
    "PIL",
    "scipy",
    "tensorboardX",
    "tensorflow_datasets",
    "torch",
    "tqdm",
}
COMMANDS = ("train", "sample", "evaluate", "export", "report", "bench", "data")


def answer(command: str, *arguments: str) -> tuple[int, str, set[str]]:
    """The exit status of a command, what it prints, and the packages that it imported."""
    program = (
        "import sys, runpy\n"
        f"sys.argv = [{str(SCRIPTS / command) + '.py'!r}, *{list(arguments)!r}]\n"
        "try:\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally:\n"
        "    print('modules', *{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    errors, _, modules = done.stderr.rpartition("modules ")
    return done.returncode, done.stdout + errors, set(modules.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_given_without_slow_imports(command):
    status, text, modules = answer(command, "--help")
    assert status == 0
    assert "flags of this command" in text
    assert not modules & SLOW


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--no_such_flag=1", "error: Unknown command line flag 'no_such_flag'"),
        ("--preset=no_such_preset", "expected one of aae_digits, acgan_digits"),
        ("--flagfile=no_such_file", "for a preset give --preset=NAME, one of aae_digits"),
        ("--pool_size=3", "not used by --recipe=gan --model=dcgan; it goes with --recipe"),
        ("--g_lr=nan", "error: flag --g_lr=nan: expected a finite number"),
        ("digits", "error: digits is not a flag; flags start with --"),
    ],
)
def test_a_mistake_is_answered_in_one_line_without_slow_imports(argument, message):
    status, text, modules = answer("train", argument)
    assert status == 2
    assert message in text
    assert text.count("\n") == 1
    assert not modules & SLOW


def test_help_names_every_gan_that_a_setting_is_for():
    _, text, _ = answer("train", "--help")
    words = " ".join(text.split())
    assert "only with --recipe=infogan: --code_categories" in words
    assert "srgan 1000.0), with --recipe=aae, --recipe=pix2pix" in words


def test_the_first_step_does_not_wait_for_what_draws_and_reads_ahead():
    program = "import sys; from jaxgan.runs.training import loop, sweep; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    late = SLOW - {"orbax", "PIL", "tensorboardX", "tqdm"}  # checkpoint, picture, board and bar
    assert not {name.partition(".")[0] for name in done.stdout.split()} & late
