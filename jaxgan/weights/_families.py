"""Where each tensor of the authors' networks belongs in ours, family by family.

Each function takes all tensors of a state dict and returns arrays by the paths of our leaves, such
as `params.Conv_0.kernel`. Ours has a few biases that theirs lack; these are zeros.
"""

import itertools
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from jaxgan.metrics.torch_file import WeightsError
from jaxgan.weights._tensors import Tensors

Leaves = dict[str, np.ndarray]


class Family(NamedTuple):
    """A network that is known by its tensors.

    Attributes:
        name: what it is called in messages.
        player: `"g"` or `"d"`.
        is_it: `(tensors) -> whether` these are its tensors.
        convert: `(tensors) -> leaves`.
    """

    name: str
    player: str
    is_it: Callable[[Tensors], bool]
    convert: Callable[[Tensors], Leaves]


def _with_bias(leaves: Leaves, ours: str, tensors: Tensors, theirs: str) -> None:
    leaves[f"{ours}.bias"] = tensors.take(f"{theirs}.bias")


def _norm(leaves: Leaves, name: str, tensors: Tensors, theirs: str) -> None:
    leaves[f"params.{name}.scale"] = tensors.take(f"{theirs}.weight")
    leaves[f"params.{name}.bias"] = tensors.take(f"{theirs}.bias")
    leaves[f"state.batch_stats.{name}.mean"] = tensors.take(f"{theirs}.running_mean")
    leaves[f"state.batch_stats.{name}.var"] = tensors.take(f"{theirs}.running_var")


def _numbers(tensors: Tensors, pattern: str) -> list[int]:
    """Return the numbers of `main.0.weight`, `main.3.weight`, ... that have these axes."""
    return sorted({int(name.split(".")[1]) for name in tensors.names(pattern)})


def _dcgan_generator(tensors: Tensors) -> Leaves:
    first, *rest = [n for n in _numbers(tensors, r"main\.") if n % 3 == 0]
    # The first one makes 4x4 pixels of one: a dense layer.
    kernel = tensors.transposed(f"main.{first}.weight")[::-1, ::-1].transpose(2, 0, 1, 3)
    leaves: Leaves = {"params.Dense_0.kernel": kernel.reshape(len(kernel), -1)}
    _norm(leaves, "BatchNorm_0", tensors, f"main.{first + 1}")
    for i, number in enumerate(rest):
        layer = f"params.Upsample_{i}.ConvTranspose_0"
        leaves[f"{layer}.kernel"] = tensors.transposed(f"main.{number}.weight")
        if number == rest[-1]:
            leaves[f"{layer}.bias"] = np.zeros(leaves[f"{layer}.kernel"].shape[-1], np.float32)
        else:
            _norm(leaves, f"BatchNorm_{i + 1}", tensors, f"main.{number + 1}")
    return leaves


def _dcgan_discriminator(tensors: Tensors) -> Leaves:
    convs = [n for n in _numbers(tensors, r"main\.") if len(tensors.shape(f"main.{n}.weight")) == 4]
    leaves: Leaves = {}
    for i, number in enumerate(convs[:-1]):
        leaves[f"params.Conv_{i}.kernel"] = tensors.conv(f"main.{number}.weight")
        if i == 0:
            leaves["params.Conv_0.bias"] = np.zeros(leaves["params.Conv_0.kernel"].shape[-1], "f4")
        else:
            _norm(leaves, f"BatchNorm_{i - 1}", tensors, f"main.{number + 1}")
    last = tensors.conv(f"main.{convs[-1]}.weight")  # a window as large as what it sees
    leaves["params.Dense_0.kernel"] = last.reshape(-1, last.shape[-1])
    leaves["params.Dense_0.bias"] = np.zeros(last.shape[-1], np.float32)
    return leaves


def _sides(tensors: Tensors, prefix: str) -> list[int]:
    names = tensors.names(rf"{prefix}b\d+\.".replace(".b", r"\.b"))
    return sorted({int(name.removeprefix(prefix).split(".")[0][1:]) for name in names})


