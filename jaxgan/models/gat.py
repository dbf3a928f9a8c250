"""The networks of GAT, a GAN of plain transformers (Hyun et al. 2025, arXiv:2509.24935).

G starts from the places of the patches alone: z enters as a style w, which scales what the blocks
see and what they add. Four heads on the way give four levels of the image, each of which adds to
the one before; the last is the sample. D sees all levels at once, and judges by a token of its own.

    G:  places -> blocks -> x1 -> blocks -> x2 = x1 + ... -> blocks -> x3 -> blocks -> x4
    D:  patches of x1, x2, x3, x4 and a token of its own -> blocks -> logit of this token

The images may be those of an autoencoder, as in the paper: `[B, 32, 32, 4]` for 256 pixels.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array, lax

from jaxgan._checks import check_array
from jaxgan.models.equalized import EqualizedDense, pixel_norm
from jaxgan.models.layers import Module, at_least_float32, check_label
from jaxgan.models.sizes import ImageSize, check_side
from jaxgan.models.tokens import from_patches, patch_grid, places, sine_table, to_patches
from jaxgan.models.transformer import (
    EPSILON,
    Block,
    ModulatedBlock,
    Modulation,
    modulate,
    xavier,
)

__all__ = ["SIZES", "Discriminator", "Generator", "Head", "Mapping", "Size"]

_W_MEAN_DECAY = 0.995  # as in the authors' code


class Size(NamedTuple):
    """The size of a network: `gat.Generator(32, 4, **gat.SIZES["B"]._asdict())`.

    Attributes:
        depth: number of blocks.
        width: channels of a token.
        heads: of the attention.
    """

    depth: int
    width: int
    heads: int


SIZES = {
    "S": Size(12, 384, 6),
    "B": Size(12, 768, 12),
    "L": Size(24, 1024, 16),
    "XL": Size(28, 1152, 16),
}
"""The sizes of the paper, for both networks."""


class Generator(Module):
    """GAT's generator: z `[B, latent]` to levels of images `[B, K, H, W, C]`.

    The last level is the sample; `recipes.last_level` makes a generator of images. The output is
    not bounded: clip images to [-1, 1] to show them.

    Its collection "averages" holds the running mean of w for every class.

    Attributes:
        image_size: side of the images, or height and width: multiples of `patch`.
        channels: of the images, any number.
        patch: side of a patch; the paper's is 2, on 32 x 32.
        depth: number of blocks, a multiple of `levels`.
        width: channels of a token, a multiple of 4 `heads`.
        heads: of the attention.
        levels: how many images K there are, each after as many blocks.
        shift: whether w also shifts what the blocks see. GAT's does not; that of CAT
            (arXiv:2605.26449) very likely does, by its published sizes.
        truncation: psi; outside training, w becomes `mean + psi (w - mean)`, with the mean of the
            label's class. 1 changes nothing.
        num_classes: number of classes; None for a generator without labels.
        embedding: size of the embedding of a label, which is appended to z.
        dtype: type of the computation; parameters and images stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import gat
        >>> network = gat.Generator(image_size=32, channels=3)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 64)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 4, 32, 32, 3)
    """

    image_size: ImageSize = 28
    channels: int = 1
    patch: int = 4
    depth: int = 4
    width: int = 64
    heads: int = 4
    levels: int = 4
    shift: bool = False
    truncation: float = 1.0
    num_classes: int | None = None
    embedding: int = 64
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate images.

        Args:
            z: latents `[B, latent]`; the paper's are standard normal and have 64 components.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether to update the running mean of w, or to truncate w.

        Returns:
            Levels `[B, K, H, W, channels]`, float32.

        Raises:
            ValueError: if `y` does not fit `num_classes`, or the settings do not fit one another.
        """
        check_label(y, self.num_classes)
        if self.depth % self.levels:
            raise ValueError(
                f"depth={self.depth} blocks do not divide into levels={self.levels} parts; "
                f"expected a multiple of levels"
            )
        place = places(*patch_grid(self.image_size, self.patch))
        w = Mapping(self.width, self.num_classes, self.embedding, name="mapping")(z, y)
        w = self._truncate(w, y, train)
        dtype = jnp.float32 if self.dtype is None else self.dtype
        h = jnp.broadcast_to(sine_table(place, self.width), (z.shape[0], len(place), self.width))
        h, x, levels = h.astype(dtype), jnp.zeros((), at_least_float32(dtype)), []
        for k in range(self.depth):
            h = ModulatedBlock(self.heads, self.shift, self.dtype)(h, w, place)
            if (k + 1) % (self.depth // self.levels) == 0:
                change = Modulation(1 + self.shift, self.width, self.dtype)(w)
                size = self.patch**2 * self.channels
                head = nn.Dense(size, kernel_init=xavier, dtype=self.dtype)
                # Levels are sums, which bfloat16 would round more and more coarsely.
                x += head(modulate(h, *change)).astype(x.dtype)
                levels.append(from_patches(x, self.image_size, self.patch))
        return jnp.stack(levels, axis=1)

    def _truncate(self, w: Array, y: Array | None, train: bool) -> Array:
        """Update the running mean of w of each class, or draw w toward it."""
        shape = (self.num_classes or 1, self.width)
        mean = self.variable("averages", "w", jnp.zeros, shape)
        one_hot = jnp.ones((w.shape[0], 1)) if y is None else jax.nn.one_hot(y, shape[0])
        if not train:
            own = one_hot @ mean.value
            return own + self.truncation * (w - own)
        if not self.is_initializing():
            counts = jnp.sum(one_hot, axis=0)[:, None]
            batch_mean = one_hot.T @ lax.stop_gradient(w) / jnp.maximum(counts, 1)
            share = (1 - _W_MEAN_DECAY) * (counts > 0)
            mean.value += share * (batch_mean - mean.value)
        return w


class Discriminator(Module):
    """GAT's discriminator: levels of images `[B, K, H, W, C]` to logits `[B]`.

    Labels are projected (arXiv:1802.05637): the logit is the inner product of the features of the
    image and those of the label.

    Attributes:
        image_size: side of the images, or height and width: multiples of `patch`.
        patch: side of a patch.
        depth: number of blocks.
        width: channels of a token, a multiple of 4 `heads`.
        heads: of the attention.
        num_classes: number of classes; None for a discriminator without labels.
        embedding: size of the features of an image and of a label.
        dtype: type of the computation; parameters and logits stay float32.
    """

    image_size: ImageSize = 28
    patch: int = 4
    depth: int = 4
    width: int = 64
    heads: int = 4
    num_classes: int | None = None
    embedding: int = 2048
    dtype: Any = None

    @nn.compact
    def __call__(self, levels: Array, y: Array | None = None, *, train: bool) -> Array:
        """Score images: high for real ones.

        Args:
            levels: images `[B, K, H, W, C]`, of any number of levels and channels.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if images are of another size, `y` does not fit `num_classes`, or the
                settings do not fit one another.
        """
        del train
        check_array("levels", levels, "[B, K, H, W, C]")
        check_side(levels[:, 0], self.image_size)
        check_label(y, self.num_classes)
        grid = places(*patch_grid(self.image_size, self.patch))
        side_by_side = jnp.moveaxis(levels, 1, 3).reshape(levels.shape[0], *levels.shape[2:4], -1)
        embed = nn.Dense(self.width, kernel_init=xavier, dtype=self.dtype, name="patches")
        tokens = embed(to_patches(side_by_side, self.patch))
        tokens += sine_table(grid, self.width).astype(tokens.dtype)
        own = self.param("token", nn.initializers.normal(0.02), (1, 1, self.width))
        own = jnp.broadcast_to(own, (tokens.shape[0], 1, self.width)).astype(tokens.dtype)

        h = jnp.concatenate([own, tokens], axis=1)
        place = jnp.concatenate([jnp.zeros((1, 2)), grid])  # at 0, its own token is not turned
        for _ in range(self.depth):
            h = Block(self.heads, dtype=self.dtype)(h, place)
        return Head(self.num_classes, self.embedding, at_least_float32(self.dtype))(h[:, 0], y)


class Mapping(Module):
    """The mapping network: latents z `[B, latent]` to styles w `[B, features]`, float32.

    Its two layers learn at a hundredth of the speed of others. z and the embedding of the label
    each have a mean square of 1.

    Attributes:
        features: size of w.
        num_classes: number of classes; None without labels.
        embedding: size of the embedding of a label.
    """

    features: int
    num_classes: int | None = None
    embedding: int = 64

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None) -> Array:
        """Map `[B, latent]` and labels `[B]` to `[B, features]`."""
        z = pixel_norm(z.astype(at_least_float32(z.dtype)), epsilon=EPSILON)
        if self.num_classes is not None:
            label = pixel_norm(_embed(y, self.num_classes, self.embedding), epsilon=EPSILON)
            z = jnp.concatenate([z, label], axis=-1)
        return _slow_layers(z, self.features)


