"""Decoding that is interrupted or killed goes on where it was, and is never taken for whole."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, load, reading, stack
from jaxgan.data.threads import in_threads

COUNT = 60


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Pictures of two classes, of which two are damaged and one has 16 bits."""
    random = np.random.default_rng(0)
    for i in range(COUNT):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8), np.uint8)).save(path)
    deep = random.integers(0, 1024, (8, 8)).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "pictures" / "a" / "000.png")
    (tmp_path / "pictures" / "a" / "002.png").write_bytes(b"no picture")
    cut = tmp_path / "pictures" / "a" / "004.png"
    cut.write_bytes(cut.read_bytes()[:-30])
    monkeypatch.setattr(stack, "_SAVE_EVERY", 0)
    return tmp_path / "pictures"


def decode(folder, cache):
    return load(f"folder:{folder}", cache_dir=cache)


@pytest.fixture
def expected(folder, tmp_path, caplog):
    dataset = decode(folder, tmp_path / "whole")
    line = caplog.messages[-1]
    caplog.clear()
    return dataset, line


def interrupt_after(monkeypatch, count, error=KeyboardInterrupt):
    """Let the pictures after the first `count` not be decoded."""
    read, left = reading.Reading._read, iter(range(count))

    def interrupted(self, file, channels):
        if next(left, None) is None:
            raise error
        return read(self, file, channels)

    monkeypatch.setattr(reading.Reading, "_read", interrupted)
    monkeypatch.setattr(reading, "cores", lambda: 1)


def counted(monkeypatch):
    """Count the files that are decoded, and those whose headers are read."""
    monkeypatch.undo()
    monkeypatch.setattr(stack, "_SAVE_EVERY", 0)
    decoded, headers = [], []
    read, header = reading.Reading._read, reading.Reading._header
    monkeypatch.setattr(
        reading.Reading, "_read", lambda self, file, n: decoded.append(file) or read(self, file, n)
    )
    monkeypatch.setattr(
        reading.Reading, "_header", lambda self, file: headers.append(file) or header(self, file)
    )
    return decoded, headers


def check_same(found, line, expected):
    dataset, told = expected
    np.testing.assert_array_equal(found.x, dataset.x)
    np.testing.assert_array_equal(found.y, dataset.y)
    assert found.class_names == dataset.class_names
    assert line == told


def partial_of(cache):
    (folder,) = cache.glob(".partial-*")
    return folder / "new"


def test_an_interrupted_one_goes_on_and_ends_as_if_it_had_not_been(
    folder, tmp_path, monkeypatch, caplog, expected
):
    cache = tmp_path / "cache"
    interrupt_after(monkeypatch, 41)
    with pytest.raises(KeyboardInterrupt):
        decode(folder, cache)
    assert [path.name[:9] for path in cache.iterdir()] == [".partial-"]
    done = json.loads((partial_of(cache) / "progress.json").read_text())["done"]
    assert 30 <= done <= 41  # of the last ones, a thread had not handed over all
    decoded, headers = counted(monkeypatch)
    check_same(decode(folder, cache), caplog.messages[-1], expected)
    assert f"{done} of {COUNT - 1} pictures are decoded already" in caplog.text
    assert len(decoded) == COUNT - 1 - done
    assert headers == []
    (entry,) = cache.iterdir()
    assert sorted(path.name for path in entry.iterdir()) == ["entry.json", "x.npy", "y.npy"]


