"""The files in which MNIST and similar data sets are published."""

import gzip
import io
import tracemalloc

import numpy as np
import pytest

from jaxgan.data import DataError
from jaxgan.data.idx import read_idx

LABELS = b"\x00\x00\x08\x01\x00\x00\x00\x03\x05\x06\x07"


def idx(content):
    return io.BytesIO(gzip.compress(content))


def test_labels_and_images():
    np.testing.assert_array_equal(read_idx(idx(LABELS)), [5, 6, 7])
    header = b"\x00\x00\x08\x03" + np.array([2, 1, 3], ">u4").tobytes()
    images = read_idx(idx(header + bytes(range(6))))
    np.testing.assert_array_equal(images, [[[0, 1, 2]], [[3, 4, 5]]])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00",
        b"\x00\x00\x0d\x01",
        LABELS[:6],
        LABELS[:-1],
        LABELS + b"\x08",
        b"\0\0\x08\xff" + 255 * b"\0\0\0\1" + b"7",
    ],
)
def test_other_content_is_an_error(content):
    with pytest.raises(DataError, match="download it again"):
        read_idx(idx(content))


@pytest.mark.parametrize("damage", [lambda b: b[:20], lambda _: b"text", lambda b: b[:12] + b[14:]])
def test_a_damaged_gzip_file_is_an_error(damage):
    with pytest.raises(DataError, match="download it again"):
        read_idx(io.BytesIO(damage(gzip.compress(LABELS))))


def test_no_more_is_unpacked_than_the_header_says():
    bomb = idx(LABELS + bytes(100_000_000))
    assert len(bomb.getvalue()) < 1_000_000
    tracemalloc.start()
    with pytest.raises(DataError, match="holds more values, but its header says"):
        read_idx(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_a_size_beyond_all_data_sets_is_not_believed():
    header = b"\0\0\x08\3" + np.array([2**31, 2**31, 4], ">u4").tobytes()
    with pytest.raises(DataError, match="holds 5 values, but its header says"):
        read_idx(idx(header + bytes(5)))
