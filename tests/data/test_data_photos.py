"""Patches of the photographs that ship with scikit-image."""

import importlib.util

import numpy as np
import pytest

from jaxgan.data import DataError, load
from jaxgan.data.photos import patches


def test_patches_do_not_overlap_and_come_row_by_row():
    image = np.arange(5 * 7 * 3).reshape(5, 7, 3)
    cut = patches(image, 2, 2)
    assert cut.shape == (6, 2, 2, 3)
    np.testing.assert_array_equal(cut[4], image[2:4, 2:4])
    assert len(np.unique(cut)) == cut.size


def test_photos_are_color_patches_in_a_fixed_order():
    pytest.importorskip("skimage")
    data = load("photos")
    assert data.x.shape == (542, 64, 64, 3)
    assert data.x.dtype == np.uint8
    assert data.y is None
    np.testing.assert_array_equal(load("photos", split="train[:50%]").x, data.x[:271])
    assert len({patch.tobytes() for patch in data.x}) == 542
    small = load("photos", image_size=32).x  # not resized: the same pixels in smaller squares
    assert small.shape[1:] == (32, 32, 3)
    np.testing.assert_array_equal(small[0], data.x[0, :32, :32])
    with pytest.raises(DataError, match="image_size=5000"):
        load("photos", image_size=5000)
    with pytest.raises(DataError, match="no split 'test'"):
        load("photos", split="test")


def test_without_scikit_image_it_is_asked_for(monkeypatch, tmp_path):
    real = importlib.util.find_spec

    def find_spec(name, *rest):
        return None if name == "skimage" else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    with pytest.raises(DataError, match=r'pip install "jaxgan\[photos\]"'):
        load("photos")
    (tmp_path / "skimage").mkdir()
    (tmp_path / "skimage" / "__init__.py").write_text("")
    monkeypatch.setattr(importlib.util, "find_spec", real)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "skimage", raising=False)
    with pytest.raises(DataError, match=r"astronaut.png' \(No such file.*--upgrade"):
        load("photos")
