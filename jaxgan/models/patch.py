"""PatchGAN (Isola et al. 2016, arXiv:1611.07004, section 3.2.2): one logit for every patch.

A convolutional discriminator that does not see the whole image acts as a texture loss, has few
parameters and takes images of any size. It consists of 4x4 convolutions, `layers` of stride 2 and
two of stride 1, with `width * min(2**k, 8)` channels in the k-th and one in the last. The patches
overlap:

    layers   patch seen by a logit   smallest image   logits of 28x28   of 256x256
      1             16x16                 6x6              12x12          126x126
      2             34x34                12x12              5x5            62x62
      3             70x70                24x24              1x1            30x30     the paper's
      4            142x142               48x48               -             14x14
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.layers import (
    Conv,
    InstanceNorm,
    Module,
    at_least_float32,
    leaky_relu,
    small_normal,
)

__all__ = ["NORMALIZATIONS", "Discriminator"]

NORMALIZATIONS = ("instance", "none")


class Discriminator(Module):
    """The discriminator of arXiv:1611.07004: images `[B, H, W, C]` to logits `[B, h, w]`.

    Attributes:
        layers: convolutions of stride 2; see the table of this module.
        width: channels of the first of them.
        normalization: `"instance"` or `"none"`. With instance normalization, every logit depends
            on the whole image.
        dtype: type of the computation; parameters and logits stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import patch
        >>> network = patch.Discriminator()
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 256, 256, 3)))
        >>> logits, variables = jax.eval_shape(init, jax.random.key(0))
        >>> logits.shape
        (8, 30, 30)
    """

    layers: int = 3
    width: int = 64
    normalization: str = "instance"
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None) -> Array:
        """Score patches: high for those of real images.

        Args:
            x: images `[B, H, W, C]` in [-1, 1].
            y: images `[B, H, W, C']`, the input that x was generated from; None to judge x alone.

        Returns:
            Logits `[B, h, w]`, float32.

        Raises:
            ValueError: if the images are too small, x and y differ in height or width, or a
                setting is none of the allowed.
        """
        self._check(x, y)
        settings: dict[str, Any] = {"kernel_size": (4, 4), "padding": ((1, 1), (1, 1))}
        conv = partial(Conv, kernel_init=small_normal, **settings)
        h = x if y is None else jnp.concatenate([x, y.astype(x.dtype)], axis=-1)
        for layer in range(self.layers + 1):
            stride = 2 if layer < self.layers else 1
            h = conv(self.width * min(2**layer, 8), strides=stride, dtype=self.dtype)(h)
            if layer > 0 and self.normalization == "instance":
                h = InstanceNorm(dtype=self.dtype)(h)
            h = leaky_relu(h)
        return conv(1, dtype=at_least_float32(self.dtype))(h).squeeze(-1)

    def _check(self, x: Array, y: Array | None) -> None:
        if self.layers < 1:
            raise ValueError(f"layers is {self.layers}; expected at least 1")
        if self.normalization not in NORMALIZATIONS:
            raise ValueError(
                f"normalization is one of {NORMALIZATIONS}, not {self.normalization!r}"
            )
        (height, width), smallest = x.shape[1:3], 3 * 2**self.layers
        if min(height, width) < smallest:
            raise ValueError(
                f"images of {height}x{width} for layers={self.layers}; "
                f"expected at least {smallest}x{smallest}, or fewer layers"
            )
        if y is not None and y.shape[1:3] != (height, width):
            raise ValueError(
                f"x is {height}x{width}, y is {y.shape[1]}x{y.shape[2]}; expected the same size"
            )
