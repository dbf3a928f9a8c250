"""Runs that the first program started go on: `workdirs/*.zip` were written by commit f9298f5.

Their flag files name all 96 settings that there were then, those of other GANs too.
"""

import zipfile
from pathlib import Path

import pytest

from jaxgan.checkpoint import Checkpoints
from jaxgan.runs import flags
from jaxgan.runs.restore import restore
from jaxgan.runs.training import loop, sweep

HERE = Path(__file__).with_name("workdirs")


@pytest.fixture
def workdir(request, tmp_path):
    with zipfile.ZipFile(HERE / f"{request.param}.zip") as archive:
        archive.extractall(tmp_path)
    (tmp_path / "samples").mkdir(exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("workdir", ["digits", "pairs", "ring"], indirect=True)
def test_a_run_of_before_goes_on(workdir):
    config = flags.load(workdir).replace(workdir=str(workdir), steps=3, num_devices=1)
    run = sweep.run if config.run.seeds > 1 else loop.run
    assert run(config).step == 3
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        assert checkpoints.steps() == [3]
    lines = (workdir / "metrics.jsonl").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == [f'{{"step": {step}' for step in (1, 2, 3)]


@pytest.mark.parametrize("workdir", ["digits"], indirect=True)
def test_a_flag_file_of_before_is_a_flag_file(workdir):
    """The command that was advised then, train --flagfile=W/flags.txt, parses and is that run."""
    from absl import flags as absl_flags

    values = absl_flags.FlagValues()
    flags.define_settings(values)
    values(["train", f"--flagfile={workdir / 'flags.txt'}"])
    assert flags.from_flags(values).difference(flags.load(workdir)) == {}


@pytest.mark.parametrize("workdir", ["digits"], indirect=True)
def test_a_run_of_before_is_sampled(workdir):
    trained = restore(str(workdir))
    assert trained.step == 2
    assert trained.own.code_categories == 10
