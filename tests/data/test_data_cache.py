"""The cache saves time, and never changes, loses or invents data."""

import json
import shutil
import threading

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, load
from jaxgan.data.cache import Decoded, cached
from jaxgan.data.dataset import Dataset
from jaxgan.data.stack import stack

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), dtype=np.uint8)
LABELS = np.arange(6, dtype=np.int32) % 3


class Source:
    """A builder of a small data set, which counts how often it is called."""

    def __init__(self):
        self.builds = 0

    def __call__(self, directory):
        self.builds += 1
        x, y = stack(zip(IMAGES, LABELS, strict=True), len(IMAGES), directory)
        return Decoded(Dataset(x, y, "set", ("a", "b", "c")))


def check(dataset):
    np.testing.assert_array_equal(dataset.x, IMAGES)
    np.testing.assert_array_equal(dataset.y, LABELS)
    assert dataset.y.dtype == np.int32
    assert dataset.name == "set"
    assert dataset.class_names == ("a", "b", "c")


def entries(root):
    return sorted(path.name for path in root.iterdir())


def test_a_set_is_decoded_once_and_then_mapped_into_memory(tmp_path):
    source = Source()
    for _ in range(3):
        dataset = cached(tmp_path, "set", {"split": "train"}, source)
        check(dataset)
        assert isinstance(dataset.x, np.memmap)
        assert not dataset.x.flags.writeable
    assert source.builds == 1
    cached(tmp_path, "set", {"split": "test"}, source)
    assert source.builds == 2
    assert len(entries(tmp_path)) == 2


def rewrite(path, old, new):
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: cut(entry / "x.npy"),
        lambda entry: cut(entry / "y.npy"),
        lambda entry: (entry / "x.npy").write_bytes(b""),
        lambda entry: (entry / "x.npy").unlink(),
        lambda entry: (entry / "y.npy").unlink(),
        lambda entry: (entry / "entry.json").unlink(),
        lambda entry: (entry / "entry.json").write_text('{"x": '),
        lambda entry: (entry / "entry.json").write_text("[" * 100_000),
        lambda entry: (entry / "entry.json").write_bytes(b"\xff\xfe"),
        lambda entry: rewrite(entry / "entry.json", b'"a"', b"1"),
        lambda entry: rewrite(entry / "x.npy", b"(6, 4", b"(((6,"),
        lambda entry: np.save(entry / "y.npy", np.full(6, 3, np.int32)),
        lambda entry: np.save(entry / "y.npy", np.full(6, -2, np.int32)),
        lambda entry: np.save(entry / "x.npy", IMAGES[:3]),
        lambda entry: (entry / "x.npy").write_bytes(b"PK\x03\x04 and the rest of a zip file"),
        lambda entry: np.save(entry / "x.npy", IMAGES.astype(np.float32)),
        lambda entry: np.save(entry / "y.npy", np.array([None] * 6), allow_pickle=True),
        lambda entry: (shutil.rmtree(entry), entry.write_text("a file in place of the folder")),
    ],
)
def test_a_damaged_entry_is_built_anew(tmp_path, caplog, damage):
    source = Source()
    cached(tmp_path, "set", {}, source)
    (entry,) = tmp_path.iterdir()
    damage(entry)
    check(cached(tmp_path, "set", {}, source))
    assert source.builds == 2
    assert "damaged" in caplog.text
    check(cached(tmp_path, "set", {}, source))
    assert source.builds == 2
    assert entries(tmp_path) == [entry.name]
    assert entries(entry) == ["entry.json", "x.npy", "y.npy"]


def test_two_at_once_leave_one_whole_entry(tmp_path):
    source, together, results = Source(), threading.Barrier(2, timeout=10), []

    def build(directory):
        decoded = source(directory)
        together.wait()  # both have decoded before either publishes
        return decoded

    def run():
        results.append(cached(tmp_path, "set", {}, build))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    for dataset in results:
        check(dataset)
    assert len(entries(tmp_path)) == 1
    check(cached(tmp_path, "set", {}, source))
    assert source.builds == 2


def test_an_interrupted_build_leaves_nothing(tmp_path):
    def build(directory):
        (directory / "x.npy").write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, "set", {}, build)
    assert entries(tmp_path) == []


def test_a_folder_that_cannot_be_written_only_costs_time(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    check(cached(tmp_path / "file" / "cache", "set", {}, Source()))
    assert "cache_dir=" in caplog.text


def test_a_full_disk_keeps_the_images_in_memory(tmp_path, caplog, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=10))
    check(cached(tmp_path, "set", {}, Source()))
    assert "free" in caplog.text
    assert entries(tmp_path) == []


def test_a_set_without_labels(tmp_path):
    def build(directory):
        x, y = stack(((image, None) for image in IMAGES), len(IMAGES), directory)
        return Decoded(Dataset(x, y, "set"))

    for _ in range(2):
        dataset = cached(tmp_path, "set", {}, build)
        assert dataset.y is None
        assert dataset.class_names == ()


def test_fewer_images_than_announced(tmp_path):
    pairs = list(zip(IMAGES, LABELS, strict=True))
    for directory in (None, tmp_path):
        x, y = stack(pairs[:4], 6, directory)
        np.testing.assert_array_equal(x, IMAGES[:4])
        np.testing.assert_array_equal(y, LABELS[:4])
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), IMAGES[:4])


def test_images_must_agree_in_size():
    with pytest.raises(DataError, match="image_size="):
        stack([(IMAGES[0], 0), (IMAGES[1][:2], 0)], 2)


def test_cache_dir_is_where_the_cache_is(tmp_path, own_cache):
    (tmp_path / "images").mkdir()
    Image.new("L", (4, 4)).save(tmp_path / "images" / "a.png")
    load(f"folder:{tmp_path / 'images'}", cache_dir=tmp_path / "mine")
    assert len(entries(tmp_path / "mine")) == 1
    assert not own_cache.exists()
    load(f"folder:{tmp_path / 'images'}")
    (entry,) = own_cache.iterdir()
    assert json.loads((entry / "entry.json").read_text())["x"] == ["uint8", 1, 4, 4, 1]
