"""State dicts of the authors give the authors' outputs in our networks."""

import os
from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from metrics.test_torch_file import legacy_file, zip_file
from networks import compilation
from weights import references
from weights.references import Drawn

from jaxgan import Variables, export, nets, weights
from jaxgan._generator_file import to_host
from jaxgan.models import biggan, dcgan, patch, r3gan, stylegan2, translator, unet
from jaxgan.weights import WeightsError

RNG = np.random.default_rng(0)
KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def variables_like(network, *inputs):
    shapes = Variables(*jax.eval_shape(network.init, KEY, *inputs))
    return jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.nan, leaf.dtype), shapes)


def fitted(network, tensors, *inputs):
    """Variables that hold the tensors of a state dict, and nothing else."""
    found = weights.fit(variables_like(network, *inputs), weights.convert(tensors).leaves)
    assert found.misfits == []
    assert not any(np.isnan(leaf).any() for leaf in jax.tree.leaves(found.tree))
    return found.tree


def output(module, tensors, *inputs, rngs=()):
    network = nets.from_linen(module, rngs=rngs)
    variables = fitted(network, tensors, *inputs)
    return np.asarray(jax.jit(lambda v: network.apply(*v, KEY, *inputs, train=False)[0])(variables))


def assert_near(found, wanted, at_most=2e-5):
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= at_most * np.abs(wanted).max()


def to_nhwc(x):
    return np.transpose(x, (0, 2, 3, 1))


@cache
def golden(name):
    """What the authors' code gave, with random weights; made elsewhere."""
    folder = os.environ.get("JAXGAN_TEST_DATA")
    path = Path(folder or "none").parent / "golden" / f"{name}.npz"
    if folder is None or not path.exists():
        pytest.skip(f"beside the folder that JAXGAN_TEST_DATA names there is no golden/{name}.npz")
    return np.load(path)


def part_of(name, prefix):
    arrays = golden(name)
    return {key[len(prefix) :]: arrays[key] for key in arrays.files if key.startswith(prefix)}


def test_a_unet_of_pix2pix():
    d = golden("pix")
    module = unet.Generator(channels=3, width=8, stages=5, dropout=0.0)
    made = output(module, part_of("pix", "unet/G/"), to_nhwc(d["x"]), rngs=("dropout",))
    assert_near(made, to_nhwc(d["unet/y"]))


def test_a_translator_of_cyclegan():
    d = golden("pix")
    module = translator.Generator(channels=3, width=8, blocks=3)
    made = output(module, part_of("pix", "res/G/"), to_nhwc(d["x"]))
    assert_near(made, to_nhwc(d["res/y"]))


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_a_patchgan(layers):
    d = golden("pix")
    module = patch.Discriminator(layers=layers, width=8)
    made = output(module, part_of("pix", f"patch{layers}/D/"), to_nhwc(d["xx"]))
    assert_near(made, d[f"patch{layers}/y"][:, 0])


@pytest.mark.parametrize(("size", "width", "attention"), [(32, 16, 16), (128, 4, 64)])
def test_a_biggan_generator(size, width, attention):
    d = golden("resnet")
    z, y = d[f"big{size}/z"], d[f"big{size}/y"].astype(np.int32)
    module = biggan.Generator(size, 3, width, num_classes=5, attention=attention, embedding=12)
    made = output(module, part_of("resnet", f"big{size}/after/"), z, y)
    assert_near(made, to_nhwc(d[f"big{size}/eval"]))


@pytest.mark.parametrize(("size", "width", "attention"), [(32, 16, 0), (64, 8, 32), (128, 8, 64)])
def test_a_biggan_discriminator(size, width, attention):
    d = golden("resnet")
    x, y = to_nhwc(d[f"bigD{size}/x"]), d[f"bigD{size}/y"].astype(np.int32)
    module = biggan.Discriminator(size, width, num_classes=5, attention=attention)
    made = output(module, part_of("resnet", f"bigD{size}/D/"), x, y)
    assert_near(made, d[f"bigD{size}/out"])


