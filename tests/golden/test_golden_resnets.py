"""BigGAN, SNGAN, LeCam and DiffAugment against the numbers of their authors' codes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from golden.excerpts import assert_near, conv, draws, filled, numbers, part, to_nhwc
from networks import compilation, count, shapes_of

from jaxgan import distortions, losses, nets, regularizers
from jaxgan.models import biggan, resnet

KEY = jax.random.key(0)
D = numbers("resnet")
EMBEDDING = 12


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def convolution(ours, tensors, theirs):
    return {
        f"{ours}/kernel": conv(tensors[f"{theirs}.weight"]),
        f"{ours}/bias": tensors[f"{theirs}.bias"],
    }


def attention(ours, tensors, theirs):
    names = {"query": "theta", "key": "phi", "value": "g", "output": "o"}
    leaves = {f"{ours}/{a}/kernel": conv(tensors[f"{theirs}.{b}.weight"]) for a, b in names.items()}
    return leaves | {f"{ours}/gamma": tensors[f"{theirs}.gamma"]}


def generator(tensors):
    """BigGAN's G for 32 pixels, with attention at 16."""
    first = tensors["linear.weight"]
    pixels = first.reshape(-1, 4, 4, first.shape[1]).transpose(3, 1, 2, 0)
    leaves = {
        "embedding/kernel": tensors["shared.weight"],
        "Dense_0/kernel": pixels.reshape(first.shape[1], -1),
        "Dense_0/bias": tensors["linear.bias"].reshape(-1, 4, 4).transpose(1, 2, 0).ravel(),
    }
    for i in range(3):
        theirs, ours = f"blocks.{i}.0", f"UpBlock_{i}"
        for j, name in enumerate(("conv1", "conv2", "conv_sc")):
            leaves |= convolution(f"{ours}/Conv_{j}", tensors, f"{theirs}.{name}")
        for j in (0, 1):
            for a, b in (("scale", "gain"), ("shift", "bias")):
                # Conditions are [embedding, chunk of z] there and [chunk of z, embedding] here.
                kernel = tensors[f"{theirs}.bn{j + 1}.{b}.weight"].T
                turned = np.concatenate([kernel[EMBEDDING:], kernel[:EMBEDDING]])
                leaves[f"{ours}/ConditionalBatchNorm_{j}/{a}/kernel"] = turned
    leaves |= attention("SelfAttention_0", tensors, "blocks.1.1")
    leaves["BatchNorm_0/scale"] = tensors["output_layer.0.gain"]
    leaves["BatchNorm_0/bias"] = tensors["output_layer.0.bias"]
    return leaves | convolution("Conv_0", tensors, "output_layer.2")


def statistics(tensors):
    names = {
        f"UpBlock_{i}/ConditionalBatchNorm_{j}/BatchNorm_0": f"blocks.{i}.0.bn{j + 1}"
        for i in range(3)
        for j in (0, 1)
    }
    names["BatchNorm_0"] = "output_layer.0"
    return {
        f"{ours}/{a}": tensors[f"{b}.stored_{a}"]
        for ours, b in names.items()
        for a in ("mean", "var")
    }


@pytest.fixture(scope="module")
def big_generator():
    module = biggan.Generator(32, 3, 16, num_classes=5, attention=16, embedding=EMBEDDING)
    z, y = D["big32/z"], D["big32/y"].astype(np.int32)
    return module, filled(module, generator(part(D, "big32/G/")), z, y), z, y


def test_biggans_generator_in_training(big_generator):
    module, params, z, y = big_generator
    before = filled(module, statistics(part(D, "big32/G/")), z, y, collection="batch_stats")
    variables = {"params": params, "batch_stats": before}
    apply = jax.jit(partial(module.apply, train=True, mutable=["batch_stats"]))
    images, after = apply(variables, z, y)
    assert_near(images, to_nhwc(D["big32/img"]))
    found, wanted = flatten_dict(after["batch_stats"], sep="/"), statistics(part(D, "big32/after/"))
    # Running variances differ: torch divides by n - 1, flax by n.
    means = [name for name in wanted if name.endswith("mean")]
    assert_near(*(np.concatenate([np.ravel(a[name]) for name in means]) for a in (found, wanted)))


