"""Data sets of tensorflow-datasets, read and prepared without TensorFlow."""

import importlib.util
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import tensorflow_datasets as tfds
from array_record.python.array_record_module import ArrayRecordReader
from PIL import Image
from tensorflow_datasets.core import registered

from jaxgan.data import DataError, load
from jaxgan.data.mnist_family import NAMES

COUNT = 25
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 6, 3), dtype=np.uint8)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """25 small pictures; registered, and prepared without TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            features=tfds.features.FeaturesDict(
                {
                    "id": tfds.features.Text(),
                    "image": tfds.features.Image(shape=(8, 6, 3)),
                    "label": tfds.features.ClassLabel(names=["odd", "even"]),
                }
            ),
        )

    def _split_generators(self, dl_manager):
        train, test = range(20), range(20, COUNT)
        return {"train": self._generate_examples(train), "test": self._generate_examples(test)}

    def _generate_examples(self, numbers):
        for i in numbers:
            yield i, {"id": str(i), "image": png(PIXELS[i]), "label": (i + 1) % 2}


with registered.skip_registration():

    class Unregistered(TinyPictures):
        """A set that TFDS knows from its files alone, with an image feature of another name."""

        name = "my_pictures"

        def _info(self):
            features = {
                "photo": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.Text(),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _generate_examples(self, numbers):
            for i in numbers:
                yield i, {"photo": png(PIXELS[i][: 8 - i % 2]), "label": "no class"}

    class TwoImages(TinyPictures):
        """A set with two image features, neither of them named `image`."""

        name = "two_images"

        def _info(self):
            image = tfds.features.Image(shape=(8, 6, 3))
            features = tfds.features.FeaturesDict({"a": image, "b": image})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _generate_examples(self, numbers):
            for i in numbers:
                yield i, {"a": png(PIXELS[i]), "b": png(PIXELS[i])}

    class CycleGAN(TinyPictures):
        """A set with the name and structure of the one in tensorflow-datasets."""

        name = "cycle_gan"
        VERSION = tfds.core.Version("3.0.0")
        BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name="horse2zebra")]

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(names=["A", "B"]),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            ends = {"trainA": (0, 8), "trainB": (8, 18), "testA": (18, 21), "testB": (21, 25)}
            numbers = {split: range(*pair) for split, pair in ends.items()}
            return {split: self._generate_examples(i) for split, i in numbers.items()}

        def _generate_examples(self, numbers):
            for i in numbers:
                yield i, {"image": png(PIXELS[i]), "label": int(i >= 8)}

    class Div2k(TinyPictures):
        """Likewise: pairs of pictures, of which one has half the height and width."""

        name = "div2k"
        VERSION = tfds.core.Version("2.0.0")
        BUILDER_CONFIGS: ClassVar = [tfds.core.BuilderConfig(name="bicubic_x2")]

        def _info(self):
            image = tfds.features.Image(shape=(None, None, 3))
            features = tfds.features.FeaturesDict({"hr": image, "lr": image})
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(range(6))}

        def _generate_examples(self, numbers):
            for i in numbers:
                yield i, {"hr": png(PIXELS[i]), "lr": png(PIXELS[i][::2, ::2])}

    class Resolutions(Div2k):
        """Pairs whose scale is not in the name."""

        name = "resolutions"
        BUILDER_CONFIGS: ClassVar = []


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    """A folder of prepared data sets, in three shards each."""
    folder = tmp_path_factory.mktemp("tfds")
    config = tfds.download.DownloadConfig(num_shards=3, try_download_gcs=False)
    for builder in (TinyPictures, Unregistered, TwoImages, CycleGAN, Div2k, Resolutions):
        builder(data_dir=folder).download_and_prepare(
            download_config=config, file_format="array_record"
        )
    return folder


@pytest.fixture(scope="module")
def tfrecord_dir(data_dir, tmp_path_factory):
    """The same data sets in the format that TFDS writes by default."""
    folder = tmp_path_factory.mktemp("tfrecord") / "tfds"
    shutil.copytree(data_dir, folder)
    for path in folder.rglob("*.array_record-*"):
        reader = ArrayRecordReader(str(path))
        records = reader.read_all()
        reader.close()
        framed = [struct.pack("<QI", len(r), 0) + r + b"\0\0\0\0" for r in records]
        path.with_name(path.name.replace("array_record", "tfrecord")).write_bytes(b"".join(framed))
        path.unlink()
    for path in folder.rglob("dataset_info.json"):
        info = json.loads(path.read_text())
        path.write_text(json.dumps(info | {"fileFormat": "tfrecord"}))
    return folder


def numbers_of(dataset):
    """The indices into PIXELS of the images of a data set."""
    return [int(np.argmax((image == PIXELS).all(axis=(1, 2, 3)))) for image in dataset.x]


def test_a_prepared_set_is_read(data_dir):
    data = load("tiny_pictures", data_dir=data_dir)
    assert data.x.shape == (20, 8, 6, 3)
    assert data.name == "tiny_pictures"
    assert data.class_names == ("odd", "even")
    numbers = numbers_of(data)
    assert sorted(numbers) == list(range(20))
    np.testing.assert_array_equal(data.y, [(i + 1) % 2 for i in numbers])
    test = load("tiny_pictures", split="test", data_dir=data_dir)
    assert sorted(numbers_of(test)) == list(range(20, COUNT))


def test_the_order_is_that_of_tfds(data_dir):
    source = tfds.data_source("tiny_pictures", split="train", data_dir=data_dir)
    ids = [int(example["id"]) for example in source]
    assert numbers_of(load("tiny_pictures", data_dir=data_dir)) == ids


@pytest.mark.parametrize(
    "split", ["train", "train[:50%]", "train[5:9]", "train[3:17]", "train[-4:]", "train+test"]
)
def test_tfrecord_files_are_read_like_array_record_files(data_dir, tfrecord_dir, split, tmp_path):
    a = load("tiny_pictures", split=split, data_dir=data_dir, cache_dir=tmp_path / "a")
    b = load("tiny_pictures", split=split, data_dir=tfrecord_dir, cache_dir=tmp_path / "b")
    assert len(a.x) > 0
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.y, b.y)


def test_slices_are_slices(data_dir):
    whole = load("tiny_pictures", data_dir=data_dir)
    part = load("tiny_pictures", split="train[25%:75%]", data_dir=data_dir)
    np.testing.assert_array_equal(part.x, whole.x[5:15])


def test_a_tfrecord_file_that_ends_early_is_named(tfrecord_dir, tmp_path):
    shutil.copytree(tfrecord_dir, tmp_path / "tfds")
    shard = next((tmp_path / "tfds").rglob("tiny_pictures-train.tfrecord-00002*"))
    shard.write_bytes(shard.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"train.tfrecord-00002.*ends within a record"):
        load("tiny_pictures", data_dir=tmp_path / "tfds")


def test_a_record_cannot_be_larger_than_its_file(tfrecord_dir, tmp_path):
    shutil.copytree(tfrecord_dir, tmp_path / "tfds")
    path = next((tmp_path / "tfds" / "tiny_pictures").rglob("*train.tfrecord*"))
    path.write_bytes(struct.pack("<QI", 2**40, 0) + path.read_bytes()[12:])
    with pytest.raises(DataError, match="ends within a record"):
        load("tiny_pictures", data_dir=tmp_path / "tfds")


def whole_records(path):
    """The framed records of a TFRecord file."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        end = at + 16 + struct.unpack_from("<Q", content, at)[0]
        yield content[at:end]
        at = end


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda records: records[:-1], "ends after 19 of 20 examples"),
        (lambda records: [r.replace(b"IHDR", b"IHDX") for r in records], "image"),
        (lambda records: [r.replace(b"label", b"lable") for r in records], "IndexError"),
        (
            lambda records: [r[:12] + b"\xff" * (len(r) - 16) + r[-4:] for r in records],
            "DecodeError",
        ),
    ],
)
def test_damaged_records_are_refused_in_one_line(tfrecord_dir, tmp_path, damage, reason):
    shutil.copytree(tfrecord_dir, tmp_path / "tfds")
    path = next((tmp_path / "tfds" / "tiny_pictures").rglob("*train.tfrecord*"))
    path.write_bytes(b"".join(damage(list(whole_records(path)))))
    with pytest.raises(DataError, match=f"tiny_pictures cannot be read.*{reason}") as caught:
        load("tiny_pictures", data_dir=tmp_path / "tfds")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_damaged_metadata_are_refused_in_one_line(data_dir, tmp_path, name):
    shutil.copytree(data_dir / "my_pictures", tmp_path / "tfds" / "my_pictures")
    path = next((tmp_path / "tfds").rglob(name))
    path.write_text(path.read_text()[:-50])
    with pytest.raises(DataError, match="my_pictures cannot be read") as caught:
        load("my_pictures", image_size=4, data_dir=tmp_path / "tfds")
    assert "\n" not in str(caught.value)


