"""The growing networks of ProGAN (Karras et al. 2017, arXiv:1710.10196, section 2 and appendix A).

Both networks start at the coarsest resolution and double it, block by block. The network for a
small `resolution` is a part of the one for the whole image: its parameters are a subset, under the
same names. While a new block is faded in, `alpha` goes from 0 to 1:

    G   image = (1 - alpha) up(to_rgb_old(h)) + alpha to_rgb_new(block(h))
    D   h     = (1 - alpha) from_rgb_old(down(x)) + alpha block(from_rgb_new(x))

`alpha` is an input, so one compiled program serves all its values.

`width` is the number of channels at the finest resolution. Every coarser one has twice as many, up
to eight times `width`. The paper's network has 16 at 1024 pixels, and at most 512.
"""

import math
from functools import partial
from typing import Any

import flax.linen as nn
from jax import Array

from jaxgan._checks import check_integers
from jaxgan.models.equalized import (
    EqualizedConv,
    EqualizedDense,
    minibatch_stddev,
    pixel_norm,
    select_logit,
)
from jaxgan.models.layers import Module, append_label, at_least_float32, check_label, leaky_relu
from jaxgan.models.sizes import (
    ImageSize,
    check_channels,
    check_side,
    sides_of,
    stages_of,
)
from jaxgan.resample import box_downsample, nearest_upsample

__all__ = ["Discriminator", "Generator", "resolutions", "stage_widths"]

_HE = math.sqrt(2)  # the gain of layers that a leaky ReLU follows


def resolutions(image_size: ImageSize) -> tuple[int, ...]:
    """Return the heights that a network grows through, such as (7, 14, 28).

    Args:
        image_size: side of the finest resolution, or height and width.

    Raises:
        ValueError: if there is no network for this size.

    Example:
        >>> from jaxgan.models.progressive import resolutions
        >>> resolutions(28), resolutions(128)
        ((7, 14, 28), (4, 8, 16, 32, 64, 128))
    """
    height, _, doublings = stages_of(image_size)
    return tuple(height * 2**k for k in range(doublings + 1))