def test_biggans_generator_in_evaluation(big_generator):
    module, params, z, y = big_generator
    after = filled(module, statistics(part(D, "big32/after/")), z, y, collection="batch_stats")
    variables = {"params": params, "batch_stats": after}
    images = jax.jit(partial(module.apply, train=False))(variables, z, y)
    assert_near(images, to_nhwc(D["big32/eval"]))


def test_biggans_conditions_are_as_strong_at_the_start():
    module = biggan.Generator(32, 3, 64, num_classes=100, embedding=128)
    z = jax.random.normal(KEY, (256, 120))
    y = jax.random.randint(KEY, (256,), 0, 100)

    @jax.jit
    def gains(key):  # XLA removes all but the first block's scales
        params = module.init(key, z, y, train=True)["params"]
        condition = jnp.concatenate([z[:, 30:60], params["embedding"]["kernel"][y]], axis=1)
        return condition @ params["UpBlock_0"]["ConditionalBatchNorm_0"]["scale"]["kernel"]

    assert np.std(gains(KEY)) == pytest.approx(D["init/gain_std"], rel=0.15)


def sngan_discriminator(tensors, blocks):
    leaves = {
        "Projection_0/score/kernel": tensors[f"l{blocks + 1}.weight"].T,
        "Projection_0/score/bias": tensors[f"l{blocks + 1}.bias"],
    }
    for i in range(blocks):
        for j, name in enumerate(("c1", "c2", "c_sc")):
            theirs = f"block{i + 1}.{name}"
            if f"{theirs}.weight" in tensors:  # the last block has no shortcut
                leaves |= convolution(f"DownBlock_{i}/Conv_{j}", tensors, theirs)
    return leaves


def test_sngans_discriminator_for_64_pixels():
    x, leaves = to_nhwc(D["mim64/x"]), sngan_discriminator(part(D, "mim64/D/"), 5)
    module = resnet.Discriminator(64, 4)
    params = filled(module, leaves, x)
    found = jax.jit(lambda x: module.apply({"params": params}, x, train=True))(x)
    assert_near(found, np.ravel(D["mim64/out"]))


@pytest.mark.parametrize(("side", "width", "blocks"), [(32, 16, 4), (128, 4, 6)])
def test_sngans_other_discriminators(side, width, blocks):
    whole = numbers("resnet", whole=True)
    x, tensors = to_nhwc(whole[f"mim{side}/x"]), part(whole, f"mim{side}/D/")
    module = resnet.Discriminator(side, width)
    params = filled(module, sngan_discriminator(tensors, blocks), x)
    found = jax.jit(lambda x: module.apply({"params": params}, x, train=True))(x)
    assert_near(found, np.ravel(whole[f"mim{side}/out"]))


def test_sngans_initial_weights():
    block = resnet.UpBlock(64, train=True)
    params = jax.jit(lambda: block.init(KEY, jnp.zeros((1, 4, 4, 64)))["params"])()
    found = [np.std(params[f"Conv_{i}"]["kernel"]) for i in range(3)]
    np.testing.assert_allclose(found, D["mim/gblock_c1_std"], rtol=0.05)


def test_spectral_norm_comes_to_the_same_matrix():
    kernel = D["sn/w"].T
    linear = nets.stateless(lambda key, x: jnp.asarray(kernel), lambda params, x: params)
    network = nets.spectral_norm(linear)
    params, (inner, _) = network.init(KEY, kernel)
    state, apply = (
        (inner, jnp.asarray(D["sn/u"][0])),
        jax.jit(network.apply, static_argnames="train"),
    )
    for _ in range(30):
        found, state = apply(params, state, KEY, kernel, train=True)
    # Ours moves on before it divides, half an iteration sooner than the authors'.
    assert_near(np.asarray(found).T, D["sn/train"][-1], at_most=1e-3)
    assert_near(np.asarray(apply(params, state, KEY, kernel, train=False)[0]).T, D["sn/eval"], 1e-3)


