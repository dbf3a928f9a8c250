"""The networks of R3GAN (Huang et al. 2024, arXiv:2501.05441, configuration E).

G and D are modernized ResNets that mirror each other: inverted bottlenecks with grouped
convolutions, LeakyReLU 0.2, and resampling with a low-pass filter, but no normalization, no
attention, no tanh, and no skip connections to the image. Each stage doubles or halves the side, and
`widths` are the channels of the stages from low to high resolution:

    G:  z -> 4x4 basis -> blocks -> x2 -> blocks -> ... -> 1x1 convolution -> image
    D:  image -> 1x1 convolution -> blocks -> /2 -> ... -> blocks -> depthwise convolution -> logit

The 1x1 convolutions are `nn.Dense` over the channels. Weights start from N(0, gain^2 / fan_in), and
every block starts as the identity.
"""

import math
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array

from jaxgan.models.grouped import GroupedConv
from jaxgan.models.layers import Initializer, Module, at_least_float32, check_label, leaky_relu
from jaxgan.models.sizes import ImageSize, check_channels, check_side, sides_of, written
from jaxgan.resample import downsample, upsample

__all__ = ["Block", "Discriminator", "Generator"]


class Block(Module):
    """The residual block of arXiv:2501.05441, section 3.3: x + f(x), where f starts as 0.

        f = 1x1 to 2C -> bias, LeakyReLU -> grouped 3x3 -> bias, LeakyReLU -> 1x1 to C

    Attributes:
        group_size: channels of a group; a divisor of 2C.
        gain: of the initial weights of the first two convolutions.
        dtype: type of the computation; parameters stay float32.
    """

    group_size: int = 16
    gain: float = 1.0
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[B, H, W, C]` to the same shape.

        Raises:
            ValueError: if the 2C hidden channels do not divide into such groups.
        """
        width = x.shape[-1]
        if 2 * width % self.group_size:
            raise ValueError(
                f"width {width}: its {2 * width} hidden channels do not divide into groups of "
                f"group_size={self.group_size}; expected a divisor"
            )
        init, groups = _normal(self.gain), 2 * width // self.group_size
        h = nn.Dense(2 * width, kernel_init=init, dtype=self.dtype)(x)
        h = GroupedConv(groups, kernel_init=init, dtype=self.dtype)(leaky_relu(h))
        return x + _linear(width, nn.initializers.zeros, self.dtype)(leaky_relu(h))


class Generator(Module):
    """R3GAN's generator: z `[B, latent]` to images `[B, H, W, C]`, about in [-1, 1].

    The output is not bounded: clip the images to [-1, 1] to show them.

    Attributes:
        image_size: side of the images, or height and width; the first stage has 1 / 2^(stages - 1)
            of it.
        channels: of the images: 1 or 3.
        widths: channels of the stages, from low to high resolution.
        group_size: channels of a group in the 3x3 convolutions.
        blocks: residual blocks of each stage.
        num_classes: number of classes; None for a generator without labels.
        embedding: size of the embedding of a label, which is appended to z.
        dtype: type of the computation; parameters stay float32.
        low_stages: how many stages, those of the highest resolution, compute in `dtype`, while the
            others use float32; None is all. The paper uses bfloat16 in 3 or 4 stages.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import r3gan
        >>> network = r3gan.Generator(image_size=32, channels=3, widths=(64, 64, 64, 64))
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 32, 32, 3)
    """

    image_size: ImageSize = 28
    channels: int = 1
    widths: Sequence[int] = (64, 64, 64)
    group_size: int = 16
    blocks: int = 2
    num_classes: int | None = None
    embedding: int = 64
    dtype: Any = None
    low_stages: int | None = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate images.

        Args:
            z: latents `[B, latent]`; the paper's are standard normal and have 64 components.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Images `[B, H, W, channels]`.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or the settings do not fit one another.
        """
        del train
        check_label(y, self.num_classes)
        check_channels(self.channels)
        height, width = _coarsest(self.image_size, self.widths)
        block_gain, dtypes = _block_gain(self), _dtypes(self)

        if self.num_classes is not None:
            one_hot = jax.nn.one_hot(y, self.num_classes, dtype=z.dtype)
            z = jnp.concatenate([z, _linear(self.embedding)(one_hot)], axis=-1)
        shape = (height, width, self.widths[0])
        basis = self.param("basis", nn.initializers.normal(1.0), shape, jnp.float32)
        h = basis * _linear(self.widths[0])(z)[:, None, None]
        for stage, (features, dtype) in enumerate(zip(self.widths, dtypes, strict=True)):
            (h,) = promote_dtype(h, dtype=dtype)
            if stage > 0:
                h = _linear(features, dtype=dtype)(h) if h.shape[-1] != features else h
                h = upsample(h)
            for _ in range(self.blocks):
                h = Block(self.group_size, block_gain, dtype)(h)
        return _linear(self.channels, dtype=dtypes[-1])(h)


class Discriminator(Module):
    """R3GAN's discriminator: images `[B, H, W, C]` in [-1, 1] to logits `[B]`.

    Labels are projected (arXiv:1802.05637): the logit is the inner product of the features of the
    image and the embedding of the label.

    Attributes:
        image_size: side of the images, or height and width; the last stage has 1 / 2^(stages - 1)
            of it.
        widths: channels of the stages, from low to high resolution, as in the generator.
        group_size: channels of a group in the 3x3 convolutions.
        blocks: residual blocks of each stage.
        num_classes: number of classes; None for a discriminator without labels.
        dtype: type of the computation; parameters and logits stay float32.
        low_stages: how many stages, those of the highest resolution, compute in `dtype`, while the
            others use float32; None is all.
    """

    image_size: ImageSize = 28
    widths: Sequence[int] = (64, 64, 64)
    group_size: int = 16
    blocks: int = 2
    num_classes: int | None = None
    dtype: Any = None
    low_stages: int | None = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Array:
        """Score images: high for real ones.

        Args:
            x: images `[B, H, W, C]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if `x` is of another size, `y` does not fit `num_classes`, or the settings
                do not fit one another.
        """
        del train
        check_label(y, self.num_classes)
        sides = _coarsest(self.image_size, self.widths)
        check_side(x, self.image_size)
        block_gain, dtypes = _block_gain(self), _dtypes(self)

        h = _linear(self.widths[-1], dtype=dtypes[-1])(x)
        for stage in reversed(range(len(self.widths))):
            dtype, coarser = dtypes[stage], self.widths[max(stage - 1, 0)]
            (h,) = promote_dtype(h, dtype=dtype)
            for _ in range(self.blocks):
                h = Block(self.group_size, block_gain, dtype)(h)
            if stage > 0:
                h = downsample(h)
                h = _linear(coarser, dtype=dtype)(h) if h.shape[-1] != coarser else h

        # A depthwise convolution with a kernel as large as the image leaves one number per channel.
        (h,) = promote_dtype(h, dtype=at_least_float32(self.dtype))
        window = self.param("window", _normal(), (*sides, self.widths[0]), jnp.float32)
        h = jnp.einsum("bhwc,hwc->bc", h, window)
        if self.num_classes is None:
            return _linear(1)(h).squeeze(-1)
        one_hot = jax.nn.one_hot(y, self.num_classes, dtype=h.dtype)
        label = _linear(self.widths[0], _normal(self.widths[0] ** -0.5))(one_hot)
        return jnp.sum(_linear(self.widths[0])(h) * label, axis=-1)


def _normal(gain: float = 1.0) -> Initializer:
    """Return the initializer N(0, gain^2 / fan_in), with all axes but the last in fan_in."""

    def init(key, shape, dtype=jnp.float32):
        return gain / math.sqrt(math.prod(shape[:-1])) * jax.random.normal(key, shape, dtype)

    return init


def _linear(features: int, kernel_init: Initializer | None = None, dtype: Any = None) -> nn.Dense:
    """Make a linear map of the last axis, without bias: on images, a 1x1 convolution."""
    init = _normal() if kernel_init is None else kernel_init
    return nn.Dense(features, use_bias=False, kernel_init=init, dtype=dtype)


def _block_gain(network: Generator | Discriminator) -> float:
    """Return the gain of Fixup (arXiv:1901.09321, section 3) for L blocks with LeakyReLU 0.2.

    sqrt(2 / (1 + 0.2^2)) L^(-1/4)
    """
    total = network.blocks * len(network.widths)
    return math.sqrt(2 / (1 + 0.2**2)) * total**-0.25


def _dtypes(network: Generator | Discriminator) -> list[Any]:
    """Return the type of each stage's computation, from low to high resolution."""
    stages = len(network.widths)
    low = stages if network.low_stages is None else min(network.low_stages, stages)
    return [at_least_float32(network.dtype)] * (stages - low) + [network.dtype] * low


def _coarsest(image_size: ImageSize, widths: Sequence[int]) -> tuple[int, int]:
    """Return height and width of the stage of the lowest resolution."""
    (height, width), doublings = sides_of(image_size), len(widths) - 1
    if doublings < 0 or height % 2**doublings or width % 2**doublings:
        raise ValueError(
            f"image_size={written(image_size)} cannot be halved {doublings} times, as the "
            f"{len(widths)} stages of widths={tuple(widths)} require"
        )
    return height // 2**doublings, width // 2**doublings
