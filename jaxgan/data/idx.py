"""The IDX file format, in which MNIST and similar data sets are published."""

import gzip
import math
import zlib
from typing import IO

import numpy as np

from jaxgan.data.errors import DataError

_MOST = 2**30  # bytes; the largest of such files, EMNIST's, has half of them
_AXES = 4


def read_idx(file: IO[bytes]) -> np.ndarray:
    """Read a gzipped IDX file of bytes.

    Args:
        file: the opened .gz file.

    Returns:
        uint8 `[N, H, W]` for a file of images, `[N]` for a file of labels.

    Raises:
        DataError: if the content is not a complete gzipped IDX file of bytes.

    Source: "The IDX file format", http://yann.lecun.com/exdb/mnist/
    """
    name = repr(str(getattr(file, "name", "the file")))
    try:
        with gzip.open(file) as unzipped:
            shape = _shape(unzipped)
            if shape is None:
                raise DataError(
                    f"{name} is not an IDX file of bytes, which starts with 00 00 08: download it "
                    "again"
                )
            # One more than there should be; a file can be a thousand times larger than its gzip.
            values = np.frombuffer(unzipped.read(min(math.prod(shape), _MOST) + 1), np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is not a complete gzip file ({error}): download it again"
        ) from error
    if values.size != math.prod(shape):
        found = "more" if values.size > min(math.prod(shape), _MOST) else values.size
        raise DataError(
            f"{name} holds {found} values, but its header says {shape}: download it again"
        )
    return values.reshape(shape)


def _shape(unzipped: gzip.GzipFile) -> list[int] | None:
    """Read the header: two zeros, the type (8 for bytes), the number of axes, their lengths."""
    start = unzipped.read(4)
    if start[:3] != b"\x00\x00\x08" or len(start) < 4 or start[3] > _AXES:
        return None
    lengths = unzipped.read(4 * start[3])
    return np.frombuffer(lengths, ">u4").tolist() if len(lengths) == 4 * start[3] else None
