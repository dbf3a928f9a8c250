"""The study of objectives: what it runs, that it goes on where it stopped, and its table."""

import json
from pathlib import Path

import pytest

from jaxgan.runs import study
from jaxgan.runs.checks import check_settings
from jaxgan.runs.training import loop

TINY = study.Size(width=4, steps=10, rate=1.0, samples=200, split="train")


def one(tmp_path, objective="hinge", **settings):
    (run,) = study.runs(TINY, tmp_path, ["digits"], [objective], 1, **settings)
    return run


def test_all_runs_have_settings_that_can_be_run_and_directories_of_their_own(tmp_path):
    for size in study.SIZES.values():
        todo = list(study.runs(size, tmp_path, ["digits", "mnist"], list(study.OBJECTIVES), 3))
        assert len(todo) == 2 * 8 * 3
        assert len({run.config.run.workdir for run in todo}) == len(todo)
        for run in todo:
            check_settings(run.config)
        assert {run.config.objective.loss for run in todo} >= {
            "minimax",
            "hinge",
            "relativistic_paired",
        }


def test_objectives_differ_only_in_what_makes_them_up(tmp_path):
    todo = list(study.runs(TINY, tmp_path, ["digits"], list(study.OBJECTIVES), 1))
    for field in "width", "latent_dim", "d_norm", "model", "batch_size", "steps", "ema_decay":
        assert len({run.config.flat()[field] for run in todo}) == 1


@pytest.mark.slow  # half a minute; other tests train and measure
def test_a_run_is_trained_and_measured_once(tmp_path, monkeypatch):
    run = one(tmp_path)
    found = study.result(run, TINY.samples)
    assert set(found["metrics"]) == {
        "frechet_distance",
        "precision",
        "recall",
        "modes",
        "reverse_kl",
    }
    assert found["seconds"] > 0
    monkeypatch.setattr(loop, "run", lambda config: pytest.fail("trained again"))
    assert study.result(run, TINY.samples) == found
    text = study.table("digits", [found], study.comparison_of(run.config.data, TINY.samples))
    header, _, row, real, noise = [line.split("|")[1:-1] for line in text.splitlines()]
    assert len(header) == len(row) == len(real) == len(noise)
    assert row[0].strip() == "hinge"
    assert float(real[2]) < float(row[2]) or float(real[3]) > float(row[3])


def test_a_run_that_diverges_is_told(tmp_path, monkeypatch):
    def diverge(config):
        raise loop.DivergedError("d_loss is nan")

    run = one(tmp_path)
    monkeypatch.setattr(loop, "run", diverge)
    Path(run.config.run.workdir).mkdir(parents=True)
    found = study.result(run, TINY.samples)
    assert found["diverged"] == "d_loss is nan"
    assert json.loads((Path(run.config.run.workdir) / "result.json").read_text()) == found
    text = study.table("digits", [found], study.comparison_of(run.config.data, TINY.samples))
    assert "1, 1 diverged" in text
