"""Damage files in all ways and read them: tests/faults/fuzz_readers.py --seconds=60 --seed=0.

Everything that reads files from outside either reads a damaged one or refuses it in one line, in
bounded time and memory. One line of JSON says for each reader how many files were tried, read and
refused, which errors of other kinds there were, the worst time, and how much memory was added.
"""

import argparse
import contextlib
import gzip
import io
import json
import random
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging
from PIL import Image

TESTS = Path(__file__).parents[1]
sys.path += [str(TESTS / "metrics"), str(TESTS / "runs" / "report")]  # they know the formats

SECONDS = 10  # after which a file counts as one that hangs


class Reader(NamedTuple):
    """Something that reads files.

    Attributes:
        samples: whole files by name; the names are those that they are damaged under.
        read: reads a file of this name and content; it may write to the given empty folder.
        refusals: errors that mean that a file is refused.
        repair: makes checksums right again, so that damage gets past them.
    """

    samples: dict[str, bytes]
    read: Callable[[str, bytes, Path], Any]
    refusals: tuple[type[Exception], ...]
    repair: Callable[[bytes], bytes] = bytes


class Outcome(NamedTuple):
    """What became of a damaged file: `read`, `refused`, or an error of another kind."""

    word: str
    seconds: float


class Hang(BaseException):
    """A file took too long; no reader catches it."""


# Damage


def _flip(content: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 1, 4, 32))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _cut(content: bytearray, rng: random.Random) -> None:
    del content[rng.randrange(len(content)) :]


def _zero(content: bytearray, rng: random.Random) -> None:
    start, length = _block(content, rng)
    content[start : start + length] = bytes(length)


def _repeat(content: bytearray, rng: random.Random) -> None:
    start, length = _block(content, rng)
    content[start:start] = content[start : start + length] * rng.choice((1, 1, 2, 50))


def _drop(content: bytearray, rng: random.Random) -> None:
    start, length = _block(content, rng)
    del content[start : start + length]


def _move(content: bytearray, rng: random.Random) -> None:
    start, length = _block(content, rng)
    block = content[start : start + length]
    at = rng.randrange(len(content))
    content[at : at + length] = block


def _noise(content: bytearray, rng: random.Random) -> None:
    start, length = _block(content, rng)
    content[start : start + length] = rng.randbytes(length)


