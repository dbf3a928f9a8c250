import io
import os
import pickle
import struct
import zipfile
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.metrics import torch_file
from jaxgan.metrics.torch_file import WeightsError

RNG = np.random.default_rng(0)
KINDS = {
    "float32": "FloatStorage",
    "float64": "DoubleStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
}
MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


class View(NamedTuple):
    """A tensor that is a view: numbers, and how they are arranged."""

    storage: np.ndarray
    key: str
    offset: int
    shape: tuple
    strides: tuple


def view_of(key, value):
    if isinstance(value, View):
        return value
    strides = [stride // value.itemsize for stride in value.strides]
    return View(value, key, 0, value.shape, strides)


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def reference(view, *, end):
    kind = KINDS[view.storage.dtype.name]
    identity = [text("storage"), f"ctorch\n{kind}\n".encode(), text(view.key), text("cpu")]
    return b"(" + b"".join([*identity, number(view.storage.size), end]) + b"tQ"


def tensor(view, *, end):
    parts = [reference(view, end=end), number(view.offset), numbers(view.shape)]
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n("
    return rebuild + b"".join([*parts, numbers(view.strides), b"\x89", ORDERED_DICT]) + b"tR"


def dictionary(views, *, end=b""):
    """The pickle of a state dict, with a memo and an attribute as PyTorch gives it."""
    items = b"".join(text(name) + tensor(view, end=end) for name, view in views.items())
    start = b"\x80\x02" + ORDERED_DICT + b"q\x00(" + items + b"u"
    return start + b"}" + text("_metadata") + ORDERED_DICT + b"sb" + b"."


def bits(array):
    return np.ascontiguousarray(array).view(np.uint8).tobytes()


def zip_file(tensors, *, pickled=None, compression=zipfile.ZIP_STORED, order=b"little"):
    views = {name: view_of(str(key), value) for key, (name, value) in enumerate(tensors.items())}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr("weights/data.pkl", dictionary(views) if pickled is None else pickled)
        archive.writestr("weights/byteorder", order)
        for key, storage in {view.key: view.storage for view in views.values()}.items():
            archive.writestr(f"weights/data/{key}", bits(storage))
    return file.getvalue()


def legacy_file(tensors, *, pickled=None, little=True):
    views = {name: view_of(str(key), value) for key, (name, value) in enumerate(tensors.items())}
    storages = {view.key: view.storage for view in views.values()}
    system = b"\x80\x02}" + text("little_endian") + (b"\x88" if little else b"\x89") + b"s."
    keys = b"\x80\x02](" + b"".join(map(text, storages)) + b"e."
    pieces = [MAGIC, b"\x80\x02M\xe9\x03.", system]
    pieces += [dictionary(views, end=b"N") if pickled is None else pickled, keys]
    pieces += [struct.pack("<q", storage.size) + bits(storage) for storage in storages.values()]
    return b"".join(pieces)


TENSORS = {
    "conv.weight": RNG.normal(size=(2, 3, 2, 1)).astype(np.float32),
    "double": RNG.normal(size=5),
    "half": RNG.normal(size=(2, 2)).astype(np.float16),
    "brain": RNG.normal(size=3).astype(jnp.bfloat16),
    "count": np.array(7),
    "empty": np.zeros((0, 4), np.float32),
}
SHARED = np.arange(12, dtype=np.float32)
VIEWS = {
    "transposed": View(SHARED, "9", 0, (4, 3), (1, 4)),
    "middle": View(SHARED, "9", 3, (2, 2), (5, 1)),
    "one for all": View(SHARED, "9", 11, (3,), (0,)),
}
both_layouts = pytest.mark.parametrize("layout", [zip_file, legacy_file], ids=["zip", "legacy"])


@both_layouts
def test_tensors_of_every_type_come_back(layout):
    arrays = torch_file.parse(layout(TENSORS))
    assert list(arrays) == list(TENSORS)
    for name, expected in TENSORS.items():
        assert arrays[name].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[name], expected)


@both_layouts
def test_views_of_one_storage_come_back(layout):
    arrays = torch_file.parse(layout(VIEWS))
    np.testing.assert_array_equal(arrays["transposed"], SHARED.reshape(3, 4).T)
    np.testing.assert_array_equal(arrays["middle"], [[3, 4], [8, 9]])
    np.testing.assert_array_equal(arrays["one for all"], [11, 11, 11])


@both_layouts
@pytest.mark.parametrize(
    "view",
    [
        View(SHARED, "9", 10, (3,), (1,)),
        View(SHARED, "9", 0, (2,), (-1,)),
        View(SHARED, "9", -1, (2,), (1,)),
        View(SHARED, "9", 0, (-2,), (1,)),
        View(SHARED, "9", 0, (2**31 - 1,) * 4, (1,) * 4),
        View(SHARED, "9", 0, (3,), (1, 1)),
    ],
)
def test_a_view_cannot_leave_its_storage(layout, view):
    with pytest.raises(WeightsError, match="not a complete PyTorch state dict"):
        torch_file.parse(layout({"outside": view}))


class Hostile:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@both_layouts
@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_refused_and_not_run(layout, protocol, tmp_path):
    hostile = pickle.dumps({"weight": Hostile(tmp_path / "hit")}, protocol)
    with pytest.raises(WeightsError, match=r"asks for '\w+ system'|uses (INT|STRING|UNICODE|DICT)"):
        torch_file.parse(layout({}, pickled=hostile))
    assert not (tmp_path / "hit").exists()
    pickle.loads(hostile)
    assert (tmp_path / "hit").exists()  # unpickling it does harm


@both_layouts
@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"cbuiltins\neval\n" + text("1") + b"\x85R.", "asks for 'builtins eval'"),
        (b"ctorch\nload\n.", "asks for 'torch load'"),
        (text("1") + b"ibuiltins\neval\n.", "uses INST"),
        (b"(cos\nsystem\n" + text("ls") + b"o.", "asks for 'os system'"),
        (b"\x80\x04\x82\x01.", "uses EXT1"),
        (b"ccollections\nOrderedDict\n)\x81.", "uses NEWOBJ"),
        (b"ccollections\nOrderedDict\n" + number(1) + b"\x85R.", "makes a call"),
        (b"ctorch._utils\n_rebuild_tensor_v2\n)R.", "makes a call"),
        (text("builtins eval") + text("1") + b"\x85R.", "makes a call"),
        (b"(" + text("module") + text("os") + b"tQ.", "something other than the numbers"),
        (b"].", "does not hold a state dict"),
        (b"}" + text("epoch") + number(3) + b"s.", "expected tensors by their names"),
        (b".", "not a complete"),
        (b"\x86.", "not a complete"),
        (b")a.", "not a complete"),
        (b")(" + number(1) + b"e.", "not a complete"),
        (b"h\x05.", "not a complete"),
        (b"}]Ns.", "keys that are not strings"),
        (b"}", "not a complete"),
    ],
)
def test_anything_but_a_state_dict_is_refused_in_one_line(layout, pickled, message):
    with pytest.raises(WeightsError, match=message) as error:
        torch_file.parse(layout({}, pickled=pickled))
    assert "\n" not in str(error.value)


