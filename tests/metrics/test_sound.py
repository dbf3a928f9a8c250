"""Pitch, for tones of known frequency."""

import numpy as np
import pytest

from jaxgan.data.notes import FREQUENCIES, RATE, load_notes
from jaxgan.metrics import MetricError
from jaxgan.metrics.sound import pitch, pitch_class


def tones(frequencies, strengths=(1.0,), *, rate=RATE, length=1024, seed=0):
    """Sums of harmonics with random phases, `[N, length]`."""
    frequencies, t = np.asarray(frequencies)[:, None], np.arange(length) / rate
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, (len(strengths), len(frequencies)))
    return sum(
        strength * np.sin(2 * np.pi * k * frequencies * t + phases[k - 1][:, None])
        for k, strength in enumerate(strengths, start=1)
    )


def cents(found, expected):
    return 1200 * np.log2(found / expected)


def test_pure_tones_to_a_cent():
    """The largest error is 0.03 cents."""
    frequencies = np.geomspace(130.0, 1000.0, 300)
    found = pitch(tones(frequencies), RATE)
    assert found.dtype == np.float64
    assert np.abs(cents(found, frequencies)).max() < 0.5


@pytest.mark.parametrize(
    "strengths", [(1, 1, 1, 1), (0.45, 1, 0.2), (0, 1, 1, 1)], ids=["rich", "octave", "missing"]
)
def test_harmonics_do_not_change_the_pitch(strengths):
    """It does not matter if the fundamental is weak, or missing."""
    frequencies = np.geomspace(140.0, 450.0, 100)
    found = pitch(tones(frequencies, strengths), RATE)
    assert np.abs(cents(found, frequencies)).max() < 2


def test_other_rates_lengths_and_levels():
    frequencies = np.geomspace(140.0, 900.0, 30)
    sounds = tones(frequencies, (1, 0.5), rate=16_000, length=4096)
    for scale, offset in (1, 0), (1e-3, 0), (0.5, 0.4):
        found = pitch((scale * sounds + offset)[..., None], 16_000)
        assert np.abs(cents(found, frequencies)).max() < 1


def test_silence_and_noise_have_no_pitch():
    random = np.random.default_rng(0)
    assert np.isnan(pitch(np.zeros((2, 1024)), RATE)).all()
    assert np.isnan(pitch(np.full((1, 1024), 0.3), RATE)).all()
    noise = random.normal(size=(300, 1024))
    assert np.isnan(pitch(noise, RATE)).mean() > 0.99
    found = pitch(tones([300.0]) + 0.2 * noise, RATE)
    assert np.abs(cents(found, 300)).max() < 20  # 13, in faint noise


def test_real_notes_are_told_apart():
    notes = load_notes()
    assert np.mean(pitch_class(notes.x, RATE, FREQUENCIES) == notes.y) >= 0.99
    found = pitch(notes.x, RATE)
    assert np.abs(cents(found, FREQUENCIES[notes.y])).max() < 11  # they are detuned by up to 10


def test_what_is_no_note_has_no_class():
    beside = FREQUENCIES * 2 ** (np.array([0, 45, -45, 0, 55, 45, 0, 55]) / 1200)
    expected = [0, 1, 2, 3, -1, 5, 6, -1]
    np.testing.assert_array_equal(pitch_class(tones(beside), RATE, FREQUENCIES), expected)
    wide = pitch_class(tones(beside), RATE, FREQUENCIES, within=60)
    np.testing.assert_array_equal(wide, np.arange(8))
    other_octave = tones([FREQUENCIES[1] / 2 * 1.05, 2 * FREQUENCIES[2] * 0.9], (1, 0.3))
    np.testing.assert_array_equal(pitch_class(other_octave, RATE, FREQUENCIES), [-1, -1])
    noise = np.random.default_rng(0).normal(size=(100, 1024))
    assert np.mean(pitch_class(noise, RATE, FREQUENCIES) == -1) > 0.98


def test_what_cannot_be_measured_is_refused():
    sound = np.zeros((2, 1024))
    with pytest.raises(MetricError, match="cannot be measured at 4000 samples per second"):
        pitch(sound, 4000, highest=1001)
    with pytest.raises(MetricError, match="less than three periods of 130 Hz"):
        pitch(sound[:, :90], 4000)
    with pytest.raises(MetricError, match="1 of 2 given sounds are NaN"):
        pitch(np.where(np.arange(2)[:, None], np.nan, sound), 4000)
    with pytest.raises(MetricError, match="expected floats"):
        pitch(sound.astype(np.int16), 4000)
    with pytest.raises(MetricError, match=r"given sounds are \(2, 512, 2\)"):
        pitch(sound.reshape(2, 512, 2), 4000)