def _stylegan2_generator(tensors: Tensors) -> Leaves:
    if "mapping.embed.weight" in tensors:
        raise WeightsError(
            "mapping.embed.weight: the authors normalize the embedding of a class apart from z, "
            "which our StyleGAN2 does not; expected a network without labels"
        )
    leaves = {
        "state.averages.w": tensors.take("mapping.w_avg"),
        "state.averages.path_length": np.zeros((), np.float32),
    }
    for i in itertools.count():
        if f"mapping.fc{i}.weight" not in tensors:
            break
        layer = f"params.mapping.EqualizedDense_{i}"
        leaves[f"{layer}.kernel"] = tensors.dense(f"mapping.fc{i}.weight")
        leaves[f"{layer}.bias"] = tensors.take(f"mapping.fc{i}.bias")
    start = tensors.take("synthesis.b4.const")
    leaves["params.synthesis.constant"] = start.transpose(1, 2, 0)
    numbers = itertools.count()
    for i, side in enumerate(_sides(tensors, "synthesis.")):
        block = f"synthesis.b{side}"
        for conv in ("conv0", "conv1") if i else ("conv1",):
            layer = f"params.synthesis.StyledConv_{next(numbers)}"
            strength = f"{block}.{conv}.noise_strength"
            leaves[f"{layer}.noise_strength"] = tensors.take(strength)
            _modulated(leaves, f"{layer}.ModulatedConv_0", tensors, f"{block}.{conv}")
            if conv == "conv0":  # theirs is a transposed convolution
                kernel = leaves[f"{layer}.ModulatedConv_0.kernel"]
                leaves[f"{layer}.ModulatedConv_0.kernel"] = kernel[::-1, ::-1]
        _modulated(leaves, f"params.synthesis.ModulatedConv_{i}", tensors, f"{block}.torgb")
    return leaves


def _modulated(leaves: Leaves, ours: str, tensors: Tensors, theirs: str) -> None:
    leaves[f"{ours}.kernel"] = tensors.conv(f"{theirs}.weight")
    leaves[f"{ours}.bias"] = tensors.take(f"{theirs}.bias")
    leaves[f"{ours}.style.kernel"] = tensors.dense(f"{theirs}.affine.weight")
    leaves[f"{ours}.style.bias"] = tensors.take(f"{theirs}.affine.bias")


def _stylegan2_discriminator(tensors: Tensors) -> Leaves:
    leaves: Leaves = {}
    names = (f"params.EqualizedConv_{i}" for i in itertools.count())
    *sides, _ = _sides(tensors, "")[::-1]
    convs = [f"b{sides[0]}.fromrgb"]
    convs += [f"b{side}.{name}" for side in sides for name in ("skip", "conv0", "conv1")]
    for theirs, ours in zip([*convs, "b4.conv"], names, strict=False):
        leaves[f"{ours}.kernel"] = tensors.conv(f"{theirs}.weight")
        if not theirs.endswith("skip"):
            leaves[f"{ours}.bias"] = tensors.take(f"{theirs}.bias")
    kernel = tensors.dense("b4.fc.weight")
    channels = len(kernel) // 16
    kernel = kernel.reshape(channels, 4, 4, -1).transpose(1, 2, 0, 3).reshape(16 * channels, -1)
    leaves["params.EqualizedDense_0.kernel"] = kernel
    leaves["params.EqualizedDense_0.bias"] = tensors.take("b4.fc.bias")
    leaves["params.EqualizedDense_1.kernel"] = tensors.dense("b4.out.weight")
    leaves["params.EqualizedDense_1.bias"] = tensors.take("b4.out.bias")
    return leaves


