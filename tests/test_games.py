"""`examples/games.py` and `docs/games.md`: what they show is so."""

import re
import runpy
from pathlib import Path

import games
import numpy as np
import optax
import pytest

from jaxgan import rules

GUIDE = (Path(__file__).parents[1] / "docs" / "games.md").read_text()


def end(name, game):
    """The distance from the equilibrium after the steps of the picture, as a share of the first."""
    rule, change, momentum = games.WAYS[name]
    optimizer = change(optax.sgd(games.RATE, momentum=momentum))
    size = np.linalg.norm(games.path(rule(game(optimizer)), games.STEPS), axis=1)
    return size[-1] / size[0]


@pytest.mark.parametrize("name", games.WAYS)
def test_rules_approach_the_equilibrium_of_the_bilinear_game_and_plain_steps_do_not(name):
    share = end(name, rules.bilinear)
    if name == "alternating":
        assert 0.7 < share < 1.3
    elif name == "simultaneous":
        assert share > 5
    else:
        assert share < 0.5


def test_on_the_dirac_gan_only_consensus_and_symplectic_steps_arrive():
    ends = {name: end(name, games.dirac) for name in games.WAYS}
    assert {name for name, share in ends.items() if share < 0.1} == {"consensus", "symplectic"}


@pytest.mark.slow
def test_the_picture_is_drawn(tmp_path, capsys):
    games.draw(tmp_path / "games.png", steps=1)
    assert (tmp_path / "games.png").read_bytes().startswith(b"\x89PNG")
    assert len(capsys.readouterr().out.splitlines()) == len(games.WAYS) - 1  # one needs SGD


@pytest.mark.slow
def test_consensus_steps_find_the_modes_that_simultaneous_ones_lose():
    """From several seeds: taking the added gradient away, everything else being equal, fails."""

    def modes(rule):
        samples = games.ring(rule, games.same, None, steps=4000, seeds=3)
        return [games.found(one)[0] for one in samples]

    with_it, without = modes(lambda gan: rules.consensus(gan, 1.0)), modes(rules.simultaneous)
    assert min(with_it) >= 7
    assert sum(without) <= sum(with_it) - 6


def test_the_code_of_the_guide_runs_as_it_stands(tmp_path, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "guide.py").write_text(code)
    runpy.run_path(str(tmp_path / "guide.py"))
    assert all(abs(float(number)) < 0.02 for number in capsys.readouterr().out.split())
