"""The short forms of what `make faults` does at length."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def figures(name, *arguments):
    done = subprocess.run(
        [sys.executable, str(HERE / name), *arguments],
        stdout=subprocess.PIPE,
        text=True,
        timeout=600,
        check=False,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_killed_runs_end_as_one_that_was_left_alone():
    found = figures("kills.py", "--kills=5", "--seed=3")
    assert found["kills"] == 5
    assert found["different"] == {}


def test_every_injury_to_a_checkpoint_is_noticed():
    found = figures("injuries.py", "--injuries=20", "--seed=5")
    assert found == {"injuries": 20, "noticed": 20, "unnoticed": []}


def test_runs_that_cannot_write_go_on_and_end_in_a_line():
    found = figures("lack.py", "--runs=1", "--seed=2")
    assert found["wrong"] == {}
    assert found["ended_in_one_line"] == 3
    assert found["ended_well"] == 6


@pytest.mark.slow
def test_a_long_run_takes_no_more_memory_than_a_short_one():
    assert figures("memory.py", "--steps=40000")["wrong"] == []
