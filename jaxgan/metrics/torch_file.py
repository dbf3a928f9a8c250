"""The tensors of a PyTorch state dict, read without PyTorch and without unpickling.

`torch.save` writes a pickle, and unpickling can execute arbitrary code. Here the opcodes are
interpreted one by one instead: a state dict needs thirty of them and a dozen names, and everything
else is rejected. Nothing is imported or called because of the content of a file.

Both layouts are supported: the zip archive of PyTorch 1.6 and later, and the sequence of pickles
that earlier versions wrote.
"""

import contextlib
import functools
import io
import pickletools
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any, NamedTuple

import jax.numpy as jnp
import numpy as np

__all__ = ["WeightsError", "parse"]

_DTYPES = {
    "torch FloatStorage": np.dtype("<f4"),
    "torch DoubleStorage": np.dtype("<f8"),
    "torch HalfStorage": np.dtype("<f2"),
    "torch BFloat16Storage": np.dtype(jnp.bfloat16),
    "torch LongStorage": np.dtype("<i8"),
}
_CALLS = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
)
# The first pickle of the layout before the zip archive: a number that identifies it.
_MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# What NumPy, zipfile and pickletools raise on damaged bytes.
_DAMAGE = (
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    MemoryError,
    SyntaxError,  # NumPy parses the names of types as Python literals
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)


class WeightsError(ValueError):
    """Weights that cannot be used; the message is one line that says why and what to do."""


class _Storage(NamedTuple):
    """A block of memory that tensors are views of."""

    dtype: np.dtype
    key: str
    size: int


class _Tensor(NamedTuple):
    """A view of a storage; `offset` and `strides` count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def parse(content: bytes) -> dict[str, np.ndarray]:
    """Read the tensors of a state dict that `torch.save` wrote.

    Args:
        content: of the file. Its pickle is interpreted as data; no code in it is executed.

    Returns:
        The tensors by name, in the order of the file, read-only: float16, bfloat16, float32,
        float64 or int64.

    Raises:
        WeightsError: if this is not a state dict, is damaged, or holds anything but tensors.

    Source: the layouts are those of `torch/serialization.py`, https://github.com/pytorch/pytorch

    Example:
        >>> from pathlib import Path
        >>> from jaxgan.metrics import torch_file
        >>> arrays = torch_file.parse(Path("weights.pth").read_bytes())  # doctest: +SKIP
    """
    with refuse_damage("PyTorch state dict"):
        return _parse_zip(content) if content[:2] == b"PK" else _parse_legacy(content)


@contextlib.contextmanager
def refuse_damage(kind: str) -> Iterator[None]:
    """Turn the errors that damaged bytes lead to into a `WeightsError`; warnings are dropped."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except WeightsError:
        raise
    except _DAMAGE as error:
        what = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise WeightsError(f"not a complete {kind} ({what}); download it again") from error


