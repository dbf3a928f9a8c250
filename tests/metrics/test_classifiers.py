import os
import zipfile
from importlib import resources
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import unflatten_dict

from jaxgan import data
from jaxgan.data.idx import read_idx
from jaxgan.metrics import classifiers
from jaxgan.metrics.classifiers import NAMES

ACCURACY = 0.74  # of the network of photographs, on a tenth of its test split
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 28, 28, 1), np.uint8)


def accuracy(name, x, y, at_once=500):
    apply = jax.jit(classifiers.load(name).apply)
    parts = range(0, len(x), at_once)
    answers = [np.argmax(apply(x[i : i + at_once])[1], axis=-1) for i in parts]
    return np.mean(np.concatenate(answers) == y)


@pytest.fixture(scope="module")
def variables():
    """The weights of `digits`."""
    weights = resources.files("jaxgan.metrics").joinpath("weights", "digits.npz")
    with resources.as_file(weights) as path, np.load(path) as arrays:
        return unflatten_dict({key: arrays[key] for key in arrays.files}, sep="/")


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_small_files_of_plain_arrays(name):
    weights = resources.files("jaxgan.metrics").joinpath("weights", f"{name}.npz")
    with resources.as_file(weights) as path:
        assert path.stat().st_size <= 1_000_000
        with np.load(path, allow_pickle=False) as arrays:
            assert {arrays[key].dtype for key in arrays.files} == {np.dtype(np.float16)}
            assert all(np.isfinite(arrays[key]).all() for key in arrays.files)


def test_digits_are_told_apart_that_were_not_trained_on():
    digits = data.load("digits")
    assert accuracy("digits", digits.x[4::5], digits.y[4::5]) >= 0.990


def test_the_test_split_of_mnist_is_told_apart():
    digits = data.load("digits")  # they are that split
    assert accuracy("mnist", digits.x, digits.y) >= 0.992


def test_the_test_split_of_fashion_mnist_is_told_apart():
    folder = os.environ.get("JAXGAN_TEST_DATA")
    if not folder or not (Path(folder) / "fashion_mnist").is_dir():
        pytest.skip("JAXGAN_TEST_DATA names no folder with fashion_mnist/")

    def read(what):
        with (Path(folder) / "fashion_mnist" / f"t10k-{what}-ubyte.gz").open("rb") as file:
            return read_idx(file)

    assert accuracy("fashion_mnist", read("images-idx3")[..., None], read("labels-idx1")) >= 0.92


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """A hundred pictures of each class of CIFAR-10's test split, re-encoded as JPEG."""
    archive = Path(os.environ.get("JAXGAN_TEST_DATA", "")) / "cifar10" / "test.zip"
    if not archive.is_file():
        pytest.skip("JAXGAN_TEST_DATA names no folder with cifar10/test.zip")
    directory = tmp_path_factory.mktemp("cifar10")
    with zipfile.ZipFile(archive) as file:
        taken = [name for name in file.namelist() if name.endswith("0.jpg")]
        file.extractall(directory / "test", taken)
    return data.load(f"folder:{directory / 'test'}", cache_dir=directory / "cache")


def test_photographs_are_told_apart_at_any_size(photographs):
    assert photographs.x.shape == (1000, 32, 32, 3)
    assert accuracy("cifar10", photographs.x, photographs.y) >= ACCURACY
    large = photographs.x.repeat(3, axis=1).repeat(2, axis=2)
    assert accuracy("cifar10", large, photographs.y) >= ACCURACY - 0.1


