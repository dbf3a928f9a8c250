import hashlib
import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from make_inception_golden import (
    GOLDEN,
    RESIZED,
    SIZES,
    digest,
    images,
    random_weights,
    torch_answers,
    torch_network,
    torch_resize,
)
from test_torch_file import legacy_file

from jaxgan.metrics import inception, torch_file
from jaxgan.metrics.torch_file import WeightsError

HAS_TORCH_FIDELITY = all(importlib.util.find_spec(name) for name in ("torch", "torch_fidelity"))


@pytest.fixture(scope="module")
def arrays():
    return random_weights(inception.shapes())


@pytest.fixture(scope="module")
def network(arrays):
    return inception.from_arrays(arrays)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as stored:
        return dict(stored)


def difference(value, expected):
    assert value.dtype == np.float32
    assert value.shape == expected.shape
    return np.abs(value - expected).max() / np.abs(expected).max()


def name_of(size):
    return f"{size[0]}x{size[1]}"


@pytest.mark.parametrize("size", SIZES, ids=name_of)
def test_features_and_logits_are_those_of_torch_fidelity(size, network, golden):
    features, logits = network.apply(images(*size))
    expected = [golden[f"{name_of(size)}/{part}"] for part in ("features", "logits")]
    assert difference(features, expected[0]) < 1e-5
    assert difference(logits, expected[1]) < 1e-5
    # The bound is meaningful only if other images are farther away.
    assert difference(features[::-1], expected[0]) > 1e-2
    assert difference(logits[::-1], expected[1]) > 1e-2


@pytest.mark.parametrize("size", RESIZED, ids=name_of)
def test_resized_images_have_the_bits_of_torch_fidelity(size, golden):
    resized = inception.resize(images(*size))
    assert resized.shape == (2, 299, 299, 3)
    assert digest(resized) == golden[f"{name_of(size)}/resized"]


def test_an_image_of_the_right_size_is_only_scaled():
    image = images(299, 299)
    resized = inception.resize(image)
    np.testing.assert_array_equal(resized, (image.astype(np.float32) - 128) / 128)


def test_a_gray_image_is_one_of_three_equal_channels():
    gray = images(28, 28)[..., :1]
    np.testing.assert_array_equal(inception.resize(gray), inception.resize(gray.repeat(3, axis=-1)))


def test_the_network_is_what_the_metrics_expect(network):
    assert (network.name, network.width) == ("inception", 2048)
    for channels in (1, 3):
        shape = jax.ShapeDtypeStruct((2, 28, 28, channels), jnp.uint8)
        features, logits = jax.eval_shape(network.apply, shape)
        assert (features.shape, features.dtype) == ((2, 2048), np.float32)
        assert (logits.shape, logits.dtype) == ((2, 1008), np.float32)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 32, 32, 3), np.float32), "float32; expected uint8"),
        (np.zeros((2, 32, 32, 2), np.uint8), "C 1 or 3"),
        (np.zeros((2, 3, 32, 32), np.uint8), "C 1 or 3"),
        (np.zeros((32, 32, 3), np.uint8), "C 1 or 3"),
        (np.zeros((0, 32, 32, 3), np.uint8), "C 1 or 3"),
    ],
)
def test_what_is_no_image_is_refused(network, wrong, message):
    with pytest.raises(ValueError, match=message):
        network.apply(wrong)


def save_npz(path, arrays):
    np.savez(path, **arrays)


def save_pth(path, arrays):
    path.write_bytes(legacy_file(arrays))


@pytest.mark.parametrize(("name", "save"), [("a.npz", save_npz), ("a.pth", save_pth)])
def test_a_network_from_a_file_is_the_same_network(name, save, arrays, network, tmp_path):
    path = tmp_path / name
    extra = {"Conv2d_1a_3x3.bn.num_batches_tracked": np.array(0)}  # the public file has these too
    save(path, arrays | extra)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    loaded = inception.load(path, sha256=sha256.upper())
    path.unlink()  # 95 MB
    for value, expected in zip(
        loaded.apply(images(32, 32)), network.apply(images(32, 32)), strict=True
    ):
        np.testing.assert_array_equal(value, expected)


def test_the_hash_is_checked_before_the_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(torch_file, "parse", lambda content: pytest.fail("was read"))
    path = tmp_path / "weights.pth"
    path.write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()
    with pytest.raises(WeightsError) as error:
        inception.load(path)
    message = str(error.value)
    for part in (str(path), found[:12], inception.SHA256[:12], inception.URL):
        assert part in message
    assert "\n" not in message


def test_a_missing_file_is_answered_with_where_it_is(tmp_path):
    with pytest.raises(WeightsError, match=inception.URL):
        inception.load(tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="cannot be read"):
        inception.load(tmp_path)


@pytest.mark.parametrize("name", ["a.pth", "a.npz"])
def test_a_damaged_file_is_answered_with_its_name(name, tmp_path):
    path = tmp_path / name
    for content in (b"", b"PK\x03\x04", b"something else"):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=name):
            inception.load(path, sha256=None)
    np.savez(tmp_path / "objects.npz", **{next(iter(inception.shapes())): np.array([{}])})
    with pytest.raises(WeightsError, match="Object arrays cannot be loaded"):
        inception.load(tmp_path / "objects.npz", sha256=None)


def test_weights_of_another_network_are_refused(arrays, tmp_path):
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    with pytest.raises(WeightsError, match=r"other\.npz: there is no 'Conv2d_1a_3x3"):
        inception.load(tmp_path / "other.npz", sha256=None)
    for name, value in [
        ("fc.weight", np.zeros((1000, 2048), np.float32)),  # torchvision's
        ("Conv2d_1a_3x3.conv.weight", np.zeros((3, 3, 3, 32), np.float32)),  # TensorFlow's
        ("fc.weight", np.zeros((1008, 2048), np.int64)),
    ]:
        with pytest.raises(WeightsError, match=f"{name}' is {value.dtype} "):
            inception.from_arrays(arrays | {name: value})


@pytest.fixture(scope="module")
def theirs_and_ours(tmp_path_factory):
    path = tmp_path_factory.mktemp("inception") / "weights.pth"
    theirs = torch_network(path)
    ours = inception.load(path, sha256=None)
    path.unlink()  # 95 MB
    return theirs, ours


@pytest.mark.slow
@pytest.mark.skipif(not HAS_TORCH_FIDELITY, reason="needs torch and torch-fidelity")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("size", RESIZED, ids=name_of)
def test_answers_are_those_that_torch_fidelity_gives_here(size, theirs_and_ours):
    theirs, ours = theirs_and_ours
    np.testing.assert_array_equal(inception.resize(images(*size)), torch_resize(images(*size)))
    answers = zip(ours.apply(images(*size)), torch_answers(theirs, images(*size)), strict=True)
    for value, expected in answers:
        assert difference(np.asarray(value), expected) < 1e-5