def _attention(leaves: Leaves, ours: str, tensors: Tensors, theirs: str) -> None:
    names = {"query": "theta", "key": "phi", "value": "g", "output": "o"}
    for name, other in names.items():
        leaves[f"{ours}.{name}.kernel"] = tensors.conv(f"{theirs}.{other}.weight")
    leaves[f"{ours}.gamma"] = tensors.take(f"{theirs}.gamma")


def _block(leaves: Leaves, ours: str, tensors: Tensors, theirs: str) -> None:
    for i, name in enumerate(("conv1", "conv2", "conv_sc")):
        if f"{theirs}.{name}.weight" in tensors:
            leaves[f"{ours}.Conv_{i}.kernel"] = tensors.conv(f"{theirs}.{name}.weight")
            leaves[f"{ours}.Conv_{i}.bias"] = tensors.take(f"{theirs}.{name}.bias")


def _biggan_generator(tensors: Tensors) -> Leaves:
    embedding = tensors.take("shared.weight")
    leaves = {"params.embedding.kernel": embedding}
    kernel, bias = tensors.dense("linear.weight"), tensors.take("linear.bias")
    shape = (-1, 4, 4)
    leaves["params.Dense_0.kernel"] = (
        kernel.reshape(len(kernel), *shape).transpose(0, 2, 3, 1).reshape(len(kernel), -1)
    )
    leaves["params.Dense_0.bias"] = bias.reshape(shape).transpose(1, 2, 0).ravel()
    seen = itertools.count()
    for i in itertools.count():
        theirs, ours = f"blocks.{i}.0", f"UpBlock_{i}"
        if f"{theirs}.conv1.weight" not in tensors:
            break
        _block(leaves, f"params.{ours}", tensors, theirs)
        for j in (0, 1):
            norm = f"{ours}.ConditionalBatchNorm_{j}"
            for name, other in ("scale", "gain"), ("shift", "bias"):
                kernel = tensors.dense(f"{theirs}.bn{j + 1}.{other}.weight")
                # Theirs see the embedding first and then their part of z, ours the part first.
                kernel = np.roll(kernel, -embedding.shape[1], axis=0)
                leaves[f"params.{norm}.{name}.kernel"] = kernel
            _stored(leaves, f"{norm}.BatchNorm_0", tensors, f"{theirs}.bn{j + 1}")
        if f"blocks.{i}.1.gamma" in tensors:
            _attention(leaves, f"params.SelfAttention_{next(seen)}", tensors, f"blocks.{i}.1")
    leaves["params.BatchNorm_0.scale"] = tensors.take("output_layer.0.gain")
    leaves["params.BatchNorm_0.bias"] = tensors.take("output_layer.0.bias")
    _stored(leaves, "BatchNorm_0", tensors, "output_layer.0")
    leaves["params.Conv_0.kernel"] = tensors.conv("output_layer.2.weight")
    leaves["params.Conv_0.bias"] = tensors.take("output_layer.2.bias")
    return leaves


def _stored(leaves: Leaves, ours: str, tensors: Tensors, theirs: str) -> None:
    for name in ("mean", "var"):
        leaves[f"state.batch_stats.{ours}.{name}"] = tensors.take(f"{theirs}.stored_{name}")


def _biggan_discriminator(tensors: Tensors) -> Leaves:
    leaves: Leaves = {}
    seen = itertools.count()
    for i in itertools.count():
        if f"blocks.{i}.0.conv1.weight" not in tensors:
            break
        _block(leaves, f"params.DownBlock_{i}", tensors, f"blocks.{i}.0")
        if f"blocks.{i}.1.gamma" in tensors:
            _attention(leaves, f"params.SelfAttention_{next(seen)}", tensors, f"blocks.{i}.1")
    leaves["params.Projection_0.score.kernel"] = tensors.dense("linear.weight")
    leaves["params.Projection_0.score.bias"] = tensors.take("linear.bias")
    if "embed.weight" in tensors:
        leaves["params.Projection_0.embedding.kernel"] = tensors.take("embed.weight")
    return leaves