def test_other_formats_are_refused(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "tfds")
    path = tmp_path / "tfds" / "tiny_pictures" / "1.0.0" / "dataset_info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fileFormat": "riegeli"}))
    with pytest.raises(DataError, match="riegeli"):
        load("tiny_pictures", data_dir=tmp_path / "tfds")


@pytest.mark.parametrize("split", ["validation", "train[", "train[:200]", ""])
def test_unknown_splits_name_the_known_ones(data_dir, split):
    with pytest.raises(DataError, match=r"expected one of test, train.*split=test"):
        load("tiny_pictures", split=split, data_dir=data_dir)


def test_an_empty_split_is_an_error(data_dir):
    with pytest.raises(DataError, match="is empty"):
        load("tiny_pictures", split="train[5:5]", data_dir=data_dir)


def test_a_set_known_by_its_files_alone_is_read(data_dir):
    data = load("my_pictures", image_size=4, data_dir=data_dir)
    assert data.x.shape == (20, 4, 4, 3)
    assert data.y is None  # its feature `label` is text
    with pytest.raises(DataError, match="image_size="):
        load("my_pictures", data_dir=data_dir)


def test_the_splits_of_cycle_gan_are_two_domains(data_dir):
    data = load("cycle_gan/horse2zebra", data_dir=data_dir)
    assert not data.paired
    assert data.class_names == ()
    assert sorted(numbers_of(data)) == list(range(8))
    assert sorted(numbers_of(data._replace(x=data.y))) == list(range(8, 18))
    half = load("cycle_gan/horse2zebra", split="train[:50%]", image_size=4, data_dir=data_dir)
    assert (half.x.shape, half.y.shape) == ((4, 4, 4, 3), (5, 4, 4, 3))
    test = load("cycle_gan/horse2zebra:3.0.0", split="test", data_dir=data_dir)
    assert sorted(numbers_of(test)) == [18, 19, 20]
    assert sorted(numbers_of(test._replace(x=test.y))) == [21, 22, 23, 24]
    alone = load("cycle_gan/horse2zebra", split="trainB", data_dir=data_dir)
    np.testing.assert_array_equal(alone.x, data.y)
    np.testing.assert_array_equal(alone.y, [1] * 10)  # labels, as for any set


