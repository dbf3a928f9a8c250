"""Residual networks: SNGAN with its projection discriminator and, with attention, SAGAN.

SNGAN (Miyato et al. 2018, arXiv:1802.05957, appendix B.3) is these networks with
`jaxgan.nets.spectral_norm` in the discriminator. Labels determine the scales and shifts of the
generator's batch normalization (arXiv:1707.00683), and are projected on the discriminator's
features (arXiv:1802.05637). SAGAN (arXiv:1805.08318) has self-attention and spectral norm in both
networks.

`width` is the number of channels of the finest stage. The generator starts with the coarsest stage,
and the discriminator ends with it (side: channels in multiples of `width`):

    image
     28     7: 1      14: 1     28: 1
     32     4: 1       8: 1     16: 1     32: 1
     56     7: 8      14: 4     28: 2     56: 1
     64     4: 16      8: 8     16: 4     32: 2     64: 1
    112     7: 16     14: 8     28: 4     56: 2    112: 1
    128     4: 16      8: 16    16: 8     32: 4     64: 2    128: 1
    256     4: 16      8: 16    16: 16    32: 8     64: 4    128: 2    256: 1

The paper's networks are those for 32 pixels, with width 256 in G and 128 in D, and for 128 pixels,
with width 64. D has a block for each stage. All but the last halve the image; for 32 pixels, all
but the last two do, and for 64 all of them if they are not `wide`. Of rectangles, the shorter side
counts; other sizes follow the same rule, from the coarsest stage that `jaxgan.models.sizes` gives.
"""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan._checks import check_integers
from jaxgan.models.attention import SelfAttention, check_attention
from jaxgan.models.conditional import Projection, normalize
from jaxgan.models.layers import (
    BatchNorm,
    Conv,
    Initializer,
    Module,
    check_label,
    small_normal,
)
from jaxgan.models.sizes import (
    ImageSize,
    check_channels,
    check_images,
    sides_of,
    stages_of,
)
from jaxgan.resample import box_downsample, nearest_upsample

__all__ = ["Discriminator", "DownBlock", "Generator", "UpBlock", "stage_widths"]

_glorot = nn.initializers.xavier_uniform()
# Of the 3x3 convolutions, with a gain of sqrt(2), as in the authors' code.
_wider_glorot = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")


class UpBlock(Module):
    """The generator's residual block: `[B, H, W, C]` to `[B, 2H, 2W, features]`.

        shortcut:  1x1 convolution, upsampling
        residual:  norm, ReLU, upsampling, 3x3 convolution, norm, ReLU, 3x3 convolution

    Attributes:
        features: channels of the output.
        train: whether batch normalization uses and tracks the statistics of the batch.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        kernel_init: initializer of all kernels; None for SNGAN's: Glorot's, in 3x3 convolutions
            times sqrt(2), and N(0, 0.02^2) for the scales and shifts of conditions.
        dtype: type of the computation; parameters stay float32.
    """

    features: int
    train: bool
    axis_name: str | None = None
    kernel_init: Initializer | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, condition: Array | None = None) -> Array:
        """Upsample `[B, H, W, C]`, normalized according to conditions `[B, N]`, if any."""
        norm = partial(
            normalize,
            condition=condition,
            train=self.train,
            axis_name=self.axis_name,
            kernel_init=self.kernel_init or small_normal,
            dtype=self.dtype,
        )
        conv = partial(_conv, kernel_init=self.kernel_init, dtype=self.dtype)
        h = conv(self.features, 3)(nearest_upsample(nn.relu(norm(x))))
        h = conv(self.features, 3)(nn.relu(norm(h)))
        # A 1x1 convolution commutes with upsampling, and costs a quarter if it comes first.
        return h + nearest_upsample(conv(self.features, 1)(x))


class DownBlock(Module):
    """The discriminator's residual block: `[B, H, W, C]` to `[B, H/2, W/2, features]`.

        shortcut:  pooling, 1x1 convolution
        residual:  ReLU, 3x3 convolution, ReLU, 3x3 convolution, pooling

    Attributes:
        features: channels of the output.
        halve: whether to average over 2x2 positions; otherwise the size is kept.
        first: whether the input is an image, to which no ReLU is applied.
        wide: whether there are `features` channels between the 3x3 convolutions, as in SAGAN and
            BigGAN; SNGAN has as many as come in, except in the first block.
        kernel_init: initializer of all kernels; None for SNGAN's, as in `UpBlock`.
        dtype: type of the computation; parameters stay float32.
    """

    features: int
    halve: bool = True
    first: bool = False
    wide: bool = False
    kernel_init: Initializer | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Map `[B, H, W, C]` to the next feature map."""
        conv = partial(_conv, kernel_init=self.kernel_init, dtype=self.dtype)
        halve = box_downsample if self.halve else lambda h: h
        hidden = self.features if self.wide or self.first else x.shape[-1]
        h = conv(hidden, 3)(x if self.first else nn.relu(x))
        h = halve(conv(self.features, 3)(nn.relu(h)))
        is_same = x.shape[-1] == self.features and not self.halve
        return h + (x if is_same else conv(self.features, 1)(halve(x)))


def _conv(features: int, size: int, kernel_init: Initializer | None, dtype: Any) -> Conv:
    """Make a convolution of a block, by default with SNGAN's initial weights."""
    default = _wider_glorot if size > 1 else _glorot
    return Conv(features, (size, size), kernel_init=kernel_init or default, dtype=dtype)


