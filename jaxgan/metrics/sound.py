"""The pitch of sounds, measured without a network."""

from typing import Any

import numpy as np

from jaxgan._checks import check_numbers
from jaxgan.metrics.checks import MetricError, as_array, check_features

__all__ = ["pitch", "pitch_class"]

_PER_OCTAVE = 120  # candidates, ten cents apart
_VOICED = 0.5  # a sound with a lower autocorrelation has no pitch


def pitch(x: Any, rate: float, *, lowest: float = 130.0, highest: float = 1000.0) -> np.ndarray:
    """Estimate the fundamental frequency of each sound by autocorrelation.

        r(t) = r_xw(t) / r_w(t),   pitch = 1 / t at the first peak of r that is nearly the highest

    where xw is the sound under a Hann window and w the window alone; dividing by the
    autocorrelation of w removes the effect of the window (Boersma 1993, "Accurate short-term
    analysis of the fundamental frequency"). Lags need not be integers: the autocorrelation is the
    transform of the power spectrum, and it is evaluated for frequencies 10 cents apart. A parabola
    locates the peak between them. "Nearly" means 90 %, since a sound also repeats after two
    periods.

    Args:
        x: float `[N, T]` or `[N, T, 1]`, at least three periods of `lowest` long.
        rate: samples per second.
        lowest: the lowest pitch to consider, in Hz.
        highest: the highest one, at most a quarter of the rate.

    Returns:
        float64 `[N]` in Hz; NaN for sounds without pitch, such as silence and noise.

    Raises:
        MetricError: if sounds are not finite or too short, or the range of pitches is not valid.

    Example:
        >>> import numpy as np
        >>> from jaxgan.metrics.sound import pitch
        >>> t = np.arange(1024) / 4000
        >>> pitch(np.sin(2 * np.pi * 440 * t)[None], rate=4000).round().tolist()
        [440.0]
    """
    x = _sounds(x)
    check_numbers("(0, inf)", rate=rate, lowest=lowest, highest=highest)
    if not 0 < lowest < highest <= rate / 4:
        raise MetricError(
            f"pitches from {lowest:g} to {highest:g} Hz cannot be measured at {rate:g} samples per "
            f"second; expected a range up to {rate / 4:g} Hz"
        )
    if x.shape[1] < 3 * rate / lowest:
        raise MetricError(
            f"{x.shape[1]} samples are less than three periods of {lowest:g} Hz; use longer sounds "
            f"or a higher `lowest`"
        )
    # One more candidate on each side, since a peak is higher than both of its neighbors.
    count = int(np.ceil(np.log2(highest / lowest) * _PER_OCTAVE))
    candidates = highest * 2 ** (np.arange(1, -count - 2, -1) / _PER_OCTAVE)
    likeness = _autocorrelation(x, rate / candidates)
    before, here, after = likeness[:, :-2], likeness[:, 1:-1], likeness[:, 2:]
    heights = np.where((here >= before) & (here > after), here, -1)
    highest_peak = heights.max(axis=1)
    first = np.argmax(heights >= 0.9 * highest_peak[:, np.newaxis], axis=1)
    rows = np.arange(len(x))
    before, here, after = before[rows, first], here[rows, first], after[rows, first]
    curvature = before - 2 * here + after
    shift = (before - after) / (2 * np.where(curvature == 0, 1, curvature))
    found = highest * 2 ** (-(first + shift) / _PER_OCTAVE)
    return np.where(highest_peak >= _VOICED, found, np.nan)


def pitch_class(x: Any, rate: float, frequencies: Any, *, within: float = 50.0) -> np.ndarray:
    """Return which of the given notes each sound is.

    Pitches are considered from an octave below the lowest note to an octave above the highest, so
    that a note in the wrong octave is not mistaken for the right one.

    Args:
        x: float `[N, T]` or `[N, T, 1]`.
        rate: samples per second.
        frequencies: of the notes, `[K]` in Hz, such as `jaxgan.data.notes.FREQUENCIES`.
        within: how many cents a sound may be off its note.

    Returns:
        Integers `[N]`: the index of the nearest note; -1 if none is near, or there is no pitch.

    Raises:
        MetricError: as in `pitch`; or if frequencies are not positive numbers `[K]`.

    Example:
        >>> from jaxgan.data.notes import FREQUENCIES, RATE, load_notes
        >>> from jaxgan.metrics.sound import pitch_class
        >>> notes = load_notes()
        >>> pitch_class(notes.x[:8], RATE, FREQUENCIES).tolist(), notes.y[:8].tolist()
        ([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7])
    """
    check_numbers("[0, inf)", within=within)
    frequencies = as_array("frequencies", frequencies).astype(np.float64)
    if frequencies.ndim != 1 or not frequencies.size or not (frequencies > 0).all():
        raise MetricError(
            f"frequencies of shape {frequencies.shape} are not all positive; expected [K] in Hz"
        )
    found = pitch(
        x, rate, lowest=frequencies.min() / 2, highest=min(2 * frequencies.max(), rate / 4)
    )
    cents = 1200 * np.abs(np.log2(found[:, np.newaxis] / frequencies))
    nearest = cents.argmin(axis=1)
    return np.where(cents.min(axis=1) <= within, nearest, -1)  # no NaN is within anything


def _sounds(x: Any) -> np.ndarray:
    """Return the sounds as float64 `[N, T]`."""
    x = as_array("sounds", x)
    x = x[..., 0] if x.ndim == 3 and x.shape[-1] == 1 else x
    if not np.issubdtype(x.dtype, np.floating):
        raise MetricError(f"sounds are {x.dtype}; expected floats in [-1, 1]")
    check_features(of="sounds", given=x)
    return x.astype(np.float64)


def _autocorrelation(x: np.ndarray, lags: np.ndarray) -> np.ndarray:
    """Return the autocorrelation of each sound at these lags (in samples): `[N, lags]`."""
    length = x.shape[1]
    window = np.hanning(length)
    window_power = np.abs(np.fft.rfft(window, 2 * length)) ** 2
    power = np.abs(np.fft.rfft((x - x.mean(axis=1, keepdims=True)) * window, 2 * length)) ** 2
    weights = np.full(length + 1, 2.0)  # all but the ends stand for two frequencies, +f and -f
    weights[[0, -1]] = 1
    angles = np.pi / length * np.arange(length + 1)[:, np.newaxis] * np.append(0, lags)
    cosines = weights[:, np.newaxis] * np.cos(angles)
    of_window = window_power @ cosines
    of_sounds = power @ cosines / (of_window / of_window[0])
    energy = of_sounds[:, :1]
    return of_sounds[:, 1:] / np.where(energy > 1e-12 * length, energy, np.inf)