def test_sets_of_two_resolutions_are_pairs(data_dir):
    data = load("div2k/bicubic_x2", data_dir=data_dir)
    assert data.paired
    assert sorted(numbers_of(data)) == list(range(6))
    np.testing.assert_array_equal(data.y, data.x[:, ::2, ::2])
    for name in ("div2k/bicubic_x2", "resolutions"):
        small = load(name, split="train[:4]", image_size=4, data_dir=data_dir)
        assert (small.x.shape, small.y.shape) == ((4, 4, 4, 3), (4, 2, 2, 3))
        with pytest.raises(DataError, match="2 does not divide image_size=5: give image_size=6"):
            load(name, image_size=5, data_dir=data_dir)


def test_ambiguous_images_name_the_candidates(data_dir):
    with pytest.raises(DataError, match="a, b"):
        load("two_images", data_dir=data_dir)


def test_a_second_load_needs_no_prepared_data(data_dir, tmp_path):
    shutil.copytree(data_dir, tmp_path / "tfds")
    first = load("tiny_pictures", data_dir=tmp_path / "tfds")
    shutil.rmtree(tmp_path / "tfds")
    second = load("tiny_pictures", data_dir=tmp_path / "tfds")
    np.testing.assert_array_equal(first.x, second.x)
    assert second.class_names == ("odd", "even")


