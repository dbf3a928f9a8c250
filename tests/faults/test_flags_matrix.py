"""Every wrong command line ends in exit status 2 and one line, and changes nothing on disk."""

import pytest
from flags_cases import TINY, Case, explicit
from flags_matrix import complaint, drawn, warm_room
from warm import COMMANDS

DRAWN = 60  # the script flags_matrix.py draws more


@pytest.fixture(scope="module")
def warm():
    with warm_room() as process:
        yield process


@pytest.mark.parametrize("case", explicit(), ids=lambda case: " ".join((case[0], *case[2]))[-60:])
def test_a_contradiction_is_refused(warm, case):
    assert complaint(case, warm.run(case.command, *case.arguments)) == ""


def test_what_is_drawn_from_all_flags_is_refused(warm):
    flags = {command: warm.describe(command) for command in COMMANDS}
    found = {}
    for case in drawn(flags, DRAWN, seed=0):
        if wrong := complaint(case, warm.run(case.command, *case.arguments)):
            found[case] = wrong
    assert not found


def test_the_matrix_notices_what_is_not_clean(warm):
    """A command line that is right, one that is refused for another reason, and a debugged one."""
    right = Case("report", "", ("--help",))
    assert "exit status 0" in complaint(right, warm.run(*_of(right)))
    other = Case("train", "", (*TINY, "--steps=0"), ("g_lr",))
    assert "names none of g_lr" in complaint(other, warm.run(*_of(other)))
    debugged = Case("train", "", (*TINY, "--steps=0", "--debug"), ("steps",))
    outcome = warm.run(*_of(debugged))
    assert "not one line" in complaint(debugged, outcome)
    assert outcome.status == 2
    assert outcome.errors.startswith("Traceback")
    assert outcome.errors.splitlines()[-1].startswith("error: flag --steps=0")


def _of(case: Case) -> tuple[str, ...]:
    return case.command, *case.arguments
