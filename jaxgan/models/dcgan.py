"""Convolutional networks by the rules of DCGAN (Radford et al. 2015, arXiv:1511.06434).

Strided convolutions instead of pooling, normalization everywhere except at the generator's output
and the discriminator's input, ReLU in the generator, LeakyReLU 0.2 in the discriminator, a final
tanh, initial weights from N(0, 0.02^2), and no dense hidden layers.

Both networks have one stage per halving of the image. `width` is the number of channels of the
finest hidden stage, at half the size of the image, and each coarser stage has twice as many:

    image   stages (side: channels in multiples of `width`)
     28     7: 2      14: 1
     56     7: 4      14: 2     28: 1
    112     7: 8      14: 4     28: 2     56: 1
     32     4: 4       8: 2     16: 1
     64     4: 8       8: 4     16: 2     32: 1
    128     4: 16      8: 8     16: 4     32: 2     64: 1
    256     4: 32      8: 16    16: 8     32: 4     64: 2    128: 1
    48x32   6x4: 4    12x8: 2    24x16: 1

Other sizes follow the same rule, from the coarsest stage that `jaxgan.models.sizes` gives.

With `coarsest=4` a coarsest stage of 5, 6 or 7 is halved once more, and rounded up, so that 28
becomes 14, 7 and 4: networks start from 4x4 as the paper's do. D then sees a digit as a whole,
where with 7x7 it adds up what it finds in windows of 10 pixels.

The paper's network is the one for 64 pixels with `width=128`: 1024, 512, 256 and 128 channels. Its
kernels are 4x4 here, as in most later implementations, because a multiple of the stride causes
fewer checkerboard artifacts than the paper's 5x5.
"""

import math
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.models.heads import last_layers
from jaxgan.models.layers import (
    BatchNorm,
    Conv,
    Module,
    Upsample,
    append_label,
    at_least_float32,
    check_label,
    leaky_relu,
    small_normal,
)
from jaxgan.models.sizes import (
    ImageSize,
    check_channels,
    check_images,
    maps_of,
    sides_of,
)

__all__ = ["NORMALIZATIONS", "Discriminator", "Encoder", "Generator"]

NORMALIZATIONS = ("batch", "layer", "none")


