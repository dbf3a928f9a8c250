"""Every preset starts."""

import os
from pathlib import Path

import jax
import numpy as np
import pytest
from absl import flags as absl_flags
from PIL import Image

from jaxgan.runs.build import build
from jaxgan.runs.checks import check, check_settings
from jaxgan.runs.config import ConfigError
from jaxgan.runs.data import facts, load
from jaxgan.runs.flags import define_settings, from_flags, presets
from jaxgan.runs.networks import example
from jaxgan.runs.training import loop
from jaxgan.runs.training.evaluator import Evaluator

FILES = os.environ.get("JAXGAN_TEST_DATA", "")
UPSTREAM = ("dcgan_mnist", "dcgan_fashion_mnist", "r3gan_stacked_mnist")
# They only make a run small.
SMALL = ("--batch_size=4", "--eval_samples=200", "--num_devices=1", "--microbatch=0")
SMALL_NETWORKS = {
    "r3gan_digits": "--widths=16,16,16",
    "biggan_digits": "--width=8",
    "gat_digits": "--width=16",
}


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


OF_PICTURES = [
    name
    for name in sorted(presets())
    if not name.endswith(("_ring", "_notes", "_scenes", "_solids"))
]
# Digits are colored and drawn; pictures in color are turned.
IN_COLOR = {"unpaired:colored:digits": "unpaired:rotated:digits"}
IN_COLOR |= {"unpaired:outlines:digits": "unpaired:rotated:digits"}


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    """A folder of 40 pictures in color, of two classes."""
    folder = tmp_path_factory.mktemp("mine")
    random = np.random.default_rng(0)
    for kind in "cats", "dogs":
        (folder / kind).mkdir()
        for i in range(20):
            picture = random.integers(0, 256, (32, 32, 3), np.uint8)
            Image.fromarray(picture).save(folder / kind / f"{i}.png")
    return folder


def on(folder: Path, preset: str, *more: str):
    """The settings of a preset on a folder, given as the README says, and small."""
    own = small(preset).data.dataset
    own = IN_COLOR.get(own, own)
    name = f"{own.rpartition(':')[0]}:folder:{folder}".removeprefix(":")
    where = [f"--dataset={name}", f"--cache_dir={folder.parent / 'cache'}"]
    patches = ["--patch=4"] if preset == "gat_digits" else []  # which have to fill the pictures
    return small(preset, *where, "--image_size=0", *patches, *more)


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_a_preset_takes_a_folder_of_ones_own(preset, mine, tmp_path):
    """Settings, data and networks; nothing is compiled."""
    config = on(mine, preset, f"--workdir={tmp_path / 'run'}")
    check(config)
    dataset = load(config)
    assert len(dataset.x) in (36, 40) or config.data.dataset.startswith("unpaired:")
    experiment = build(config, facts(dataset))
    jax.eval_shape(experiment.gan.init, jax.random.key(0), example(facts(dataset)))


def _trains_on(mine, preset, tmp_path):
    workdir = f"--workdir={tmp_path / 'run'}"
    config = on(mine, preset, "--steps=2", "--steps_per_call=1", workdir)
    result = loop.run(config)
    assert result.step == 2
    assert Path(result.picture).is_file()


@pytest.mark.parametrize("preset", ["gan_digits", "lsgan_digits"])
def test_a_preset_trains_on_a_folder(preset, mine, tmp_path):
    _trains_on(mine, preset, tmp_path)


@pytest.mark.slow  # each compiles its networks
@pytest.mark.parametrize("preset", OF_PICTURES)
def test_every_preset_trains_on_a_folder(preset, mine, tmp_path):
    _trains_on(mine, preset, tmp_path)


@pytest.mark.parametrize("preset", OF_PICTURES)
def test_a_preset_says_nothing_that_only_digits_have(preset):
    """Neither numbers of examples and pixels, nor measures that need a network for the data."""
    config = small(preset)
    assert not config.evaluation.eval_every
    assert config.data.split in ("train", "train[:90%]")
    assert getattr(config.own_of_model, "attention", "0") in ("0", "1/2")


def test_runs_of_presets_that_said_it_in_other_words_go_on(tmp_path):
    """`train[:9000]` is `train[:90%]` of the digits, and a height of 14 half of theirs."""
    for preset, before, after in (
        ("pix2pix_digits", "--split=train[:9000]", "--split=train[:90%]"),
        ("sagan_digits", "--attention=14", "--attention=1/2"),
    ):
        now = small(preset, f"--workdir={tmp_path / preset}")
        written = now.to_flags()
        assert f"{after}\n" in written
        (tmp_path / preset).mkdir()
        (tmp_path / preset / "flags.txt").write_text(written.replace(after, before))
        check(now)
        with pytest.raises(ConfigError, match="holds another run"):
            check(now.replace(image_size=32))
    assert np.array_equal(
        load(small("pix2pix_digits")).x, load(small("pix2pix_digits", "--split=train[:9000]")).x
    )
