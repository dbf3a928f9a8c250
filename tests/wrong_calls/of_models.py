"""Networks that cannot be made, or called so."""

from functools import partial

import flax.linen as nn
import numpy as np
from wrong_calls.parts import BYTES, KEY, LABELS, LOGITS, NAN, PICTURES, POINTS, applied

from jaxgan import (
    checkpoint,
)
from jaxgan.models import (
    attention,
    biggan,
    classifier,
    cogan,
    conditional,
    dcgan,
    equalized,
    gat,
    grouped,
    heads,
    joint,
    layers,
    patch,
    progressive,
    r3gan,
    resnet,
    sizes,
    srgan,
    stylegan2,
    text,
    tokens,
    transformer,
    translator,
    unet,
    voxels,
    wavegan,
)
from jaxgan.models import mlp as dense

# Of each function: wrong calls, by words of the message that name the argument.
TABLE = {
    # Networks.
    "models.attention.check_attention": {
        "attention=5": lambda: attention.check_attention(5, [7]),
    },
    "models.conditional.normalize": {
        "x has shape (4, 2)": lambda: conditional.normalize(POINTS, None, train=True),
        "condition has shape (4,)": lambda: conditional.normalize(
            PICTURES, POINTS[:, 0], train=True
        ),
    },
    "models.conditional.Projection": {
        "num_classes is 0": lambda: conditional.Projection(0),
        "y is float32": applied(conditional.Projection(3), POINTS, POINTS[:, 0]),
    },
    "models.equalized.equalized": {
        "lr_multiplier is 0": lambda: equalized.equalized(nn.Dense(2), (1, 2), lr_multiplier=0),
    },
    "models.equalized.minibatch_stddev": {
        "group_size is 0": lambda: equalized.minibatch_stddev(PICTURES, group_size=0),
        "x has shape (4, 2)": lambda: equalized.minibatch_stddev(POINTS),
    },
    "models.equalized.pixel_norm": {
        "epsilon is nan": lambda: equalized.pixel_norm(POINTS, epsilon=NAN)
    },
    "models.equalized.select_logit": {
        "y has labels from 0 to 3": lambda: equalized.select_logit(LOGITS, LABELS),
        "logits has shape (4, 3)": lambda: equalized.select_logit(LOGITS, None),
    },
    "models.grouped.grouped_conv": {
        "groups is 0": lambda: grouped.grouped_conv(PICTURES, np.zeros((3, 3, 1, 1)), groups=0),
        "x has shape (4, 2)": lambda: grouped.grouped_conv(
            POINTS, np.zeros((3, 3, 1, 1)), groups=1
        ),
    },
    "models.joint.Discriminator": {
        "widths is 512": lambda: joint.Discriminator(nn.Dense(2), widths=512),
        "widths is 0": lambda: joint.Discriminator(nn.Dense(2), widths=(8, 0)),
    },
    "models.layers.append_label": {
        "y has labels from 1 to 4": lambda: layers.append_label(POINTS, LABELS + 1, 4),
        "y has labels from 99": lambda: layers.append_label(POINTS, 0 * LABELS + 99, 10),
        "y has shape (4, 1)": lambda: layers.append_label(POINTS, LABELS[:, None], 4),
        "y has shape (4, 3)": lambda: layers.append_label(POINTS, LOGITS, 4),
        "y has shape (3,)": lambda: layers.append_label(POINTS, LABELS[:3], 4),
        "y is a list": lambda: layers.append_label(POINTS, [1, 2, 3, 4], 5),
        "features has shape (2,)": lambda: layers.append_label(POINTS[0], None, None),
    },
    "models.layers.bilinear_upsample": {
        "scale is 0": lambda: layers.bilinear_upsample(PICTURES, 0)
    },
    "models.layers.check_label": {"y is float32": lambda: layers.check_label(POINTS[:, 0], 3)},
    "models.layers.Upsample": {
        "'cubic'": applied(layers.Upsample(2, "cubic"), PICTURES),
        "features is 0": lambda: layers.Upsample(0),
    },
    "models.heads.Slice": {"h has shape (4,)": applied(heads.Slice(), POINTS[:, 0])},
    "models.mlp.Discriminator": {
        "last is": applied(dense.Discriminator(last="sand"), POINTS, train=True),
        "classes=3": applied(dense.Discriminator(last="san", classes=3), POINTS, train=True),
    },
    "models.mlp.Generator": {
        "output": applied(dense.Generator(output="relu"), POINTS, train=True),
        "widths is -4": lambda: dense.Generator(widths=(8, -4)),
        "shape is 0": lambda: dense.Generator(shape=(0,)),
    },
    "models.progressive.resolutions": {"image_size": lambda: progressive.resolutions(30)},
    "models.progressive.stage_widths": {"width is 0": lambda: progressive.stage_widths(32, 0)},
    "models.resnet.stage_widths": {
        "image_size": lambda: resnet.stage_widths(30, 8),
        "width is -1": lambda: resnet.stage_widths(32, -1),
    },
    "models.sizes.check_channels": {"channels, not 2": lambda: sizes.check_channels(2)},
    "models.sizes.check_image_size": {
        "such as 32 or 28": lambda: sizes.check_image_size(30),
        "is 48x30": lambda: sizes.check_image_size((48, 30)),
    },
    "models.sizes.sides_of": {
        "is '48x32'": lambda: sizes.sides_of("48x32"),
        "is a tuple": lambda: sizes.sides_of((1, 2, 3)),
        "is 0": lambda: sizes.sides_of((32, 0)),
    },
    "models.sizes.stages_of": {"is 8": lambda: sizes.stages_of(8)},
    "models.sizes.maps_of": {
        "image_size is 8": lambda: sizes.maps_of(8),
        "coarsest is 3; expected 4": lambda: sizes.maps_of(28, 3),
    },
    "models.sizes.nearest_sizes": {"is -1": lambda: sizes.nearest_sizes(-1)},
    "models.sizes.written": {"is 1.5": lambda: sizes.written(1.5)},
    "models.sizes.check_images": {
        "x has shape (4, 2)": lambda: sizes.check_images(POINTS, 28),
        "x is uint8": lambda: sizes.check_images(BYTES, 28),
    },
    "models.sizes.check_side": {"image_size=7": lambda: sizes.check_side(PICTURES, 7)},
    "models.sizes.hidden_widths": {
        "width is 0": lambda: sizes.hidden_widths(8, 0, {8: 1}, "side"),
        "side is one of [8]": lambda: sizes.hidden_widths(9, 1, {8: 1}, "side"),
    },
    "models.text.attend": {
        "h has shape (4, 2)": lambda: text.attend(POINTS, POINTS, LABELS),
        "words has shape (4, 2)": lambda: text.attend(PICTURES, POINTS, LABELS),
        "there has shape (4,)": lambda: text.attend(PICTURES, PICTURES[..., 0, :], LABELS),
    },
    "models.tokens.from_patches": {
        "tokens has shape (4, 2)": lambda: tokens.from_patches(POINTS, 8, 2),
        "expected 16 of a multiple of 4": lambda: tokens.from_patches(PICTURES[..., 0], 8, 2),
    },
    "models.tokens.patch_grid": {
        "patch=3; expected a divisor": lambda: tokens.patch_grid(28, 3),
        "patch is 0": lambda: tokens.patch_grid(28, 0),
        "image_size is 0": lambda: tokens.patch_grid(0, 1),
    },
    "models.tokens.places": {"columns is 0": lambda: tokens.places(1, 0)},
    "models.tokens.rotate": {
        "x has shape (4, 2)": lambda: tokens.rotate(POINTS, POINTS),
        "channels of a head is 1": lambda: tokens.rotate(PICTURES, POINTS),
        "theta is 0": lambda: tokens.rotate(PICTURES, POINTS, theta=0.0),
        "place has shape (4, 3)": lambda: tokens.rotate(PICTURES, LOGITS),
    },
    "models.tokens.sine_table": {
        "width is 6; expected a multiple of 4": lambda: tokens.sine_table(POINTS, 6),
        "place has shape (4, 3)": lambda: tokens.sine_table(LOGITS, 8),
    },
    "models.tokens.to_patches": {
        "x has shape (4, 2)": lambda: tokens.to_patches(POINTS, 2),
        "patches of patch=3": lambda: tokens.to_patches(PICTURES, 3),
    },
    "models.wavegan.phase_shuffle": {
        "n is -1": lambda: wavegan.phase_shuffle(KEY, PICTURES[..., 0], -1),
        "n is 8": lambda: wavegan.phase_shuffle(KEY, PICTURES[..., 0], 8),
        "x has shape (4, 2)": lambda: wavegan.phase_shuffle(KEY, POINTS, 1),
    },
    "checkpoint.Checkpoints": {
        "keep is 0": lambda: checkpoint.Checkpoints("unused", keep=0),
    },
    # Modules check the numbers that they are made with alike: `layers.Module`.
    **{
        f"models.{module.__module__.removeprefix('jaxgan.models.')}.{module.__name__}": {
            f"{name} is {value}": partial(module, **{name: value}, **others),
            f"{name} is {other!r}": partial(module, **{name: other}, **others),
        }
        for module, name, value, other, others in (
            (biggan.Generator, "embedding", 0, 1.5, {}),
            (biggan.Discriminator, "width", 0, "64", {}),
            (classifier.Classifier, "classes", -1, 2.5, {"body": nn.Dense(2)}),
            (cogan.DenseDiscriminator, "features", 0, 0.5, {}),
            (cogan.DenseGenerator, "features", 0, 0.5, {}),
            (cogan.Discriminator, "width", 0, 0.5, {}),
            (cogan.Generator, "shared", -1, 0.5, {}),
            (dcgan.Discriminator, "classes", 0, 0.5, {}),
            (dcgan.Encoder, "features", 0, 0.5, {}),
            (dcgan.Generator, "width", -64, 0.5, {}),
            (equalized.EqualizedConv, "features", 0, 0.5, {}),
            (equalized.EqualizedDense, "gain", NAN, "1", {"features": 2}),
            (gat.Discriminator, "heads", 0, 0.5, {}),
            (gat.Generator, "levels", 0, 0.5, {}),
            (gat.Head, "embedding", 0, 0.5, {}),
            (gat.Mapping, "features", 0, 0.5, {}),
            (grouped.GroupedConv, "groups", 0, 0.5, {}),
            (layers.Conv, "features", -3, 0.5, {"kernel_size": (3, 3)}),
            (layers.ConvTranspose, "strides", 0, 0.5, {"features": 2, "kernel_size": (3, 3)}),
            (dense.Discriminator, "dropout", 1.0, NAN, {}),
            (dense.Encoder, "features", 0, 0.5, {}),
            (patch.Discriminator, "width", 0, 0.5, {}),
            (progressive.Discriminator, "width", 0, 0.5, {}),
            (progressive.Generator, "channels", 0, 0.5, {}),
            (r3gan.Block, "group_size", 0, 0.5, {}),
            (r3gan.Discriminator, "blocks", -1, 0.5, {}),
            (r3gan.Generator, "group_size", 0, 0.5, {}),
            (resnet.Discriminator, "width", 0, 0.5, {}),
            (resnet.DownBlock, "features", 0, 0.5, {}),
            (resnet.Generator, "image_size", -28, 0.5, {}),
            (resnet.UpBlock, "features", 0, 0.5, {"train": True}),
            (srgan.Discriminator, "width", 0, 0.5, {}),
            (srgan.Generator, "scale", 0, 0.5, {}),
            (stylegan2.Discriminator, "width", 0, 0.5, {}),
            (stylegan2.Generator, "mixing", 1.5, NAN, {}),
            (stylegan2.Mapping, "features", 0, 0.5, {}),
            (stylegan2.ModulatedConv, "features", 0, 0.5, {}),
            (stylegan2.StyledConv, "features", 0, 0.5, {}),
            (stylegan2.Synthesis, "width", 0, 0.5, {"image_size": 28, "channels": 1}),
            (text.Discriminator, "features", 0, 0.5, {"vocabulary": 5}),
            (text.Encoder, "vocabulary", 0, 0.5, {}),
            (text.Generator, "width", 0, 0.5, {"vocabulary": 5}),
            (transformer.Attention, "heads", 0, 0.5, {}),
            (transformer.Block, "heads", 0, 0.5, {}),
            (transformer.ModulatedBlock, "heads", 0, 0.5, {}),
            (transformer.Modulation, "parts", 0, 0.5, {"features": 2}),
            (translator.Generator, "blocks", -1, 0.5, {}),
            (unet.Generator, "dropout", 1.5, NAN, {}),
            (voxels.Discriminator, "side", 0, 0.5, {}),
            (voxels.Generator, "width", 0, 0.5, {}),
            (wavegan.Discriminator, "shuffle", -1, 0.5, {}),
            (wavegan.Generator, "length", 0, 0.5, {}),
        )
    },
}
