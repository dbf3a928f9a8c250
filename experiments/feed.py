"""From a data set to the batches of each step, in the form that one compiled call wants them.

A data set that fits lies on the device, and what a call is sent is a block of indices. A larger one
stays on the host (memory-mapped, if it is larger than that too), and a call is sent its images. In
both cases scaling and mirroring happen inside the compiled program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import Batch
from jaxgan.data import Dataset, gather, order


class Feed(NamedTuple):
    """The batches of a run.

    Attributes:
        source: what every call is given.
        items: `(seed, first_step, steps) -> items`, what the calls differ in: leaves
            `[steps, B, ...]`, in an order that is a function of the seed and the step.
        load: `(source, item) -> Batch`, inside the compiled program.
        on_device: whether the data set is on the device.
    """

    source: Any
    items: Callable[[int, int, int], Any]
    load: Callable[[Any, Any], Batch]
    on_device: bool


def feed(dataset: Dataset, examples: int, *, flip: bool, device_gb: float) -> Feed:
    """Shuffle a data set into batches, as a pure function of (seed, step).

    Args:
        dataset: images or points, with or without labels.
        examples: examples per step, d_steps * batch size.
        flip: whether every image also occurs mirrored.
        device_gb: up to how many GB the data are put on the device.
    """
    size = len(dataset.x)

    def indices(seed: int, first_step: int, steps: int) -> np.ndarray:
        return order(size, examples, seed=seed, first_step=first_step, steps=steps, flip=flip)

    if dataset.x.nbytes > device_gb * 1e9:

        def items(seed: int, first_step: int, steps: int):
            index = indices(seed, first_step, steps)
            rows, mirrored = index % size, index >= size
            return jax.tree.map(lambda leaf: leaf[rows], Batch(dataset.x, dataset.y)), mirrored

        def load(source, item) -> Batch:
            del source
            batch, mirrored = item
            position = jnp.arange(len(mirrored)) + len(mirrored) * mirrored
            return Batch(gather(batch.x, position), batch.y)

        return Feed((), items, load, on_device=False)

    def take(source: Batch, index) -> Batch:
        y = None if source.y is None else source.y[index % size]
        return Batch(gather(source.x, index), y)

    return Feed(
        jax.tree.map(jnp.asarray, Batch(dataset.x, dataset.y)), indices, take, on_device=True
    )
