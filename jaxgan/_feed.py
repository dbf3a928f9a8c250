"""The batches of each step, in the form that one compiled call takes.

A data set that fits is kept on the device, and each call receives a block of indices. A larger one
stays on the host (memory-mapped if it does not fit there either), and each call receives its
images, which threads prefetch. In both cases scaling and mirroring happen inside the compiled
program.

The order is an endless sequence of epochs, of which each step takes the next piece; device k of n
is fed the k-th of n equal parts of that piece. A sharded data set has one such sequence for each
device: shard k of n has the examples k, k + n, k + 2n, ... and is seen by device k only, in an
order that is a function of (seed, step, device). No example is dropped: if n does not divide the
data, the shorter shards are padded with examples from the beginning of the data, which are then
seen up to once more per epoch than the others.

Two unpaired domains are two data sets with two independent orders.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import Batch
from jaxgan.data import Dataset, gather, order

_OTHER_DOMAIN = 2**32 - 1  # streams of random numbers that no device uses
_TURN = 2**32 - 2


class Share(NamedTuple):
    """The devices that this process feeds: numbers `first` to `stop - 1` of `of`."""

    first: int
    stop: int
    of: int


class Feed(NamedTuple):
    """The batches of a run.

    Attributes:
        source: what every call receives.
        items: `(seed, first_step, steps, count=None) -> items`, what differs between calls: leaves
            `[steps, B, ...]`, in an order that is a function of the seed and the step; B is the
            number of examples on this process's devices. With a count, only so many of these steps
            have to be read.
        load: `(source, item) -> Batch`, inside the compiled program.
        on_device: whether the data set is on the device.
        sharded: whether the leaves of `source` are `[devices, ...]`, a shard for each device.
    """

    source: Any
    items: Callable[..., Any]
    load: Callable[[Any, Any], Batch]
    on_device: bool
    sharded: bool = False


def feed(
    dataset: Dataset,
    examples: int,
    *,
    flip: bool,
    device_gb: float,
    share: Share = Share(0, 1, 1),  # noqa: B008 - it is immutable
    shard: bool = False,
) -> Feed:
    """Shuffle a data set into batches, as a pure function of (seed, step).

    Args:
        dataset: images or points, with or without labels or pictures as y.
        examples: examples per step, d_steps * batch size, over all devices.
        flip: whether every image also occurs mirrored.
        device_gb: limit in GB for data that are kept on a device.
        share: the devices of this process; `examples` is a multiple of their number `of`.
        shard: whether to shard data that are kept on the devices.
    """
    pictures = dataset.y.nbytes if dataset.y is not None and dataset.has_pictures else 0
    room = device_gb * 1e9 * (share.of if shard else 1)
    settings = {
        "flip": flip,
        "share": share,
        "shard": shard,
        "on_device": dataset.x.nbytes + pictures <= room,
    }
    if dataset.paired or dataset.y is None:
        return _in_one_order(dataset, examples, **settings)
    first = _in_one_order(dataset._replace(y=None), examples, **settings)
    second = _in_one_order(dataset._replace(x=dataset.y, y=None), examples, **settings)
    return _side_by_side(first, second)


def _side_by_side(first: Feed, second: Feed) -> Feed:
    """Combine the x of one feed with the x of another as y, each in its own order."""

    def items(seed: int, first_step: int, steps: int, count: int | None = None):
        other = int(np.random.SeedSequence([seed, _OTHER_DOMAIN]).generate_state(1)[0])
        return first.items(seed, first_step, steps, count), second.items(
            other, first_step, steps, count
        )

    def load(source, item) -> Batch:
        return Batch(first.load(source[0], item[0]).x, second.load(source[1], item[1]).x)

    return first._replace(source=(first.source, second.source), items=items, load=load)


def _in_one_order(
    dataset: Dataset, examples: int, *, flip: bool, share: Share, shard: bool, on_device: bool
) -> Feed:
    """Feed the examples of a data set in one order, each with its label or its picture."""
    size = len(dataset.x)
    each = examples // share.of
    numbers = range(share.first, share.stop)
    whole = Batch(dataset.x, dataset.y)

    def indices(seed: int, first_step: int, steps: int, count: int | None = None) -> np.ndarray:
        del count  # indices are cheap
        rows = order(size, examples, seed=seed, first_step=first_step, steps=steps, flip=flip)
        return rows[:, each * numbers.start : each * numbers.stop]

    def take(source: Batch, index) -> Batch:
        if dataset.has_pictures:
            return Batch(gather(source.x, index), gather(source.y, index))
        y = None if source.y is None else source.y[index % len(source.y)]
        return Batch(gather(source.x, index), y)

    if not on_device:

        def items(seed: int, first_step: int, steps: int, count: int | None = None):
            index = indices(seed, first_step, steps, count)
            rows, mirrored = index % size, index >= size
            return jax.tree.map(lambda leaf: _first(leaf, rows, count), whole), mirrored

        def load(source, item) -> Batch:
            del source
            batch, mirrored = item
            return take(batch, jnp.arange(len(mirrored)) + len(mirrored) * mirrored)

        return Feed((), items, load, on_device=False)

    if not shard:
        return Feed(whole, indices, take, on_device=True)

    shard_size = -(-size // share.of)
    rows = np.array(numbers)[:, np.newaxis] + share.of * np.arange(shard_size)

    def indices_of_shards(
        seed: int, first_step: int, steps: int, count: int | None = None
    ) -> np.ndarray:
        del count
        settings = {"first_step": first_step, "steps": steps, "flip": flip}
        seeds = [int(np.random.SeedSequence([seed, k]).generate_state(1)[0]) for k in numbers]
        parts = [order(shard_size, each, seed=own, **settings) for own in seeds]
        return np.concatenate(parts, axis=1)

    shards = jax.tree.map(lambda leaf: leaf[rows % size], whole)
    return Feed(shards, indices_of_shards, take, on_device=True, sharded=True)


def _first(leaf: np.ndarray, rows: np.ndarray, count: int | None) -> np.ndarray:
    """`leaf[rows]`, of which only the first `count` are read; the others are zeros."""
    if count is None or count == len(rows):
        return leaf[rows]
    found = np.zeros((*rows.shape, *leaf.shape[1:]), leaf.dtype)
    found[:count] = leaf[rows[:count]]
    return found


def order_seed(seed: int, turn: int) -> int:
    """Return the seed of the order of the data: of the run itself, or after so many rollbacks."""
    if not turn:
        return seed
    return int(np.random.SeedSequence([seed, _TURN, turn]).generate_state(1)[0])


def blocks(first: int, last: int, every: Iterable[int], *, longest: int) -> list[range]:
    """Cut steps into calls that end wherever something is due.

    Args:
        first: steps that are made already.
        last: steps to make in all.
        every: periods of what is done between the calls, in steps; 0 for never.
        longest: most steps in a call.

    Returns:
        A range for each call: `range(20, 25)` goes from step 20 to step 25.
    """
    ends = {last, *(end for period in every if period for end in range(0, last, period))}
    found = []
    for end in sorted(end for end in ends if end > first):
        found += [range(i, min(i + longest, end)) for i in range(first, end, longest)]
        first = end
    return found


def ahead(read: Callable[[int], Any], calls: int, *, threads: int) -> Iterator[Any]:
    """Yield `read(i)` for every call in order, and prefetch the next two.

    Args:
        read: a slow function, such as one that copies images out of a file.
        calls: how many.
        threads: how many threads read; with 0 nothing is prefetched.
    """
    if not threads or not calls:
        return map(read, range(calls))
    import grain

    dataset = grain.MapDataset.range(calls).map(read)
    return iter(dataset.to_iter_dataset(grain.ReadOptions(threads, prefetch_buffer_size=2)))
