"""Closed solids, and how much of the grid they fill."""

import numpy as np
import pytest

from jaxgan.data import to_unit
from jaxgan.data.solids import load_solids
from jaxgan.metrics import MetricError
from jaxgan.metrics.solids import closed, volume


def block(low=3, high=9, side=12):
    """A full cube in the middle of an empty grid, bool `[side, side, side]`."""
    full = np.zeros((side,) * 3, bool)
    full[low:high, low:high, low:high] = True
    return full


def voxels(*grids):
    return np.where(np.stack(grids)[..., None], np.uint8(255), np.uint8(0))


def test_real_solids_are_closed():
    solids = load_solids().x[::7]
    assert closed(solids).all()
    assert closed(to_unit(solids)).all()
    np.testing.assert_array_equal(volume(solids), volume(to_unit(solids)))


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
def test_noise_is_not(share):
    """At shares near one half, all full voxels are in one piece, but there are cavities."""
    random = np.random.default_rng(0)
    noise = np.where(random.random((50, 16, 16, 16, 1)) < share, 1.0, -1.0)
    assert closed(noise).mean() <= 0.02
    assert volume(noise).mean() == pytest.approx(share, abs=0.01)


def test_cavities_holes_and_pieces():
    cavity, hole, corner, speck, two = (block() for _ in range(5))
    cavity[5, 5, 5] = False
    hole[5, 5, :] = False
    corner[9, 9, 5] = True  # 1 of 217, which touches the rest at an edge
    speck[0, 0, 0] = True
    two[:, 6] = False
    grids = voxels(block(), cavity, hole, corner, speck, two)
    np.testing.assert_array_equal(closed(grids), [True, False, True, True, True, False])
    np.testing.assert_array_equal(
        closed(grids, share=1.0), [True, False, True, False, False, False]
    )


def test_a_cavity_that_leaks_by_an_edge_is_a_cavity():
    leaking = block()
    leaking[3, 4, 5] = leaking[4, 5, 5] = False
    assert not closed(voxels(leaking))


def test_solids_that_reach_the_border_are_closed_but_full_and_empty_grids_are_not():
    half = np.zeros((12,) * 3, bool)
    half[:6] = True
    empty, wall = np.zeros_like(half), np.zeros_like(half)
    wall[4:6] = True  # the empty parts on its two sides meet outside the grid
    found = closed(voxels(half, wall, empty, ~empty))
    np.testing.assert_array_equal(found, [True, True, False, False])


def test_volume_and_threshold():
    grid = np.full((1, 4, 4, 4, 1), -1.0)
    grid[0, :2] = 0.5
    grid[0, 0, 0, 0] = 0.9
    np.testing.assert_array_equal(volume(grid), [0.5])
    np.testing.assert_array_equal(volume(grid, 0.7), [1 / 64])
    assert closed(grid, 0.7)
    assert volume(np.full((1, 2, 2, 2, 1), 128, np.uint8)) == 1
    assert volume(np.full((1, 2, 2, 2, 1), 127, np.uint8)) == 0


def test_what_are_no_voxels_is_refused():
    for measure in closed, volume:
        with pytest.raises(MetricError, match=r"expected \[N, S, S, S, 1\]"):
            measure(np.zeros((3, 8, 8, 8)))
        with pytest.raises(MetricError, match="expected uint8, or floats"):
            measure(np.zeros((3, 8, 8, 8, 1), int))
        with pytest.raises(MetricError, match="NaN or infinite"):
            measure(np.full((3, 8, 8, 8, 1), np.nan))
