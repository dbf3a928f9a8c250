"""The IDX file format, in which MNIST and similar data sets are published."""

import gzip
import zlib
from typing import IO

import numpy as np

from jaxgan.data.errors import DataError


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
            content = unzipped.read()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{name} is not a complete gzip file ({error}): download it again"
        ) from error
    # Two zero bytes, the type (8 = unsigned byte), the number of axes, then each axis' length.
    header = 4 + 4 * content[3] if content[:3] == b"\x00\x00\x08" and len(content) > 3 else 0
    if not 0 < header <= len(content):
        raise DataError(
            f"{name} is not an IDX file of bytes, which starts with 00 00 08: download it again"
        )
    shape = np.frombuffer(content[4:header], ">u4").tolist()
    values = np.frombuffer(content[header:], np.uint8)
    if values.size != np.prod(shape):
        raise DataError(
            f"{name} holds {values.size} values, but its header says {shape}: download it again"
        )
    return values.reshape(shape)