def _extreme(content: bytearray, rng: random.Random) -> None:
    """Overwrite what may be a size."""
    number = rng.choice(
        (0, 1, 2**7, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
    )
    width = rng.choice((1, 2, 4, 8))
    written = (number % 256**width).to_bytes(width, rng.choice(("little", "big")))
    start = rng.randrange(len(content))
    content[start : start + width] = written


def _digits(content: bytearray, rng: random.Random) -> None:
    """Overwrite a number that is written out."""
    places = [i for i, byte in enumerate(content) if chr(byte).isdigit()]
    if places:
        start = rng.choice(places)
        content[start : start + 1] = rng.choice((b"-", b"0", b"99999999", b"1e999", b"9" * 400))


_DAMAGES = (_flip, _flip, _cut, _zero, _repeat, _drop, _move, _noise, _extreme, _extreme, _digits)


def _block(content: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(content))
    return start, min(rng.choice((1, 2, 4, 8, 64, 512)), len(content) - start)


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Damage a file in one to four ways."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        if changed:
            rng.choice(_DAMAGES)(changed, rng)
    return bytes(changed)


# Checksums


def repair_png(content: bytes) -> bytes:
    """Make the checksums of the chunks of a PNG file right."""
    fixed, at = bytearray(content), 8
    while at + 12 <= len(fixed):
        end = at + 8 + int.from_bytes(fixed[at : at + 4], "big")
        fixed[end : end + 4] = zlib.crc32(fixed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(fixed[: max(len(content), 8)])


def repair_zip(content: bytes) -> bytes:
    """Make the checksums of the members of a zip archive right."""
    fixed = bytearray(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                start = info.header_offset + 30
                start += sum(struct.unpack_from("<HH", fixed, info.header_offset + 26))
                packed = bytes(fixed[start : start + info.compress_size])
                stored = info.compress_type == zipfile.ZIP_STORED
                whole = packed if stored else zlib.decompressobj(-15).decompress(packed, 10**7)
                old = struct.pack("<I", info.CRC)
                fixed[:] = fixed.replace(old, struct.pack("<I", zlib.crc32(whole)))
    except Exception:  # what is too damaged to be repaired stays as it is
        return content
    return bytes(fixed)


# Readers


def folder() -> Reader:
    """Folders of images, with one that is damaged."""
    from jaxgan.data import DataError, load

    def read(name: str, content: bytes, place: Path) -> Any:
        (place / name).write_bytes(content)
        return load(f"folder:{place}", image_size=8, cache_dir="/dev/null")

    noise = Image.effect_noise((20, 12), 60)
    color = Image.merge("RGB", [noise, noise.rotate(180), noise])
    exif = Image.Exif()
    exif[0x0112] = 6
    more = {"save_all": True, "append_images": [color.rotate(180)] * 3}
    palette = color.convert("P")
    samples = {
        "gray.png": _encoded(noise, "PNG"),
        "color.png": _encoded(color, "PNG", exif=exif),
        "alpha.png": _encoded(Image.merge("RGBA", [*color.split(), noise]), "PNG"),
        "deep.png": _encoded(
            Image.fromarray(np.arange(240, dtype=np.uint16).reshape(12, 20)), "PNG"
        ),
        "moving.png": _encoded(color, "PNG", **more),
        "palette.png": _encoded(palette, "PNG", transparency=3),
        "color.jpg": _encoded(color, "JPEG", exif=exif),
        "progressive.jpeg": _encoded(color, "JPEG", progressive=True),
        "moving.gif": _encoded(palette, "GIF", **more),
        "moving.webp": _encoded(color, "WEBP", **more),
        "lossless.webp": _encoded(color, "WEBP", lossless=True),
        "color.bmp": _encoded(color, "BMP"),
        "pages.jpg": _encoded(color, "TIFF", **more, compression="tiff_lzw"),
        "icon.ico": _encoded(color.resize((16, 16)), "ICO"),
        "color.ppm": _encoded(color, "PPM"),
        "color.jp2": _encoded(color, "JPEG2000"),
    }
    return Reader(samples, read, (DataError,), lambda c: repair_png(c) if c[:1] == b"\x89" else c)


def pictures_zip() -> Reader:
    """Zip files of pictures."""
    from jaxgan.data import DataError, load

    def read(name: str, content: bytes, place: Path) -> Any:
        (place / name).write_bytes(content)
        return load(f"folder:{place / name}", image_size=8, cache_dir="/dev/null")

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(4):
            picture = _encoded(Image.effect_noise((12, 12), 40 + i), "PNG" if i % 2 else "BMP")
            archive.writestr(f"{'ab'[i % 2]}/{i}.png", picture)
        archive.writestr("without", picture)
    return Reader({"pictures.zip": file.getvalue()}, read, (DataError,), repair_zip)


def _encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def idx() -> Reader:
    """The published files of MNIST and its relatives."""
    from jaxgan.data import DataError
    from jaxgan.data.idx import read_idx

    images = struct.pack(">BBBBIII", 0, 0, 8, 3, 5, 28, 28) + bytes(range(196)) * 20
    labels = struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes(5)

    def read(name: str, content: bytes, place: Path) -> Any:
        return read_idx(io.BytesIO(content if name.endswith(".gz") else gzip.compress(content, 1)))

    samples = {"images": images, "labels": labels, "images.gz": gzip.compress(images, mtime=0)}
    return Reader(samples, read, (DataError,))


def prepared(file_format: str) -> Reader:
    """A data set that tensorflow-datasets has prepared."""
    import tensorflow_datasets as tfds
    from array_record.python.array_record_module import ArrayRecordReader
    from tensorflow_datasets.core import registered

    from jaxgan.data import DataError, load

    with registered.skip_registration():

        class FewPictures(tfds.core.GeneratorBasedBuilder):
            name = "few_pictures"
            VERSION = tfds.core.Version("1.0.0")

            def _info(self):
                kinds = {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "label": tfds.features.ClassLabel(names=["odd", "even"]),
                }
                return tfds.core.DatasetInfo(
                    builder=self, features=tfds.features.FeaturesDict(kinds)
                )

            def _split_generators(self, dl_manager):
                return {"train": self._generate_examples()}

            def _generate_examples(self):
                for i in range(4):
                    picture = Image.effect_noise((6, 8), 60).convert("RGB")
                    yield i, {"image": _encoded(picture, "PNG"), "label": i % 2}

    with tempfile.TemporaryDirectory() as place:
        config = tfds.download.DownloadConfig(num_shards=1, try_download_gcs=False)
        FewPictures(data_dir=place).download_and_prepare(
            download_config=config, file_format="array_record"
        )
        samples = {}
        for path in (Path(place) / "few_pictures" / "1.0.0").iterdir():
            content = path.read_bytes()
            if file_format == "tfrecord" and "array_record" in path.name:
                reader = ArrayRecordReader(str(path))
                records = reader.read_all()
                reader.close()
                framed = (struct.pack("<QI", len(r), 0) + r + bytes(4) for r in records)
                content = b"".join(framed)
            if path.name == "dataset_info.json":
                content = content.replace(b'"array_record"', f'"{file_format}"'.encode())
            samples[path.name.replace("array_record", file_format)] = content

    def read(name: str, content: bytes, place: Path) -> Any:
        home = place / "few_pictures" / "1.0.0"
        home.mkdir(parents=True)
        for other, whole in samples.items():
            (home / other).write_bytes(content if other == name else whole)
        return load("few_pictures", data_dir=place, cache_dir="/dev/null")

    return Reader(samples, read, (DataError,))


def array_record() -> Reader:
    """A prepared data set in array_record format."""
    return prepared("array_record")


def tfrecord() -> Reader:
    """A prepared data set in tfrecord format."""
    return prepared("tfrecord")


def cache() -> Reader:
    """Entries of the cache; a damaged one is decoded again, so that nothing is refused."""
    from jaxgan.data.cache import Decoded, cached
    from jaxgan.data.dataset import Dataset
    from jaxgan.data.stack import stack

    examples = [(np.full((4, 4, 3), i, np.uint8), i % 3) for i in range(6)]

    def build(directory: Path | None) -> Decoded:
        return Decoded(
            Dataset(*stack(examples, 6, directory), "set", ("a", "b", "c")), ("a remark",)
        )

    with tempfile.TemporaryDirectory() as place:
        cached(Path(place), "set", {}, build)
        (entry,) = Path(place).iterdir()
        samples = {path.name: path.read_bytes() for path in entry.iterdir()}

    def read(name: str, content: bytes, place: Path) -> Any:
        home = place / entry.name
        home.mkdir()
        for other, whole in samples.items():
            (home / other).write_bytes(content if other == name else whole)
        found = cached(place, "set", {}, build)
        assert found.x.dtype == np.uint8
        assert found.x.shape == (6, 4, 4, 3)
        assert found.y.dtype == np.int32
        assert found.y.shape == (6,)
        assert -1 <= found.y.min() <= found.y.max() < len(found.class_names)
        assert all(isinstance(one, str) for one in found.class_names)
        np.array(found.x)

    return Reader(samples, read, ())


def torch_file() -> Reader:
    """Weights as PyTorch writes them, in both layouts."""
    import test_torch_file as layouts

    from jaxgan.metrics import torch_file

    def read(name: str, content: bytes, place: Path) -> Any:
        return torch_file.parse(content)

    samples = {
        "new.pth": layouts.zip_file(layouts.TENSORS),
        "views.pth": layouts.zip_file(layouts.VIEWS),
        "old.pth": layouts.legacy_file(layouts.TENSORS),
    }
    return Reader(samples, read, (torch_file.WeightsError,), repair_zip)


def weights() -> Reader:
    """Arrays of weights as NumPy writes them."""
    from jaxgan.metrics import _npz
    from jaxgan.metrics.torch_file import WeightsError

    arrays = {"a/kernel": np.ones((3, 4), np.float16), "b": np.arange(5, dtype=np.float32)}
    shapes = {name: array.shape for name, array in arrays.items()}
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, **arrays)
    np.savez_compressed(packed, **arrays)

    def read(name: str, content: bytes, place: Path) -> Any:
        return _npz.read(io.BytesIO(content), shapes)

    samples = {"stored.npz": stored.getvalue(), "packed.npz": packed.getvalue()}
    return Reader(samples, read, (WeightsError,), repair_zip)


def report() -> Reader:
    """The files of a run that a report shows."""
    import report_pages

    from jaxgan.runs.report.write import write
    from jaxgan.runs.settings import ConfigError

    with tempfile.TemporaryDirectory() as place:
        run = report_pages.whole(Path(place) / "run")
        kept = {str(path.relative_to(run)): path for path in run.rglob("*") if path.is_file()}
        whole = {name: path.read_bytes() for name, path in kept.items()}

    def read(name: str, content: bytes, place: Path) -> Any:
        for other, given in whole.items():
            (place / other).parent.mkdir(parents=True, exist_ok=True)
            (place / other).write_bytes(content if other == name else given)
        return write([place], place / "page.html")

    written = (".jsonl", "400.json", "nearest.png", "flags.txt")
    samples = {name: content for name, content in whole.items() if name.endswith(written)}
    return Reader(samples, read, (ConfigError,))


READERS = {
    reader.__name__: reader
    for reader in (
        *(folder, pictures_zip, idx, array_record, tfrecord, cache),
        *(torch_file, weights, report),
    )
}


# Trying


def tries(reader: Reader, seed: int) -> Iterator[Outcome]:
    """Read damaged files, each determined by the seed and its number."""
    for number in range(sys.maxsize):
        rng = random.Random(f"{seed}/{number}")
        name = rng.choice(sorted(reader.samples))
        content = damaged(reader.samples[name], rng)
        if rng.random() < 0.5:
            content = reader.repair(content)
        yield _tried(reader, name, content, number)


def _tried(reader: Reader, name: str, content: bytes, number: int) -> Outcome:
    place = Path(tempfile.mkdtemp())
    before = signal.signal(signal.SIGALRM, _hang)
    signal.alarm(SECONDS)
    start = time.perf_counter()
    try:
        reader.read(name, content, place)
        word = "read"
    except reader.refusals as error:
        word = "refused" if "\n" not in str(error) else f"{number}: {name}: several lines: {error}"
    except (Hang, Exception) as error:
        word = f"{number}: {name}: {type(error).__name__}: {error}"[:300]
    finally:
        seconds = time.perf_counter() - start
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        shutil.rmtree(place, ignore_errors=True)
    return Outcome(word, seconds)


def _hang(*_: Any) -> None:
    raise Hang


def figures(reader: Reader, seed: int, *, seconds: float, most: int = sys.maxsize) -> dict:
    """Try damaged files for some seconds, or at most so many of them."""
    reader.read(*_first(reader), Path(tempfile.mkdtemp()))  # imports are no part of the figures
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    base, end = _peak(), time.perf_counter() + seconds
    found: dict[str, Any] = {"tried": 0, "read": 0, "refused": 0, "crashes": []}
    worst = 0.0
    for outcome in tries(reader, seed):
        found["tried"] += 1
        worst = max(worst, outcome.seconds)
        if outcome.word in found:
            found[outcome.word] += 1
        else:
            found["crashes"].append(outcome.word)
        if found["tried"] >= most or time.perf_counter() > end:
            break
    return found | {"worst_seconds": round(worst, 3), "added_mb": _peak() - base}


def _first(reader: Reader) -> tuple[str, bytes]:
    return next(iter(reader.samples.items()))


def _peak() -> int:
    """The most memory that this process has had, in MB."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000
    return int(status.partition("VmHWM:")[2].split()[0]) // 1000


def main() -> int:
    """Print the figures of all readers; the exit status says whether one of them crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="for all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", choices=READERS, action="append", help="all if not given")
    given = parser.parse_args()
    logging.set_verbosity(logging.FATAL)  # each damaged entry of the cache has its line
    warnings.simplefilter("error")
    chosen = given.reader or list(READERS)
    share = given.seconds / len(chosen)
    with contextlib.redirect_stdout(sys.stderr):  # tensorflow-datasets prints
        found = {name: figures(READERS[name](), given.seed, seconds=share) for name in chosen}
    print(json.dumps(found))
    return int(any(one["crashes"] for one in found.values()))


if __name__ == "__main__":
    raise SystemExit(main())