def _r3gan(tensors: Tensors) -> tuple[str, list[list[str]]]:
    """Return the prefix of all names, and the prefixes of the layers of each stage."""
    (first, *_) = tensors.names(r"(.*\.)?MainLayers\.")
    prefix = first.partition("MainLayers.")[0]
    stages: dict[int, set[int]] = {}
    for name in tensors.names(rf"{prefix}MainLayers\.".replace("l.M", r"l\.M")):
        stage, _, layer = name.removeprefix(f"{prefix}MainLayers.").split(".")[:3]
        stages.setdefault(int(stage), set()).add(int(layer))
    return prefix, [
        [f"{prefix}MainLayers.{stage}.Layers.{layer}" for layer in range(max(stages[stage]) + 1)]
        for stage in sorted(stages)
    ]


def _r3gan_block(leaves: Leaves, ours: str, tensors: Tensors, theirs: str) -> None:
    leaves[f"{ours}.Dense_0.kernel"] = tensors.pixelwise(f"{theirs}.LinearLayer1.Layer.weight")
    leaves[f"{ours}.Dense_0.bias"] = tensors.take(f"{theirs}.NonLinearity1.Bias")
    leaves[f"{ours}.GroupedConv_0.kernel"] = tensors.conv(f"{theirs}.LinearLayer2.Layer.weight")
    leaves[f"{ours}.GroupedConv_0.bias"] = tensors.take(f"{theirs}.NonLinearity2.Bias")
    leaves[f"{ours}.Dense_1.kernel"] = tensors.pixelwise(f"{theirs}.LinearLayer3.Layer.weight")


def _r3gan_generator(tensors: Tensors) -> Leaves:
    prefix, stages = _r3gan(tensors)
    dense = (f"params.Dense_{i}.kernel" for i in itertools.count())
    blocks = (f"params.Block_{i}" for i in itertools.count())
    leaves: Leaves = {}
    if f"{prefix}EmbeddingLayer.weight" in tensors:
        leaves[next(dense)] = tensors.dense(f"{prefix}EmbeddingLayer.weight")
    basis = stages[0][0]
    leaves["params.basis"] = tensors.take(f"{basis}.Basis").transpose(1, 2, 0)
    leaves[next(dense)] = tensors.dense(f"{basis}.LinearLayer.weight")
    for transition, *layers in stages:
        if f"{transition}.LinearLayer.Layer.weight" in tensors:
            leaves[next(dense)] = tensors.pixelwise(f"{transition}.LinearLayer.Layer.weight")
        for layer in layers:
            _r3gan_block(leaves, next(blocks), tensors, layer)
    leaves[next(dense)] = tensors.pixelwise(f"{prefix}AggregationLayer.Layer.weight")
    return leaves


def _r3gan_discriminator(tensors: Tensors) -> Leaves:
    prefix, stages = _r3gan(tensors)
    dense = (f"params.Dense_{i}.kernel" for i in itertools.count())
    blocks = (f"params.Block_{i}" for i in itertools.count())
    leaves = {next(dense): tensors.pixelwise(f"{prefix}ExtractionLayer.Layer.weight")}
    for layers in stages:
        for layer in layers:
            if f"{layer}.LinearLayer1.Layer.weight" in tensors:
                _r3gan_block(leaves, next(blocks), tensors, layer)
            elif f"{layer}.LinearLayer.Layer.weight" in tensors:
                leaves[next(dense)] = tensors.pixelwise(f"{layer}.LinearLayer.Layer.weight")
    last = stages[-1][-1]
    leaves["params.window"] = tensors.conv(f"{last}.Basis.weight")[:, :, 0]
    head = tensors.dense(f"{last}.LinearLayer.weight")
    if f"{prefix}EmbeddingLayer.weight" in tensors:
        leaves[next(dense)] = tensors.dense(f"{prefix}EmbeddingLayer.weight")
    leaves[next(dense)] = head
    return leaves