def test_a_stylegan2_generator_up_to_the_border_of_its_images():
    d = golden("sg2")
    module = stylegan2.Generator(32, 3, 8, w_dim=24, mixing=0.0)
    network = nets.from_linen(module, rngs=("noise", "mixing"))
    tensors = part_of("sg2", "syn/G/")
    silent = {name: 0 * t if "noise_strength" in name else t for name, t in tensors.items()}
    variables = fitted(network, silent, jnp.zeros((4, 16)))
    synthesis = stylegan2.Synthesis(32, 3, 8)
    params = {"params": variables.params["synthesis"]}
    made = jax.jit(lambda w: synthesis.apply(params, w, rngs={"noise": KEY}))(d["syn/ws"])
    assert_near(made, to_nhwc(d["syn/img"]))
    np.testing.assert_array_equal(variables.state["averages"]["w"], tensors["mapping.w_avg"])


def test_a_stylegan2_discriminator_up_to_the_border_of_its_images():
    d = golden("sg2")
    # The authors compare images that are apart in the batch, ours neighbors.
    order = np.arange(8).reshape(4, 2).T.ravel()
    module = stylegan2.Discriminator(32, 8)
    made = output(module, part_of("sg2", "dis/D/"), to_nhwc(d["dis/x"])[order])
    assert_near(made, d["dis/logits"][order])


def test_the_dcgan_of_pytorchs_examples():
    z, x, tensors = RNG.normal(size=(2, 5)), RNG.normal(size=(2, 3, 64, 64)), Drawn()
    wanted = references.dcgan_generator(tensors, z)
    made = output(dcgan.Generator(64, 3, 2), tensors, z.astype(np.float32))
    assert_near(made, to_nhwc(wanted))
    tensors = Drawn()
    wanted = references.dcgan_discriminator(tensors, x)
    made = output(dcgan.Discriminator(64, 2), tensors, to_nhwc(x).astype(np.float32))
    assert_near(made, wanted)


@pytest.mark.parametrize("y", [None, np.array([2, 0], np.int32)], ids=["plain", "with labels"])
def test_an_r3gan(y):
    """With a stage that changes the channels and one that does not, and two groups or one."""
    z, x = RNG.normal(size=(2, 6)), RNG.normal(size=(2, 3, 16, 16))
    labels, classes = (() if y is None else (y,)), None if y is None else 3
    settings = {"image_size": 16, "group_size": 8, "num_classes": classes}
    tensors = Drawn()
    wanted = references.r3gan_generator(tensors, z, y, (8, 8, 4))
    module = r3gan.Generator(channels=3, widths=(8, 8, 4), embedding=5, **settings)
    assert_near(output(module, tensors, z.astype(np.float32), *labels), to_nhwc(wanted))
    tensors = Drawn()
    wanted = references.r3gan_discriminator(tensors, x, y, (4, 8, 8))
    module = r3gan.Discriminator(widths=(8, 8, 4), **settings)
    assert_near(output(module, tensors, to_nhwc(x).astype(np.float32), *labels), wanted)


@pytest.mark.parametrize("layout", [zip_file, legacy_file], ids=["zip", "legacy"])
def test_files_of_every_kind_are_read(layout, tmp_path):
    tensors = Drawn()
    references.dcgan_generator(tensors, RNG.normal(size=(1, 5)))
    (tmp_path / "g.pth").write_bytes(layout(tensors))
    np.savez(tmp_path / "g.npz", **tensors)
    network = nets.from_linen(dcgan.Generator(64, 3, 2))
    like = variables_like(network, jnp.zeros((1, 5)))
    first, second = (weights.load(tmp_path / name, like) for name in ("g.pth", "g.npz"))
    jax.tree.map(np.testing.assert_array_equal, first, second)
    np.testing.assert_array_equal(
        first.state["batch_stats"]["BatchNorm_1"]["var"], tensors["main.4.running_var"]
    )


def test_names_of_parallel_training_are_known():
    tensors = Drawn()
    references.dcgan_generator(tensors, RNG.normal(size=(1, 5)))
    found = weights.convert({f"module.{name}": value for name, value in tensors.items()})
    assert (found.family, found.player) == ("DCGAN", "g")


