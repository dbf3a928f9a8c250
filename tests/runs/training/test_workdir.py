"""A workdir has one writer, speaks of itself wherever it lies, and knows what it was trained on."""

import fcntl
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.runs import flags
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.data import load, notes_of
from jaxgan.runs.restore import restore
from jaxgan.runs.training import loop
from jaxgan.runs.workdir import check_data

RING = {
    "dataset": "ring",
    "model": "mlp",
    "width": 8,
    "latent_dim": 4,
    "parallel": "jit",
    "checkpoint_every": 10,
    "log_every": 10,
    "steps": 20,
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "begun"
    loop.run(make(**RING, workdir=str(workdir)))
    return workdir


@pytest.fixture
def run(begun, tmp_path):
    return Path(shutil.copytree(begun, tmp_path / "run"))


# Where it is


def test_what_is_read_from_a_copy_speaks_of_the_copy(begun, tmp_path):
    copy = Path(shutil.copytree(begun, tmp_path / "copy"))
    before = sorted(path.name for path in begun.rglob("*"))
    assert flags.load(copy).run.workdir == str(copy)
    assert str(begun) not in (copy / "flags.txt").read_text()
    argv = flags._with_workdirs(["train", f"--flagfile={copy}/flags.txt", "--steps=30"])
    assert argv == ["train", f"--flagfile={copy}/flags.txt", f"--workdir={copy}", "--steps=30"]
    loop.run(flags.load(copy).replace(steps=30))
    with Checkpoints(copy / "checkpoints") as checkpoints:
        assert checkpoints.steps()[-1] == 30
    assert sorted(path.name for path in begun.rglob("*")) == before


def test_a_workdir_of_version_0_1_that_was_moved_speaks_of_where_it_is(run):
    with (run / "flags.txt").open("a") as file:
        file.write("--workdir=/somewhere/else\n")
    assert flags.load(run).run.workdir == str(run)


def test_paths_in_a_workdir_are_right_from_any_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = make(dataset="unpaired:folder:a,folder:sub/b", recipe="cyclegan", data_dir="tfds")
    written = config.to_flags(of_workdir=True)
    assert f"--dataset=unpaired:folder:{tmp_path}/a,folder:{tmp_path}/sub/b\n" in written
    assert f"--data_dir={tmp_path}/tfds\n" in written
    assert "--manual_dir=\n" in written
    assert "--workdir" not in written


def test_a_folder_of_pictures_may_move():
    here, there = make(dataset="folder:here"), make(dataset="folder:/there")
    assert here.difference(there) == {}
    assert here.difference(make(dataset="digits"))


@pytest.mark.parametrize("line", ["--flagfile=/etc/passwd", "--no_such_flag", "\x00\xff"])
def test_a_flag_file_that_is_not_of_a_run_is_refused_in_a_line(run, line):
    (run / "flags.txt").write_text(line)
    with pytest.raises(ConfigError) as caught:
        flags.load(run)
    assert "\n" not in str(caught.value)


# One writer


def test_a_second_run_in_the_same_workdir_is_refused(run):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    config = flags.load(run).replace(steps=30)
    with (run / ".lock").open("a+") as file:  # what another process would hold
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match=r"process \d+ on .* is training there"):
            loop.run(config)
        assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
        assert restore(str(run)).step == 20  # readers need no lock
    assert loop.run(config).step == 30


def test_where_there_are_no_locks_a_run_goes_on(run, monkeypatch, caplog):
    def no_locks(*arguments):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert loop.run(flags.load(run).replace(steps=30)).step == 30
    assert "cannot be locked" in caplog.text


# Learning rates that change on the way


def test_learning_rates_change_on_purpose_only_and_are_noted(run):
    """Without a rate G stays what it was, and D does not."""
    before = loop.run(flags.load(run)).state  # nothing is left to do
    config = flags.load(run).replace(steps=30, g_lr=0.0)
    with pytest.raises(ConfigError, match=r"--g_lr=0.0005 \(now 0.0\); .* add --accept_rates"):
        loop.run(config)
    with pytest.raises(ConfigError, match="it holds another run") as caught:
        loop.run(config.replace(seed=5, accept_rates=True))
    assert "--accept_rates" not in str(caught.value)
    assert not (run / "changes.jsonl").exists()
    result = loop.run(config.replace(accept_rates=True))
    stays = jax.tree.map(np.array_equal, before.g.params, result.state.g.params)
    assert all(jax.tree.leaves(stays))
    moved = jax.tree.map(np.array_equal, before.d.params, result.state.d.params)
    assert not any(jax.tree.leaves(moved))
    (line,) = (run / "changes.jsonl").read_text().splitlines()
    assert json.loads(line) == {"step": 20, "g_lr": [0.0005, 0.0]}
    assert flags.load(run).optimization.g_lr == 0.0
    assert loop.run(flags.load(run).replace(steps=40)).step == 40  # from here on it is the run's


