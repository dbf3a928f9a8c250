import jax
import numpy as np
import pytest
from feed import Share, feed

from jaxgan.data import Dataset

SIZE, DEVICES, EXAMPLES = 10, 4, 8  # 4 devices do not divide 10 examples
POINTS = Dataset(np.arange(2 * SIZE, dtype=np.float32).reshape(SIZE, 2), None, "points", ())
ALL = Share(0, DEVICES, DEVICES)


def make(share=ALL, *, device_gb=1.0, shard=False, dataset=POINTS, flip=False):
    return feed(dataset, EXAMPLES, flip=flip, device_gb=device_gb, share=share, shard=shard)


def shown(batches, first_step, steps, seed=0):
    """The first component of what each device of a share is shown: `[devices, steps, B]`."""
    items = batches.items(seed, first_step, steps)
    shards = jax.tree.leaves(batches.source)[0]
    parts = np.split(items, len(shards), axis=1)
    each = zip(shards, parts, strict=True)
    return np.stack(
        [
            np.stack([batches.load(type(batches.source)(shard), row).x[:, 0] for row in rows])
            for shard, rows in each
        ]
    )


@pytest.mark.parametrize("device_gb", [1.0, 0.0])
def test_the_shares_of_two_processes_make_up_the_batch(device_gb):
    whole = make(device_gb=device_gb).items(0, 3, 5)
    halves = [make(Share(i, i + 2, 4), device_gb=device_gb).items(0, 3, 5) for i in (0, 2)]
    joined = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *halves)
    jax.tree.map(np.testing.assert_array_equal, joined, whole)


def test_a_device_sees_its_own_shard_and_no_example_is_dropped():
    batches = make(shard=True)
    assert jax.tree.leaves(batches.source)[0].shape == (DEVICES, 3, 2)
    # 3 examples in a shard and 2 of them in each step: two epochs are three steps.
    seen = shown(batches, 0, 3).reshape(DEVICES, -1) // 2
    for device, examples in enumerate(seen):
        rows, counts = np.unique(examples % SIZE, return_counts=True)
        filled_up = [(device + 8) % SIZE] if device >= 2 else []
        assert set(rows) == {row for row in range(SIZE) if row % DEVICES == device} | set(filled_up)
        assert set(counts) == {2}
    assert set(seen.flat) == set(range(SIZE))


def test_the_order_of_a_shard_follows_from_seed_step_and_device():
    once = shown(make(shard=True), 0, 30)
    np.testing.assert_array_equal(shown(make(shard=True), 10, 5), once[:, 10:15])
    assert (shown(make(shard=True), 0, 30, seed=1) != once).any()
    alone = [make(Share(i, i + 1, DEVICES), shard=True) for i in range(DEVICES)]
    np.testing.assert_array_equal(np.concatenate([shown(b, 0, 30) for b in alone]), once)
    ranks = make(shard=True).items(0, 0, 30)  # within the shards
    parts = np.split(ranks, DEVICES, axis=1)
    assert all((parts[0] != part).any() for part in parts[1:])


def test_shards_fit_where_the_whole_does_not():
    gigabytes = 1.5 * POINTS.x.nbytes / DEVICES / 1e9
    assert not make(device_gb=gigabytes).on_device
    assert make(device_gb=gigabytes, shard=True).on_device


def test_labels_and_mirror_images_come_from_the_shard_too():
    x = np.arange(SIZE * 2, dtype=np.uint8).reshape(SIZE, 1, 2, 1)
    labelled = Dataset(x, np.arange(SIZE, dtype=np.int32), "images", tuple("abcdefghij"))
    batches = make(dataset=labelled, flip=True, shard=True)
    (row,) = batches.items(0, 0, 1)
    own = jax.tree.map(lambda leaf: leaf[1], batches.source)
    mirrored = np.array([0, 3])  # 3 examples in a shard: number 3 is the mirror image of number 0
    batch = batches.load(own, mirrored)
    np.testing.assert_array_equal(batch.y, [1, 1])
    np.testing.assert_array_equal(batch.x[1], np.flip(batch.x[0], axis=1))
    assert row.shape == (EXAMPLES,)
    assert row.max() < 2 * 3
