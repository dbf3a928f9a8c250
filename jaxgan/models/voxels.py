"""Three-dimensional convolutional networks: 3D-GAN (Wu et al. 2016, arXiv:1610.07584).

They are DCGAN with one more axis: kernels of 4x4x4 voxels with a stride of 2, batch normalization,
ReLU in the generator, and LeakyReLU 0.2 in the discriminator, which mirrors it. `width` is the
number of channels of the finest hidden stage, and each coarser stage has twice as many:

    side   stages (side: channels in multiples of `width`)
      8    4: 1
     16    4: 2     8: 1
     32    4: 4     8: 2    16: 1
     64    4: 8     8: 4    16: 2    32: 1

The paper's networks (section 3.1) are those for side 64 with `width=64` and 200 latents. Its
generator ends in a sigmoid, for voxels of 0 or 1; this one ends in tanh, for voxels of -1 or 1.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.conditional import Projection
from jaxgan.models.dcgan import hidden_settings
from jaxgan.models.layers import (
    Conv,
    ConvTranspose,
    Module,
    append_label,
    at_least_float32,
    check_label,
    leaky_relu,
    small_normal,
)
from jaxgan.models.sizes import hidden_widths

__all__ = ["SIDES", "Discriminator", "Generator"]

SIDES = {8: 1, 16: 2, 32: 3, 64: 4}
"""The number of stages for every side."""

_START = 4
_WINDOW = (4, 4, 4)


class Generator(Module):
    """The generator of arXiv:1610.07584: z `[B, latent]` to solids `[B, S, S, S, 1]` in [-1, 1].

    Attributes:
        side: S, the number of voxels along each axis: 8, 16, 32 or 64.
        width: channels of the finest hidden stage; see the table of this module.
        num_classes: number of classes; None for a generator without labels.
        normalization: `"batch"`, `"layer"` or `"none"`.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import voxels
        >>> network = voxels.Generator(side=32)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 200)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 32, 32, 32, 1)
    """

    side: int = 64
    width: int = 64
    num_classes: int | None = None
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate solids.

        Args:
            z: latents `[B, latent]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            Solids `[B, side, side, side, 1]` in [-1, 1]; voxels above 0 are full.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or a setting is not allowed.
        """
        widths = hidden_widths(self.side, self.width, SIDES, "side")[::-1]
        normalize, settings = hidden_settings(self, train)
        up = partial(ConvTranspose, kernel_size=_WINDOW, strides=2)
        h = nn.Dense(_START**3 * widths[0], **settings)(append_label(z, y, self.num_classes))
        h = nn.relu(normalize(h.reshape(-1, _START, _START, _START, widths[0])))
        for width in widths[1:]:
            h = nn.relu(normalize(up(width, **settings)(h)))
        return jnp.tanh(up(1, kernel_init=small_normal, dtype=self.dtype)(h))


class Discriminator(Module):
    """The discriminator of arXiv:1610.07584: solids `[B, S, S, S, 1]` to logits `[B]`.

    Labels, which are not in the paper, are projected on the features of the last stage
    (arXiv:1802.05637).

    Attributes:
        side: S, the number of voxels along each axis: 8, 16, 32 or 64.
        width: channels of the finest hidden stage; see the table of this module.
        num_classes: number of classes; None for a discriminator without labels.
        normalization: `"batch"`, `"layer"` or `"none"`; a gradient penalty needs one of the last
            two, since it is defined for single solids.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters and logits stay float32.
    """

    side: int = 64
    width: int = 64
    num_classes: int | None = None
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Array:
        """Score solids: high for real ones.

        Args:
            x: solids `[B, side, side, side, 1]` in [-1, 1].
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if `x` is of another shape, `y` does not fit `num_classes`, or a setting is
                none of the allowed.
        """
        widths = hidden_widths(self.side, self.width, SIDES, "side")
        check_label(y, self.num_classes)
        if x.shape[1:] != (self.side,) * 3 + (1,):
            raise ValueError(
                f"solids of {x.shape[1:]} for side={self.side}; expected [B, S, S, S, 1]"
            )
        normalize, settings = hidden_settings(self, train)
        down = partial(Conv, kernel_size=_WINDOW, strides=2)
        h = leaky_relu(down(widths[0], kernel_init=small_normal, dtype=self.dtype)(x))
        for width in widths[1:]:
            h = leaky_relu(normalize(down(width, **settings)(h)))
        h = h.reshape(h.shape[0], -1)
        return Projection(self.num_classes, small_normal, dtype=at_least_float32(self.dtype))(h, y)