def _unet_generator(tensors: Tensors) -> Leaves:
    """Follow the nested blocks from the outermost to the innermost one."""
    down, up, block = ["model.model.0"], ["model.model.3"], "model.model.1.model"
    while f"{block}.5.weight" in tensors:
        down.append(f"{block}.1")
        up.append(f"{block}.5")
        block += ".3.model"
    down.append(f"{block}.1")
    up.append(f"{block}.3")
    leaves: Leaves = {}
    for i, theirs in enumerate(down):
        leaves[f"params.Conv_{i}.kernel"] = tensors.conv(f"{theirs}.weight")
        leaves[f"params.Conv_{i}.bias"] = tensors.take(f"{theirs}.bias")
    for i, theirs in enumerate(reversed(up)):
        layer, kernel = (
            f"params.Upsample_{i}.ConvTranspose_0",
            tensors.transposed(f"{theirs}.weight"),
        )
        if i > 0:  # theirs see the skipped features first and then those from below
            kernel = np.roll(kernel, kernel.shape[2] // 2, axis=2)
        leaves[f"{layer}.kernel"], leaves[f"{layer}.bias"] = kernel, tensors.take(f"{theirs}.bias")
    return leaves


def _translator(tensors: Tensors) -> Leaves:
    names = sorted(
        {name.rpartition(".")[0] for name in tensors.names()},
        key=lambda name: [int(part) for part in name.split(".") if part.isdigit()],
    )
    last_block = max(i for i, name in enumerate(names) if "conv_block" in name)
    convs, ups = itertools.count(), itertools.count()
    leaves: Leaves = {}
    for i, theirs in enumerate(names):
        if last_block < i < len(names) - 1:
            layer, take = f"params.ConvTranspose_{next(ups)}", tensors.transposed
        else:
            layer, take = f"params.Conv_{next(convs)}", tensors.conv
        leaves[f"{layer}.kernel"] = take(f"{theirs}.weight")
        leaves[f"{layer}.bias"] = tensors.take(f"{theirs}.bias")
    return leaves


def _patch_discriminator(tensors: Tensors) -> Leaves:
    leaves: Leaves = {}
    for i, number in enumerate(_numbers(tensors, r"model\.\d+\.weight")):
        leaves[f"params.Conv_{i}.kernel"] = tensors.conv(f"model.{number}.weight")
        leaves[f"params.Conv_{i}.bias"] = tensors.take(f"model.{number}.bias")
    return leaves


def _has(*names: str) -> Callable[[Tensors], bool]:
    return lambda tensors: all(name in tensors for name in names)


FAMILIES = (
    Family(
        "StyleGAN2", "g", _has("mapping.fc0.weight", "synthesis.b4.const"), _stylegan2_generator
    ),
    Family("StyleGAN2", "d", _has("b4.conv.weight", "b4.out.weight"), _stylegan2_discriminator),
    Family("BigGAN", "g", _has("shared.weight", "blocks.0.0.conv1.weight"), _biggan_generator),
    Family("BigGAN", "d", _has("linear.weight", "blocks.0.0.conv1.weight"), _biggan_discriminator),
    Family(
        "R3GAN",
        "g",
        lambda tensors: bool(tensors.names(r"(.*\.)?AggregationLayer\.")),
        _r3gan_generator,
    ),
    Family(
        "R3GAN",
        "d",
        lambda tensors: bool(tensors.names(r"(.*\.)?ExtractionLayer\.")),
        _r3gan_discriminator,
    ),
    Family("DCGAN", "g", _has("main.0.weight", "main.1.weight"), _dcgan_generator),
    Family("DCGAN", "d", _has("main.0.weight", "main.2.weight"), _dcgan_discriminator),
    Family("U-Net", "g", _has("model.model.0.weight"), _unet_generator),
    Family("CycleGAN", "g", _has("model.1.weight", "model.10.conv_block.1.weight"), _translator),
    Family("PatchGAN", "d", _has("model.0.weight", "model.2.weight"), _patch_discriminator),
)
