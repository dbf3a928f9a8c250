"""Settings that are chosen from the data."""

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from absl import flags as absl_flags
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jaxgan.models.sizes import check_image_size
from jaxgan.runs.automatic import Seen, choices, is_wanted, look, settle
from jaxgan.runs.checks import check
from jaxgan.runs.commands import train
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.flags import define, define_settings, from_flags
from jaxgan.runs.settings import sides

HORSES = Seen(5000, (32, 32), True, 3)
DIGITS = Seen(10_000, (28, 28), True, 1, classes=10, fewest=892)
EMOJI = Seen(500, (72, 72), True, 3)
PHOTOS = Seen(20_000, (480, 480), False, 3, platform="gpu")


def chosen(seen):
    return {choice.name: choice.value for choice in choices(seen)}


def test_a_third_stage_is_chosen_where_there_is_one_to_choose():
    assert "coarsest" not in chosen(HORSES)  # 32 is halved down to 4 as it is


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (HORSES, {"image_size": 32, "augment": "diffaugment", "conditional": False}),
        (DIGITS, {"image_size": 28, "augment": "none", "conditional": True, "coarsest": 4}),
        (EMOJI, {"image_size": 32, "augment": "diffaugment", "batch_size": 32}),
        (PHOTOS, {"image_size": 128, "augment": "none", "width": 64, "batch_size": 64}),
        (HORSES._replace(size=(48, 32)), {"image_size": "48x32"}),
        (HORSES._replace(size=(96, 64)), {"image_size": "48x32"}),
        (HORSES._replace(size=(30, 30)), {"image_size": 28}),  # never larger than they are
        (HORSES._replace(size=(8, 8)), {"image_size": 12}),  # unless there is no such network
        (HORSES._replace(size=(32, 320)), {"image_size": 32}),  # the middle of a panorama
        (PHOTOS._replace(size=(100, 100)), {"image_size": 96}),
        (HORSES._replace(pictures=9), {"batch_size": 8}),
        (HORSES._replace(pictures=1), {"batch_size": 1}),
        (DIGITS._replace(fewest=3), {"conditional": False}),
        (DIGITS._replace(classes=1), {"conditional": False}),
        (DIGITS._replace(classes=1000), {"conditional": False}),
        (HORSES._replace(pictures=9_999), {"augment": "diffaugment"}),
        (HORSES._replace(pictures=10_000), {"augment": "none"}),
        (PHOTOS._replace(size=(64, 64)), {"image_size": 64, "penalty_weight": 0.08}),
        (DIGITS, {"penalty_weight": 0.005}),
    ],
    ids=str,
)
def test_what_is_chosen(seen, expected):
    found = chosen(seen)
    assert {name: found[name] for name in expected} == expected


SEEN = st.builds(
    Seen,
    pictures=st.integers(1, 10**6),
    size=st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    alike=st.booleans(),
    channels=st.sampled_from([1, 3]),
    classes=st.integers(0, 2000),
    fewest=st.integers(0, 1000),
    platform=st.sampled_from(["cpu", "gpu", "tpu", "something new"]),
)


@given(SEEN)
def test_whatever_is_seen_the_choice_can_be_trained(seen):
    found = choices(seen)
    names = [choice.name for choice in found]
    assert len(set(names)) == len(names)
    assert all(choice.reason for choice in found)
    config = make(**{choice.name: choice.value for choice in found}, parallel="jit")
    size = sides(config.data.image_size)
    assert size is not None
    check_image_size(size, seen.channels)
    assert config.optimization.batch_size <= seen.pictures
    check(config.replace(workdir="/tmp/never/made"))


def read(*line):
    values = absl_flags.FlagValues()
    define_settings(values)
    define("auto", bool, "", flag_values=values)
    values(["train", *line])
    return values


@pytest.mark.parametrize("seen", [HORSES, DIGITS, PHOTOS], ids=str)
def test_the_flags_that_are_told_mean_what_was_chosen(seen):
    config = from_flags(read(*(choice.flag for choice in choices(seen))))
    assert not config.difference(make(**chosen(seen)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (["--dataset=folder:mine"], True),
        (["--dataset=folder:mine", "--width=8", "--loss=hinge"], True),
        (["--dataset=folder:mine", "--recipe=gan"], False),
        (["--dataset=folder:mine", "--model=dcgan"], False),
        (["--dataset=folder:mine", "--noauto"], False),
        (["--dataset=digits"], False),
        (["--dataset=digits", "--auto"], True),
        (["--dataset=outlines:folder:mine"], False),
        ([], False),
    ],
)
def test_when_it_chooses(line, expected):
    assert is_wanted(read(*line)) is expected


def test_it_does_not_choose_what_is_chosen():
    with pytest.raises(ConfigError, match="--auto: it chooses --recipe too"):
        is_wanted(read("--auto", "--recipe=stylegan2"))


@pytest.fixture
def mine(tmp_path):
    """A folder of 60 pictures of 40x64, two of them saved on their side."""
    random = np.random.default_rng(0)
    (tmp_path / "mine").mkdir()
    for i in range(60):
        picture = Image.fromarray(random.integers(0, 256, (40, 64, 3), np.uint8))
        about = picture.getexif()
        if i % 30 == 0:
            about[0x0112] = 6
            picture = picture.rotate(90, expand=True)
        picture.save(tmp_path / "mine" / f"{i}.jpg", exif=about)
    return tmp_path


