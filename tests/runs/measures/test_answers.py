"""Whether samples are what was asked for, measured on data that a run was not trained on."""

from functools import partial

import jax
import numpy as np
import pytest
from untrained import RUNS, run_of

from jaxgan.metrics.pictures import psnr
from jaxgan.runs import data
from jaxgan.runs.measures import evaluate
from jaxgan.runs.measures.answers import Question


def answers(run):
    question = Question(
        run,
        data.load_whole(run.config.data),
        load_trained_on=partial(data.load, run.config),
        load_unseen=partial(data.unseen, run.config.data),
        key=jax.random.key(0),
    )
    return evaluate._asked(question)


@pytest.mark.parametrize("recipe", RUNS)
def test_what_was_asked_for_is_measured_on_data_that_were_not_seen(recipe):
    run = run_of(recipe)
    others = data.unseen(run.config.data)
    assert len(others.x) == 100
    assert others.paired
    rows = answers(run)
    assert rows or recipe == "stylegan2"  # of which nothing is asked here, without labels
    for row in rows:
        assert row.name.startswith("asked/")
        assert np.isfinite(row.value)
        if row.better == "higher" and row.real is not None:
            assert row.noise <= row.real


def test_untaught_networks_are_no_better_than_their_baselines():
    for recipe, name in ("acgan", "asked/class"), ("infogan", "asked/code_read"):
        (row,) = (row for row in answers(run_of(recipe)) if row.name == name)
        assert row.value < row.noise + 0.25
        assert row.real > 0.9


def test_before_it_has_learned_srgan_is_bilinear_interpolation():
    (row, _) = answers(run_of("srgan"))
    assert row.value == pytest.approx(row.noise, abs=0.05)
    assert np.isinf(psnr(np.zeros((1, 4, 4, 1), np.uint8), np.zeros((1, 4, 4, 1), np.uint8)))
