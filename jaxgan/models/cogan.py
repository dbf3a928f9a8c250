"""Networks for two domains that share layers (Liu and Tuzel 2016, arXiv:1606.07536).

The layers next to the latents, which decide what is shown, are shared, and those next to the
pictures, which decide how it looks, belong to each domain (section 3): generators share their first
layers, and discriminators their last ones. `shared` is the number of shared layers; the output
layer of a generator and the input layer of a discriminator are never shared. With `shared=0` they
are two GANs with a common z.

Sharing produces pairs because the other layers see only a pixel and its neighbors, or a single
pixel: they can change how things look, but not where they are. Dense layers could: with dense
layers of their own, two domains of clusters in the plane are paired arbitrarily.
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
    Module,
    Upsample,
    at_least_float32,
    leaky_relu,
    small_normal,
)
from jaxgan.models.sizes import ImageSize, check_channels, check_images, stages_of

__all__ = ["DenseDiscriminator", "DenseGenerator", "Discriminator", "Generator"]

_Layer = Callable[[Array], Array]
"""It creates new parameters each time it is called."""


class DenseGenerator(Module):
    """Dense layers with ReLU, then colors for each domain: z `[B, latent]` to two `[B, *shape]`.

    The hidden layers are those of `widths`, and one that computes `features` numbers for each
    pixel. A linear map for each domain turns these into colors.

    Attributes:
        shape: of a picture, such as `(28, 28, 1)`; the last axis is that of the colors.
        widths: sizes of the first hidden layers.
        features: numbers per pixel in the last hidden layer.
        shared: how many hidden layers are shared, counted from the first; None for all.
        dtype: type of the computation; parameters stay float32.
    """

    shape: Sequence[int] = (28, 28, 1)
    widths: Sequence[int] = (256, 512)
    features: int = 8
    shared: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> tuple[Array, Array]:
        """Generate pairs of pictures in [-1, 1]; `train` is ignored.

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


class DenseDiscriminator(Module):
    """A map of colors for each domain, then dense layers with LeakyReLU 0.2: to logits.

    Attributes:
        widths: sizes of the dense layers.
        features: numbers that each pixel `[C]` is mapped to before them; never shared.
        shared: how many dense layers are shared, counted from the last; None for all.
        dtype: type of the computation; parameters and logits stay float32.
    """

    widths: Sequence[int] = (512, 256)
    features: int = 8
    shared: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, b: Array, *, train: bool) -> tuple[Array, Array]:
        """Score pictures `[B, ..., C]` of both domains; return logits `[B]` for each, float32.

        Raises:
            ValueError: if `shared` is out of range.
        """
        dense = partial(nn.Dense, dtype=self.dtype)

        def read(x):
            return leaky_relu(dense(self.features)(x)).reshape(x.shape[0], -1)

        def last(h):
            return nn.Dense(1, dtype=at_least_float32(self.dtype))(h).squeeze(-1)

        hidden = [lambda h, width=width: leaky_relu(dense(width)(h)) for width in self.widths]
        return _join(a, b, [read, *hidden], last, self.shared)


class Generator(Module):
    """The generator of `models.dcgan` with two outputs: z `[B, latent]` to pairs of images.

    Its hidden layers are a dense one, and an upsampling for each stage but the last.

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest hidden stage; see the table of `models.dcgan`.
        shared: how many hidden layers are shared, counted from the first; None for all.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.

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

    image_size: ImageSize = 28
    channels: int = 1
    width: int = 64
    shared: int | None = None
    axis_name: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, *, train: bool) -> tuple[Array, Array]:
        """Generate pairs of images `[B, H, W, channels]` in [-1, 1].

        Raises:
            ValueError: if a setting is not allowed.
        """
        check_channels(self.channels)
        height, width, doublings = stages_of(self.image_size)
        coarsest, *finer = [self.width * 2**stage for stage in reversed(range(doublings))]
        norm = partial(BatchNorm, train=train, axis_name=self.axis_name, dtype=self.dtype)
        settings = {"kernel_init": small_normal, "dtype": self.dtype}

        def first(h):
            h = nn.Dense(height * width * coarsest, use_bias=False, **settings)(h)
            return nn.relu(norm()(h.reshape(-1, height, width, coarsest)))

        def double(h, features):
            return nn.relu(norm()(Upsample(features, use_bias=False, **settings)(h)))

        def last(h):
            return jnp.tanh(Upsample(self.channels, **settings)(h))

        hidden = [first, *(partial(double, features=features) for features in finer)]
        return _part(z, hidden, last, self.shared)


class Discriminator(Module):
    """The discriminator of `models.dcgan` without normalization, with two inputs.

    Its hidden layers are one convolution for each stage.

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest hidden stage, which is never shared.
        shared: how many other stages are shared, counted from the last; None for all.
        dtype: type of the computation; parameters and logits stay float32.
    """

    image_size: ImageSize = 28
    width: int = 64
    shared: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, a: Array, b: Array, *, train: bool) -> tuple[Array, Array]:
        """Score images `[B, H, W, C]` of both domains; return logits `[B]` each.

        Raises:
            ValueError: if images are of another size, or `shared` is out of range.
        """
        for x in (a, b):
            check_images(x, self.image_size)
        doublings = stages_of(self.image_size).doublings

        def halve(h, width):
            down = Conv(width, (4, 4), strides=2, kernel_init=small_normal, dtype=self.dtype)
            return leaky_relu(down(h))

        def last(h):
            dense = nn.Dense(1, kernel_init=small_normal, dtype=at_least_float32(self.dtype))
            return dense(h.reshape(h.shape[0], -1)).squeeze(-1)

        hidden = [partial(halve, width=self.width * 2**stage) for stage in range(doublings)]
        return _join(a, b, hidden, last, self.shared)


def _part(z: Array, hidden: Sequence[_Layer], last: _Layer, shared: int | None):
    """Apply the first `shared` hidden layers together, and the others to each domain."""
    shared = _checked(shared, len(hidden))
    for layer in hidden[:shared]:
        z = layer(z)

    def rest(h):
        for layer in hidden[shared:]:
            h = layer(h)
        return last(h)

    return rest(z), rest(z)


def _join(a: Array, b: Array, hidden: Sequence[_Layer], last: _Layer, shared: int | None):
    """Apply the last `shared` hidden layers together, and the others to each domain."""
    own = len(hidden) - _checked(shared, len(hidden) - 1)

    def begin(h):
        for layer in hidden[:own]:
            h = layer(h)
        return h

    # Shared layers process both domains in one batch.
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