def test_spectral_norm_starts_where_power_iteration_would_end():
    tensors = Drawn()
    references.dcgan_discriminator(tensors, RNG.normal(size=(1, 3, 64, 64)))
    network = nets.spectral_norm(nets.from_linen(dcgan.Discriminator(64, 2)))
    variables = fitted(network, tensors, jnp.zeros((1, 64, 64, 3)))
    kernel = np.asarray(variables.params["Conv_1"]["kernel"]).reshape(-1, 4)
    vector = np.asarray(variables.state[1]["Conv_1"]["kernel"])
    largest = np.linalg.svd(kernel)[1][0]
    assert np.linalg.norm(kernel @ vector) == pytest.approx(largest, rel=1e-5)


def test_every_tensor_is_accounted_for():
    tensors = Drawn()
    references.dcgan_generator(tensors, RNG.normal(size=(1, 5)))
    with pytest.raises(WeightsError, match=r"^extra\.weight \[3\]: no place in our DCGAN network$"):
        weights.convert({**tensors, "extra.weight": np.zeros(3)})
    for name in [name for name in tensors if not name.endswith("tracked")]:
        less = {other: value for other, value in tensors.items() if other != name}
        with pytest.raises(WeightsError):
            weights.convert(less)


def test_other_shapes_are_named_with_both(tmp_path):
    tensors = Drawn()
    references.dcgan_generator(tensors, RNG.normal(size=(1, 5)))
    np.savez(tmp_path / "g.npz", **tensors)
    like = variables_like(nets.from_linen(dcgan.Generator(64, 1, 2)), jnp.zeros((1, 5)))
    words = (
        r"2 leaves do not fit: params\.Upsample_3\.ConvTranspose_0\.bias is \[3\] there and \[1\]"
    )
    with pytest.raises(WeightsError, match=words):
        weights.load(tmp_path / "g.npz", like)
    found = weights.load(tmp_path / "g.npz", like, partial=True)
    assert np.isnan(found.params["Upsample_3"]["ConvTranspose_0"]["kernel"]).all()
    assert not np.isnan(found.params["Dense_0"]["kernel"]).any()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x80\x04\x95.", r"it is a pickle, .* torch\.save\(pickle\.load\(file\)\['G_ema'\]"),
        (b"GIF89a", "not a PyTorch file"),
        (b"", "not a PyTorch file"),
    ],
)
def test_what_holds_no_tensors_is_refused_in_one_line(content, words, tmp_path):
    path = tmp_path / "network.pkl"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=words) as error:
        weights.read(path)
    assert "\n" not in str(error.value)


def test_a_unet_with_batch_normalization_is_told_so():
    names = {"model.model.0.weight": (4, 3, 4, 4), "model.model.0.bias": (4,)}
    names |= {"model.model.1.model.1.weight": (8, 4, 4, 4), "model.model.1.model.1.bias": (8,)}
    names |= {"model.model.1.model.3.weight": (8, 4, 4, 4), "model.model.1.model.3.bias": (4,)}
    names |= {"model.model.3.weight": (8, 3, 4, 4), "model.model.3.bias": (3,)}
    names |= {"model.model.1.model.4.running_mean": (4,)}
    with pytest.raises(WeightsError, match="its batch normalization has no place there"):
        weights.convert({name: np.zeros(shape) for name, shape in names.items()})


def test_labels_of_stylegan2_are_refused_by_name():
    tensors = {name: np.zeros(1) for name in ("mapping.fc0.weight", "synthesis.b4.const")}
    with pytest.raises(WeightsError, match=r"mapping\.embed\.weight: the authors normalize"):
        weights.convert({**tensors, "mapping.embed.weight": np.zeros((2, 3))})


def test_what_is_exported_comes_back(tmp_path):
    network = nets.from_linen(dcgan.Generator(64, 1, 2))
    like = variables_like(network, jnp.zeros((1, 5)))
    filled = jax.tree.map(lambda leaf: jnp.ones(leaf.shape), like)
    path = tmp_path / "g.npz"
    np.savez(path, **to_host(export.named(filled)))
    jax.tree.map(np.testing.assert_array_equal, weights.load(path, like), filled)
