"""Which examples a step sees, and how they become a batch on the device.

The order of the data is a function of (seed, step) and nothing else, so a run that was stopped
continues with the batches it would have seen anyway.
"""

from functools import lru_cache
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["gather", "order", "to_uint8", "to_unit"]

Array = TypeVar("Array", jax.Array, np.ndarray)


def order(
    size: int, batch_size: int, *, seed: int, first_step: int, steps: int, flip: bool = False
) -> np.ndarray:
    """Returns which examples the steps `first_step .. first_step + steps - 1` see.

    The batches are cut from an endless row of epochs. Every epoch is a permutation of all
    examples that depends on `seed` and the number of the epoch only; a batch may reach over the
    end of one epoch into the next, so no example is ever dropped. The result is a slice of any
    longer call: `order(first_step=a, steps=n)` equals `order(first_step=0, steps=a + n)[a:]`.

    With `flip` the set counts as `2 * size` examples, of which number `size + i` is the mirror
    image of number `i` (StyleGAN's option `mirror`, https://arxiv.org/abs/1812.04948); `gather`
    does the mirroring.

    Args:
        size: Number of examples.
        batch_size: Examples in a step; may exceed `size`.
        seed: Seed of the shuffling, 0 or more.
        first_step: First step, counted from 0.
        steps: Number of steps.
        flip: Whether mirror images are examples, too.

    Returns:
        int32 `[steps, batch_size]` in [0, size), or in [0, 2 * size) with `flip`.

    Raises:
        ValueError: if an argument is out of its range.

    Example:
        >>> from jaxgan.data import order
        >>> order(5, 2, seed=0, first_step=0, steps=5).tolist()  # two epochs of five examples
        [[2, 4], [3, 0], [1, 1], [4, 3], [0, 2]]
        >>> order(5, 2, seed=0, first_step=3, steps=2).tolist()  # a run that goes on from step 3
        [[4, 3], [0, 2]]
    """
    if size < 1 or batch_size < 1:
        raise ValueError(f"size and batch_size must be at least 1, got {size} and {batch_size}")
    if min(seed, first_step, steps) < 0:
        raise ValueError(
            f"seed, first_step and steps must not be negative, got {seed}, {first_step}, {steps}"
        )
    if flip:
        size = 2 * size
    start, stop = first_step * batch_size, (first_step + steps) * batch_size
    first_epoch, last_epoch = start // size, -(-stop // size)
    epochs = [_permutation(size, seed, epoch) for epoch in range(first_epoch, last_epoch)]
    row = np.concatenate([np.empty(0, np.int32), *epochs])
    offset = first_epoch * size
    return row[start - offset : stop - offset].reshape(steps, batch_size)


@lru_cache(maxsize=16)  # two epochs for each of eight devices
def _permutation(size: int, seed: int, epoch: int) -> np.ndarray:
    permutation = np.random.default_rng([seed, epoch]).permutation(size).astype(np.int32)
    permutation.flags.writeable = False  # it is shared by all later calls
    return permutation


def gather(x: jax.Array, index: jax.Array | np.ndarray) -> jax.Array:
    """Takes examples out of a data set on the device, as a generator would make them.

    Meant for the inside of `jit`, `scan`, `vmap`, `pmap` or `shard_map`.

    Args:
        x: uint8 images `[N, H, W, C]` or solids `[N, D, H, W, C]`; or float points `[N, D]` or
            sounds `[N, T, C]`.
        index: Integers `[B]` (any leading shape will do) in [0, 2 * N); `N + i` is the mirror
            image, left to right, of `i`. Floats have no mirror image: there it is `i` itself.

    Returns:
        float32 images `[B, H, W, C]` or solids in [-1, 1]; floats as they are, in float32.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.data import gather
        >>> x = jnp.array([[0, 255], [51, 102]], jnp.uint8)  # two images, of two pixels each
        >>> x = x.reshape(2, 1, 2, 1)
        >>> gather(x, jnp.array([0, 2])).squeeze().tolist()  # the first one, and its mirror image
        [[-1.0, 1.0], [1.0, -1.0]]
    """
    x, index = jnp.asarray(x), jnp.asarray(index)
    size = x.shape[0]
    mirrored = index >= size
    batch = x[jnp.where(mirrored, index - size, index)]
    if jnp.issubdtype(x.dtype, jnp.floating):
        return batch.astype(jnp.float32)
    mirrored = mirrored.reshape(mirrored.shape + (1,) * (x.ndim - 1))
    return to_unit(jnp.where(mirrored, jnp.flip(batch, axis=-2), batch))


def to_unit(x: Array) -> Array:
    """Maps uint8 images in [0, 255] to float32 in [-1, 1]: `x / 127.5 - 1`, any shape.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data import to_unit
        >>> to_unit(np.array([0, 255], np.uint8)).tolist()
        [-1.0, 1.0]
    """
    # In this form only the product is rounded, so NumPy, JAX and compiled JAX agree in every bit.
    return (x.astype(np.float32) - 127.5) * (1 / 127.5)


def to_uint8(x: Array) -> Array:
    """Maps float images in [-1, 1] to uint8 in [0, 255], rounding and clipping, any shape.

    The inverse of `to_unit` on all 256 values.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data import to_uint8
        >>> to_uint8(np.array([-1.0, 0.0, 1.5])).tolist()
        [0, 128, 255]
    """
    return ((x.astype(np.float32) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
