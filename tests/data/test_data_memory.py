"""Images that do not fit in memory are refused before they are made."""

import numpy as np
import pytest

from jaxgan.data import DataError, images, load, memory
from jaxgan.data.stack import stack


@pytest.fixture
def machine(monkeypatch):
    def of(size: int) -> None:
        monkeypatch.setattr(memory, "machine_memory", lambda: size)

    return of


def test_this_machine_has_some_memory_and_no_more_than_its_container():
    assert 1e8 < memory.machine_memory() < 1e15


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    whole = memory.machine_memory.__wrapped__()
    (tmp_path / "memory.max").write_text("max\n")
    assert memory.machine_memory.__wrapped__() == whole
    (tmp_path / "memory.max").write_text("1000000\n")
    assert memory.machine_memory.__wrapped__() == 1_000_000


@pytest.mark.parametrize("name", ["digits", "outlines:digits"])
def test_a_size_that_no_machine_has_is_refused_at_once(name):
    with pytest.raises(DataError, match=r"^image_size=1000000: 10000 images take 1e\+04 TB and"):
        load(name, image_size=1_000_000)


def test_all_images_have_to_fit_together(machine):
    x = np.zeros((10, 4, 4, 1), np.uint8)
    machine(10 * 8 * 8)
    assert images.resize(x, 8).shape == (10, 8, 8, 1)
    with pytest.raises(DataError, match=r"image_size=9: 10 images take .* choose a smaller one"):
        images.resize(x, 9)


def test_what_is_kept_in_memory_has_to_fit(machine):
    machine(10 * 8 * 8)
    examples = [(np.zeros((8, 8, 1), np.uint8), None)] * 11
    assert stack(examples[:10], 10)[0].shape == (10, 8, 8, 1)
    with pytest.raises(DataError, match="image_size=8: 11 images take"):
        stack(examples, 11)
