"""A run's running average, made of another width when the run is over."""

import jax
import numpy as np
import pytest
from ring import RING

from jaxgan import averages
from jaxgan.checkpoint import digest
from jaxgan.runs.config import make
from jaxgan.runs.measures.evaluate import evaluate
from jaxgan.runs.restore import restore, restore_run
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training import loop


def train(workdir, **settings):
    config = make(**RING, steps=50, checkpoint_every=10, workdir=str(workdir), **settings)
    loop.run(config)
    return config.run.workdir


def test_checkpoints_give_an_average_of_another_width(tmp_path, caplog):
    workdir = train(tmp_path / "run", ema_sigma=0.1, keep=5)
    runs = [restore_run(workdir, step) for step in (10, 20, 30, 40)]
    stored = [averages.Snapshot(run.step, 0.1, run.state.ema) for run in runs]
    found = restore(workdir, 40, ema_sigma=0.15)
    expected = averages.reconstruct(stored, sigma=0.15)
    assert digest(found.variables) == digest(expected)
    assert "of 4 checkpoints with --ema_sigma=0.1" in caplog.text
    assert restore(workdir).draw_each(np.zeros((3, 2)), None).shape == (3, 2)
    caplog.clear()
    same, kept = restore(workdir, ema_sigma=0.1), restore(workdir)
    for a, b in zip(*map(jax.tree.leaves, (same.variables, kept.variables)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
    assert not caplog.text
    path, _ = evaluate(workdir, samples=50, ema_sigma=0.15)
    assert path.parent.name == "ema_sigma_0.15"


def test_what_no_average_can_be_made_of_is_refused(tmp_path):
    workdir = train(tmp_path / "run")
    with pytest.raises(ConfigError, match=r"^--ema_sigma=0.1: .* train with --ema_sigma=0.1"):
        restore(workdir, ema_sigma=0.1)
    with pytest.raises(ConfigError, match=r"^--ema_sigma=0.1: .* leave out --best"):
        restore(workdir, ema_sigma=0.1, best=True)