class Head(Module):
    """The end of D: the features of an image `[B, C]` and labels to logits `[B]`.

    Attributes:
        num_classes: number of classes; None without labels.
        embedding: size of the vectors whose inner product is the logit.
        dtype: type of the computation.
    """

    num_classes: int | None = None
    embedding: int = 2048
    dtype: Any = None

    @nn.compact
    def __call__(self, h: Array, y: Array | None = None) -> Array:
        """Map `[B, C]` and labels `[B]` to `[B]`."""
        h = nn.RMSNorm(epsilon=EPSILON, dtype=self.dtype)(h)
        size = 1 if self.num_classes is None else self.embedding
        features = nn.Dense(size, kernel_init=xavier, dtype=self.dtype)(h)
        if self.num_classes is None:
            return features.squeeze(-1)
        label = _slow_layers(_embed(y, self.num_classes, self.embedding), self.embedding)
        return jnp.sum(features * label, axis=-1)


def _embed(y: Array | None, num_classes: int, size: int) -> Array:
    """Embed labels, for a module in its compact call: `[B]` to `[B, size]`."""
    start = nn.initializers.normal(0.02)
    one_hot = jax.nn.one_hot(y, num_classes)
    return nn.Dense(size, use_bias=False, kernel_init=start, name="label")(one_hot)


def _slow_layers(x: Array, features: int) -> Array:
    """Two layers that learn at a hundredth of the speed of others, likewise."""
    x = EqualizedDense(features, lr_multiplier=0.01)(x)
    return EqualizedDense(features, lr_multiplier=0.01)(nn.silu(x))
