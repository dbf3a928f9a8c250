"""Solids are in one piece, within the grid, and of the kind of their label."""

import numpy as np
import pytest
from scipy import ndimage

from jaxgan.data import DataError, load
from jaxgan.data.solids import NAMES, SIDE, load_solids
from jaxgan.metrics.solids import closed


@pytest.fixture(scope="module")
def solids():
    return load_solids()


def of_kind(solids, name):
    return solids.x[solids.y == NAMES.index(name), ..., 0] > 0


def spreads(full):
    """Variances of the positions of full voxels along their principal axes, ascending, `[N, 3]`."""
    places = np.stack(np.meshgrid(*3 * [np.arange(SIDE)], indexing="ij"), axis=-1).reshape(-1, 3)
    weights = full.reshape(len(full), -1) / full.sum(axis=(1, 2, 3))[:, None]
    means = weights @ places
    seconds = np.einsum("nv,vi,vj->nij", weights, places, places, optimize=True)
    return np.linalg.eigvalsh(seconds - means[:, :, None] * means[:, None])


def test_shapes_and_labels(solids):
    assert solids.x.shape == (4000, SIDE, SIDE, SIDE, 1)
    assert solids.x.dtype == np.uint8
    np.testing.assert_array_equal(np.unique(solids.x), [0, 255])
    assert solids.y.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(solids.y), 800)
    assert (solids.name, solids.class_names) == ("solids", NAMES)


def test_always_the_same_and_no_two_alike(solids):
    np.testing.assert_array_equal(load_solids().x, solids.x)
    assert len(np.unique(np.packbits(solids.x.reshape(4000, -1), axis=1), axis=0)) > 3990


def test_each_is_one_piece_without_cavities(solids):
    assert closed(solids.x, share=1.0).all()


def test_none_touches_the_border(solids):
    border = np.pad(np.zeros((SIDE - 2,) * 3, bool), 1, constant_values=True)
    assert not solids.x[:, border].any()


def test_balls_are_round_and_boxes_are_not(solids):
    """The largest spread over the smallest: at most 1.16 for balls; median 1.57 for boxes."""
    balls, boxes = (spreads(of_kind(solids, name)) for name in ("ball", "box"))
    assert (balls[:, 2] / balls[:, 0]).max() < 1.2
    assert np.median(boxes[:, 2] / boxes[:, 0]) > 1.4


def test_tori_alone_have_a_hole(solids):
    """A hole reduces a solid's Euler number, corners - edges + faces - voxels, by one."""

    def euler(full):
        # A cell without extent along some axes exists if a voxel on either side of it is full.
        return sum(
            (-1) ** (3 - sum(flat))
            * np.count_nonzero(ndimage.maximum_filter(np.pad(full, 1), [1 + axis for axis in flat]))
            for flat in np.ndindex(2, 2, 2)
        )

    for name in NAMES:
        numbers = {euler(full) for full in of_kind(solids, name)[:40]}
        assert numbers == {0 if name == "torus" else 1}, name


def test_cones_stand_on_their_base(solids):
    """The center of mass of a cone, and of no other solid, is below the middle of its height."""
    heights = np.arange(SIDE)
    for name in NAMES:
        layers = of_kind(solids, name).sum(axis=(1, 3))[:, ::-1]  # from below
        middle = (layers @ heights) / layers.sum(axis=1)
        top = SIDE - 1 - np.argmax(layers[:, ::-1] > 0, axis=1)
        bottom = np.argmax(layers > 0, axis=1)
        drop = (top + bottom) / 2 - middle
        if name == "cone":
            assert drop.mean() > 1  # 1.3 voxels
        else:
            assert abs(drop.mean()) < 0.1, name


def test_one_split():
    with pytest.raises(DataError, match=r"no split 'test'.*split=train"):
        load("solids", split="test")