def test_it_can_be_interrupted_again_and_again(folder, tmp_path, monkeypatch, caplog, expected):
    cache = tmp_path / "cache"
    for _ in range(2):
        with monkeypatch.context() as patch:
            interrupt_after(patch, 20)
            with pytest.raises(KeyboardInterrupt):
                decode(folder, cache)
    check_same(decode(folder, cache), caplog.messages[-1], expected)


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def changed(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


DAMAGES = [
    lambda new: cut(new / "x.npy"),
    lambda new: (new / "x.npy").unlink(),
    lambda new: np.save(new / "x.npy", np.zeros((COUNT - 1, 8, 8, 1), np.float32)),
    lambda new: np.save(new / "x.npy", np.zeros((3, 8, 8, 1), np.uint8)),
    lambda new: cut(new / "progress.json"),
    lambda new: (new / "progress.json").unlink(),
    lambda new: (new / "progress.json").write_text("[]"),
    lambda new: changed(new / "progress.json", done=COUNT),
    lambda new: changed(new / "progress.json", done=-1),
    lambda new: changed(new / "progress.json", done="3"),
    lambda new: changed(new / "progress.json", damaged={"elsewhere.png": "cut"}),
    lambda new: changed(new / "progress.json", gray="no"),
    lambda new: changed(new / "progress.json", depth={"whole": "many"}),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_left_damaged_is_begun_anew(
    folder, tmp_path, monkeypatch, caplog, expected, damage
):
    cache = tmp_path / "cache"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 41)
        with pytest.raises(KeyboardInterrupt):
            decode(folder, cache)
    damage(partial_of(cache))
    check_same(decode(folder, cache), caplog.messages[-1], expected)


def test_an_error_leaves_nothing(folder, tmp_path):
    Image.new("L", (9, 9)).save(folder / "b" / "last.png")
    with pytest.raises(DataError, match="images differ in size"):
        decode(folder, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_other_pictures_are_not_mixed_with_those_decoded_before(
    folder, tmp_path, monkeypatch, caplog
):
    cache = tmp_path / "cache"
    with monkeypatch.context() as patch:
        interrupt_after(patch, 41)
        with pytest.raises(KeyboardInterrupt):
            decode(folder, cache)
    Image.new("L", (8, 8), 7).save(folder / "a" / "006.png")
    found = decode(folder, cache)
    np.testing.assert_array_equal(found.x, decode(folder, tmp_path / "other").x)
    assert (found.x == 7).all(axis=(1, 2, 3)).any()
    assert "decoded already" not in caplog.text


KILLED = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from jaxgan.data import load, reading, stack
stack._SAVE_EVERY = 0
read = reading.Reading._read
def slow(self, file, channels):
    time.sleep(0.05)
    return read(self, file, channels)
reading.Reading._read = slow
load(f"folder:{sys.argv[1]}", cache_dir=sys.argv[2])
"""


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_continued_by_another(folder, tmp_path, caplog, expected, sign):
    cache = tmp_path / "cache"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder), str(cache)],
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        stderr=subprocess.PIPE,
    )
    while process.poll() is None and not list(cache.glob(".partial-*/new/progress.json")):
        time.sleep(0.02)
    process.send_signal(sign)
    process.communicate()
    assert process.returncode != 0
    assert not [path for path in cache.iterdir() if not path.name.startswith(".partial-")]
    check_same(decode(folder, cache), caplog.messages[-1], expected)
    assert "decoded already" in caplog.text
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_keep_the_order(threads):
    random = np.random.default_rng(0)

    def slow(i):
        time.sleep(random.uniform(0, 0.002))
        return i * i

    assert list(in_threads(slow, range(100), threads)) == [i * i for i in range(100)]
    assert list(in_threads(slow, [], threads)) == []


def test_an_error_of_a_thread_arrives_in_its_place():
    values, found = in_threads(lambda i: 60 // (20 - i), range(100), 3), []
    with pytest.raises(ZeroDivisionError):
        found.extend(values)
    assert found == [60 // (20 - i) for i in range(16)]  # the eight that are handed over together


def test_pictures_are_the_same_whatever_the_number_of_threads(folder, tmp_path, monkeypatch):
    found = []
    for threads in 1, 5:
        monkeypatch.setattr(reading, "cores", lambda count=threads: count)
        found.append(decode(folder, tmp_path / f"cache {threads}"))
    np.testing.assert_array_equal(found[0].x, found[1].x)
    np.testing.assert_array_equal(found[0].y, found[1].y)
