import jax
import numpy as np
import pytest

from jaxgan._feed import Share, feed
from jaxgan.data import Dataset, to_uint8

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


def images(size, side=4, channels=1):
    """Pictures of which each has its number in its first row and its column in its second."""
    x = np.zeros((size, side, side, channels), np.uint8)
    x[:, 0] = np.arange(size)[:, None, None]
    x[:, 1] = np.arange(side)[:, None]
    return x


def numbers(pictures):
    """Which numbers pictures have, and whether they are mirrored."""
    pixels = to_uint8(np.asarray(pictures))
    return pixels[..., 0, 0, 0], pixels[..., 1, 0, 0] > 0


def seen(batches, steps=30):
    """Which numbers x and y have that each device is shown: `[devices, steps * B]`."""
    items, shards, devices = batches.items(0, 0, steps), batches.source, 1
    if batches.sharded:
        devices = len(jax.tree.leaves(shards)[0])
        items = jax.tree.map(lambda leaf: np.stack(np.split(leaf, devices, axis=1)), items)
        shown = jax.vmap(jax.vmap(batches.load, in_axes=(None, 0)))(shards, items)
    else:
        shown = jax.vmap(lambda item: batches.load(shards, item))(items)
    assert shown.x.dtype == shown.y.dtype == np.float32
    assert np.abs(shown.y).max() <= 1
    both = numbers(shown.x), numbers(shown.y)
    return jax.tree.map(lambda part: part.reshape(devices, -1), both)


WAYS = [
    pytest.param({}, id="on the device"),
    pytest.param({"device_gb": 0.0}, id="from the host"),
    pytest.param({"shard": True}, id="sharded"),
]


@pytest.mark.parametrize("way", WAYS)
def test_pictures_that_belong_together_are_shown_together_and_mirrored_together(way):
    pairs = Dataset(images(SIZE), images(SIZE, 2, 3), "pairs")
    (x, x_mirrored), (y, y_mirrored) = seen(make(dataset=pairs, flip=True, **way))
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(x_mirrored, y_mirrored)
    assert 0.3 < x_mirrored.mean() < 0.7


@pytest.mark.parametrize("way", WAYS)
def test_domains_have_orders_that_say_nothing_about_each_other(way):
    for size in (SIZE, 7):
        domains = Dataset(images(SIZE), images(size), "domains", paired=False)
        batches = make(dataset=domains, flip=True, **way)
        (x, x_mirrored), (y, y_mirrored) = seen(batches, steps=1000)
        for device in range(len(x)):
            joint = np.zeros((2 * SIZE, 2 * size))
            row, column = (
                x[device] + SIZE * x_mirrored[device],
                y[device] + size * y_mirrored[device],
            )
            np.add.at(joint, (row, column), 1 / x[device].size)
            apart = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
            np.testing.assert_allclose(joint, apart, atol=0.03)
        assert set(x.flat) == set(range(SIZE))
        assert set(y.flat) == set(range(size))


@pytest.mark.parametrize("way", WAYS)
def test_the_orders_of_domains_follow_from_seed_and_step(way):
    domains = Dataset(images(SIZE), images(7), "domains", paired=False)
    whole, part = make(dataset=domains, **way).items(3, 0, 9), make(dataset=domains, **way)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a[4:6], b), whole, part.items(3, 4, 2))
    other = jax.tree.leaves(part.items(4, 0, 9))
    assert all(
        (a != b).any() for a, b in zip(jax.tree.leaves(whole), other, strict=True) if b.any()
    )
    if "shard" not in way:
        halves = [make(Share(i, i + 2, 4), dataset=domains, **way).items(3, 0, 9) for i in (0, 2)]
        joined = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *halves)
        jax.tree.map(np.testing.assert_array_equal, joined, whole)


def test_what_fits_a_device_counts_both_domains():
    domains = Dataset(images(SIZE), images(SIZE), "domains", paired=False)
    gigabytes = 1.5 * domains.x.nbytes / 1e9
    assert not make(dataset=domains, device_gb=gigabytes).on_device
    assert not make(dataset=domains._replace(paired=True), device_gb=gigabytes).on_device
    assert make(dataset=domains._replace(y=None), device_gb=gigabytes).on_device
