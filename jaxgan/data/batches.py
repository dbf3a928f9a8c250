"""The order in which examples are seen, and the batches they make on the device.

The order depends on the seed and the step alone, so a run that was interrupted continues with the
batches that it would have seen anyway.
"""

from functools import lru_cache
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_array, check_integers, told

__all__ = ["gather", "order", "to_uint8", "to_unit"]

Array = TypeVar("Array", jax.Array, np.ndarray)


def order(
    size: int, batch_size: int, *, seed: int, first_step: int, steps: int, flip: bool = False
) -> np.ndarray:
    """Return the indices of the examples that a range of steps sees.

    Batches are taken from an endless sequence of epochs. Every epoch is a permutation of all
    examples that depends on `seed` and the number of the epoch only. A batch may span two epochs,
    so no example is ever dropped. The result is a slice of that of any longer call:
    `order(first_step=a, steps=n)` equals `order(first_step=0, steps=a + n)[a:]`.

    With `flip`, the data set counts as `2 * size` examples: example `size + i` is the mirror image
    of example `i` (StyleGAN's option `mirror`, https://arxiv.org/abs/1812.04948). `gather` does the
    mirroring.

    Args:
        size: number of examples.
        batch_size: examples in a step; may exceed `size`.
        seed: seed of the permutations, at least 0.
        first_step: the first step, counted from 0.
        steps: number of steps.
        flip: whether mirror images count as examples, too.

    Returns:
        int32 `[steps, batch_size]` in [0, size), or [0, 2 * size) with `flip`.

    Raises:
        TypeError: if one is no integer.
        ValueError: if one is out of range.

    Example:
        >>> from jaxgan.data import order
        >>> order(5, 2, seed=0, first_step=0, steps=5).tolist()  # two epochs of five examples
        [[2, 4], [3, 0], [1, 1], [4, 3], [0, 2]]
        >>> order(5, 2, seed=0, first_step=3, steps=2).tolist()  # resumed at step 3
        [[4, 3], [0, 2]]
    """
    check_integers(size=size, batch_size=batch_size)
    check_integers(0, seed=seed, first_step=first_step, steps=steps)
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
    permutation.flags.writeable = False  # later calls share it
    return permutation


def gather(x: jax.Array, index: jax.Array | np.ndarray) -> jax.Array:
    """Pick examples from a data set on the device, in the range that generators have.

    It is meant for use inside `jit`, `scan`, `vmap`, `pmap` or `shard_map`.

    Args:
        x: uint8 images `[N, H, W, C]` or solids `[N, D, H, W, C]`; or float points `[N, D]` or
            sounds `[N, T, C]`.
        index: integers of any shape, usually `[B]`, in [0, 2 * N); `N + i` is the mirror image,
            left to right, of example `i`. Floats have no mirror images; there it is `i` itself.

    Returns:
        float32 images `[B, H, W, C]` or solids in [-1, 1]; floats unchanged, as float32.

    Raises:
        ValueError: if x is neither uint8 nor of floats, or `index` is not of integers or, where
            NumPy holds it, not in range.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.data import gather
        >>> x = jnp.array([[0, 255], [51, 102]], jnp.uint8)  # two images, of two pixels each
        >>> x = x.reshape(2, 1, 2, 1)
        >>> gather(x, jnp.array([0, 2])).squeeze().tolist()  # the first one, and its mirror image
        [[-1.0, 1.0], [1.0, -1.0]]
    """
    check_array("x", x, "[N, ...]", "examples")
    size = x.shape[0]
    if not jnp.issubdtype(getattr(index, "dtype", object), jnp.integer):
        raise ValueError(f"index is {told(index)}; expected integers")
    if (
        isinstance(index, np.ndarray)
        and index.size
        and not 0 <= index.min() <= index.max() < 2 * size
    ):
        raise ValueError(
            f"index has values from {index.min()} to {index.max()}; expected 0 to {2 * size - 1} "
            f"for {size} examples and their mirror images"
        )
    x, index = jnp.asarray(x), jnp.asarray(index)
    mirrored = index >= size
    batch = x[jnp.where(mirrored, index - size, index)]
    if jnp.issubdtype(x.dtype, jnp.floating):
        return batch.astype(jnp.float32)
    mirrored = mirrored.reshape(mirrored.shape + (1,) * (x.ndim - 1))
    return to_unit(jnp.where(mirrored, jnp.flip(batch, axis=-2), batch))


def to_unit(x: Array) -> Array:
    """Map uint8 images in [0, 255] to float32 in [-1, 1]: `x / 127.5 - 1`, any shape.

    Raises:
        ValueError: if x is not uint8.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data import to_unit
        >>> to_unit(np.array([0, 255], np.uint8)).tolist()
        [-1.0, 1.0]
    """
    check_array("x", x, "[...]", "uint8", empty=True)
    # In this form only the product is rounded, so NumPy, JAX and compiled JAX agree bit for bit.
    return (x.astype(np.float32) - 127.5) * (1 / 127.5)


def to_uint8(x: Array) -> Array:
    """Map float images in [-1, 1] to uint8 in [0, 255], rounded and clipped, any shape.

    It inverts `to_unit` on all 256 values.

    Raises:
        ValueError: if x is not of floats, or, where NumPy holds it, has NaN.

    Example:
        >>> import numpy as np
        >>> from jaxgan.data import to_uint8
        >>> to_uint8(np.array([-1.0, 0.0, 1.5])).tolist()
        [0, 128, 255]
    """
    check_array("x", x, "[...]", empty=True)
    if isinstance(x, np.ndarray) and np.isnan(x).any():
        raise ValueError("x has values that are NaN; expected floats in [-1, 1]")
    return ((x.astype(np.float32) + 1) * 127.5).round().clip(0, 255).astype(np.uint8)