def flags_on(mine, *more):
    return read(
        f"--dataset=folder:{mine / 'mine'}",
        f"--workdir={mine / 'run'}",
        f"--cache_dir={mine / 'cache'}",
        "--parallel=jit",
        *more,
    )


def test_what_it_sees_of_a_folder(mine):
    seen = look(from_flags(flags_on(mine)))
    assert seen == Seen(60, (40, 64), True, 3, platform="cpu")
    Image.new("RGB", (100, 90)).save(mine / "mine" / "x.png")
    seen = look(from_flags(flags_on(mine)))
    assert seen == Seen(61, (40, 40), False, 3, platform="cpu")
    assert "of several sizes" in str(seen)
    zipped = shutil.make_archive(str(mine / "mine"), "zip", mine / "mine")
    assert look(from_flags(flags_on(mine, f"--dataset=folder:{zipped}"))) == seen


def test_a_run_is_what_was_chosen_and_goes_on_as_it_was_begun(mine):
    config, text = settle(flags_on(mine, "--width=8"))
    assert (config.networks.width, config.data.image_size) == (8, "32x48")
    assert "--image_size=32x48" in text
    assert "--width" not in text  # it was not chosen
    check(config)
    (mine / "run").mkdir()
    (mine / "run" / "flags.txt").write_text(config.to_flags(of_workdir=True))
    for i in range(60, 90):
        Image.new("RGB", (9, 9)).save(mine / "mine" / f"{i}.png")  # it would choose otherwise now
    again, text = settle(flags_on(mine))
    assert not again.difference(config)
    assert "begun" in text
    check(again)
    with pytest.raises(ConfigError, match="holds another run"):
        check(settle(flags_on(mine, "--width=9"))[0])


@pytest.mark.parametrize(
    "line",
    [
        *("--penalty=none", "--augment=none", "--optimizer=sgd", "--loss=hinge", "--conditional"),
        *("--ema_decay=0.9", "--d_norm=layer", "--image_size=64", "--batch_size=2", "--steps=3"),
        *("--upsample=bilinear", "--beta1=0.5", "--penalty_every=1", "--augment_policy=cutout"),
    ],
)
def test_every_choice_can_be_changed(mine, line):
    if line == "--conditional":
        for i in range(60):
            place = mine / "mine" / f"kind{i % 2}"
            place.mkdir(exist_ok=True)
            (mine / "mine" / f"{i}.jpg").rename(place / f"{i}.jpg")
    config, text = settle(flags_on(mine, line))
    check(config)
    name, _, value = line.removeprefix("--").partition("=")
    assert str(config.flat()[name]) == (value or "True")
    assert f"  --{name}" not in text


def test_what_it_sees_of_other_data():
    assert look(make(dataset="digits")) == DIGITS
    some = make(dataset="digits", split="train[:100]", image_size="48x32")
    assert look(some)[:4] == (100, (48, 32), True, 1)


def test_what_are_no_pictures_is_refused():
    with pytest.raises(ConfigError, match="--dataset=ring are no pictures"):
        look(make(dataset="ring"))
    with pytest.raises(ConfigError, match="no pictures to learn from alone"):
        look(make(dataset="outlines:digits"))


def test_the_rules_are_whole():
    """Each choice is a setting that there is, and none gives way to one that there is not."""
    names = make().flat() | chosen(HORSES)
    for seen in (HORSES, DIGITS, EMOJI, PHOTOS):
        for choice in choices(seen):
            assert choice.name in names
            assert not choice.unless or choice.unless in make().flat()


def test_a_dry_run_tells_and_writes_a_preview_and_nothing_else(mine):
    """As the command does it, from a directory of its own."""
    root = Path(__file__).parents[2]
    command = root / "experiments" / "train.py"
    (mine / "here").mkdir()
    line = (f"--dataset=folder:{mine / 'mine'}", f"--cache_dir={mine / 'cache'}", "--dry_run")
    done = subprocess.run(
        [sys.executable, str(command), *line, "--width=8", "--out=seen.png"],
        env={"HOME": str(mine / "home"), "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        cwd=mine / "here",
    )
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(":", 1) for line in done.stdout.splitlines() if ": " in line)
    assert [path.name for path in (mine / "here").iterdir()] == ["seen.png"]
    with Image.open(mine / "here" / "seen.png") as picture:
        width, height = picture.size
    assert (width // (48 + 2), height // (32 + 2)) == (10, 4)
    # DCGAN at 32x48 with width 8: 4x6 of 32 channels, doubled to 16, 8 and 3.
    dense, norms = 100 * 4 * 6 * 32, 2 * (32 + 16 + 8)
    assert lines["G"].split()[0] == f"{dense + norms + 9 * (32 * 16 + 16 * 8 + 8 * 3) + 3:,}"
    assert "--augment=diffaugment" in done.stdout


def test_a_preview_goes_with_a_dry_run(mine, monkeypatch):
    values = absl_flags.FlagValues()
    define("dry_run", bool, "", default=False, flag_values=values)
    define("out", str, "", flag_values=values)
    values(["train", "--out=x.png"])
    monkeypatch.setattr(train.flags, "FLAGS", values)
    with pytest.raises(ConfigError, match=r"--out=x\.png: it goes with --dry_run"):
        train.check_out()