def test_a_key_that_is_too_deep_to_be_hashed_is_refused():
    deep = b"})" + b"\x85" * 300_000 + b"Ns."  # hashing it crashes the process
    with pytest.raises(WeightsError, match="keys that are not strings"):
        torch_file.parse(zip_file({}, pickled=deep))


@both_layouts
def test_damage_is_never_answered_with_another_error(layout):
    whole = layout(TENSORS | VIEWS)
    for end in range(0, len(whole), 7):
        with pytest.raises(WeightsError):
            torch_file.parse(whole[:end])
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(300):
        content = bytearray(whole)
        for position in rng.integers(0, len(whole), size=3):
            content[position] = rng.integers(256)
        try:
            torch_file.parse(bytes(content))  # damage within a number cannot be noticed
        except WeightsError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017
            refused += 1
    assert refused > 100


def test_a_file_of_another_kind_is_refused():
    for content in (b"", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04 and no more", b"\x80\x02K\x01."):
        with pytest.raises(WeightsError, match="not a"):
            torch_file.parse(content)
    other = io.BytesIO()
    np.savez(other, weight=np.zeros(3))
    with pytest.raises(WeightsError, match=r"without one data\.pkl"):
        torch_file.parse(other.getvalue())


def test_what_pytorch_never_writes_is_refused():
    with pytest.raises(WeightsError, match="compressed"):
        torch_file.parse(zip_file(TENSORS, compression=zipfile.ZIP_DEFLATED))
    for content in (zip_file(TENSORS, order=b"big"), legacy_file(TENSORS, little=False)):
        with pytest.raises(WeightsError, match="big-endian"):
            torch_file.parse(content)
    twelve = dictionary({"weight": view_of("0", SHARED)})
    with pytest.raises(WeightsError, match="'weight' has 16 bytes, expected 48"):
        torch_file.parse(zip_file({"weight": SHARED[:4]}, pickled=twelve))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("as_zip", [True, False])
def test_what_torch_saves_is_read_as_torch_loads_it(as_zip, tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.arange(24, dtype=torch.float32)
    tensors = {
        "view": base.view(2, 3, 4).permute(2, 0, 1),
        "slice": base[5:17:3],
        "half": base.half(),
        "brain": base.bfloat16(),
        "double": base.double(),
        "count": torch.tensor(3),
        "parameter": torch.nn.Parameter(base.view(4, 6)),
    }
    layers = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    for saved in (tensors, layers.state_dict()):
        torch.save(saved, tmp_path / "a.pth", _use_new_zipfile_serialization=as_zip)
        arrays = torch_file.parse((tmp_path / "a.pth").read_bytes())
        assert list(arrays) == list(saved)
        for name, expected in saved.items():
            assert arrays[name].dtype.name == str(expected.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(
                arrays[name].astype(np.float64), expected.detach().double().numpy()
            )


def test_a_damaged_text_leads_to_no_warning():
    # As a flipped bit makes it of X: a string with escapes.
    pickled = b"\x80\x02S'a\\d'\n."
    with pytest.raises(WeightsError):
        torch_file.parse(zip_file({}, pickled=pickled))


def test_an_archive_holds_no_more_than_its_size():
    """Thousands of members can be one and the same piece of a file, and all would be read."""
    directory = bytearray(zip_file({"w": np.zeros(1000, np.float32)}))
    with zipfile.ZipFile(io.BytesIO(directory)) as archive:
        start = archive.start_dir
    count = int.from_bytes(directory[-12:-10], "little")
    entries = bytes(directory[start:-22])
    many = 100
    end = struct.pack(
        "<4s4H2LH", b"PK\5\6", 0, 0, *[count * many] * 2, many * len(entries), start, 0
    )
    with pytest.raises(WeightsError, match="overlap"):
        torch_file.parse(bytes(directory[:start]) + entries * many + end)
