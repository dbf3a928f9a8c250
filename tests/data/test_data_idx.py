"""The files in which MNIST and similar data sets are published."""

import gzip
import io

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
    "content", [b"", b"\x00\x00", b"\x00\x00\x0d\x01", LABELS[:6], LABELS[:-1], LABELS + b"\x08"]
)
def test_other_content_is_an_error(content):
    with pytest.raises(DataError, match="download it again"):
        read_idx(idx(content))


@pytest.mark.parametrize("damage", [lambda b: b[:20], lambda _: b"text", lambda b: b[:12] + b[14:]])
def test_a_damaged_gzip_file_is_an_error(damage):
    with pytest.raises(DataError, match="gzip"):
        read_idx(io.BytesIO(damage(gzip.compress(LABELS))))
