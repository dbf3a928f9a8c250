"""Arrays of weights in .npz files, read without pickles and no larger than they are expected."""

import zipfile
from collections.abc import Mapping
from typing import IO

import numpy as np

from jaxgan.metrics.torch_file import WeightsError, refuse_damage

__all__ = ["headers", "read"]

_ITEMSIZE = 8  # of the widest numbers that weights are stored as
_HEADER = 1000  # bytes before the numbers; NumPy writes 128


def read(file: IO[bytes], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Read those arrays of a .npz file that are expected.

    A compressed file of a few kilobytes can hold gigabytes, so its members are measured first.

    Args:
        file: the opened file.
        shapes: the arrays by name; those that are missing are left out, other ones are not read.

    Returns:
        The arrays, of whatever shape they are.

    Raises:
        WeightsError: if the file is damaged, or an array is larger than expected.

    Example:
        >>> import io
        >>> import numpy as np
        >>> from jaxgan.metrics import _npz
        >>> file = io.BytesIO()
        >>> np.savez(file, bias=np.zeros(3), more=np.zeros(4))
        >>> {name: array.shape for name, array in _npz.read(file, {"bias": (3,)}).items()}
        {'bias': (3,)}
    """
    with refuse_damage(".npz file"):
        with zipfile.ZipFile(file) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
        found = [name for name in shapes if f"{name}.npy" in sizes]
        for name in found:
            most = _ITEMSIZE * int(np.prod(shapes[name])) + _HEADER
            if sizes[f"{name}.npy"] > most:
                raise WeightsError(
                    f"{name!r} has {sizes[f'{name}.npy']} bytes, expected {shapes[name]}: these "
                    "are other weights"
                )
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in found}


def headers(file: IO[bytes]) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Return the shapes and types of the arrays in a .npz file, without reading them.

    Args:
        file: the opened file.

    Raises:
        WeightsError: if the file is damaged.

    Example:
        >>> import io
        >>> import numpy as np
        >>> from jaxgan.metrics import _npz
        >>> file = io.BytesIO()
        >>> np.savez(file, bias=np.zeros(3))
        >>> _npz.headers(file)
        {'bias': ((3,), dtype('float64'))}
    """
    found = {}
    with refuse_damage(".npz file"), zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            with archive.open(name) as member:
                version = np.lib.format.read_magic(member)
                read = getattr(np.lib.format, f"read_array_header_{version[0]}_{version[1]}")
                shape, _, dtype = read(member)
            found[name.removesuffix(".npy")] = shape, dtype
    return found