def _parse_zip(content: bytes) -> dict[str, np.ndarray]:
    """Parse a zip archive: `NAME/data.pkl` is the dictionary, `NAME/data/KEY` are the storages."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > len(content):
            raise WeightsError("members of the archive overlap; expected what torch.save wrote")

        def member(name: str) -> bytes:
            if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
                raise WeightsError(f"{name!r} is compressed; expected what torch.save wrote")
            return archive.read(name)

        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise WeightsError("a zip archive without one data.pkl; expected what torch.save wrote")
        folder = names[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist():
            _check_byte_order(member(f"{folder}byteorder") == b"little")
        state_dict = _interpret(io.BytesIO(member(names[0])))
        return _arrays(state_dict, lambda storage: member(f"{folder}data/{storage.key}"))


def _parse_legacy(content: bytes) -> dict[str, np.ndarray]:
    """Parse five pickles, of which the fourth is the dictionary, and the storages after them."""
    if not content.startswith(_MAGIC):
        raise WeightsError("not a PyTorch file; expected what torch.save wrote")
    file = io.BytesIO(content)
    file.seek(len(_MAGIC))
    _version, system, state_dict, keys = (_interpret(file) for _ in range(4))
    _check_byte_order(system["little_endian"])
    itemsize = {
        tensor.storage.key: tensor.storage.dtype.itemsize
        for tensor in _tensors(state_dict).values()
    }
    pieces = {}
    for key in keys:
        size = int.from_bytes(file.read(8), "little") * itemsize[key]
        start = file.tell()
        pieces[key] = memoryview(content)[start : start + size]
        file.seek(start + size)
    return _arrays(state_dict, lambda storage: pieces[storage.key])


def _check_byte_order(little: bool) -> None:
    if not little:
        raise WeightsError("the numbers are big-endian; expected little-endian")


def _tensors(state_dict: Any) -> dict[str, _Tensor]:
    if not isinstance(state_dict, dict):
        raise WeightsError("the file does not hold a state dict; expected tensors by their names")
    for name, tensor in state_dict.items():
        if not (isinstance(name, str) and isinstance(tensor, _Tensor)):
            raise WeightsError("the state dict holds other things; expected tensors by their names")
    return state_dict


def _arrays(state_dict: Any, numbers: Callable[[_Storage], Any]) -> dict[str, np.ndarray]:
    numbers = functools.cache(numbers)  # tensors can share a storage

    def array(name: str, tensor: _Tensor) -> np.ndarray:
        storage, itemsize = tensor.storage, tensor.storage.dtype.itemsize
        buffer = numbers(storage)
        if len(buffer) != storage.size * itemsize:
            raise WeightsError(
                f"{name!r} has {len(buffer)} bytes, expected {storage.size * itemsize}; "
                f"the file is damaged: download it again"
            )
        # NumPy checks that the view stays within the buffer.
        strides = [itemsize * stride for stride in tensor.strides]
        return np.ndarray(
            tensor.shape, storage.dtype, buffer, offset=itemsize * tensor.offset, strides=strides
        )

    return {name: array(name, tensor) for name, tensor in _tensors(state_dict).items()}


def _interpret(file: IO[bytes]) -> Any:
    """Evaluate the pickle that starts here, to dicts, lists, tuples and `_Tensor`s."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[Any, Any] = {}
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name == "STOP":
            return stack.pop()
        elif name in _LITERALS:
            stack.append(argument)
        elif name in _NEW:
            stack.append(_NEW[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            memo[len(memo) if name == "MEMOIZE" else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "GLOBAL":
            stack.append(_known(argument))
        elif name in _OPERATIONS:
            count, operation = _OPERATIONS[name]
            start = (marks.pop() if name in _FROM_MARK else len(stack)) - count
            if start < 0:
                raise ValueError(f"{name} without operands")
            stack[start:] = [operation(*stack[start:])]
        elif name not in ("PROTO", "FRAME"):
            raise WeightsError(f"the file's pickle uses {name}, which no state dict needs")
    raise EOFError("the pickle has no end")


def _extend(items: list, *more: Any) -> list:
    items.extend(more)
    return items


def _update(items: dict, *more: Any) -> dict:
    keys, values = more[::2], more[1::2]
    # The hash of deeply nested tuples would overflow the interpreter's stack.
    if not all(isinstance(key, str) for key in keys):
        raise WeightsError("a dictionary in the file has keys that are not strings; expected names")
    items.update(zip(keys, values, strict=True))
    return items


def _known(*names: Any) -> str:
    name = " ".join(names)
    if name not in _DTYPES and name not in _CALLS:
        raise WeightsError(
            f"the file's pickle asks for {name[:80]!r}, which no state dict of plain tensors needs;"
            f" do not load it with anything else either, unless you trust it"
        )
    return name


def _storage(identity: Any) -> _Storage:
    match identity:
        # The old layout has one more field, a part of the storage; None means all of it.
        case ("storage", str(kind), str(key), str(), int(size), *part) if kind in _DTYPES:
            if part in ([], [None]):
                return _Storage(_DTYPES[kind], key, size)
    raise WeightsError("the file refers to something other than the numbers of a tensor")


def _rebuild(call: str, arguments: tuple) -> Any:
    """Return what a call would return, for the four calls that a state dict consists of."""
    match (call, arguments):
        case ("collections OrderedDict", ()):
            return {}
        case ("torch._utils _rebuild_parameter", (_Tensor() as tensor, *_)):
            return tensor
        case (
            "torch._utils _rebuild_tensor" | "torch._utils _rebuild_tensor_v2",
            (_Storage() as storage, int(offset), tuple(shape), tuple(strides), *_),
        ):
            return _Tensor(storage, offset, shape, strides)
    raise WeightsError("the file's pickle makes a call that no state dict needs")


_LITERALS = ("BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1")
_NEW = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_DICT": dict,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
}
# How many operands an opcode takes from the stack, and what it pushes. An opcode that refers to a
# mark takes all operands above it, and the number given here from below it.
_FROM_MARK = ("TUPLE", "APPENDS", "SETITEMS")
_OPERATIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "TUPLE": (0, lambda *items: items),
    "TUPLE1": (1, lambda *items: items),
    "TUPLE2": (2, lambda *items: items),
    "TUPLE3": (3, lambda *items: items),
    "APPEND": (2, _extend),
    "APPENDS": (1, _extend),
    "SETITEM": (3, _update),
    "SETITEMS": (1, _update),
    "STACK_GLOBAL": (2, _known),
    "BINPERSID": (1, _storage),
    "REDUCE": (2, _rebuild),
    # The attributes of the dictionary are the versions of modules.
    "BUILD": (2, lambda dictionary, attributes: dictionary),
}
