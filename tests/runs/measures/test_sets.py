"""Two sets of pictures: where they come from, what is measured, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan import data, metrics
from jaxgan.data import DataError
from jaxgan.metrics import classifiers, inception
from jaxgan.runs.measures import sets
from jaxgan.runs.measures.features import features_of
from jaxgan.runs.settings import ConfigError

ROOT = Path(__file__).parents[3]


def pictures(n, side=32, channels=3, seed=0):
    """Pictures of two colored rectangles each, with a little noise."""
    random = np.random.default_rng(seed)
    x = np.empty((n, side, side, channels))
    for one in x:
        one[:] = random.integers(0, 256, channels)
        top, left = random.integers(0, side // 2, 2)
        one[top : top + side // 2, left : left + side // 2] = random.integers(0, 256, channels)
    return np.clip(x + random.normal(0, 4, x.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    def make(name, x):
        (tmp_path / name).mkdir()
        for i, one in enumerate(x):
            Image.fromarray(one.squeeze()).save(tmp_path / name / f"{i:04}.png")
        return str(tmp_path / name)

    return make


@pytest.fixture
def load(tmp_path):
    return lambda value, **settings: sets.load(
        "real", str(value), cache_dir=str(tmp_path / "cache"), **settings
    )


def by_name(found):
    return {row.name.partition("/")[2]: row for row in found["rows"]}


def test_a_folder_and_an_array_of_the_same_pictures_are_one_set(folder, load, tmp_path):
    x = pictures(30)
    from_folder = load(folder("photos", x))
    np.testing.assert_array_equal(from_folder.x, x)
    for name in "samples", "arr_0":
        np.savez(tmp_path / "x.npz", **{name: x})
        np.testing.assert_array_equal(load(tmp_path / "x.npz").x, x)
    assert len(load("digits").x) == 10_000
    assert load("digits", image_size=32).x.shape[1:] == (32, 32, 1)


def test_distances_are_those_of_the_library_over_all_pictures(folder, load):
    real, fake = pictures(150), pictures(90, seed=1) // 2
    found = sets.compare(load(folder("real", real)), load(folder("fake", fake)))
    assert found["real"].startswith("150 pictures of folder:")
    assert found["real"].endswith("/real, 32x32 color")
    network = classifiers.load("cifar10")
    a, b = (features_of(network, x).values for x in (real, fake))
    rows = by_name(found)
    expected = metrics.frechet_distance(metrics.moments(b), metrics.moments(a))
    assert rows["frechet_distance"].value == pytest.approx(expected, rel=1e-6)
    expected = metrics.kernel_distance(b, a, subset_size=90)
    assert rows["kernel_distance"].value == pytest.approx(expected.value, rel=1e-6)
    assert {"precision", "recall", "density", "coverage"} <= rows.keys() | {
        text.partition(" ")[0].partition("/")[2] for text in found["left_out"]
    }
    for row in rows.values():
        assert row.samples == 90
        assert row.noise is not None
    # One half against the other: 75 pictures are more than 64 features.
    assert 0 <= rows["frechet_distance"].real < rows["frechet_distance"].value


def test_equal_sets_have_no_distance(load, folder):
    real = load(folder("real", pictures(80)))
    rows = by_name(sets.compare(real, real))
    assert rows["frechet_distance"].value == pytest.approx(0, abs=1e-6)
    assert rows["frechet_distance"].real is None  # 40 pictures are fewer than 64 features
    assert rows["kernel_distance"].value < rows["kernel_distance"].noise
    assert rows["kernel_distance"].spread is None  # every subset is the set


def test_twenty_pictures_are_compared_by_what_is_defined_for_them(load, folder):
    real = load(folder("real", pictures(20)))
    found = sets.compare(real, real)
    assert "kernel_distance" in by_name(found)
    assert "frechet_distance" not in by_name(found)
    assert any("it needs 65 examples" in text for text in found["left_out"])


def test_statistics_stand_for_the_pictures(load, folder, tmp_path):
    real, fake = load(folder("real", pictures(120))), load(folder("fake", pictures(100, seed=1)))
    file = tmp_path / "real.npz"
    whole = sets.compare(real, fake, save_statistics=str(file))
    with np.load(file, allow_pickle=False) as kept:
        assert (kept["number"], str(kept["features"])) == (120, "cifar10")
        features = features_of(classifiers.load("cifar10"), real.x).values
        np.testing.assert_allclose(kept["mu"], features.mean(0), atol=1e-5)
        np.testing.assert_allclose(kept["sigma"], np.cov(features.T), atol=1e-5)
        plain = {"mu": kept["mu"], "sigma": kept["sigma"]}
    again = sets.compare(load(file), fake)
    expected = by_name(whole)["frechet_distance"]
    assert [row.name for row in again["rows"]] == ["cifar10/frechet_distance"]
    assert again["rows"][0].value == pytest.approx(expected.value, rel=1e-9)
    assert again["rows"][0].noise == pytest.approx(expected.noise, rel=1e-9)
    np.savez(tmp_path / "plain.npz", **plain)  # as pytorch-fid writes them
    plain = sets.compare(load(tmp_path / "plain.npz"), fake)
    assert plain["rows"][0].value == pytest.approx(expected.value, rel=1e-6)
    few = sets.compare(load(file), fake._replace(x=fake.x[:30]))
    assert few["rows"] == []
    assert any("it needs 65 pictures, and there are 30" in text for text in few["left_out"])
    with pytest.raises(ConfigError, match=r"statistics are those of cifar10.*features of pixels"):
        sets.compare(load(file), fake, features="pixels")
    with pytest.raises(ConfigError, match="swap them"):
        sets.compare(real, load(file))
    with pytest.raises(ConfigError, match="has statistics already"):
        sets.compare(load(file), fake, save_statistics="x.npz")


def test_sizes_that_differ_are_said_and_change_little(load, folder):
    x = pictures(150)
    large = x.repeat(3, axis=1).repeat(3, axis=2)
    found = sets.compare(load(folder("real", x)), load(folder("large", large)))
    assert found["remarks"] == [
        "real pictures are 32x32 and fake ones 96x96: both are resized, antialiased, to the size "
        "that cifar10 takes"
    ]
    rows = by_name(found)
    assert rows["frechet_distance"].value < 0.1 * rows["frechet_distance"].noise


def test_inception_sees_pictures_of_two_sizes_antialiased_and_once(monkeypatch, load, folder):
    """A fine grid becomes gray, not a coarse grid, and the network gets its own size."""
    seen = []

    def apply(images):
        seen.append(np.asarray(images))
        return images.reshape(len(images), -1)[:, :4].astype(np.float32), np.zeros((len(images), 0))

    monkeypatch.setattr(
        inception, "load", lambda path: metrics.FeatureNetwork("inception", 4, apply)
    )
    grid = np.indices((900, 900)).sum(0) % 2 * 255
    large = np.broadcast_to(grid[None, ..., None], (6, 900, 900, 3)).astype(np.uint8)
    real = data.Dataset(large, None, "large")
    found = sets.compare(real, data.Dataset(pictures(6), None, "small"), weights="x.pth")
    assert {one.shape[1:] for one in seen} == {(299, 299, 3)}
    assert "900x900 and fake ones 32x32" in found["remarks"][0]
    assert seen[-1].dtype == np.uint8
    shrunk = next(one for one in seen if np.ptp(one[0, 20:-20, 20:-20].astype(int)) < 60)
    assert abs(shrunk[0, 20:-20, 20:-20].mean() - 127.5) < 10


def test_gray_and_color_are_compared_as_color(load, folder):
    real, fake = load(folder("real", pictures(90))), load(folder("gray", pictures(80, channels=1)))
    found = sets.compare(real, fake)
    assert found["remarks"] == [
        "the fake pictures are gray and the others are not: compared as color"
    ]
    assert found["features"] == "cifar10"
    assert "frechet_distance" in by_name(found)
    digits = data.load("digits", split="train[:200]")
    assert sets.compare(digits, digits)["features"] == "digits"
    assert sets.compare(digits, fake._replace(x=fake.x.repeat(3, -1)))["features"] == "cifar10"


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3)}, "it has x; expected pictures called samples or arr_0"),
        ({}, "it has nothing; expected pictures"),
        ({"samples": np.zeros((4, 8, 8, 3))}, r"samples is float64 \(4, 8, 8, 3\); expected uint8"),
        (
            {"arr_0": np.zeros((4, 8, 8), np.uint8)},
            r"arr_0 is uint8 \(4, 8, 8\); expected uint8 \[N",
        ),
        (
            {"mu": np.zeros(4), "sigma": np.zeros((3, 3))},
            r"sigma \(3, 3\); expected floats \[width",
        ),
        ({"mu": np.zeros(()), "sigma": np.zeros(())}, r"expected floats \[width"),
        ({"samples": np.array([{}], object)}, "samples is object"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(arrays, message, tmp_path, load):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=rf"--real=\S*x.npz: .*{message}") as caught:
        load(tmp_path / "x.npz")
    assert "\n" not in str(caught.value)


def test_what_is_not_there_is_refused(tmp_path, load):
    (tmp_path / "damaged.npz").write_bytes(b"PK no")
    for value, message in (
        (tmp_path / "nowhere.npz", r"No such file"),
        (tmp_path / "damaged.npz", r"not a complete \.npz file"),
        (tmp_path, "no image below"),
        ("dgits", "unknown data set 'dgits'"),
        ("ring", "ring has no pictures"),
    ):
        with pytest.raises(DataError, match=rf"^--real=[^\n]*{message}[^\n]*$"):
            load(value)


def evaluate(*given, cwd):
    return subprocess.run(
        [sys.executable, str(ROOT / "experiments" / "evaluate.py"), *given],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_compares_and_writes_json(folder, tmp_path):
    folder("real", pictures(70))
    np.savez(tmp_path / "fake.npz", samples=pictures(70, seed=1))
    done = evaluate(
        "--real=real", "--fake=fake.npz", "--cache_dir=cache", "--out=found.json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "real: 70 pictures of folder:real, 32x32 color" in done.stdout
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["fake"] == "70 pictures of fake.npz, 32x32 color"
    assert {row["name"] for row in found["rows"]} >= {"cifar10/frechet_distance"}
    assert all(row["name"] in done.stdout for row in found["rows"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "--workdir: expected the directory of a run, or pictures as --real and --fake"),
        (["--fake=x"], "--real: expected the pictures"),
        (["--real=x"], "--real=x: expected pictures to compare them with, --fake, or --save_stati"),
        (["--real=x", "--fake=y", "--workdir=z"], "--workdir: it does not go with --real"),
        (["--real=x", "--fake=y", "--samples=9"], "--samples: it does not go with --real"),
        (
            ["--real=x", "--fake=y", "--out=x.txt"],
            "--out=x.txt: expected a name that ends in .json",
        ),
        (["--workdir=z", "--out=x.json"], "--workdir: it does not go with --real"),
    ],
)
def test_flags_that_contradict_each_other_are_refused_before_anything_is_read(
    given, message, tmp_path
):
    done = evaluate(*given, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert not list(tmp_path.iterdir())