def test_a_gray_picture_is_seen_as_a_color_one_without_color():
    gray = IMAGES.repeat(3, axis=-1)
    apply = classifiers.load("cifar10").apply
    for one, other in zip(apply(IMAGES), apply(gray), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("channels", [2, 4])
def test_other_channels_are_refused_by_the_network_of_photographs(channels):
    with pytest.raises(ValueError, match=r"takes images \[B, H, W, 1\] or \[B, H, W, 3\], not"):
        classifiers.load("cifar10").apply(np.zeros((2, 32, 32, channels), np.uint8))


@pytest.mark.parametrize("name", NAMES)
def test_features_are_float32_and_each_varies(name):
    network = classifiers.load(name)
    assert network.name == name
    features, logits = jax.jit(network.apply)(data.load("digits").x[:500])
    assert features.shape == (500, network.width)
    assert logits.shape == (500, 10)
    assert features.dtype == logits.dtype == jnp.float32
    assert np.linalg.eigvalsh(np.cov(features.T)).min() > 1e-4


def test_features_of_the_digits_have_about_unit_variance():
    features, _ = jax.jit(classifiers.load("digits").apply)(data.load("digits").x[:1000])
    np.testing.assert_allclose(np.var(features, axis=0).mean(), 1, atol=0.2)


def test_an_image_is_seen_alike_in_every_batch():
    apply = jax.jit(classifiers.load("digits").apply)
    whole = apply(IMAGES)
    parts = [apply(IMAGES[:3]), apply(IMAGES[3:])]
    for together, *apart in zip(whole, *parts, strict=True):
        np.testing.assert_allclose(together, np.concatenate(apart), rtol=1e-4, atol=1e-4)


def test_images_of_another_size_are_resized_without_moving_or_darkening_them():
    digits = data.load("digits")
    large = digits.x[4:500:5].repeat(3, axis=1).repeat(2, axis=2)
    # The antialiasing averages over a bit more than a pixel, so digits become less sharp.
    assert accuracy("digits", large, digits.y[4:500:5]) >= 0.97


def test_the_same_function_is_given_for_the_same_name():
    assert classifiers.load("mnist") is classifiers.load("mnist")


def test_a_wrong_name_is_answered_with_the_names():
    with pytest.raises(
        ValueError, match=r"'emnist'; choose one of digits, mnist, fashion_mnist, cifar10$"
    ):
        classifiers.load("emnist")


@pytest.mark.parametrize("shape", [(2, 28, 28, 3), (28, 28, 1), (2, 784)])
def test_arrays_that_are_not_gray_images_are_refused(shape):
    with pytest.raises(ValueError, match=r"\[B, H, W, 1\], not .* \(" + ", ".join(map(str, shape))):
        classifiers.load("digits").apply(jnp.zeros(shape, jnp.uint8))


def test_images_that_are_not_uint8_are_refused():
    with pytest.raises(ValueError, match="not float32"):
        classifiers.load("digits").apply(jnp.zeros((2, 28, 28, 1)))


def test_what_is_saved_is_read_again(variables, tmp_path):
    classifiers.save(tmp_path / "weights.npz", variables)
    assert [path.name for path in tmp_path.iterdir()] == ["weights.npz"]
    network = classifiers.read(tmp_path / "weights.npz", "mine")
    assert network.name == "mine"
    expected = jax.jit(classifiers.load("digits").apply)(IMAGES)
    for got, wanted in zip(jax.jit(network.apply)(IMAGES), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_failed_save_leaves_the_old_file(variables, tmp_path, monkeypatch):
    (tmp_path / "weights.npz").write_bytes(b"old")

    def fail(file, **arrays):
        file.write(b"half")
        raise OSError("the disk is full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="full"):
        classifiers.save(tmp_path / "weights.npz", variables)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_other_files_are_refused_in_one_line(variables, tmp_path):
    path = tmp_path / "weights.npz"
    np.savez(path, **{"params/Dense_0/kernel": np.zeros((3, 3))})
    with pytest.raises(ValueError, match=r"weights.npz' does not hold the weights of a classifier"):
        classifiers.read(path, "mine")
    classifiers.save(path, variables)
    whole = path.read_bytes()
    np.save(tmp_path / "single.npy", np.zeros(3))
    single = (tmp_path / "single.npy").read_bytes()
    damaged = whole[:5000] + bytes(100) + whole[5100:]
    for content in b"", b"no arrays", whole[: len(whole) // 2], single, damaged:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"weights.npz': not a complete \.npz file") as caught:
            classifiers.read(path, "mine")
        assert "\n" not in str(caught.value)


def test_pickled_objects_are_not_loaded(tmp_path):
    path = tmp_path / "weights.npz"
    objects = {"params/Dense_0/kernel": np.array([{}, None], object)}
    np.savez(path, allow_pickle=True, **objects)
    with pytest.raises(ValueError, match=r"not a complete \.npz file"):
        classifiers.read(path, "mine")
