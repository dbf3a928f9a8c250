"""Whatever is damaged in a file, it is read or refused in one line, and soon."""

from itertools import islice

import fuzz_readers
import pytest


def words(reader, seed, count):
    return [outcome.word for outcome in islice(fuzz_readers.tries(reader, seed), count)]


@pytest.mark.parametrize("name", fuzz_readers.READERS)
def test_damaged_files_are_read_or_refused(name, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = fuzz_readers.figures(fuzz_readers.READERS[name](), seed=0, seconds=20, most=60)
    assert found["crashes"] == []
    assert found["tried"] == 60
    assert found["worst_seconds"] < 5
    assert found["added_mb"] < 300


def test_other_errors_and_several_lines_are_found():
    def read(name, content, place):
        raise (ValueError("two\nlines") if name == "lines" else KeyError(name))

    samples = {"lines": b"1", "key": b"2"}
    reader = fuzz_readers.Reader(samples, read, (ValueError,))
    found = words(reader, 0, 20)
    assert any("several lines" in word for word in found)
    assert any("KeyError" in word for word in found)
    assert not {"read", "refused"} & set(found)


def test_damage_is_that_of_the_seed():
    reader = fuzz_readers.torch_file()
    assert words(reader, 1, 30) == words(reader, 1, 30)
    assert words(reader, 1, 30) != words(reader, 2, 30)
