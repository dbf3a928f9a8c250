"""CycleGAN's generator (Zhu et al. 2017, arXiv:1703.10593, appendix 7.2), after arXiv:1603.08155.

A 7x7 convolution, two of stride 2, residual blocks at a quarter of the size, two transposed
convolutions, a 7x7 convolution and tanh, with instance normalization everywhere except at the end.
The paper uses 6 blocks for images of 128x128 and 9 from 256x256 on, and `width=64`.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.layers import Conv, ConvTranspose, InstanceNorm, Module, small_normal

__all__ = ["Generator"]


class Generator(Module):
    """A residual network from images `[B, H, W, C']` to images `[B, H, W, channels]` in [-1, 1].

    Attributes:
        channels: of the output.
        width: channels at full size; there are twice as many at half and four times at a quarter.
        blocks: residual blocks.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import translator
        >>> network = translator.Generator(channels=3)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64, 64, 1)))
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 64, 64, 3)
    """

    channels: int = 3
    width: int = 64
    blocks: int = 9
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Translate images.

        Args:
            x: images `[B, H, W, C']` in [-1, 1]; H and W must be multiples of 4, and at least 8.

        Returns:
            Images `[B, H, W, channels]` in [-1, 1].

        Raises:
            ValueError: if H or W is not such a multiple.
        """
        height, width = x.shape[1:3]
        if height % 4 or width % 4 or min(height, width) < 8:
            raise ValueError(
                f"images of {height}x{width}; expected sides that are multiples of 4, at least 8"
            )
        settings: dict[str, Any] = {"kernel_init": small_normal, "dtype": self.dtype}
        conv = partial(Conv, **settings)
        normalize = InstanceNorm(dtype=self.dtype)

        h = nn.relu(normalize(conv(self.width, (7, 7), padding="VALID")(_reflect(x, 3))))
        for factor in (2, 4):
            strided = conv(factor * self.width, (3, 3), strides=2, padding=((1, 1), (1, 1)))
            h = nn.relu(normalize(strided(h)))
        for _ in range(self.blocks):
            block = partial(conv, 4 * self.width, (3, 3), padding="VALID")
            inner = nn.relu(normalize(block()(_reflect(h, 1))))
            h += normalize(block()(_reflect(inner, 1)))
        for factor in (2, 1):
            # The mirror of the strided ones: pixel 2i is painted by pixel i, which was seen there.
            transposed = ConvTranspose(
                factor * self.width, (3, 3), strides=2, padding=((1, 2), (1, 2)), **settings
            )
            h = nn.relu(normalize(transposed(h)))
        return jnp.tanh(conv(self.channels, (7, 7), padding="VALID")(_reflect(h, 3)))


def _reflect(x: Array, by: int) -> Array:
    """Pad height and width by reflection: zeros would show as a frame in every output."""
    return jnp.pad(x, ((0, 0), (by, by), (by, by), (0, 0)), mode="reflect")
