"""The networks of SRGAN (Ledig et al. 2016, arXiv:1609.04802, figure 4).

The paper's have width 64, and G has 16 blocks and a scale of 4. Without an adversarial loss, the
same generator is SRResNet.
"""

import math
from functools import partial
from typing import Any

import flax.linen as nn
from jax import Array

from jaxgan.models.layers import (
    BatchNorm,
    Conv,
    Module,
    Upsample,
    at_least_float32,
    bilinear_upsample,
    leaky_relu,
)

__all__ = ["SCALES", "Discriminator", "Generator"]

SCALES = (2, 4)


class Generator(Module):
    """The generator of arXiv:1609.04802: pictures `[B, h, w, C]` to `[B, scale h, scale w, C]`.

        9x9 convolution, PReLU
        `blocks` times: h + (3x3 convolution, batch norm, PReLU, 3x3 convolution, batch norm)
        h of the first line + (3x3 convolution, batch norm)
        for each doubling: 3x3 convolution to 4 width channels, pixel shuffle, PReLU
        9x9 convolution

    It is fully convolutional, so it enlarges pictures of any size. Its output is linear: it
    mostly reproduces values of the input, for which it would have to invert a tanh.

    Attributes:
        channels: 1 or 3.
        width: channels of all hidden stages.
        blocks: how many residual blocks.
        scale: 2 or 4.
        interpolate: whether to add the bilinearly enlarged input to the output, so that the network
            learns the difference only, and starts from 0. This is not in the paper; it is what
            makes short training succeed.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import srgan
        >>> network = srgan.Generator(scale=4)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 24, 32, 3)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 96, 128, 3)
    """

    channels: int = 3
    width: int = 64
    blocks: int = 16
    scale: int = 4
    interpolate: bool = False
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, y: Array, *, train: bool) -> Array:
        """Enlarge pictures.

        Args:
            y: `[B, h, w, channels]` in [-1, 1].
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            `[B, scale h, scale w, channels]`, about in [-1, 1].

        Raises:
            ValueError: if `y` has a different number of channels, or a setting is not allowed.
        """
        if self.scale not in SCALES:
            raise ValueError(f"scale is one of {SCALES}, not {self.scale}")
        if self.channels not in (1, 3) or y.shape[-1] != self.channels:
            raise ValueError(
                f"pictures of {y.shape[-1]} channels for channels={self.channels}; expected "
                f"both 1 or both 3"
            )
        norm = partial(BatchNorm, train=train, axis_name=self.axis_name, dtype=self.dtype)
        conv = partial(Conv, self.width, (3, 3), use_bias=False, dtype=self.dtype)
        prelu = partial(nn.PReLU, negative_slope_init=0.25)

        first = prelu()(Conv(self.width, (9, 9), dtype=self.dtype)(y))
        h = first
        for _ in range(self.blocks):
            h += norm()(conv()(prelu()(norm()(conv()(h)))))
        h = first + norm()(conv()(h))
        for _ in range(int(math.log2(self.scale))):
            h = prelu()(Upsample(self.width, "pixel_shuffle", dtype=self.dtype)(h))
        last = nn.initializers.zeros if self.interpolate else nn.linear.default_kernel_init
        x = Conv(self.channels, (9, 9), kernel_init=last, dtype=self.dtype)(h)
        return x + bilinear_upsample(y, self.scale) if self.interpolate else x


class Discriminator(Module):
    """The discriminator of arXiv:1609.04802: pictures `[B, H, W, C]` to logits `[B]`.

    Pairs of 3x3 convolutions with 1, 2, 4 and 8 times `width` channels, of which the second halves
    the picture, with LeakyReLU 0.2 and with batch norm except at the first; then a dense layer of
    16 times `width` units. Sides need not be multiples of 16; they are padded.

    Attributes:
        width: channels of the first stage.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters and logits stay float32.
    """

    width: int = 64
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        """Score pictures: high for real ones.

        Args:
            x: `[B, H, W, C]` in [-1, 1].
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            Logits `[B]`, float32.
        """
        norm = partial(BatchNorm, train=train, axis_name=self.axis_name, dtype=self.dtype)
        h = leaky_relu(Conv(self.width, (3, 3), dtype=self.dtype)(x))
        for stage in range(4):
            width = self.width * 2**stage
            for stride in (1, 2) if stage else (2,):
                conv = Conv(width, (3, 3), strides=stride, use_bias=False, dtype=self.dtype)
                h = leaky_relu(norm()(conv(h)))
        h = h.reshape(h.shape[0], -1)
        h = leaky_relu(nn.Dense(16 * self.width, dtype=self.dtype)(h))
        return nn.Dense(1, dtype=at_least_float32(self.dtype))(h).squeeze(-1)
