"""Arrays in .npz files: those that are expected, and no more than that in memory."""

import io
import zipfile

import numpy as np
import pytest

from jaxgan.metrics import _npz
from jaxgan.metrics.torch_file import WeightsError

SHAPES = {"a/kernel": (3, 4), "b": (5,), "scalar": ()}


def packed(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    file.seek(0)
    return file


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_expected_is_read(dtype):
    arrays = {name: np.ones(shape, dtype) for name, shape in SHAPES.items()}
    found = _npz.read(packed(**arrays, other=np.zeros(3)), {**SHAPES, "missing": (2,)})
    assert found.keys() == arrays.keys()
    for name, expected in arrays.items():
        np.testing.assert_array_equal(found[name], expected)
        assert found[name].dtype == dtype


def test_a_bomb_is_not_unpacked():
    bomb = packed(b=np.zeros(20_000_000), other=np.zeros(20_000_000))
    assert len(bomb.getvalue()) < 1_000_000
    with pytest.raises(WeightsError, match="'b' has 160000128 bytes"):
        _npz.read(bomb, SHAPES)


def test_a_bomb_that_lies_about_its_size_is_not_unpacked():
    bomb = packed(b=np.zeros(20_000_000)).getvalue()
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        size = archive.getinfo("b.npy").file_size
    lie = bomb.replace(size.to_bytes(4, "little"), (160).to_bytes(4, "little"))
    assert lie != bomb
    with pytest.raises(WeightsError, match="not a complete"):
        _npz.read(io.BytesIO(lie), SHAPES)


def test_a_type_that_cannot_be_parsed_is_damage():
    content = io.BytesIO()
    np.save(content, np.zeros(5, np.float32))
    damaged = content.getvalue().replace(b"<f4", b",f4")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("b.npy", damaged)
    file.seek(0)
    with pytest.raises(WeightsError, match="not a complete"):
        _npz.read(file, SHAPES)


def test_objects_are_refused():
    file = io.BytesIO()
    np.savez(file, allow_pickle=True, b=np.array([{}], object))
    file.seek(0)
    with pytest.raises(WeightsError, match="not a complete"):
        _npz.read(file, SHAPES)
