"""BigGAN (Brock et al. 2018, arXiv:1809.11096): SAGAN's networks, larger and more conditional.

Besides orthogonal initial weights, three things are new in the generator. The latent vector is
split into chunks: the first one makes the coarsest feature map, and every block gets one of its own
(skip-z). All blocks share one embedding of the classes. Chunk and embedding together determine the
scales and shifts of a block's batch normalization.

Blocks, stages and widths are those of `jaxgan.models.resnet`. The paper's network for 128 pixels
has `width=96`, `attention=64`, 120 latents and spectral norm in both networks
(`jaxgan.nets.spectral_norm`).
"""

from functools import partial
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan.models import resnet
from jaxgan.models.attention import SelfAttention, check_attention
from jaxgan.models.layers import BatchNorm, Conv, Initializer, Module, check_label
from jaxgan.models.resnet import UpBlock, stage_widths
from jaxgan.models.sizes import ImageSize, check_channels, stages_of

__all__ = ["Discriminator", "Generator"]

_orthogonal = nn.initializers.orthogonal()


class Generator(Module):
    """BigGAN's generator (arXiv:1809.11096): z `[B, latent]` to images `[B, H, W, C]` in [-1, 1].

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest stage; see the table of `jaxgan.models.resnet`.
        num_classes: number of classes; None for a generator without labels, whose blocks get their
            chunks alone.
        attention: height of the feature map with self-attention; 0 for none.
        embedding: size of the shared embedding of the classes.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import biggan
        >>> network = biggan.Generator(image_size=32, num_classes=10)
        >>> z, y = jnp.zeros((8, 120)), jnp.zeros(8, int)
        >>> init = lambda key: network.init_with_output(key, z, y, train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 32, 32, 1)
    """

    image_size: ImageSize = 28
    channels: int = 1
    width: int = 64
    num_classes: int | None = None
    attention: int = 0
    embedding: int = 128
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate images.

        Args:
            z: latents `[B, latent]`, split into chunks that differ in size by one at most.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether batch normalization uses and tracks the statistics of the batch.

        Returns:
            Images `[B, H, W, channels]` in [-1, 1].

        Raises:
            ValueError: if `y` does not fit `num_classes`, z has fewer components than there are
                chunks, or a setting is not allowed.
        """
        check_channels(self.channels)
        check_label(y, self.num_classes)
        height, width, doublings = stages_of(self.image_size)
        check_attention(self.attention, [height * 2**k for k in range(1, doublings + 1)])
        coarsest, *finer = stage_widths(self.image_size, self.width)
        settings: dict[str, Any] = {"kernel_init": _orthogonal, "dtype": self.dtype}
        norms: dict[str, Any] = {"train": train, "axis_name": self.axis_name}
        block = partial(UpBlock, **settings, **norms)

        first, *conditions = _chunks(z, len(finer) + 1)
        if self.num_classes is not None:
            embed = nn.Dense(self.embedding, use_bias=False, name="embedding", **settings)
            embedding = embed(jax.nn.one_hot(y, self.num_classes))
            conditions = [jnp.concatenate([chunk, embedding], -1) for chunk in conditions]

        h = nn.Dense(height * width * coarsest, **settings)(first)
        h = h.reshape(-1, height, width, coarsest)
        for features, condition in zip(finer, conditions, strict=True):
            h = block(features)(h, condition)
            if h.shape[1] == self.attention:
                h = SelfAttention(**settings)(h)
        h = nn.relu(BatchNorm(dtype=self.dtype, **norms)(h))
        return jnp.tanh(Conv(self.channels, (3, 3), **settings)(h))


class Discriminator(resnet.Discriminator):
    """BigGAN's discriminator: that of `resnet`, wide, with orthogonal initial weights."""

    wide: bool = True

    _kernel_init: ClassVar[Initializer | None] = staticmethod(_orthogonal)


def _chunks(z: Array, number: int) -> list[Array]:
    if z.shape[-1] < number:
        raise ValueError(
            f"latents {z.shape} cannot be split into {number} chunks; expected longer ones"
        )
    return jnp.array_split(z, number, axis=-1)
