"""Random crops of the pictures that a run is fed."""

import jax
import numpy as np
import pytest

from jaxgan.data import Dataset, to_unit
from jaxgan.runs.checks import check_against_data
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.crops import cropped
from jaxgan.runs.data import feed_of
from jaxgan.runs.feed import Share, feed

X = np.random.default_rng(0).integers(0, 256, (6, 4, 6, 3), np.uint8)
LABELS = np.arange(6, dtype=np.int32)
LARGER = (8, 12)


def of(dataset, share=Share(0, 1, 1), **settings):  # noqa: B008
    whole = feed(dataset, 4, flip=False, device_gb=1.0, share=share, **settings)
    return cropped(whole, LARGER, 4, share)


def batches_of(feed, first_step, steps, seed=0):
    items = feed.items(seed, first_step, steps)
    each = [jax.tree.map(lambda leaf, i=i: leaf[i], items) for i in range(steps)]
    return [feed.load(feed.source, item) for item in each]


def windows(picture):
    """All windows of a picture, enlarged twice between the centers of pixels."""
    enlarged = np.asarray(jax.image.resize(to_unit(picture), (*LARGER, 3), "bilinear"))
    return [enlarged[i : i + 4, j : j + 6] for i in range(5) for j in range(7)]


def test_every_picture_is_a_window_of_itself_and_labels_stay():
    seen = set()
    for batch in batches_of(of(Dataset(X, LABELS, "x", tuple("abcdef"))), 0, 12):
        for x, y in zip(batch.x, batch.y, strict=True):
            distances = [np.abs(x - window).max() for window in windows(X[y])]
            assert min(distances) < 1e-6
            seen.add(int(np.argmin(distances)))
    assert len(seen) > 20  # of 35 places, in 48 pictures


def test_both_pictures_of_a_pair_are_cut_at_the_same_place():
    for batch in batches_of(of(Dataset(X, 255 - X, "pairs")), 3, 2):
        np.testing.assert_allclose(batch.x, -batch.y, atol=1e-6)


def test_places_follow_from_seed_and_step_and_are_shared_out():
    dataset = Dataset(X, None, "x")
    all_of_them = of(dataset).items(0, 0, 6)[1]
    np.testing.assert_array_equal(of(dataset).items(0, 4, 2)[1], all_of_them[4:])
    assert (of(dataset).items(1, 0, 6)[1] != all_of_them).any()
    halves = [of(dataset, Share(i, i + 1, 2)).items(0, 0, 6)[1] for i in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), all_of_them)


def test_a_run_is_fed_crops_if_it_asks_for_them():
    dataset = Dataset(X, 255 - X, "pairs")
    plain = make(recipe="pix2pix", batch_size=4)
    jittered = plain.replace(random_crop="8x12")
    check_against_data(jittered, dataset)
    assert not np.allclose(*(batches_of(feed_of(c, dataset), 0, 1)[0].x for c in (plain, jittered)))
    same = feed_of(plain.replace(random_crop="4x6"), dataset)
    np.testing.assert_allclose(
        batches_of(same, 0, 1)[0].x, batches_of(feed_of(plain, dataset), 0, 1)[0].x, atol=1e-6
    )


@pytest.mark.parametrize(
    ("recipe", "dataset", "message"),
    [
        (
            "pix2pix",
            Dataset(X, 255 - X, "pairs"),
            "--random_crop=5: the pictures are 4x6; expected a size",
        ),
        (
            "srgan",
            Dataset(X[:, :, :4], X[:, ::2, :2], "halved"),
            "--random_crop=5: the two pictures differ",
        ),
    ],
)
def test_crops_that_cannot_be_are_refused(recipe, dataset, message):
    with pytest.raises(ConfigError, match=message):
        check_against_data(make(recipe=recipe, batch_size=4, random_crop=5), dataset)


def test_points_are_not_cropped():
    points = Dataset(np.zeros((9, 2), np.float32), None, "ring")
    with pytest.raises(ConfigError, match="--random_crop: expected pictures"):
        check_against_data(make(random_crop=5, batch_size=4), points)