# Names, files and networks that do not exist. All of these have to fail fast.


@pytest.fixture
def _quick():
    start = time.perf_counter()
    yield
    assert time.perf_counter() - start < 5


def one_line(error):
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize(
    ("name", "hint"),
    [("mnits", "mnist"), ("cifar", "cifar10"), ("a b", "digits"), ("", "digits"), ("x:y", "ring")],
)
def test_unknown_names_get_suggestions(name, hint):
    with pytest.raises(DataError, match=r"unknown data set.*name=") as error:
        load(name)
    assert hint in one_line(error)


def test_unknown_configs_name_the_known_ones(tmp_path):
    with pytest.raises(DataError, match="horse2zebra") as error:
        load("cycle_gan/horse2zebbra", data_dir=tmp_path)
    one_line(error)


@pytest.mark.usefixtures("_quick")
@pytest.mark.parametrize("name", NAMES)
def test_without_network_the_missing_files_are_named(name, tmp_path):
    with pytest.raises(DataError, match="does not answer") as error:
        load(name, data_dir=tmp_path)
    message = one_line(error)
    for part in ("train-images-idx3-ubyte.gz", "MiB", "http", "manual_dir=DIRECTORY"):
        assert part in message
    assert list(tmp_path.glob("*mnist*")) == []


@pytest.mark.usefixtures("_quick")
def test_manual_dir_must_hold_the_files(tmp_path):
    with pytest.raises(DataError, match=r"manual_dir=.*does not exist"):
        load("mnist", manual_dir=tmp_path / "missing")
    (tmp_path / "manual").mkdir()
    with pytest.raises(DataError, match=r"manual_dir=.*is empty"):
        load("mnist", manual_dir=tmp_path / "manual")
    (tmp_path / "manual" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"")
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz \(9.45 MiB\).*missing"):
        load("mnist", manual_dir=tmp_path / "manual", data_dir=tmp_path / "tfds")


@pytest.mark.usefixtures("_quick")
def test_files_that_are_not_the_published_ones_are_refused(tmp_path):
    manual = tmp_path / "manual" / "kmnist"
    manual.mkdir(parents=True)
    for split in ("train", "t10k"):
        for kind in ("images-idx3", "labels-idx1"):
            (manual / f"{split}-{kind}-ubyte.gz").write_bytes(b"other content")
    with pytest.raises(DataError, match="not the published file of kmnist") as error:
        load("kmnist", manual_dir=tmp_path / "manual", data_dir=tmp_path / "tfds")
    message = one_line(error)
    assert "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5" in message
    assert not (tmp_path / "tfds" / "kmnist").exists()


def fake_tensorflow(monkeypatch, present):
    real = importlib.util.find_spec

    def find_spec(name, *rest):
        return present if name == "tensorflow" else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.mark.usefixtures("_quick")
def test_where_tensorflow_is_needed_it_is_asked_for(tmp_path, monkeypatch):
    fake_tensorflow(monkeypatch, None)
    with pytest.raises(DataError, match=r'pip install "jaxgan\[tfds\]"') as error:
        load("cifar10", data_dir=tmp_path)
    one_line(error)


@pytest.mark.usefixtures("_quick")
def test_with_tensorflow_but_without_network(tmp_path, monkeypatch):
    fake_tensorflow(monkeypatch, "installed")
    with pytest.raises(DataError, match=r"cifar-10-binary.tar.gz \(162.17 MiB\)") as error:
        load("cifar10", data_dir=tmp_path)
    one_line(error)
    with pytest.raises(DataError, match=r"by hand.*manual_dir=.*data1024x1024.tar") as error:
        load("celeb_a_hq/64", data_dir=tmp_path)
    one_line(error)


