"""Networks for pictures of sentences (Reed et al. 2016, arXiv:1605.05396).

A sentence is the numbers of its words, `[B, L]`, -1 after the last one. Both networks read it with
an encoder of their own, which is trained with them: the paper's was trained on pictures and their
texts before. G is given the code beside its latent; D sees it at every place of its coarsest
feature map. The convolutions are those of `models.dcgan`, with its table of widths. With attention,
the stages of G from the second on also look the words up, as in AttnGAN (arXiv:1711.10485).
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxgan._checks import check_array, check_lengths
from jaxgan.models.dcgan import hidden_settings, shrunk
from jaxgan.models.layers import (
    Conv,
    Module,
    Upsample,
    at_least_float32,
    leaky_relu,
    small_normal,
)
from jaxgan.models.sizes import ImageSize, check_channels, check_images, maps_of

__all__ = ["Discriminator", "Encoder", "Generator", "attend"]


class Encoder(Module):
    """An encoder of sentences `[B, L]`: a code `[B, features]`, and words `[B, L, features]`.

    A word is a vector that depends on its number and on its place, and then also on its neighbors.
    The code is made of all of them, in their order.

    Attributes:
        vocabulary: number of words.
        features: dimension of the code, and of a word.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import text
        >>> network = text.Encoder(vocabulary=16, features=64)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 10), int))
        >>> (code, words), variables = jax.eval_shape(init, jax.random.key(0))
        >>> code.shape, words.shape
        ((8, 64), (8, 10, 64))
    """

    vocabulary: int
    features: int = 64
    dtype: Any = None

    @nn.compact
    def __call__(self, y: Array) -> tuple[Array, Array]:
        """Encode sentences.

        Args:
            y: numbers of words, int32 `[B, L]`, -1 where there is none.

        Raises:
            ValueError: y is not integers `[B, L]` or, where NumPy holds it, a number is no word's.
        """
        check_array("y", y, "[B, L]", "integers")
        if isinstance(y, np.ndarray) and (y.min() < -1 or y.max() >= self.vocabulary):
            raise ValueError(
                f"y has words from {y.min()} to {y.max()}; expected 0 to {self.vocabulary - 1}, "
                f"or -1 where there is none"
            )
        one_hot = jax.nn.one_hot(y, self.vocabulary, dtype=self.dtype or jnp.float32)
        words = nn.Dense(self.features, use_bias=False, dtype=self.dtype, name="words")(one_hot)
        place = self.param("places", small_normal, (y.shape[1], self.features), jnp.float32)
        words = (words + place) * (y >= 0)[..., None].astype(words.dtype)
        words += leaky_relu(Conv(self.features, (3,), dtype=self.dtype)(words))
        code = nn.Dense(self.features, dtype=self.dtype)(words.reshape(len(y), -1))
        return leaky_relu(code), words


class Generator(Module):
    """The generator: z `[B, latent]` and sentences `[B, L]` to images `[B, H, W, C]` in [-1, 1].

    Attributes:
        vocabulary: number of words.
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        channels: 1 or 3.
        width: channels of the finest hidden stage; each coarser one has twice as many.
        features: dimension of the code of a sentence.
        attention: whether feature maps look words up.
        upsample: how each stage doubles the size; see `jaxgan.models.layers.Upsample`.
        normalization: `"batch"`, `"layer"` or `"none"`.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters stay float32.
        coarsest: what the shorter side of the coarsest stage is at most, 4 to 7, as in DCGAN.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import text
        >>> network = text.Generator(vocabulary=16, attention=True)
        >>> z, y = jnp.zeros((8, 64)), jnp.zeros((8, 10), int)
        >>> init = lambda key: network.init_with_output(key, z, y, train=True)
        >>> jax.eval_shape(init, jax.random.key(0))[0].shape
        (8, 32, 32, 3)
    """

    vocabulary: int
    image_size: ImageSize = 32
    channels: int = 3
    width: int = 32
    features: int = 64
    attention: bool = False
    upsample: str = "transposed"
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None
    coarsest: int = 7

    @nn.compact
    def __call__(self, z: Array, y: Array, *, train: bool) -> Array:
        """Generate images.

        Raises:
            ValueError: y does not fit, as in `Encoder`, or there is not one sentence for each
                latent; or a setting is not allowed.
        """
        check_channels(self.channels)
        check_array("z", z, "[B, latent]")
        check_lengths("y", y, len(z), "z")
        (height, width), *larger = maps_of(self.image_size, self.coarsest)
        normalize, settings = hidden_settings(self, train)
        upsample = partial(
            Upsample, method=self.upsample, kernel_init=small_normal, dtype=self.dtype
        )
        coarsest, *finer = [self.width * 2**stage for stage in reversed(range(len(larger)))]

        code, words = Encoder(self.vocabulary, self.features, self.dtype, name="encoder")(y)
        h = jnp.concatenate([z.astype(code.dtype), code], axis=-1)
        h = nn.Dense(height * width * coarsest, **settings)(h)
        h = nn.relu(normalize(h.reshape(-1, height, width, coarsest)))
        for features, (height, width) in zip(finer, larger[:-1], strict=True):
            h = upsample(features, use_bias=settings["use_bias"])(h)[:, :height, :width]
            h = nn.relu(normalize(h))
            if self.attention:
                keys = nn.Dense(features, use_bias=False, dtype=self.dtype)(words)
                h = jnp.concatenate([h, attend(h, keys, y >= 0)], axis=-1)
        return jnp.tanh(upsample(self.channels)(h))


class Discriminator(Module):
    """The discriminator: images `[B, H, W, C]` and sentences `[B, L]` to logits `[B]`.

    Attributes:
        vocabulary: number of words.
        image_size: side of the images, or height and width; see `jaxgan.models.sizes`.
        width: channels of the finest hidden stage; each coarser one has twice as many.
        features: dimension of the code of a sentence.
        normalization: `"batch"`, `"layer"` or `"none"`.
        axis_name: device axis to average the batch statistics over; None keeps them per device.
        dtype: type of the computation; parameters and logits stay float32.
        coarsest: what the shorter side of the coarsest stage is at most, 4 to 7, as in DCGAN.
    """

    vocabulary: int
    image_size: ImageSize = 32
    width: int = 32
    features: int = 64
    normalization: str = "batch"
    axis_name: str | None = None
    dtype: Any = None
    coarsest: int = 7

    @nn.compact
    def __call__(self, x: Array, y: Array, *, train: bool) -> Array:
        """Score images and sentences: high for real ones that belong together.

        Raises:
            ValueError: x is of another size, y does not fit, as in `Encoder`, or there is not one
                sentence for each image; or a setting is not allowed.
        """
        check_images(x, self.image_size)
        check_lengths("y", y, len(x), "x")
        normalize, settings = hidden_settings(self, train)
        h = shrunk(self, x, train)
        code, _ = Encoder(self.vocabulary, self.features, self.dtype, name="encoder")(y)
        code = jnp.broadcast_to(code[:, None, None], (*h.shape[:3], self.features))
        h = jnp.concatenate([h, code.astype(h.dtype)], axis=-1)
        h = leaky_relu(normalize(Conv(h.shape[-1], (1, 1), **settings)(h)))
        dense = nn.Dense(1, kernel_init=small_normal, dtype=at_least_float32(self.dtype))
        return dense(h.reshape(len(x), -1)).squeeze(-1)


def attend(h: Array, words: Array, there: Array) -> Array:
    """Look words up at every place of a feature map (Xu et al. 2018, arXiv:1711.10485).

        c_j = sum_i softmax_i(<h_j, e_i>) e_i

    Args:
        h: the feature map `[B, H, W, C]`.
        words: e, vectors of words `[B, L, C]`.
        there: which of them there are, bool `[B, L]`; of a sentence without any, all count.

    Returns:
        c, `[B, H, W, C]`.

    Raises:
        ValueError: shapes are not such.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.text import attend
        >>> h, words = jnp.zeros((1, 1, 1, 2)), jnp.array([[[1.0, 3.0], [5.0, 7.0]]])
        >>> attend(h, words, jnp.array([[True, False]]))[0, 0, 0].tolist()
        [1.0, 3.0]
        >>> attend(h, words, jnp.array([[True, True]]))[0, 0, 0].tolist()
        [3.0, 5.0]
    """
    check_array("h", h, "[B, H, W, C]")
    check_array("words", words, f"[{h.shape[0]}, L, {h.shape[3]}]")
    check_array("there", there, f"[{h.shape[0]}, {words.shape[1]}]", "numbers")
    scores = jnp.einsum("bhwc,blc->bhwl", h, words).astype(at_least_float32(h.dtype))
    scores = jnp.where(there[:, None, None], scores, -1e9)
    shares = jax.nn.softmax(scores, axis=-1).astype(words.dtype)
    return jnp.einsum("bhwl,blc->bhwc", shares, words)