class Generator(Module):
    """The generator of arXiv:1511.06434: z `[B, latent]` to images `[B, H, W, C]` in [-1, 1].

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest hidden stage; see the table of this module.
        upsample: how each stage doubles the size; see `jaxgan.models.layers.Upsample`.
        num_classes: number of classes; None for a generator without labels.
        normalization: `"batch"`, `"layer"` or `"none"`.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.
        coarsest: what the shorter side of the coarsest stage is at most, 4 to 7. What doubles to
            more than the next stage has is cut off.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import dcgan
        >>> network = dcgan.Generator(image_size=64, channels=3, width=128)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 100)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 64, 64, 3)
    """

    image_size: ImageSize = 28
    channels: int = 1
    width: int = 64
    upsample: str = "transposed"
    num_classes: int | None = None
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None
    coarsest: int = 7

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate images.

        Args:
            z: latents `[B, latent]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            Images `[B, H, W, channels]` in [-1, 1].

        Raises:
            ValueError: if `y` does not fit `num_classes`, or a setting is not allowed.
        """
        check_channels(self.channels)
        (height, width), *larger = maps_of(self.image_size, self.coarsest)
        normalize, settings = hidden_settings(self, train)
        upsample = partial(
            Upsample, method=self.upsample, kernel_init=small_normal, dtype=self.dtype
        )
        coarsest, *finer = [self.width * 2**stage for stage in reversed(range(len(larger)))]

        h = append_label(z, y, self.num_classes)
        h = nn.Dense(height * width * coarsest, **settings)(h)
        h = nn.relu(normalize(h.reshape(-1, height, width, coarsest)))
        for features, (height, width) in zip(finer, larger[:-1], strict=True):
            h = upsample(features, use_bias=settings["use_bias"])(h)[:, :height, :width]
            h = nn.relu(normalize(h))
        return jnp.tanh(upsample(self.channels)(h))


class Discriminator(Module):
    """The discriminator of arXiv:1511.06434: images `[B, H, W, C]` in [-1, 1] to logits `[B]`.

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest hidden stage; see the table of this module.
        num_classes: number of classes; None for a discriminator without labels.
        normalization: `"batch"`, `"layer"` or `"none"`. A critic with a gradient penalty needs one
            of the last two, since the penalty is defined for single images; arXiv:1704.00028
            recommends `"layer"`.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters and logits stay float32.
        classes: number of classes it predicts, as in ACGAN; None for none.
        coarsest: what the shorter side of the coarsest stage is at most, 4 to 7.
        last: `"linear"`, or `"san"` for the last layer that `recipes.slicing` trains.
    """

    image_size: ImageSize = 28
    width: int = 64
    num_classes: int | None = None
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None
    classes: int | None = None
    coarsest: int = 7
    last: str = "linear"

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Any:
        """Score images: high for real ones.

        Args:
            x: images `[B, H, W, C]` in [-1, 1].
            y: labels int32 `[B]`, given if and only if `num_classes` is set. They are mapped to
                one more image plane.
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            Logits `[B]`, float32; with `classes`, a pair of them and class logits `[B, classes]`;
            with `last="san"`, a pair of equal logits, as from `heads.Slice`.

        Raises:
            ValueError: if `x` is of another size, `y` does not fit `num_classes`, or a setting is
                none of the allowed.
        """
        check_images(x, self.image_size)
        check_label(y, self.num_classes)
        if self.num_classes is not None:
            one_hot = jax.nn.one_hot(y, self.num_classes)
            pixels = math.prod(sides_of(self.image_size))
            plane = nn.Dense(pixels, kernel_init=small_normal, name="label_plane")(one_hot)
            x = jnp.concatenate([x, plane.reshape(*x.shape[:3], 1).astype(x.dtype)], axis=-1)
        h = shrunk(self, x, train).reshape(len(x), -1)
        settings = {"kernel_init": small_normal, "dtype": at_least_float32(self.dtype)}
        return last_layers(h, self.last, self.classes, **settings)


class Encoder(Module):
    """The discriminator's body, as an encoder: `[B, H, W, C]` to `[B, features]`.

    Attributes:
        features: number of outputs.
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest hidden stage; see the table of this module.
        normalization: `"batch"`, `"layer"` or `"none"`.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters and the result stay float32.
        coarsest: what the shorter side of the coarsest stage is at most, 4 to 7.
    """

    features: int
    image_size: ImageSize = 28
    width: int = 64
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None
    coarsest: int = 7

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Encode images `[B, H, W, C]` as `[B, features]`, float32.

        Raises:
            ValueError: if `x` is of another size, or a setting is not allowed.
        """
        check_images(x, self.image_size)
        h = shrunk(self, x, train).reshape(len(x), -1)
        dtype = at_least_float32(self.dtype)
        return nn.Dense(self.features, kernel_init=small_normal, dtype=dtype)(h)


def shrunk(network: Any, x: Array, train: bool) -> Array:
    """Apply the strided convolutions of a discriminator, down to its coarsest feature map."""
    normalize, settings = hidden_settings(network, train)
    down = partial(Conv, kernel_size=(4, 4), strides=2)
    halvings = len(maps_of(network.image_size, network.coarsest)) - 1
    h = leaky_relu(down(network.width, kernel_init=small_normal, dtype=network.dtype)(x))
    for stage in range(1, halvings):
        h = leaky_relu(normalize(down(network.width * 2**stage, **settings)(h)))
    return h


def hidden_settings(network: Any, train: bool):
    """Return the normalization of hidden stages and the settings of their layers."""
    normalize = partial(
        _normalize,
        kind=network.normalization,
        train=train,
        axis_name=network.axis_name,
        dtype=network.dtype,
    )
    settings = {
        # Batch normalization removes the mean of a channel, and any bias with it.
        "use_bias": network.normalization != "batch",
        "kernel_init": small_normal,
        "dtype": network.dtype,
    }
    return normalize, settings


def _normalize(h, *, kind, train, axis_name, dtype):
    match kind:
        case "batch":
            return BatchNorm(train=train, axis_name=axis_name, dtype=dtype)(h)
        case "layer":
            # Over channels and space, with one scale per channel, as in the WGAN-GP paper's code.
            return nn.LayerNorm(
                reduction_axes=tuple(range(1, h.ndim)), feature_axes=-1, dtype=dtype
            )(h)
        case "none":
            return h
    raise ValueError(f"normalization is one of {NORMALIZATIONS}, not {kind!r}")
