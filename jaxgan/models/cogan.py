"""Networks for two domains that share layers (Liu and Tuzel 2016, arXiv:1606.07536).

The layers next to the latents, which decide what there is to see, are shared, and those next to the
pictures, which decide how it looks, are each domain's own (section 3): generators share their first
layers, discriminators their last ones. `shared` counts them from there, the output of a generator
and the input of a discriminator aside, which are never shared. With none shared, there are two GANs
with one z.

Sharing makes pairs because what is not shared looks at a pixel and its neighbors, or at the pixel
alone: it can change how things look, but not where they are. Dense layers of each domain's own
could: on clusters in the plane they pair anything with anything.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.layers import (
    BatchNorm,
    Conv,
    Upsample,
    at_least_float32,
    leaky_relu,
    small_normal,
)
from jaxgan.models.sizes import IMAGE_SIZES, check_image_size, check_images

__all__ = ["DenseDiscriminator", "DenseGenerator", "Discriminator", "Generator"]

_Layer = Callable[[Array], Array]
"""Makes its parameters anew each time it is called."""


class DenseGenerator(nn.Module):
    """Dense layers with ReLU, then each domain's own colors: z `[B, latent]` to two `[B, *shape]`.

    The hidden layers are those of `widths` and one that gives each pixel `features` numbers, which
    a linear map of each domain turns to colors.

    Attributes:
        shape: shape of one picture, such as `(28, 28, 1)`; colors are on the last axis.
        widths: sizes of the first hidden layers.
        features: numbers for each pixel in the last hidden layer.
        shared: how many of the hidden layers, from the first on; None for all.
        dtype: type to compute in; parameters stay float32.
    """

    shape: Sequence[int] = (28, 28, 1)
    widths: Sequence[int] = (256, 512)
    features: int = 8
    shared: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> tuple[Array, Array]:
        """Generates pairs in [-1, 1]; `train` has no effect here, all networks take it.

        Raises:
            ValueError: if `shared` is out of range.
        """
        *space, channels = self.shape
        dense = partial(nn.Dense, dtype=self.dtype)

        def paint(h):
            h = nn.relu(dense(math.prod(space) * self.features)(h))
            return h.reshape(-1, *space, self.features)

        hidden = [lambda h, width=width: nn.relu(dense(width)(h)) for width in self.widths]
        return _part(z, [*hidden, paint], lambda h: jnp.tanh(dense(channels)(h)), self.shared)


class DenseDiscriminator(nn.Module):
    """Each domain's own reading of colors, then dense layers with LeakyReLU 0.2, to logits.

    Attributes:
        widths: sizes of the dense layers.
        features: numbers that each pixel `[C]` is turned to before them; never shared.
        shared: how many of the dense layers, from the last on; None for all.
        dtype: type to compute in; parameters and logits stay float32.
    """

    widths: Sequence[int] = (512, 256)
    features: int = 8
    shared: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, b: Array, *, train: bool) -> tuple[Array, Array]:
        """Scores pictures `[B, ..., C]` of either domain; gives logits `[B]` each, float32.

        Raises:
            ValueError: if `shared` is out of range.
        """
        dense = partial(nn.Dense, dtype=self.dtype)

        def read(x):
            return leaky_relu(dense(self.features)(x)).reshape(len(x), -1)

        def last(h):
            return nn.Dense(1, dtype=at_least_float32(self.dtype))(h).squeeze(-1)

        hidden = [lambda h, width=width: leaky_relu(dense(width)(h)) for width in self.widths]
        return _join(a, b, [read, *hidden], last, self.shared)


class Generator(nn.Module):
    """The generator of `models.dcgan`, with two ends: z `[B, latent]` to two images each.

    Its hidden layers are a dense one and a doubling for each stage but the last.

    Attributes:
        image_size: height and width: 28, 56, 112 or 32, 64, 128.
        channels: 1 or 3.
        width: channels of the finest hidden stage; see the table of `models.dcgan`.
        shared: how many of the hidden layers, from the first on; None for all.
        axis_name: device axis of the batch statistics, None to take them on each device.
        dtype: type to compute in; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import cogan
        >>> network = cogan.Generator(image_size=32, channels=3)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64)), train=True)
        >>> (a, b), variables = jax.eval_shape(init, jax.random.key(0))
        >>> a.shape, b.shape
        ((8, 32, 32, 3), (8, 32, 32, 3))
    """

    image_size: int = 28
    channels: int = 1
    width: int = 64
    shared: int | None = None
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> tuple[Array, Array]:
        """Generates pairs of images `[B, image_size, image_size, channels]` in [-1, 1].

        Raises:
            ValueError: if a setting is none of the allowed.
        """
        check_image_size(self.image_size, self.channels)
        side, stages = IMAGE_SIZES[self.image_size]
        coarsest, *finer = [self.width * 2**stage for stage in reversed(range(stages))]
        norm = partial(BatchNorm, train=train, axis_name=self.axis_name, dtype=self.dtype)
        settings = {"kernel_init": small_normal, "dtype": self.dtype}

        def first(h):
            h = nn.Dense(side * side * coarsest, use_bias=False, **settings)(h)
            return nn.relu(norm()(h.reshape(-1, side, side, coarsest)))

        def double(h, width):
            return nn.relu(norm()(Upsample(width, use_bias=False, **settings)(h)))

        def last(h):
            return jnp.tanh(Upsample(self.channels, **settings)(h))

        hidden = [first, *(partial(double, width=width) for width in finer)]
        return _part(z, hidden, last, self.shared)


class Discriminator(nn.Module):
    """The discriminator of `models.dcgan` without normalization, with two beginnings.

    Its hidden layers are one convolution for each stage.

    Attributes:
        image_size: height and width: 28, 56, 112 or 32, 64, 128.
        width: channels of the finest hidden stage, which is never shared.
        shared: how many of the other stages, from the last on; None for all.
        dtype: type to compute in; parameters and logits stay float32.
    """

    image_size: int = 28
    width: int = 64
    shared: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, b: Array, *, train: bool) -> tuple[Array, Array]:
        """Scores images `[B, image_size, image_size, C]` of either domain; gives logits `[B]` each.

        Raises:
            ValueError: if images are of another size, or `shared` is out of range.
        """
        for x in (a, b):
            check_images(x, self.image_size)
        _, stages = IMAGE_SIZES[self.image_size]

        def halve(h, width):
            down = Conv(width, (4, 4), stride=2, kernel_init=small_normal, dtype=self.dtype)
            return leaky_relu(down(h))

        def last(h):
            dense = nn.Dense(1, kernel_init=small_normal, dtype=at_least_float32(self.dtype))
            return dense(h.reshape(len(h), -1)).squeeze(-1)

        hidden = [partial(halve, width=self.width * 2**stage) for stage in range(stages)]
        return _join(a, b, hidden, last, self.shared)


def _part(z: Array, hidden: Sequence[_Layer], last: _Layer, shared: int | None):
    """Through the first `shared` hidden layers together, and through the others apart."""
    shared = _checked(shared, len(hidden))
    for layer in hidden[:shared]:
        z = layer(z)

    def rest(h):
        for layer in hidden[shared:]:
            h = layer(h)
        return last(h)

    return rest(z), rest(z)


def _join(a: Array, b: Array, hidden: Sequence[_Layer], last: _Layer, shared: int | None):
    """Through the last `shared` hidden layers together, and through the others apart."""
    own = len(hidden) - _checked(shared, len(hidden) - 1)

    def begin(h):
        for layer in hidden[:own]:
            h = layer(h)
        return h

    # Layers that are shared see both domains in one batch.
    h = jnp.concatenate([begin(a), begin(b)])
    for layer in hidden[own:]:
        h = layer(h)
    a_logits, b_logits = jnp.split(last(h), 2)
    return a_logits, b_logits


def _checked(shared: int | None, most: int) -> int:
    shared = most if shared is None else shared
    if not 0 <= shared <= most:
        raise ValueError(f"shared is {shared}; expected 0 to {most} hidden layers, or None for all")
    return shared
