"""The networks of StyleGAN2 (Karras et al. 2019, arXiv:1912.04958, section 2 and appendix B).

A mapping network turns z into a style w. In each layer of the synthesis network, w scales the
channels (modulation), and the output is scaled back to unit variance (demodulation). Fine details
come from noise. Every resolution adds its contribution to the image.

`width` is the number of channels at the finest resolution. Every coarser one has twice as many, up
to eight times `width`. The paper's network has 32 at 1024 pixels, and at most 512.
"""

import math
from functools import partial, reduce
from itertools import pairwise
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import Array, lax

from jaxgan import convolution
from jaxgan.models.equalized import (
    EqualizedConv,
    EqualizedDense,
    equalized,
    minibatch_stddev,
    pixel_norm,
    select_logit,
)
from jaxgan.models.layers import Module, at_least_float32, check_label, leaky_relu
from jaxgan.models.progressive import resolutions, stage_widths
from jaxgan.models.sizes import ImageSize, check_channels, check_images, stages_of
from jaxgan.resample import downsample, upsample

__all__ = ["Discriminator", "Generator", "Mapping", "ModulatedConv", "StyledConv", "Synthesis"]

_W_MEAN_DECAY = 0.995  # as in the authors' code


class Generator(Module):
    """The generator of arXiv:1912.04958: z `[B, latent]` to images `[B, H, W, C]`.

    Its last layers are linear, as in the paper: it has to learn that images are in [-1, 1].

    It draws from the random streams "noise" and, in training, "mixing". Its collection "averages"
    holds the running mean of w and, for `recipes.stylegan2`, that of the path lengths.

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest resolution; see this module.
        w_dim: size of a style w.
        mapping_layers: number of layers between z and w.
        mixing: share of the images in training whose finer layers, from a random one on, get the
            style of another latent (arXiv:1812.04948, section 3.1).
        truncation: psi; outside training, w becomes `mean + psi (w - mean)` (arXiv:1812.04948,
            appendix B). 1 changes nothing; with 0, all images have the same style.
        num_classes: number of classes; None for a generator without labels.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import stylegan2
        >>> network = stylegan2.Generator(image_size=32, channels=3)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 32, 32, 3)
    """

    image_size: ImageSize = 28
    channels: int = 1
    width: int = 16
    w_dim: int = 64
    mapping_layers: int = 8
    mixing: float = 0.9
    truncation: float = 1.0
    num_classes: int | None = None
    dtype: Any = None

    @property
    def layers(self) -> int:
        """The number of styles of an image, two for each resolution."""
        return 2 * len(resolutions(self.image_size))

    @nn.compact
    def __call__(
        self, z: Array, y: Array | None = None, shift: Array | None = None, *, train: bool
    ) -> Array:
        """Generate images.

        Args:
            z: latents `[B, latent]`, of any length.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            shift: `[B, layers, w_dim]`, or `[B, 1, w_dim]` for all layers, added to the styles; at
                0, the derivative of the images with respect to it is that with respect to them.
            train: whether to mix styles and update their running mean, or to truncate w.

        Returns:
            Images `[B, H, W, channels]`.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or a setting is not allowed.
        """
        check_channels(self.channels)
        check_label(y, self.num_classes)
        mapping = Mapping(self.w_dim, self.mapping_layers, self.num_classes, name="mapping")
        synthesis = Synthesis(
            self.image_size, self.channels, self.width, self.dtype, name="synthesis"
        )
        mean = self.variable("averages", "w", jnp.zeros, (self.w_dim,))
        # Only the recipe knows path lengths; it keeps their mean here, so that it is saved too.
        self.variable("averages", "path_length", jnp.zeros, ())

        replacement = None
        if train and self.mixing > 0:
            key, z_key = jax.random.split(self.make_rng("mixing"))
            others = jax.random.normal(z_key, z.shape, z.dtype)
            # One batch of both rather than two: a mapping network is long, and compiled once so.
            twice = None if y is None else jnp.concatenate([y, y])
            w, other = jnp.split(mapping(jnp.concatenate([z, others]), twice), 2)
            replacement = key, other
        else:
            w = mapping(z, y)
        if not train:
            w = mean.value + self.truncation * (w - mean.value)
        elif not self.is_initializing():
            batch_mean = lax.stop_gradient(jnp.mean(w, axis=0))
            mean.value += (1 - _W_MEAN_DECAY) * (batch_mean - mean.value)
        styles = jnp.broadcast_to(w[:, None], (w.shape[0], self.layers, self.w_dim))
        if replacement is not None:
            key, other = replacement
            styles = _mix(key, styles, other, self.mixing)
        if shift is not None:
            styles = styles + shift
        return synthesis(styles)