def test_orthogonal_regularization():
    kernel = jnp.asarray(conv(D["ortho/w"]))
    transform = regularizers.orthogonal(1.0)
    update, _ = transform.update(0 * kernel, transform.init(kernel), kernel)
    assert_near(update, conv(D["ortho/g"]))
    # The authors' own derivative of the paper's formula is twice what their code adds.
    assert_near(2 * update, conv(D["ortho/autograd"]))


def test_lecam():
    real, fake = D["lecam/r"][0], D["lecam/f"][0]
    # The means that after this batch are the authors' 0.4 and -0.3.
    anchors = {
        "real": jnp.float32((0.4 - 0.01 * real.mean()) / 0.99),
        "fake": jnp.float32((-0.3 - 0.01 * fake.mean()) / 0.99),
    }
    found, _ = regularizers.lecam(decay=0.99).apply(anchors, real, fake, jnp.int32(7))
    assert_near(jnp.mean(found), D["lecam/fixed"])


@pytest.mark.parametrize(
    ("loss", "name", "share"),
    [
        (losses.relativistic_paired(), "rel/sgan", 1),
        (losses.relativistic_average(), "rel/ra", 2),  # there it is halved
        (losses.hinge(), "hinge/", 1),
        (losses.non_saturating(), "ns/", 1),
    ],
)
def test_losses(loss, name, share):
    real, fake = D["lecam/r"][0], D["lecam/f"][0]
    separator = "" if name.endswith("/") else "_"
    for side, of in ("d", loss.discriminator), ("g", loss.generator):
        assert_near(jnp.mean(of(real, fake)), share * D[f"{name}{separator}{side}"])


@pytest.mark.parametrize("side", [28, 7])
def test_diffaugment(monkeypatch, side):
    """With the authors' draws: integers are put in the middle of what rounds to them."""
    x, given = to_nhwc(D[f"da/{side}/x"]), partial(part, D)
    n = len(x)
    color, moved, cut = (given(f"da/{side}/{name}/") for name in ("color", "translation", "cutout"))
    draws(monkeypatch, "uniform", np.stack([color[i] for i in "012"]).reshape(3, n, 1, 1, 1))
    assert_near(distortions.color()(KEY, x), to_nhwc(color["y"]))

    most = int(side / 8 + 0.5)
    shift = -np.stack([moved[i].ravel() for i in "01"])
    draws(monkeypatch, "uniform", (shift + most + 0.5) / (2 * most + 1))
    np.testing.assert_array_equal(distortions.translation()(KEY, x), to_nhwc(moved["y"]))

    places = side + 1 - int(side / 2 + 0.5) % 2
    center = np.stack([cut[i].ravel() for i in "01"])
    draws(monkeypatch, "uniform", (center + 0.5) / places)
    np.testing.assert_array_equal(distortions.cutout()(KEY, x), to_nhwc(cut["y"]))


@pytest.mark.parametrize("side", [7, 20, 36])
def test_diffaugment_shifts_as_far(side):
    point = jnp.zeros((500, side, 1, 1)).at[:, side // 2].set(1.0)
    rows = np.asarray(distortions.translation()(KEY, point))[:, :, 0, 0]
    shifts = rows[rows.any(axis=1)].argmax(axis=1) - side // 2
    assert (shifts.min(), shifts.max()) == tuple(D[f"da/{side}/range"])


@pytest.mark.parametrize(("side", "width"), [(64, 4), (128, 4)])
def test_numbers_of_parameters(side, width):
    _, shapes = shapes_of(resnet.Discriminator(side, width), jnp.zeros((1, side, side, 3)))
    assert count(shapes["params"]) == D[f"mim{side}/count"]
