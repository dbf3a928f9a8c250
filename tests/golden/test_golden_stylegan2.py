"""StyleGAN2 and ADA against the numbers of their authors' code, NVlabs/stylegan2-ada-pytorch."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden.excerpts import assert_near, conv, draws, filled, numbers, part, to_nhwc
from networks import compilation

from jaxgan import Variables, distortions, nets, recipes, resample
from jaxgan.models import equalized, stylegan2

KEY = jax.random.key(0)
D = numbers("sg2")
SYNTHESIS = part(D, "syn/G/synthesis.")
Z, STYLES = D["pl/z"], D["syn/ws"]
RNGS = {"noise": KEY}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def mapping(tensors, ours=""):
    leaves = {}
    for i in range(8):
        leaves[f"{ours}EqualizedDense_{i}/kernel"] = tensors[f"fc{i}.weight"].T
        leaves[f"{ours}EqualizedDense_{i}/bias"] = tensors[f"fc{i}.bias"]
    return leaves


def modulated(ours, theirs, *, turned=False):
    kernel = conv(SYNTHESIS[f"{theirs}.weight"])
    return {
        # The authors turn the kernels of layers that double the size around.
        f"{ours}kernel": kernel[::-1, ::-1] if turned else kernel,
        f"{ours}bias": SYNTHESIS[f"{theirs}.bias"],
        f"{ours}style/kernel": SYNTHESIS[f"{theirs}.affine.weight"].T,
        f"{ours}style/bias": SYNTHESIS[f"{theirs}.affine.bias"],
    }


def styled(ours, theirs, *, turned=False):
    strength = {f"{ours}noise_strength": SYNTHESIS[f"{theirs}.noise_strength"]}
    return strength | modulated(f"{ours}ModulatedConv_0/", theirs, turned=turned)


def synthesis(ours=""):
    leaves, layer = {f"{ours}constant": SYNTHESIS["b4.const"].transpose(1, 2, 0)}, 0
    for i, side in enumerate((4, 8, 16, 32)):
        for name in ("conv0", "conv1") if i else ("conv1",):
            turned = name == "conv0"
            leaves |= styled(f"{ours}StyledConv_{layer}/", f"b{side}.{name}", turned=turned)
            layer += 1
        leaves |= modulated(f"{ours}ModulatedConv_{i}/", f"b{side}.torgb")
    return leaves


def without_noise(leaves):
    return {k: 0 * v if k.endswith("noise_strength") else v for k, v in leaves.items()}


def test_resampling():
    x = to_nhwc(D["rs/x"])
    for kernel, name in ((1, 3, 3, 1), ""), ((1, 2, 5), "_odd"):
        assert_near(resample.upsample(x, kernel), to_nhwc(D[f"rs/up{name}"]))
        assert_near(resample.downsample(x[:, :8], kernel), to_nhwc(D[f"rs/down{name}"]))


def test_the_mapping_network_and_what_becomes_of_its_mean():
    module = stylegan2.Mapping(24, 8)
    z, leaves = D["map/z"], mapping(part(D, "map/M/"))
    w = module.apply({"params": filled(module, leaves, z)}, z)
    assert_near(w, D["map/w"])
    generator = stylegan2.Generator(32, 3, 8, w_dim=24, mixing=0.0)
    leaves = mapping(part(D, "map/M/"), "mapping/") | without_noise(synthesis("synthesis/"))
    params = filled(generator, leaves, z)
    averages = {"w": jnp.zeros(24), "path_length": jnp.zeros(())}
    variables = {"params": params, "averages": averages}
    apply = partial(generator.apply, variables, train=True, rngs=RNGS, mutable=["averages"])
    mean = jax.jit(lambda z: apply(z)[1]["averages"]["w"])(z)
    assert_near(mean, 0.005 * D["map/w"].mean(0))
    assert_near(mean + 0.3 * (w - mean), D["map/trunc"])


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolutions(demodulate):
    x, s = to_nhwc(D["rs/x"]), D["mod/s"]
    # The authors' function takes scales of channels as they are: a dense layer that hands them on.
    leaves = {
        "kernel": conv(D["mod/w"]) * np.sqrt(5 * 9),
        "bias": np.zeros(7),
        "style/kernel": np.eye(5) * np.sqrt(5),
        "style/bias": np.zeros(5),
    }
    module = stylegan2.ModulatedConv(7, demodulate=demodulate)
    found = module.apply({"params": filled(module, leaves, x, s)}, x, s)
    assert_near(found, to_nhwc(D["mod/demod" if demodulate else "mod/plain"]))


def test_the_synthesis_network_up_to_the_border():
    module = stylegan2.Synthesis(32, 3, 8)
    params = filled(module, without_noise(synthesis()), STYLES)
    found = jax.jit(lambda w: module.apply({"params": params}, w, rngs=RNGS))(STYLES[:2])
    assert_near(found, to_nhwc(D["syn/img"]))


def test_noise_is_added_before_bias_and_activation(monkeypatch):
    module, x, w = stylegan2.StyledConv(32), to_nhwc(D["lay/h"]), STYLES[:1, 0]
    leaves = styled("", "b8.conv1") | {"noise_strength": np.float32(0.4)}
    params = filled(module, leaves, x, w)
    draws(monkeypatch, "normal", D["lay/noise"][None, :, :, None])
    found = module.apply({"params": params}, x, w, rngs=RNGS)
    assert_near(found, to_nhwc(D["lay/noisy"]))


@pytest.mark.parametrize(("layers", "name"), [(8, "pl/lengths"), (1, "pl/of_sum")])
def test_path_lengths_of_the_authors_and_of_the_paper(monkeypatch, layers, name):
    module = stylegan2.Generator(32, 3, 8, w_dim=24, mixing=0.0)
    assert module.layers == 8
    leaves = mapping(part(D, "syn/G/mapping."), "mapping/") | synthesis("synthesis/")
    params = filled(module, without_noise(leaves), Z)
    averages = {"w": jnp.zeros(24), "path_length": jnp.zeros(())}
    variables = Variables(params, {"averages": averages})
    network = nets.from_linen(module, rngs=("noise",))
    noise, drawn = to_nhwc(D["pl/noise"]), jax.random.normal

    def normal(key, shape=(), dtype=jnp.float32):
        return jnp.asarray(noise) if shape == noise.shape else drawn(key, shape, dtype)

    monkeypatch.setattr(jax.random, "normal", normal)
    measure = jax.jit(lambda z: recipes.path_lengths(network, variables, KEY, z, layers=layers))
    assert_near(measure(Z[:3]), D[name])


def test_the_variation_within_groups():
    x, wanted = to_nhwc(D["mbs/x"]), to_nhwc(D["mbs/y"])
    # The authors compare pictures that are apart in the batch, ours neighbors.
    order = np.arange(8).reshape(4, 2).T.ravel()
    assert_near(equalized.minibatch_stddev(x[order]), wanted[order])
    assert_near(equalized.minibatch_stddev(x[:3]), to_nhwc(D["mbs/y3"]))


@pytest.mark.parametrize(("bias", "name"), [(True, "cd/y"), (False, "cd/y0")])
def test_a_layer_of_d_that_halves_up_to_the_border(bias, name):
    x = to_nhwc(D["rs/x"])[:, :8]
    module = equalized.EqualizedConv(7, strides=2, padding="VALID")
    leaves = {"kernel": conv(D["cd/weight"]), "bias": bias * D["cd/bias"]}
    filtered = stylegan2._filter(x, 2)
    found = module.apply({"params": filled(module, leaves, filtered)}, filtered)
    assert_near(stylegan2._activate(found), to_nhwc(D[name]))


def test_the_whole_discriminator():
    whole = numbers("sg2", whole=True)
    tensors, x = part(whole, "dis/D/"), to_nhwc(whole["dis/x"])
    leaves = {
        "EqualizedConv_0/kernel": conv(tensors["b32.fromrgb.weight"]),
        "EqualizedConv_0/bias": tensors["b32.fromrgb.bias"],
    }
    layer = 1
    for side in (32, 16, 8):
        for name in ("skip", "conv0", "conv1"):
            leaves[f"EqualizedConv_{layer}/kernel"] = conv(tensors[f"b{side}.{name}.weight"])
            if name != "skip":
                leaves[f"EqualizedConv_{layer}/bias"] = tensors[f"b{side}.{name}.bias"]
            layer += 1
    leaves[f"EqualizedConv_{layer}/kernel"] = conv(tensors["b4.conv.weight"])
    leaves[f"EqualizedConv_{layer}/bias"] = tensors["b4.conv.bias"]
    first = tensors["b4.fc.weight"]
    pixels = first.reshape(len(first), -1, 4, 4).transpose(2, 3, 1, 0)
    leaves["EqualizedDense_0/kernel"] = pixels.reshape(-1, len(first))
    leaves["EqualizedDense_0/bias"] = tensors["b4.fc.bias"]
    leaves["EqualizedDense_1/kernel"] = tensors["b4.out.weight"].T
    leaves["EqualizedDense_1/bias"] = tensors["b4.out.bias"]
    module = stylegan2.Discriminator(32, 8)
    params = filled(module, leaves, x)
    order = np.arange(8).reshape(4, 2).T.ravel()
    found = jax.jit(lambda x: module.apply({"params": params}, x))(x[order])
    assert_near(found, whole["dis/logits"][order])


def test_adas_colors():
    draw, x = part(D, "ada/col/"), to_nhwc(D["ada/img"])
    # The authors turn the hue the other way, by an angle that starts at -pi, and negate below 1/2.
    uniform = [draw["bc"], draw["cc"], draw["fc"], draw["hc"], draw["sc"]]
    uniform += [1 - draw["f"], (0.5 - draw["h"]) % 1]
    normal = np.stack([draw["b"], draw["c"], draw["s"]])
    found = distortions._recolor(x, np.stack(uniform), normal, 0.7)
    assert_near(found, to_nhwc(D["ada/col3"]))


def test_adas_geometry():
    draw = part(D, "ada/geo/")
    chosen = [draw[f"{name}c"] for name in "frtsaeod"]
    # The authors' maps lead to the new picture and are inverted: ours lead back from it.
    flip = np.where(draw["f"] >= 0.5, 0.25, 0.75)
    angles = [(draw[name] - 0.5) % 1 for name in "ao"]
    uniform = np.stack([*chosen, flip, draw["r"], *(1 - draw["t"].T), *angles])
    normal = -np.stack([draw["s"], draw["e"], *draw["d"].T])
    found = distortions._affine(uniform, normal, (40, 16, 16, 3), 0.6, 0.6)
    assert_near(found, D["ada/geo_matrix"])


@pytest.mark.parametrize("side", [16, 28])
def test_adas_cutout(side):
    whole = numbers("sg2", whole=True)
    draw, ones = part(whole, "ada/cut/"), np.ones((40, side, side, 1), np.float32)
    cut = distortions._cut(np.stack([draw["y"], draw["x"]]), ones)
    found = np.where((draw["c"] < 0.6)[:, None, None, None], cut, ones)
    np.testing.assert_array_equal(found, to_nhwc(whole[f"ada/cut{side}"]))
