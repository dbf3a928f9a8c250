"""What the terminal says while XLA compiles."""

import itertools
import re

import jax
import jax.numpy as jnp
import pytest

from jaxgan.runs import compiling, hosts

_NUMBERS = itertools.count()


def slow(x):
    """A function whose program takes a while, and is another one each time."""
    number = next(_NUMBERS)
    for i in range(500):
        x = jnp.sin(x) * (number + i)
    return x


@pytest.fixture
def lines(capfd, monkeypatch):
    """What is said while `slow` is compiled, with this much patience."""

    def say(patience):
        monkeypatch.setattr(compiling, "_PATIENCE", patience)
        jax.clear_caches()
        with compiling.told():
            jax.jit(slow)(1.0)
        return capfd.readouterr().err.splitlines()

    return say


def test_a_long_compilation_is_told_by_the_name_of_its_function(lines):
    told = [line for line in lines(0.0) if "slow" in line]
    assert told[0] == "compiling slow ..."
    assert re.fullmatch(r"compiled slow in \d+ s", told[1])
    assert len(told) == 2


def test_a_short_one_is_not_told(lines):
    assert lines(1000.0) == []


def test_one_process_of_several_tells(lines, monkeypatch):
    monkeypatch.setattr(hosts, "writes", lambda: False)
    assert lines(0.0) == []
