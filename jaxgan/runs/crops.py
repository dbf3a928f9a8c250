"""Random crops: pictures are enlarged, and in every step another window of them is seen.

It is the random jitter of pix2pix (arXiv:1611.07004, section 6.2), which enlarges pictures of 256
pixels to 286 and cuts out 256. Both pictures of a pair are cut at the same place.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan import Batch
from jaxgan.runs.feed import Feed, Share

_PLACES = 2**32 - 3  # a stream of random numbers that nothing else uses


def cropped(batches: Feed, larger: tuple[int, int], examples: int, share: Share) -> Feed:
    """Cut a window out of every picture of a feed; the place is a function of (seed, step).

    Args:
        batches: the feed.
        larger: height and width that pictures are enlarged to before.
        examples: per step, over all devices.
        share: the devices of this process.
    """
    each = examples // share.of
    mine = slice(each * share.first, each * share.stop)

    def items(seed: int, first_step: int, steps: int, count: int | None = None) -> Any:
        places = [
            np.random.default_rng([seed, _PLACES, step]).random((examples, 2), np.float32)[mine]
            for step in range(first_step, first_step + steps)
        ]
        return batches.items(seed, first_step, steps, count), np.stack(places)

    def load(source: Any, item: Any) -> Batch:
        item, places = item
        batch = batches.load(source, item)
        return jax.tree.map(lambda x: _window(x, larger, places) if x.ndim == 4 else x, batch)

    return batches._replace(items=items, load=load)


def _window(x: jax.Array, larger: tuple[int, int], places: jax.Array) -> jax.Array:
    """Cut `[B, H, W, C]` out of itself, enlarged; `places` are in [0, 1)^2."""
    size = x.shape[1:]
    enlarged = jax.image.resize(x, (len(x), *larger, size[-1]), "bilinear")
    room = jnp.array([larger[0] - size[0] + 1, larger[1] - size[1] + 1])
    corners = jnp.floor(places * room).astype(jnp.int32)

    def cut(picture: jax.Array, corner: jax.Array) -> jax.Array:
        return lax.dynamic_slice(picture, (corner[0], corner[1], 0), size)

    return jax.vmap(cut)(enlarged, corners)
