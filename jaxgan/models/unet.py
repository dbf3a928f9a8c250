"""The generator of pix2pix (Isola et al. 2016, arXiv:1611.07004): a U-Net (arXiv:1505.04597).

4x4 convolutions of stride 2 reduce an image, and transposed ones enlarge it again. Skip connections
pass the features of the way down to the stage of the same size on the way up, so edges need not go
through the bottleneck. Stage k has `width * min(2**k, 8)` channels:

    image   stages   sides on the way down
     28        2      14  7
     32        5      16  8  4  2  1
    256        8     128 64 32 16  8  4  2  1      the paper's, with `width=64`
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from jaxgan.models.layers import Conv, InstanceNorm, Module, Upsample, leaky_relu, small_normal

__all__ = ["Generator"]

_NOISY = 3  # stages with dropout, from the bottleneck on


class Generator(Module):
    """A U-Net from images `[B, H, W, C']` to images `[B, H, W, channels]` in [-1, 1].

    Its noise is dropout, in the first three stages on the way up but never in the last. As in the
    paper (section 3), it stays on in sampling.

    Attributes:
        channels: of the output.
        width: channels of the finest stage.
        stages: number of times that the image is halved.
        dropout: share of the values that are set to zero; 0 for a network without noise.
        skips: whether there are skip connections.
        upsample: how each stage doubles the size; see `jaxgan.models.layers.Upsample`.
        dtype: type of the computation; parameters stay float32.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models import unet
        >>> network = unet.Generator(channels=3, stages=5)
        >>> init = lambda key: network.init_with_output(key, jnp.zeros((8, 32, 32, 1)))
        >>> x, variables = jax.eval_shape(init, jax.random.key(0))
        >>> x.shape
        (8, 32, 32, 3)
    """

    channels: int = 3
    width: int = 64
    stages: int = 8
    dropout: float = 0.5
    skips: bool = True
    upsample: str = "transposed"
    dtype: Any = None

    @nn.compact
    def __call__(self, y: Array) -> Array:
        """Translate images.

        Args:
            y: images `[B, H, W, C']` in [-1, 1]; H and W must be multiples of `2**stages`.

        Returns:
            Images `[B, H, W, channels]` in [-1, 1].

        Raises:
            ValueError: if H or W is not such a multiple, or a setting is out of range.
        """
        self._check(y)
        settings: dict[str, Any] = {"kernel_init": small_normal, "dtype": self.dtype}
        down = partial(Conv, kernel_size=(4, 4), strides=2, **settings)
        up = partial(Upsample, method=self.upsample, **settings)
        normalize = InstanceNorm(dtype=self.dtype)
        widths = [self.width * min(2**stage, 8) for stage in range(self.stages)]

        h, seen = y, []
        for stage, width in enumerate(widths[:-1]):
            h = down(width)(h)
            h = leaky_relu(normalize(h) if stage > 0 else h)
            seen.append(h)
        # The bottleneck may be a single pixel, which normalization would set to 0.
        h = nn.relu(down(widths[-1])(h))
        for stage, width in enumerate(reversed(widths[:-1])):
            h = normalize(up(width)(h))
            if stage < _NOISY:
                h = nn.Dropout(self.dropout, deterministic=False)(h)
            h = nn.relu(h)
            if self.skips:
                # ReLU also for what is skipped, as in the authors' code: it follows the joining.
                h = jnp.concatenate([h, nn.relu(seen.pop())], axis=-1)
        return jnp.tanh(up(self.channels)(h))

    def _check(self, y: Array) -> None:
        if self.stages < 1:
            raise ValueError(f"stages is {self.stages}; expected at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; expected 0 <= dropout < 1")
        height, width = y.shape[1:3]
        if height % 2**self.stages or width % 2**self.stages:
            raise ValueError(
                f"images of {height}x{width} for stages={self.stages}; "
                f"expected multiples of {2**self.stages}"
            )