class Generator(Module):
    """SNGAN's generator (arXiv:1802.05957): z `[B, latent]` to images `[B, H, W, C]` in [-1, 1].

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest stage; see the table of this module.
        num_classes: number of classes; None for a generator without labels.
        attention: height of the feature map with self-attention; 0 for none.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import resnet
        >>> network = resnet.Generator(image_size=32, channels=3, width=256)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 128)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 32, 32, 3)
    """

    image_size: ImageSize = 28
    channels: int = 1
    width: int = 64
    num_classes: int | None = None
    attention: int = 0
    axis_name: str | None = None
    dtype: Any = None

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
        check_label(y, self.num_classes)
        height, width, doublings = stages_of(self.image_size)
        check_attention(self.attention, [height * 2**k for k in range(1, doublings + 1)])
        first, *finer = stage_widths(self.image_size, self.width)
        settings: dict[str, Any] = {
            "train": train,
            "axis_name": self.axis_name,
            "dtype": self.dtype,
        }
        condition = None if self.num_classes is None else jax.nn.one_hot(y, self.num_classes)

        h = nn.Dense(height * width * first, kernel_init=_glorot, dtype=self.dtype)(z)
        h = h.reshape(-1, height, width, first)
        for features in finer:
            h = UpBlock(features, **settings)(h, condition)
            if h.shape[1] == self.attention:
                h = SelfAttention(dtype=self.dtype)(h)
        h = nn.relu(BatchNorm(**settings)(h))
        return jnp.tanh(Conv(self.channels, (3, 3), kernel_init=_glorot, dtype=self.dtype)(h))


class Discriminator(Module):
    """SNGAN's discriminator (arXiv:1802.05957): images `[B, H, W, C]` to logits `[B]`.

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest stage; see the table of this module.
        num_classes: number of classes, whose embeddings are projected on the features; None for a
            discriminator without labels.
        attention: height of the feature map with self-attention; 0 for none.
        wide: whether blocks are wide inside, as in SAGAN and BigGAN; see `DownBlock`. It only
            matters above 32 pixels.
        dtype: type of the computation; parameters and logits stay float32.
    """

    image_size: ImageSize = 28
    width: int = 64
    num_classes: int | None = None
    attention: int = 0
    wide: bool = False
    dtype: Any = None

    _kernel_init: ClassVar[Initializer | None] = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Array:
        """Score images: high for real ones.

        Args:
            x: images `[B, H, W, C]` in [-1, 1].
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if `x` is of another size, `y` does not fit `num_classes`, or a setting is
                none of the allowed.
        """
        del train
        check_images(x, self.image_size)
        check_label(y, self.num_classes)
        sides, doublings = sides_of(self.image_size), stages_of(self.image_size).doublings
        # For 64 pixels SNGAN's code halves in the last block too, BigGAN's does not.
        halvings = {32: 2, 64: doublings + (not self.wide)}.get(min(sides), doublings)
        check_attention(self.attention, [sides[0] // 2**k for k in range(1, halvings + 1)])
        init = self._kernel_init
        settings: dict[str, Any] = {"kernel_init": init or _glorot, "dtype": self.dtype}
        block = partial(DownBlock, wide=self.wide, kernel_init=init, dtype=self.dtype)

        h = x
        for i, width in enumerate(reversed(stage_widths(self.image_size, self.width))):
            halve = i < halvings
            h = block(width, halve=halve, first=i == 0)(h)
            if halve and h.shape[1] == self.attention:
                h = SelfAttention(**settings)(h)
        h = jnp.sum(nn.relu(h), axis=(1, 2))
        return Projection(self.num_classes, **settings)(h, y)


def stage_widths(image_size: ImageSize, width: int) -> list[int]:
    """Return the channels of all stages, coarsest first; see the table of this module.

    Raises:
        ValueError: if there is no network for this size, or `width` is below 1.

    Example:
        >>> from jaxgan.models.resnet import stage_widths
        >>> stage_widths(32, width=256), stage_widths(128, width=64)
        ([256, 256, 256, 256], [1024, 1024, 512, 256, 128, 64])
    """
    doublings = stages_of(image_size).doublings
    check_integers(width=width)
    if min(sides_of(image_size)) <= 32:
        return [width] * (doublings + 1)
    return [width * min(2**stage, 16) for stage in reversed(range(doublings + 1))]
