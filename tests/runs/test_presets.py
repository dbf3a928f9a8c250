"""Every preset starts."""

import os
from pathlib import Path

import pytest
from absl import flags as absl_flags

from jaxgan.runs.build import build
from jaxgan.runs.checks import check_settings
from jaxgan.runs.data import facts, load
from jaxgan.runs.flags import define_settings, from_flags, presets
from jaxgan.runs.training import loop
from jaxgan.runs.training.evaluator import Evaluator

FILES = os.environ.get("JAXGAN_TEST_DATA", "")
UPSTREAM = ("dcgan_mnist", "dcgan_fashion_mnist", "r3gan_stacked_mnist")
# They only make a run small.
SMALL = ("--batch_size=4", "--eval_samples=200", "--num_devices=1", "--microbatch=0")
SMALL_NETWORKS = {"r3gan_digits": "--widths=16,16,16", "biggan_digits": "--width=8"}


@pytest.fixture(params=sorted(presets()))
def preset(request):
    if request.param in UPSTREAM and not FILES:
        pytest.skip("JAXGAN_TEST_DATA names no folder with the upstream files")
    if "photos" in request.param:
        pytest.importorskip("skimage")
    return request.param


def small(preset: str, *more: str):
    """The settings of a preset, as the command reads them, but for what makes it small."""
    values = absl_flags.FlagValues()
    define_settings(values)
    data = [f"--manual_dir={FILES}"] if preset in UPSTREAM else []
    width = SMALL_NETWORKS.get(preset, "--width=16" if "r3gan" in preset else "--width=4")
    values(["train", f"--flagfile={presets()[preset]}", *SMALL, width, *data, *more])
    return from_flags(values)


def test_a_preset_is_set_up(preset):
    """Settings, data, networks, and what is measured while it trains; nothing is compiled."""
    config = small(preset)
    check_settings(config)
    dataset = load(config)
    experiment = build(config, facts(dataset))
    if config.evaluation.eval_every:
        Evaluator(config, experiment.gan, dataset)


@pytest.mark.slow  # each compiles its networks
def test_a_preset_trains_two_steps(preset, tmp_path):
    config = small(preset, "--steps=2", "--steps_per_call=1", f"--workdir={tmp_path / 'run'}")
    result = loop.run(config)
    assert result.step == 2
    assert Path(result.picture).is_file()


def test_a_preset_says_where_it_came_from(preset):
    """Its head has the paper, the command, the machine, the time and what came of it."""
    head = [line for line in presets()[preset].read_text().splitlines() if line.startswith("#")]
    for word in ("Command:", "Machine:", "Time:", "Result:"):
        assert any(line.startswith(f"# {word}") for line in head), word
