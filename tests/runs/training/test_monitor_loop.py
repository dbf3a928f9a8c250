"""What a run is told about itself, in its workdir and on the screen."""

import json
from pathlib import Path

import pytest
from PIL import Image

from jaxgan.runs.config import make
from jaxgan.runs.show import plots
from jaxgan.runs.training import loop, sweep

# A frozen generator: something that is wrong from the first step on, and stays so.
RING = {
    "dataset": "ring",
    "model": "mlp",
    "width": 8,
    "latent_dim": 2,
    "batch_size": 16,
    "parallel": "jit",
    "steps_per_call": 100,
    "log_every": 100,
    "checkpoint_every": 400,
    "sample_every": 10_000,
}
FROZEN = RING | {"g_lr": 0.0}


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    config = make(**FROZEN, steps=800, workdir=str(tmp_path_factory.mktemp("frozen") / "run"))
    loop.run(config)
    return config, lines_of(config)


def lines_of(config):
    return lines(Path(config.run.workdir) / "monitor.jsonl")


def test_what_is_wrong_is_written_down(frozen):
    _, words = frozen
    assert words[0].keys() == {"step", "state", "level", "text"}
    told = [(word["step"], word["state"], word["level"]) for word in words]
    assert told.count((600, "generator_stalled", "warning")) == 1
    assert {word["level"] for word in words} == {"warning"}


@pytest.mark.slow  # a quarter of a minute each
@pytest.mark.parametrize("stop", [400, 700])
def test_a_run_that_was_stopped_says_what_one_that_was_not_says(frozen, tmp_path, stop, capfd):
    config, expected = frozen
    stopped = config.replace(workdir=str(tmp_path / "run"))
    loop.run(stopped.replace(steps=stop))
    late = {"step": stop + 50, "state": "collapse", "level": "warning", "text": "done again"}
    with (tmp_path / "run" / "monitor.jsonl").open("a") as file:
        file.write(json.dumps(late) + "\n")
    loop.run(stopped)
    assert lines_of(stopped) == expected
    said = capfd.readouterr().err
    for word in expected:
        assert said.count(f"step {word['step']}: {word['text']}") == 1


def test_a_run_in_which_all_is_well_hears_nothing(tmp_path, capfd):
    loop.run(make(**RING, steps=800, workdir=str(tmp_path / "run")))
    said = capfd.readouterr().err
    assert "try " not in said
    words = tmp_path / "run" / "monitor.jsonl"
    assert not words.exists() or {line["level"] for line in lines(words)} == {"good"}


def test_a_critic_is_not_said_to_win(tmp_path):
    critic = RING | {"loss": "wasserstein", "clip_weights": 0.1, "g_lr": 1e-12}
    loop.run(make(**critic, steps=600, workdir=str(tmp_path / "run")))
    words = lines(tmp_path / "run" / "monitor.jsonl")
    states = {word["state"] for word in words}
    assert "generator_stalled" in states
    assert states <= {"generator_stalled", "collapse"}  # an untrained one makes nearly the same


def test_the_signals_are_recorded_and_drawn(frozen, tmp_path):
    workdir = Path(frozen[0].run.workdir)
    recorded = lines(workdir / "metrics.jsonl")[-1]
    both = {f"{player}_{name}" for player in "gd" for name in ("grad_norm", "update_ratio")}
    assert {"d_logit_gap", "d_saturated", "g_diversity", *both} <= set(recorded)
    with Image.open(workdir / "curves.png") as image:
        assert image.size == (1200, 900)
    old = tmp_path / "metrics.jsonl"  # of a run begun before there were signals
    old.write_text('{"step": 1, "d_loss": 1.0, "g_loss": 1.0}\n' + json.dumps(recorded) + "\n")
    assert plots.curves(old, tmp_path / "curves.png").exists()


@pytest.mark.slow
def test_a_population_records_its_signals_and_hears_nothing(tmp_path):
    config = make(**FROZEN, steps=600, seeds=2, workdir=str(tmp_path / "run"))
    table = sweep.run(config).table
    assert not (tmp_path / "run" / "monitor.jsonl").exists()
    row = lines(tmp_path / "run" / "members.jsonl")[-1]
    assert row["g_update_ratio"] == 0.0
    assert "g_diversity" in table
    assert "update_ratio" not in table
