"""Mode coverage, for data with known modes."""

from typing import Any, NamedTuple

import numpy as np

from jaxgan._checks import check_integers, check_numbers
from jaxgan.metrics.checks import MetricError, as_array, check_features

__all__ = ["Modes", "PointModes", "mode_coverage", "point_modes"]


class Modes(NamedTuple):
    """The distribution of samples over modes.

    Attributes:
        found: modes with at least one sample.
        reverse_kl: KL(samples || uniform) in nats; 0 if all modes are equally frequent.
    """

    found: int
    reverse_kl: float


class PointModes(NamedTuple):
    """The distribution of points over the modes of a mixture.

    Attributes:
        found: modes with at least one good sample.
        good: share of samples that are good, in [0, 1].
    """

    found: int
    good: float


def mode_coverage(codes: Any, modes: int) -> Modes:
    """Count the modes among samples, and compute their divergence from uniform frequencies.

        reverse_kl = sum_i q_i ln(modes q_i)

    for the shares q_i of the modes. Even perfect samples of uniform data have a divergence above 0,
    about (modes - 1) / (2 N): compare values for the same N only, and with that of real data.

    The protocol of StackedMNIST (Metz et al. 2017, arXiv:1611.02163; Lin et al. 2018,
    arXiv:1712.04086) uses 26,000 samples and 1000 modes.

    Args:
        codes: integers `[N]` in [0, modes), such as the most likely class of each sample.
        modes: how many there are.

    Returns:
        The number of modes found, and the divergence.

    Raises:
        ValueError: if `modes` is below 1.
        MetricError: if there are no codes, or others than integers in range.

    Example:
        >>> from jaxgan.metrics import mode_coverage
        >>> found, reverse_kl = mode_coverage([0, 0, 1, 1], modes=4)  # half of the modes
        >>> found, round(reverse_kl, 3)  # ln 2
        (2, 0.693)
    """
    check_integers(modes=modes)
    codes = as_array("codes", codes)
    if codes.ndim != 1 or (codes.size and not np.issubdtype(codes.dtype, np.integer)):
        raise MetricError(f"codes are {codes.dtype} {codes.shape}; expected integers [N]")
    if not codes.size or codes.min() < 0 or codes.max() >= modes:
        raise MetricError(
            f"{codes.size} codes for {modes} modes; expected at least one, "
            f"each from 0 to {modes - 1}"
        )
    counts = np.bincount(codes, minlength=modes)
    shares = counts[counts > 0] / len(codes)
    return Modes(int(np.count_nonzero(counts)), float(np.sum(shares * np.log(modes * shares))))


def point_modes(points: Any, centers: Any, sd: float) -> PointModes:
    """Count the modes and the good samples of a mixture (Srivastava et al. 2017, arXiv:1705.07761).

    A sample is good if it is within three standard deviations of the nearest center; 98.9 % of the
    samples of a two-dimensional Gaussian are.

    Args:
        points: `[N, 2]`.
        centers: `[modes, 2]`.
        sd: standard deviation of each Gaussian, along each axis.

    Returns:
        The number of modes with a good sample, and the share of good samples.

    Raises:
        ValueError: if `sd` is not positive.
        MetricError: if points are not finite, or have other dimensions than the centers.

    Example:
        >>> from jaxgan.data import load
        >>> from jaxgan.data.toys import RING_SD, ring_modes
        >>> from jaxgan.metrics import point_modes
        >>> found, good = point_modes(load("ring").x, ring_modes(), RING_SD)
        >>> found, round(good, 3)
        (8, 0.99)
    """
    check_numbers("(0, inf)", sd=sd)
    points = as_array("sampled points", points).astype(np.float64)
    centers = as_array("central points", centers).astype(np.float64)
    check_features(sampled=points, central=centers, of="points")
    with np.errstate(over="ignore"):  # what is infinitely far is not good
        distances = np.linalg.norm(points[:, None] - centers, axis=-1)
    good = distances.min(axis=1) <= 3 * sd
    found = np.unique(distances.argmin(axis=1)[good])
    return PointModes(len(found), float(good.mean()))