def stage_widths(image_size: ImageSize, width: int) -> dict[int, int]:
    """Return the channels by resolution, from the coarsest to the finest.

    Args:
        image_size: side of the finest resolution, or height and width.
        width: its channels; every coarser one has twice as many, up to eight times `width`.

    Raises:
        ValueError: if there is no network for this size, or `width` is below 1.

    Example:
        >>> from jaxgan.models.progressive import stage_widths
        >>> stage_widths(64, width=16)
        {4: 128, 8: 128, 16: 64, 32: 32, 64: 16}
    """
    check_integers(width=width)
    heights = resolutions(image_size)
    return {height: width * min(8, heights[-1] // height) for height in heights}


class Generator(Module):
    """The generator of arXiv:1710.10196: z `[B, latent]` to images `[B, R, W, C]`.

    Its last layer is linear, as in the paper: it has to learn that images are in [-1, 1].

    Attributes:
        image_size: side when fully grown, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest resolution; see this module.
        resolution: R, the current height, one of `resolutions(image_size)`; None is the full
            size, with which the network has to be initialized.
        num_classes: number of classes; None for a generator without labels.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import progressive
        >>> network = progressive.Generator(image_size=28, resolution=14)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape, sorted(variables["params"])
        ((8, 14, 14, 1), ['block_14', 'block_7', 'to_rgb_14', 'to_rgb_7'])
    """

    image_size: ImageSize = 28
    channels: int = 1
    width: int = 16
    resolution: int | None = None
    num_classes: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(
        self, z: Array, y: Array | None = None, alpha: Array | float = 1.0, *, train: bool = True
    ) -> Array:
        """Generate images.

        Args:
            z: latents `[B, latent]`, of any length.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            alpha: share of the newest block, in [0, 1].
            train: ignored; all networks take it.

        Returns:
            Images `[B, R, W, channels]`.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or a setting is not allowed.
        """
        del train
        check_channels(self.channels)
        base = stages_of(self.image_size)
        sides = _sides(self.image_size, self.resolution)
        widths = stage_widths(self.image_size, self.width)

        h = pixel_norm(append_label(z, y, self.num_classes))
        images = []  # XLA removes those that are not used
        for side in sides:
            shape = base.height, base.width
            h = _Block(widths[side], shape, self.dtype, name=f"block_{side}")(h)
            to_rgb = EqualizedConv(self.channels, (1, 1), dtype=self.dtype, name=f"to_rgb_{side}")
            images.append(to_rgb(h))
        if len(images) == 1:
            return images[0]
        return _fade(nearest_upsample(images[-2]), images[-1], alpha)


class _Block(Module):
    """A block that doubles the size or, the first, goes from `[B, N]` to the coarsest shape."""

    features: int
    coarsest: tuple[int, int]
    dtype: Any

    @nn.compact
    def __call__(self, h: Array) -> Array:
        conv = partial(EqualizedConv, self.features, gain=_HE, dtype=self.dtype)
        if h.ndim == 2:
            # The paper's 4x4 convolution of a single pixel, whose gain is a quarter of He's.
            height, width = self.coarsest
            dense = partial(EqualizedDense, gain=_HE / 4, use_bias=False, dtype=self.dtype)
            h = dense(height * width * self.features)(h)
            h = h.reshape(-1, height, width, self.features)
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            h += bias.astype(h.dtype)
        else:
            h = conv()(nearest_upsample(h))
        h = pixel_norm(leaky_relu(h))
        return pixel_norm(leaky_relu(conv()(h)))


class Discriminator(Module):
    """The discriminator of arXiv:1710.10196: images `[B, R, W, C]` to logits `[B]`.

    Its last block sees the variation within groups of 4 images (`minibatch_stddev`).

    Attributes:
        image_size: side when fully grown, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest resolution; see this module.
        resolution: R, the current height, one of `resolutions(image_size)`; None is the full
            size, with which the network has to be initialized.
        num_classes: number of classes; None for a discriminator without labels. With labels it has
            one logit for each class and returns that of `y` (arXiv:1801.04406).
        dtype: type of the computation; parameters and logits stay float32.
    """

    image_size: ImageSize = 28
    width: int = 16
    resolution: int | None = None
    num_classes: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(
        self, x: Array, y: Array | None = None, alpha: Array | float = 1.0, *, train: bool = True
    ) -> Array:
        """Score images: high for real ones.

        Args:
            x: images `[B, R, W, C]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            alpha: share of the newest block, in [0, 1].
            train: ignored; all networks take it.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if `x` is of another size, or `y` does not fit `num_classes`.
        """
        del train
        check_label(y, self.num_classes)
        sides = _sides(self.image_size, self.resolution)
        check_side(x, _size(self.image_size, sides[-1]), "resolution")
        widths = stage_widths(self.image_size, self.width)
        conv = partial(EqualizedConv, gain=_HE, dtype=self.dtype)

        def from_rgb(x, side):
            return leaky_relu(conv(widths[side], (1, 1), name=f"from_rgb_{side}")(x))

        h = from_rgb(x, sides[-1])
        for fine, coarse in zip(reversed(sides), reversed(sides[:-1]), strict=False):
            h = leaky_relu(conv(widths[fine], name=f"conv_{fine}")(h))
            h = leaky_relu(conv(widths[coarse], name=f"widen_{fine}")(h))
            h, x = box_downsample(h), box_downsample(x)
            old = from_rgb(x, coarse)  # XLA removes it for all but the newest block
            if fine == sides[-1]:
                h = _fade(old, h, alpha)
        h = leaky_relu(conv(widths[sides[0]], name="conv")(minibatch_stddev(h)))
        h = h.reshape(h.shape[0], -1)
        h = leaky_relu(EqualizedDense(widths[sides[0]], gain=_HE, dtype=self.dtype)(h))
        dtype = at_least_float32(self.dtype)
        return select_logit(EqualizedDense(self.num_classes or 1, dtype=dtype)(h), y)


def _fade(old: Array, new: Array, alpha: Array | float) -> Array:
    # A traced alpha is float32, and so is the sum: in bfloat16, alpha would change in steps.
    return ((1 - alpha) * old + alpha * new).astype(new.dtype)


def _size(image_size: ImageSize, resolution: int) -> tuple[int, int]:
    """Return height and width at a resolution."""
    height, width = sides_of(image_size)
    return resolution, width * resolution // height


def _sides(image_size: ImageSize, resolution: int | None) -> tuple[int, ...]:
    """Return the heights from the coarsest to `resolution`."""
    sides = resolutions(image_size)
    if resolution is None:
        return sides
    if resolution not in sides:
        raise ValueError(f"resolution={resolution} is not one of those of the image, {sides}")
    return sides[: sides.index(resolution) + 1]
