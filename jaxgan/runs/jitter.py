"""Random cuts of enlarged pictures, as a wrapper around the batches of a run.

For image-to-image translation, 256 pixels are enlarged to 286, and a random part of 256 is
trained on (arXiv:1611.07004, section 6.2). Here this happens inside the compiled program, so the
data that samples are compared with stay whole.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan import Batch
from jaxgan._feed import Feed, Share

_CUTS = 2**32 - 3  # a stream of random numbers that no device uses


def jittered(feed: Feed, pixels: int, examples: int, share: Share, *, pictures: bool) -> Feed:
    """Enlarge every picture and cut a random part of its old size from it.

    Args:
        feed: the batches as they are.
        pixels: by how much both sides are longer before the cut.
        examples: examples per step, over all devices.
        share: the devices of this process.
        pictures: whether y are pictures too, of the size of x; both are cut at the same place.

    Returns:
        Batches whose cuts are a function of the seed, the step and the place in the batch.
    """
    each = examples // share.of

    def items(seed: int, first_step: int, steps: int, count: int | None = None):
        numbers = range(first_step, first_step + steps)
        cuts = np.stack([_cuts(seed, step, examples, pixels) for step in numbers])
        own = cuts[:, each * share.first : each * share.stop]
        return feed.items(seed, first_step, steps, count), own

    def load(source, item) -> Batch:
        item, corners = item
        batch = feed.load(source, item)
        return Batch(
            cut(batch.x, corners, pixels), cut(batch.y, corners, pixels) if pictures else batch.y
        )

    return feed._replace(items=items, load=load)


def _cuts(seed: int, step: int, examples: int, pixels: int) -> np.ndarray:
    random = np.random.default_rng([seed, _CUTS, step])
    return random.integers(0, pixels + 1, (examples, 2), dtype=np.int32)


def cut(x: jax.Array, corners: jax.Array, pixels: int) -> jax.Array:
    """Enlarge pictures bilinearly, and cut parts of their old size from them.

    Args:
        x: `[B, H, W, C]`.
        corners: top and left of each cut, `[B, 2]` in [0, pixels].
        pixels: by how much both sides are longer before the cut.
    """
    size, height, width, channels = x.shape
    large = jax.image.resize(x, (size, height + pixels, width + pixels, channels), "bilinear")

    def one(image, corner):
        return lax.dynamic_slice(image, (corner[0], corner[1], 0), (height, width, channels))

    return jax.vmap(one)(large, jnp.asarray(corners))