def _mix(key: Array, styles: Array, other: Array, probability: float) -> Array:
    """Give some images another style `[B, W]` from a random layer on; return `[B, layers, W]`."""
    batch, layers, _ = styles.shape
    chosen_key, layer_key = jax.random.split(key)
    crossover = jax.random.randint(layer_key, (batch, 1), 1, layers)
    chosen = jax.random.bernoulli(chosen_key, probability, (batch, 1))
    replaced = chosen & (jnp.arange(layers) >= crossover)
    return jnp.where(replaced[..., None], other[:, None], styles)


class Mapping(Module):
    """The mapping network: latents z `[B, latent]` to styles w `[B, features]`, float32.

    Its layers learn at a hundredth of the speed of other layers.

    Attributes:
        features: size of w, and of all layers.
        layers: number of layers.
        num_classes: number of classes; None without labels. The embedding of a label is appended to
            z.
    """

    features: int
    layers: int = 8
    num_classes: int | None = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None) -> Array:
        """Map `[B, latent]` and labels `[B]` to `[B, features]`."""
        if self.num_classes is not None:
            start = nn.initializers.normal(1.0)
            table = self.param("label", start, (self.num_classes, z.shape[-1]), jnp.float32)
            z = jnp.concatenate([z, table[y]], axis=-1)
        w = pixel_norm(z)
        for _ in range(self.layers):
            w = _activate(EqualizedDense(self.features, lr_multiplier=0.01)(w))
        return w


class Synthesis(Module):
    """The synthesis network with output skips: styles `[B, layers, W]` to images `[B, H, W, C]`.

    Attributes:
        image_size: side of the images, or height and width.
        channels: of the image.
        width: channels of the finest resolution.
        dtype: type of the computation; parameters stay float32.
    """

    image_size: ImageSize
    channels: int
    width: int
    dtype: Any = None

    @property
    def layers(self) -> int:
        """The number of styles of an image, two for each resolution."""
        return 2 * len(resolutions(self.image_size))

    @nn.compact
    def __call__(self, styles: Array) -> Array:
        """Map `[B, layers, W]` to `[B, H, W, channels]`."""
        widths = stage_widths(self.image_size, self.width)
        layer = partial(StyledConv, dtype=self.dtype)

        height, width, _ = stages_of(self.image_size)
        shape = (height, width, widths[height])
        constant = self.param("constant", nn.initializers.normal(1.0), shape)
        h = jnp.broadcast_to(constant, (styles.shape[0], *constant.shape))
        images = []
        for k, features in enumerate(widths.values()):
            # As in the authors' code, the layer to the image shares its style with the next layer.
            first, second, last = (
                styles[:, max(0, 2 * k - 1)],
                styles[:, 2 * k],
                styles[:, 2 * k + 1],
            )
            if k > 0:
                h = layer(features, doubles=True)(h, first)
            h = layer(features)(h, second)
            to_rgb = ModulatedConv(self.channels, (1, 1), demodulate=False, dtype=self.dtype)
            images.append(to_rgb(h, last))
        return reduce(lambda image, part: upsample(image) + part, images)


class StyledConv(Module):
    """A layer of the synthesis network: modulated convolution, noise, bias, activation.

    Attributes:
        features: channels of the output.
        doubles: whether height and width become twice as large.
        dtype: type of the computation; parameters stay float32.
    """

    features: int
    doubles: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        """Map `[B, H, W, C]` and styles `[B, W]` to `[B, H', W', features]`."""
        y = ModulatedConv(self.features, doubles=self.doubles, dtype=self.dtype)(x, w)
        strength = self.param("noise_strength", nn.initializers.zeros, ())
        noise = jax.random.normal(self.make_rng("noise"), (*y.shape[:3], 1))
        return _activate(y + (strength * noise).astype(y.dtype))


