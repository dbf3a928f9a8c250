"""One-dimensional convolutional networks: WaveGAN (Donahue et al. 2018, arXiv:1802.04208).

They are DCGAN flattened: kernels of 25 values instead of 5x5 pixels, strides of 4 instead of 2x2,
and no normalization, because of the gradient penalty (arXiv:1704.00028). Both networks have a stage
per factor of 4 over 16 values. `width` is the number of channels of the finest hidden stage, and
each coarser stage has twice as many:

    length   stages (values: channels in multiples of `width`)
       256   16: 2     64: 1
      1024   16: 4     64: 2    256: 1
      4096   16: 8     64: 4    256: 2   1024: 1
     16384   16: 16    64: 8    256: 4   1024: 2   4096: 1

The paper's networks (tables 3 and 4) are those for 16384 values, about a second at 16 kHz, with
`width=64` and latents from U[-1, 1]^100.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from jaxgan._checks import check_array, check_integers
from jaxgan.models.conditional import Projection
from jaxgan.models.layers import (
    Conv,
    ConvTranspose,
    Module,
    append_label,
    at_least_float32,
    check_label,
    leaky_relu,
)
from jaxgan.models.sizes import hidden_widths

__all__ = ["LENGTHS", "Discriminator", "Generator", "phase_shuffle"]

LENGTHS = {16 * 4**stages: stages for stages in range(2, 7)}
"""The number of stages for every length."""

_START = 16
_WINDOW = (25,)
_STRIDE = 4


class Generator(Module):
    """The generator of arXiv:1802.04208: z `[B, latent]` to sounds `[B, T, 1]` in [-1, 1].

    Attributes:
        length: T, the number of values: 256, 1024, 4096, 16384 or 65536.
        width: channels of the finest hidden stage; see the table of this module.
        num_classes: number of classes; None for a generator without labels.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import wavegan
        >>> network = wavegan.Generator(length=16384)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 100)), train=True)
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 16384, 1)
    """

    length: int = 16384
    width: int = 64
    num_classes: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, z: Array, y: Array | None = None, *, train: bool) -> Array:
        """Generate sounds.

        Args:
            z: latents `[B, latent]`.
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: ignored; all networks take it.

        Returns:
            Sounds `[B, length, 1]` in [-1, 1].

        Raises:
            ValueError: if `y` does not fit `num_classes`, or `length` is none of the allowed.
        """
        widths = hidden_widths(self.length, self.width, LENGTHS, "length")[::-1]
        up = partial(ConvTranspose, kernel_size=_WINDOW, strides=_STRIDE, dtype=self.dtype)
        h = nn.Dense(_START * widths[0], dtype=self.dtype)(append_label(z, y, self.num_classes))
        h = nn.relu(h.reshape(-1, _START, widths[0]))
        for width in widths[1:]:
            h = nn.relu(up(width)(h))
        return jnp.tanh(up(1)(h))


class Discriminator(Module):
    """The discriminator of arXiv:1802.04208: sounds `[B, T, 1]` to logits `[B]`.

    Transposed convolutions leave a faint tone of fixed phase in every generated sound, by which D
    could recognize it. Phase shuffle removes that phase (section 3.3). It draws from the random
    stream `"phase"`: use `nets.from_linen(module, rngs=("phase",))`. Labels, which are not in the
    paper, are projected on the features of the last stage (arXiv:1802.05637).

    Attributes:
        length: T, the number of values: 256, 1024, 4096, 16384 or 65536.
        width: channels of the finest hidden stage; see the table of this module.
        shuffle: the paper's n, the largest shift of features, in values; 0 for none.
        num_classes: number of classes; None for a discriminator without labels.
        dtype: type of the computation; parameters and logits stay float32.
    """

    length: int = 16384
    width: int = 64
    shuffle: int = 2
    num_classes: int | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, y: Array | None = None, *, train: bool) -> Array:
        """Score sounds: high for real ones.

        Args:
            x: sounds `[B, length, 1]` in [-1, 1].
            y: labels int32 `[B]`, given if and only if `num_classes` is set.
            train: whether to shuffle phases.

        Returns:
            Logits `[B]`, float32.

        Raises:
            ValueError: if `x` is of another shape, `y` does not fit `num_classes`, or `length` is
                none of the allowed.
        """
        widths = hidden_widths(self.length, self.width, LENGTHS, "length")
        check_label(y, self.num_classes)
        if x.shape[1:] != (self.length, 1):
            raise ValueError(
                f"sounds of {x.shape[1:]} for length={self.length}; expected [B, T, 1]"
            )
        h = x
        for stage, width in enumerate(widths):
            if stage and train and self.shuffle:
                h = phase_shuffle(self.make_rng("phase"), h, self.shuffle)
            h = leaky_relu(Conv(width, _WINDOW, strides=_STRIDE, dtype=self.dtype)(h))
        h = h.reshape(h.shape[0], -1)
        dtype = at_least_float32(self.dtype)
        return Projection(self.num_classes, nn.linear.default_kernel_init, dtype=dtype)(h, y)


def phase_shuffle(key: Array, x: Array, n: int) -> Array:
    """Shift each example in time by a random number of steps (arXiv:1802.04208, section 3.3).

        x_t <- x_{t - k},    k uniform in -n .. n

    The gap is filled by reflection; the value at the end is not repeated.

    Args:
        key: a random key.
        x: `[B, T, C]`, T above n.
        n: the largest shift, at least 0.

    Returns:
        `[B, T, C]`.

    Raises:
        ValueError: if x is not `[B, T, C]`, or n is not in 0 to T - 1.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.wavegan import phase_shuffle
        >>> x = jnp.tile(jnp.arange(6.0), (2, 1))[..., None]  # two examples of six values
        >>> phase_shuffle(jax.random.key(0), x, n=2)[..., 0].tolist()
        [[2.0, 1.0, 0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0, 4.0, 3.0]]
    """
    check_array("x", x, "[B, T, C]")
    check_integers(0, n=n)
    if n >= x.shape[1]:
        raise ValueError(f"n is {n} for x of {x.shape[1]} values; expected less")
    shifts = jax.random.randint(key, (x.shape[0], 1, 1), -n, n + 1)
    padded = jnp.pad(x, ((0, 0), (n, n), (0, 0)), mode="reflect")
    # Select one of a few slices: gathering would be slow, and its gradient even slower.
    return jnp.select(
        [shifts == k for k in range(-n, n + 1)],
        [padded[:, n - k : n - k + x.shape[1]] for k in range(-n, n + 1)],
    )