# Checkpoints that are gone or damaged


@pytest.mark.parametrize("what", ["steps", "folder"])
def test_a_run_whose_checkpoints_are_gone_does_not_begin_anew(run, what):
    shutil.rmtree(run / "checkpoints")
    if what == "steps":
        (run / "checkpoints").mkdir()
    before = (run / "metrics.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=r"none of its checkpoints; put .* or remove"):
        loop.run(flags.load(run))
    assert (run / "metrics.jsonl").read_bytes() == before


def test_a_run_that_was_killed_before_it_had_anything_begins(tmp_path):
    for name in ".lock", ".flags.txt":  # the second one is its settings, half-written
        (tmp_path / name).write_text("--")
    assert loop.run(make(**RING, workdir=str(tmp_path))).step == 20


def test_a_damaged_checkpoint_is_set_aside_and_made_again(run):
    whole = loop.run(flags.load(run)).state
    record = run / "checkpoints" / "20" / "record.json"
    record.write_text(record.read_text().replace('"step": 20', '"step": 30'))
    assert restore(str(run)).step == 10
    again = loop.run(flags.load(run)).state
    assert digest(again) == digest(whole)
    assert (run / "checkpoints" / "20.aside").is_dir()
    with Checkpoints(run / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [10, 20]


def test_records_that_were_cut_short_or_damaged_do_not_stop_a_run(run):
    with (run / "metrics.jsonl").open("ab") as file:
        file.write(b'\xff\xfe{"step": 15}\n[1]\n{"step": "x"}\n{"step": 16, "d_l')
    loop.run(flags.load(run).replace(steps=30))
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30]


# The data


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for kind in "cats", "dogs":
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for i in range(8):
            pixels = random.integers(0, 256, (28, 28), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / kind / f"{i}.png")
    return tmp_path / "pets"


def pets(folder, **more):
    settings = {
        "dataset": f"folder:{folder}",
        "cache_dir": str(folder.parent / "cache"),
        "workdir": str(folder.parent / "run"),
        "model": "mlp",
        "width": 4,
        "latent_dim": 4,
        "batch_size": 8,
        "steps": 1,
        "steps_per_call": 1,
        "parallel": "jit",
    }
    return make(**settings | more)


def rename(folder):
    (folder / "cats").rename(folder / "zebras")


def add(folder):
    shutil.copy(folder / "cats" / "0.png", folder / "cats" / "9.png")


def replace(folder):
    Image.new("L", (28, 28)).save(folder / "dogs" / "3.png")


def third(folder):
    shutil.copytree(folder / "cats", folder / "birds")


def color(folder):
    Image.new("RGB", (28, 28), "red").save(folder / "dogs" / "3.png")


@pytest.mark.parametrize(
    ("change", "difference", "may_go_on"),
    [
        (rename, r"class 0 is 'dogs' and was 'cats'", True),
        (add, r"it has 17 examples and had 16", True),
        (replace, r"its examples, or their order, are not the same", True),
        (third, r"it has 3 classes and had 2 \('birds'\)", False),
        (color, r"its examples are 28x28x3 and were 28x28x1", False),
    ],
)
def test_data_that_have_changed_are_noticed(folder, change, difference, may_go_on):
    config = pets(folder)
    before = json.loads(json.dumps(notes_of(load(config))))
    check_data(config, before, notes_of(load(config)))
    change(folder)
    now = notes_of(load(config))
    with pytest.raises(ConfigError, match=difference) as caught:
        check_data(config, before, now)
    assert "\n" not in str(caught.value)
    assert ("--accept_data" in str(caught.value)) == may_go_on
    accepting = config.replace(accept_data=True)
    if may_go_on:
        check_data(accepting, before, now)
    else:
        with pytest.raises(ConfigError, match=difference):
            check_data(accepting, before, now)


def test_a_run_on_other_data_goes_on_only_if_that_is_asked_for(folder):
    loop.run(pets(folder))
    moved = folder.rename(folder.parent / "animals")
    rename(moved)
    with pytest.raises(ConfigError, match="class 0 is 'dogs' and was 'cats'"):
        loop.run(pets(moved, steps=2))
    assert loop.run(pets(moved, steps=2, accept_data=True)).step == 2
    config = pets(moved, steps=3)
    assert loop.run(config).step == 3  # from now on these are its data
    assert f"--dataset=folder:{moved}\n" in Path(config.run.workdir, "flags.txt").read_text()