def test_with_tensorflow_other_sets_are_prepared(tmp_path, monkeypatch):
    fake_tensorflow(monkeypatch, "installed")
    data = load("tiny_pictures", data_dir=tmp_path)
    assert sorted(numbers_of(data)) == list(range(20))


def test_what_goes_wrong_in_tfds_ends_in_one_line(tmp_path, monkeypatch):
    fake_tensorflow(monkeypatch, "installed")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"could not prepare tiny_pictures/1.0.0") as error:
        load("tiny_pictures", data_dir=tmp_path / "file")
    one_line(error)


@pytest.mark.parametrize("name", ["aeslc", "xtreme_pos"])
def test_sets_without_images_are_refused(name, tmp_path):
    with pytest.raises(DataError, match="found: none"):
        load(name, data_dir=tmp_path)


# The real data sets, if their files are available.


def published_files():
    folder = os.environ.get("JAXGAN_TEST_DATA")
    if not folder:
        pytest.skip("JAXGAN_TEST_DATA names no folder with mnist/ and fashion_mnist/")
    return Path(folder)


@pytest.fixture(scope="session")
def fashion_dir(tmp_path_factory):
    """Fashion-MNIST, prepared once from its published files."""
    data_dir = tmp_path_factory.mktemp("fashion")
    cache_dir = tmp_path_factory.mktemp("fashion_cache")
    load(
        "fashion_mnist",
        split="test[:1]",
        data_dir=data_dir,
        manual_dir=published_files(),
        cache_dir=cache_dir,
    )
    return data_dir


def test_fashion_mnist_is_what_was_published(fashion_dir):
    data = load("fashion_mnist", split="test", data_dir=fashion_dir)
    assert data.x.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(data.y), [1000] * 10)
    assert data.class_names[9] == "Ankle boot"
    start = time.perf_counter()
    again = load("fashion_mnist", split="test", data_dir=fashion_dir)
    assert time.perf_counter() - start < 1
    np.testing.assert_array_equal(again.x, data.x)
    resized = load("fashion_mnist", split="train[:100]", image_size=32, data_dir=fashion_dir)
    assert resized.x.shape == (100, 32, 32, 1)


def test_fashion_mnist_is_readable_for_plain_tfds(fashion_dir):
    source = tfds.data_source("fashion_mnist", split="train", data_dir=fashion_dir)
    assert len(source) == 60_000
    data = load("fashion_mnist", split="train[:50]", data_dir=fashion_dir)
    for i in range(50):
        np.testing.assert_array_equal(source[i]["image"], data.x[i])
        assert source[i]["label"] == data.y[i]


def test_reading_and_preparing_took_no_tensorflow():
    assert "tensorflow" not in sys.modules


@pytest.mark.slow
def test_mnist_is_what_was_published(tmp_path):
    folder = published_files() / "mnist"  # the files themselves, not the folder above them
    data = load("mnist", data_dir=tmp_path / "tfds", manual_dir=folder)
    assert data.x.shape == (60_000, 28, 28, 1)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    np.testing.assert_array_equal(np.bincount(data.y), counts)
    test = load("mnist", split="test", data_dir=tmp_path / "tfds")
    digits = load("digits")
    assert {image.tobytes() for image in test.x} == {image.tobytes() for image in digits.x}


@pytest.mark.slow
def test_fashion_mnist_whole(fashion_dir):
    data = load("fashion_mnist", data_dir=fashion_dir)
    np.testing.assert_array_equal(np.bincount(data.y), [6000] * 10)
    assert round(float(data.x.mean()), 2) == 72.94


@pytest.mark.slow
def test_two_processes_may_prepare_at_once(tmp_path):
    folder = published_files()
    code = f"""
from jaxgan.data import load
print(len(load("fashion_mnist", split="test", data_dir={str(tmp_path / "tfds")!r},
               manual_dir={str(folder)!r}, cache_dir={str(tmp_path / "cache")!r}).x))
"""
    command = [sys.executable, "-c", code]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for run in runs:
        assert run.communicate()[0].split()[-1] == "10000"
        assert run.returncode == 0
    assert [path.name for path in (tmp_path / "tfds" / "fashion_mnist").iterdir()] == ["3.0.1"]