class ModulatedConv(Module):
    """A convolution whose weights depend on the style (arXiv:1912.04958, equations 1 and 3).

        W'[i, f] = s[i] W[i, f],    s = affine(w)
        W''[i, f] = W'[i, f] / sqrt(sum over the window and i of W'[i, f]^2 + 1e-8)

    Every image has its own weights, yet one ordinary convolution is enough: s can scale the
    channels of its input instead, and the square root those of its output.

    Attributes:
        features: channels of the output.
        kernel_size: size of the kernel along each spatial axis.
        demodulate: whether to divide by the square root.
        doubles: whether the image is enlarged to twice the size by `resample.upsample` before; its
            kernel then has to be 3x3.
        dtype: type of the computation; parameters stay float32.
    """

    features: int
    kernel_size: tuple[int, int] = (3, 3)
    demodulate: bool = True
    doubles: bool = False
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, w: Array) -> Array:
        """Map `[B, H, W, C]` and styles `[B, W]` to `[B, H', W', features]`."""
        s = EqualizedDense(x.shape[-1], bias_init=1.0, name="style")(w)
        kernel = equalized(self, (*self.kernel_size, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        norm = jnp.square(s) @ jnp.sum(jnp.square(kernel), axis=(0, 1))
        scale = lax.rsqrt(norm + 1e-8) if self.demodulate else jnp.ones_like(norm)
        x, s, kernel, scale, bias = promote_dtype(x, s, kernel, scale, bias, dtype=self.dtype)
        convolve = _double if self.doubles else convolution.conv
        y = convolve(x * s[:, None, None], kernel)
        return y * scale[:, None, None] + bias


class Discriminator(Module):
    """The residual discriminator of arXiv:1912.04958: images `[B, H, W, C]` to logits `[B]`.

    Its last block sees the variation within groups of 4 images (`equalized.minibatch_stddev`).

    Attributes:
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest resolution; see this module.
        num_classes: number of classes; None for a discriminator without labels. With labels it has
            one logit for each class and returns that of `y` (arXiv:1801.04406).
        dtype: type of the computation; parameters and logits stay float32.
    """

    image_size: ImageSize = 28
    width: int = 16
    num_classes: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool = True) -> Array:
        """Score images: high for real ones.

        Args:
            x: images `[B, H, W, C]` in [-1, 1].
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if `x` is of another size, or `y` does not fit `num_classes`.
        """
        del train
        check_images(x, self.image_size)
        check_label(y, self.num_classes)
        conv = partial(EqualizedConv, dtype=self.dtype)
        widths = list(stage_widths(self.image_size, self.width).values())[::-1]

        h = _activate(conv(widths[0], (1, 1))(x))
        for fine, coarse in pairwise(widths):
            skip = conv(coarse, (1, 1), use_bias=False)(downsample(h))
            h = _activate(conv(fine)(h))
            h = _activate(conv(coarse, strides=2, padding="VALID")(_filter(h, 2)))
            h = (h + skip) / math.sqrt(2)
        h = _activate(conv(widths[-1])(minibatch_stddev(h))).reshape(h.shape[0], -1)
        h = _activate(EqualizedDense(widths[-1], dtype=self.dtype)(h))
        dtype = at_least_float32(self.dtype)
        return select_logit(EqualizedDense(self.num_classes or 1, dtype=dtype)(h), y)


def _double(x: Array, kernel: Array) -> Array:
    """Double height and width with the filter (1, 3, 3, 1), and convolve with a 3x3 kernel.

    In the authors' order, the filter last, the convolution is of the small image, and sees at the
    border what the filter spreads over it; zeros instead would darken the rim of every image.
    """
    return 4 * _filter(convolution.conv_transpose(x, kernel, strides=2, padding="VALID"), 1)


def _filter(x: Array, margin: int) -> Array:
    """Filter with (1, 3, 3, 1) / 8: `[B, H, W, C]` to `[B, H + 2 margin - 3, ..., C]`."""
    x = jnp.pad(x, ((0, 0), (margin, margin), (margin, margin), (0, 0)))
    for axis in (1, 2):
        size = x.shape[axis] - 3
        taps = zip((1, 3, 3, 1), range(4), strict=True)
        terms = [tap / 8 * lax.slice_in_dim(x, i, i + size, axis=axis) for tap, i in taps]
        x = sum(terms[1:], terms[0])
    return x


def _activate(x: Array) -> Array:
    """Apply a leaky ReLU that nearly preserves the variance of a normal input."""
    return math.sqrt(2) * leaky_relu(x)
