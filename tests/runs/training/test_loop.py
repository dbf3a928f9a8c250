"""Runs: what they leave in their workdir, that they can be stopped, and what they refuse."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from ring import RING

from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.training import loop

DIGITS = {
    "width": 4,
    "latent_dim": 8,
    "batch_size": 16,
    "parallel": "jit",
    "steps_per_call": 10,
    "sample_every": 10_000,
    "checkpoint_every": 10_000,
}


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.slow  # the next test is its quick form
def test_a_run_that_was_stopped_ends_in_the_bits_of_one_that_was_not(tmp_path):
    straight = make(**DIGITS, steps=600, workdir=str(tmp_path / "straight"))
    resumed = straight.replace(workdir=str(tmp_path / "resumed"), steps=300)
    expected = loop.run(straight)
    loop.run(resumed)
    result = loop.run(resumed.replace(steps=600))
    assert result.step == 600
    assert digest(result.state) == digest(expected.state)


def test_a_stop_inside_a_block_of_steps_changes_nothing_either(tmp_path):
    straight = make(**RING, steps=40, workdir=str(tmp_path / "straight"))
    resumed = straight.replace(workdir=str(tmp_path / "resumed"), steps=13)
    expected = loop.run(straight)
    loop.run(resumed)
    result = loop.run(resumed.replace(steps=40))
    assert digest(result.state) == digest(expected.state)


@pytest.mark.parametrize(
    "settings", [RING, pytest.param(DIGITS, marks=pytest.mark.slow)], ids=["points", "images"]
)
def test_the_workdir_holds_what_the_readme_says(tmp_path, settings):
    workdir = tmp_path / "run"
    settings = settings | {"sample_every": 10, "checkpoint_every": 10}
    result = loop.run(make(**settings, steps=30, log_every=10, workdir=str(workdir), keep=2))
    names = {path.name for path in workdir.iterdir()}
    assert names == {
        ".lock",
        "flags.txt",
        "metrics.jsonl",
        "tensorboard",
        "samples",
        "checkpoints",
        "curves.png",
    }
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30]
    assert {"d_loss", "g_loss", "d_accuracy_real", "d_accuracy_fake"} <= set(lines[0])
    pictures = sorted((workdir / "samples").glob("step_*.png"))
    assert [path.stem for path in pictures] == [f"step_{i:08d}" for i in (0, 10, 20, 30)]
    assert result.picture == pictures[-1]
    with Image.open(workdir / "samples" / "evolution.gif") as gif:
        assert gif.n_frames == 4
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [20, 30]
    assert list((workdir / "tensorboard").glob("events.out.tfevents.*"))


@pytest.mark.slow  # a quarter of a minute
def test_pictures_show_always_the_same_latents(tmp_path):
    # With learning rates of 0 nothing but the latents could differ.
    settings = DIGITS | {"sample_every": 10, "g_lr": 0.0, "ema_decay": 0.0}
    workdir = tmp_path / "run"
    loop.run(make(**settings, model="mlp", steps=20, workdir=str(workdir)))
    first, *others = sorted((workdir / "samples").glob("step_*.png"))
    for other in others:
        np.testing.assert_array_equal(picture(first), picture(other))


@pytest.mark.slow  # test_feed.py compares the batches
def test_data_that_stay_on_the_host_give_the_same_run(tmp_path):
    settings = {**DIGITS, "model": "mlp", "flip": True, "conditional": True, "d_steps": 2}
    ends = []
    for name, gigabytes in ("device", 4.0), ("host", 0.0):
        workdir = str(tmp_path / name)
        config = make(**settings, steps=20, device_data_gb=gigabytes, workdir=workdir)
        ends.append(digest(loop.run(config).state))
    assert ends[0] == ends[1]


@pytest.mark.slow  # the networks have tests of their own
def test_bfloat16_keeps_parameters_and_statistics_in_float32(tmp_path):
    settings = DIGITS | {"precision": "bfloat16"}
    state = loop.run(make(**settings, steps=10, workdir=str(tmp_path / "run"))).state
    kept = [state.g.params, state.g.state, state.d.params, state.d.state, state.ema]
    assert {leaf.dtype.name for leaf in jax.tree.leaves(kept)} == {"float32"}


@pytest.mark.parametrize("parallel", ["pmap", pytest.param("shard_map", marks=pytest.mark.slow)])
def test_several_devices_train_and_go_on(tmp_path, parallel):
    settings = {**RING, "parallel": parallel}
    straight = loop.run(make(**settings, steps=20, workdir=str(tmp_path / "straight")))
    loop.run(make(**settings, steps=10, workdir=str(tmp_path / "resumed")))
    resumed = loop.run(make(**settings, steps=20, workdir=str(tmp_path / "resumed")))
    assert all(leaf.is_fully_replicated for leaf in jax.tree.leaves(resumed.state.g.params))
    assert len(resumed.state.g.step.sharding.device_set) == 4
    assert digest(straight.state) == digest(resumed.state)


@pytest.mark.slow
def test_a_seed_is_one_run_on_divided_data_too(tmp_path):
    settings = RING | {"num_devices": 2, "shard_data": True, "steps": 10}
    runs = [
        loop.run(make(**settings | {"parallel": parallel}, workdir=str(tmp_path / name)))
        for name, parallel in (("one", "pmap"), ("again", "pmap"), ("other", "shard_map"))
    ]
    assert digest(runs[0].state) == digest(runs[1].state)
    pairs = zip(*[jax.tree.leaves(run.state.g.params) for run in runs[1:]], strict=True)
    for pmapped, shard_mapped in pairs:
        np.testing.assert_allclose(pmapped, shard_mapped, atol=1e-6)
    assert len(runs[0].state.g.step.sharding.device_set) == 2


def test_auto_is_pmap_where_there_are_several_devices(tmp_path):
    result = loop.run(make(**{**RING, "parallel": "auto"}, steps=10, workdir=str(tmp_path / "r")))
    assert len(result.state.g.step.sharding.device_set) == len(jax.local_devices()) == 4


def test_lines_about_steps_that_are_done_again_are_dropped(tmp_path):
    config = make(**RING, steps=20, log_every=10, workdir=str(tmp_path))
    loop.run(config)
    path = tmp_path / "metrics.jsonl"
    with path.open("a") as file:
        file.write('{"step": 30, "d_loss": 1.0}\n{"step": 4')  # cut short by the end of a machine
    loop.run(config.replace(steps=40))
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == [10, 20, 30, 40]


def test_a_run_that_diverges_says_so_and_keeps_its_last_good_state(tmp_path):
    tame = {"optimizer": "sgd", "loss": "wasserstein", "checkpoint_every": 10}
    like = loop.run(make(**RING, **tame, steps=10, workdir=str(tmp_path / "tame"))).state
    wild = tame | {"g_lr": 1e8, "d_lr": 1e8, "steps": 400, "workdir": str(tmp_path / "wild")}
    with pytest.raises(loop.DivergedError, match="d_lr"):
        loop.run(make(**RING, **wild))
    with Checkpoints(tmp_path / "wild" / "checkpoints") as checkpoints:
        assert max(checkpoints.steps(), default=0) < 400
        for step in checkpoints.steps():
            _, state = checkpoints.restore(like, step)
            assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(state.d.params))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "no_such_data"}, "no_such_data"),
        ({"dataset": "folder:/no/such/folder"}, "/no/such/folder"),
        ({"batch_size": 10_001}, "--batch_size=10001.*10000 examples"),
        ({"batch_size": 6, "parallel": "pmap"}, "--batch_size=6.*4 devices"),
        ({"num_devices": 5}, "--num_devices=5: this machine has 4"),
        ({"num_devices": 2, "parallel": "jit"}, "--parallel=jit"),
        ({"image_size": 30}, "--image_size"),
        ({"dataset": "ring", "model": "dcgan"}, "--model=dcgan"),
        ({"dataset": "ring", "model": "mlp", "flip": True}, "--flip"),
        ({"ema_decay": 1.0}, "--ema_decay"),
        ({"label_smoothing": 1.0}, "--label_smoothing"),
        ({"loss": "hinge", "label_smoothing": 0.1}, "--label_smoothing"),
        ({"penalty": "r1"}, "--d_norm=batch"),
        ({"wandb": True}, "--wandb"),
        ({"mlflow": True}, "--mlflow"),
    ],
)
def test_settings_that_cannot_be_run_are_refused_before_anything_is_written(
    tmp_path, settings, message, monkeypatch
):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    workdir = tmp_path / "run"
    with pytest.raises(ValueError, match=message) as caught:
        loop.run(make(**{**DIGITS, **settings}, workdir=str(workdir)))
    assert "\n" not in str(caught.value)
    assert not workdir.exists()


def test_a_workdir_of_another_run_is_refused_with_the_difference(tmp_path):
    config = make(**RING, steps=10, workdir=str(tmp_path))
    loop.run(config)
    before = (tmp_path / "flags.txt").read_text()
    with pytest.raises(ConfigError, match=r"--seed=0 \(now 1\)"):
        loop.run(config.replace(seed=1))
    assert (tmp_path / "flags.txt").read_text() == before


def test_a_directory_with_something_else_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ConfigError, match="not empty"):
        loop.run(make(**RING, workdir=str(tmp_path)))
