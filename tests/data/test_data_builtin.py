"""The data sets that need neither files nor network, and names and sizes that do not exist."""

import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import jaxgan.data
from jaxgan.data import DataError, load
from jaxgan.data.toys import GRID_SD, RING_SD, grid_modes, ring_modes

PACKAGE = Path(jaxgan.data.__file__).parent

# Imports `jaxgan.data` alone, whatever `jaxgan/__init__.py` imports.
ALONE = """
import sys, types
sys.modules["jaxgan"] = package = types.ModuleType("jaxgan")
package.__path__ = [sys.argv[1]]
"""


def run_alone(code, package):
    command = [sys.executable, "-W", "error", "-c", ALONE + code, str(package)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_importing_the_package_imports_nothing_slow():
    code = "import jaxgan.data; print(*sys.modules)"
    modules = run_alone(code, PACKAGE.parent)
    assert "jaxgan.data" in modules
    assert not {"tensorflow_datasets", "tensorflow", "PIL", "flax"} & set(modules)


def test_digits_are_the_test_split_of_mnist():
    digits = load("digits")
    assert digits.x.shape == (10_000, 28, 28, 1)
    assert digits.x.dtype == np.uint8
    assert digits.y.dtype == np.int32
    assert digits.y[0] == 7
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    np.testing.assert_array_equal(np.bincount(digits.y), counts)
    assert digits.class_names == tuple("0123456789")
    assert round(float(digits.x.mean()), 2) == 33.79
    assert "CC BY-SA 3.0" in (PACKAGE / "digits" / "LICENSE").read_text()


def test_digits_load_at_once():
    start = time.perf_counter()
    load("digits")
    assert time.perf_counter() - start < 1


def test_digits_load_from_a_package_that_is_not_unpacked(tmp_path):
    wheel = tmp_path / "jaxgan.zip"
    with zipfile.ZipFile(wheel, "w") as file:
        checks = PACKAGE.parent / "_checks.py"
        for path in [*PACKAGE.glob("*.py"), *PACKAGE.glob("digits/*"), checks]:
            file.write(path, f"jaxgan/{path.relative_to(PACKAGE.parent)}")
    code = "from jaxgan.data import load; print(*load('digits').x.shape)"
    assert run_alone(code, wheel / "jaxgan") == ["10000", "28", "28", "1"]


def test_digits_are_resized():
    small, large = load("digits", image_size=14).x, load("digits", image_size=32).x
    assert small.shape == (10_000, 14, 14, 1)
    assert large.shape == (10_000, 32, 32, 1)
    assert abs(small.mean() - 33.8) < 2  # antialiased: no ink is lost
    assert abs(large.mean() - 33.8) < 2


@pytest.mark.parametrize(
    ("name", "modes", "sd"), [("ring", ring_modes(), RING_SD), ("grid", grid_modes(), GRID_SD)]
)
def test_toys_are_the_mixtures_they_claim_to_be(name, modes, sd):
    toy = load(name)
    assert toy.x.shape == (50_000, 2)
    assert toy.x.dtype == np.float32
    assert np.abs(toy.x).max() <= 1
    np.testing.assert_array_equal(np.bincount(toy.y), 50_000 // len(modes))
    residual = toy.x - modes[toy.y]
    np.testing.assert_allclose(residual.std(), sd, rtol=0.02)
    distances = np.linalg.norm(toy.x[:, None] - modes, axis=-1)
    np.testing.assert_array_equal(distances.argmin(axis=1), toy.y)
    assert len(toy.class_names) == len(modes)
    np.testing.assert_array_equal(load(name).x, toy.x)


def test_modes_are_those_of_the_papers_shrunk():
    np.testing.assert_allclose(np.linalg.norm(ring_modes(), axis=1) / RING_SD, 2 / 0.02, rtol=1e-5)
    ticks = np.unique(grid_modes()[:, 0]) / GRID_SD
    np.testing.assert_allclose(ticks, np.array([-4, -2, 0, 2, 4]) / 0.05, atol=1e-3)
    assert len(ring_modes()) == 8
    assert len(grid_modes()) == 25


@pytest.mark.parametrize("name", ["digits", "ring", "grid"])
def test_built_in_sets_have_one_split(name):
    with pytest.raises(DataError, match="split="):
        load(name, split="test")


@pytest.mark.parametrize("size", [0, -3, 1.5])
def test_an_image_has_at_least_one_pixel(size):
    with pytest.raises(DataError, match="image_size="):
        load("digits", image_size=size)


def test_points_have_no_image_size():
    with pytest.raises(DataError, match="points"):
        load("ring", image_size=32)


def test_the_cache_stays_empty_where_it_would_gain_nothing(own_cache):
    load("digits")
    load("ring")
    assert not own_cache.exists()
