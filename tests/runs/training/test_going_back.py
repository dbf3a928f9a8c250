"""Runs whose losses or gradients are not finite: skipped updates, rollbacks, and the end of it."""

import json
import shutil

import jax
import numpy as np
import pytest
from ring import RING

from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.runs import data
from jaxgan.runs.config import make
from jaxgan.runs.training import health, loop

RUN = RING | {
    "log_every": 10,
    "checkpoint_every": 10,
    "sample_every": 10,
    "steps": 40,
}


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def bad_data(monkeypatch):
    """Every `every`-th example of the data is not a number."""

    def spoil(every):
        load = data.load

        def spoiled(config):
            dataset = load(config)
            x = dataset.x.copy()
            x[::every] = np.nan
            return dataset._replace(x=x)

        monkeypatch.setattr("jaxgan.runs.training.prepare.load", spoiled)

    return spoil


def test_bad_examples_cost_their_steps_and_no_more(tmp_path, bad_data, capfd):
    bad_data(every=1000)  # of 64 each; 50 of 50,000 examples
    result = loop.run(make(**RUN, workdir=str(tmp_path)))
    assert result.step == 40
    lines = lines_of(tmp_path / "metrics.jsonl")
    assert [line["step"] for line in lines] == [10, 20, 30, 40]
    assert 0 < sum(line["d_skipped"] for line in lines) < 1
    assert all(np.isfinite(value) for line in lines for value in line.values())
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.d.params))
    assert "of 10 steps were skipped: d_loss is nan at step" in capfd.readouterr().err
    assert not (tmp_path / "rollbacks.jsonl").exists()


def test_too_many_in_a_row_make_it_go_back_and_in_the_end_give_up(tmp_path, bad_data, capfd):
    good = make(**RUN, workdir=str(tmp_path), max_skipped=5, max_rollbacks=2)
    before = loop.run(good.replace(steps=20)).state
    kept = digest(before)
    bad_data(every=1)
    with pytest.raises(loop.DivergedError) as caught:
        loop.run(good)
    message = str(caught.value)
    assert message.startswith(
        "the run diverged, also after going back 2 times: d_loss is nan at step 21; "
    )
    assert "the checkpoint of step 20 is kept" in message
    assert capfd.readouterr().err.count("going back to step 20") == 2
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        step, state = checkpoints.restore(before)
        assert (step, digest(state)) == (20, kept)
    assert [line["back_to"] for line in lines_of(tmp_path / "rollbacks.jsonl")] == [20, 20, 20]
    # Where the data are mended, the same command goes on, with the batches in another order.
    bad_data(every=10**9)
    assert loop.run(good).step == 40
    assert [line["step"] for line in lines_of(tmp_path / "metrics.jsonl")] == [10, 20, 30, 40]


def test_after_going_back_the_batches_are_others_and_a_resumed_run_has_them_too(tmp_path):
    config = make(**RUN, workdir=str(tmp_path / "run"))
    loop.run(config.replace(steps=20))
    ends = {}
    for name, rollbacks, stops in (
        ("none", 0, [40]),
        ("one", 1, [40]),
        ("one, resumed", 1, [30, 40]),
        ("two", 2, [40]),
    ):
        workdir = shutil.copytree(tmp_path / "run", tmp_path / name)
        lines = [json.dumps({"step": 30, "back_to": 20, "reason": ""}) + "\n"] * rollbacks
        (workdir / "rollbacks.jsonl").write_text("".join(lines))
        for steps in stops:
            result = loop.run(config.replace(workdir=str(workdir), steps=steps))
        ends[name] = digest(result.state)
    assert ends["one"] == ends["one, resumed"]
    assert len(set(ends.values())) == 3


def test_an_absurd_learning_rate_ends_in_one_line(tmp_path):
    wild = {"g_lr": 1e30, "d_lr": 1e30, "optimizer": "sgd", "loss": "wasserstein"}
    with pytest.raises(loop.DivergedError, match="try a smaller --d_lr") as caught:
        loop.run(make(**RUN | wild | {"steps": 400}, workdir=str(tmp_path)))
    assert "\n" not in str(caught.value)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [0]


def test_the_first_fault_is_named():
    metrics = {
        "d_skipped": np.array([0, 0, 1, 1.0]),
        "g_skipped": np.zeros(4),
        "d_loss": np.array([1, 2, np.inf, np.nan]),
        "g_loss": np.ones(4),
    }
    assert health.first_fault(metrics, 11) == "d_loss is inf at step 13"
    metrics["d_loss"] = np.ones(4)
    assert health.first_fault(metrics, 11) == "the gradient of D is not finite at step 13"
    metrics["d_skipped"] = np.zeros(4)
    assert health.first_fault(metrics, 11) == ""


@pytest.mark.parametrize(
    ("skipped", "before", "now"),
    [([0, 1, 1], 5, 2), ([1, 1, 1], 5, 8), ([1, 1, 0], 5, 0), ([0], 0, 0), ([1], 0, 1)],
)
def test_a_streak_goes_on_from_call_to_call(skipped, before, now):
    assert health.streak(np.array(skipped, bool), before) == now
    several = health.streak(np.array([skipped, skipped], bool), np.array([before, 0]))
    assert several[0] == now
