"""Notes have the loudness, the length and the pitch that they should have."""

import numpy as np
import pytest

from jaxgan.data import DataError, load
from jaxgan.data.notes import FREQUENCIES, LENGTH, NAMES, RATE, load_notes


@pytest.fixture(scope="module")
def notes():
    return load_notes()


def test_shapes_ranges_and_labels(notes):
    assert notes.x.shape == (4000, LENGTH, 1)
    assert notes.x.dtype == np.float32
    assert notes.y.dtype == np.int32
    np.testing.assert_array_equal(np.bincount(notes.y), 500)
    assert notes.class_names == NAMES
    assert notes.name == "notes"
    peaks = np.abs(notes.x).max(axis=(1, 2))
    assert 0.55 < peaks.min() < 0.65
    assert 0.9 < peaks.max() <= 1


def test_always_the_same(notes):
    again = load_notes()
    np.testing.assert_array_equal(again.x, notes.x)
    np.testing.assert_array_equal(again.y, notes.y)


def test_frequencies_are_the_c_major_scale():
    assert FREQUENCIES[NAMES.index("A4")] == 440
    assert FREQUENCIES[-1] == pytest.approx(2 * FREQUENCIES[0])
    semitones = 12 * np.log2(FREQUENCIES[1:] / FREQUENCIES[:-1])
    np.testing.assert_allclose(semitones, [2, 2, 1, 2, 2, 2, 1])


def test_the_strongest_frequency_is_the_pitch(notes):
    spectra = np.abs(np.fft.rfft(notes.x[..., 0] * np.hanning(LENGTH), 16 * LENGTH))
    strongest = spectra.argmax(axis=1) * RATE / (16 * LENGTH)
    cents = 1200 * np.log2(strongest / FREQUENCIES[notes.y])
    assert np.abs(cents).max() < 12  # 10 from the detuning, and half a bin of 0.24 Hz
    assert cents.std() == pytest.approx(10 / 3**0.5, rel=0.05)  # of a uniform distribution


def test_no_harmonic_is_mirrored_at_half_the_rate(notes):
    """The fourth harmonic of C5, at 2093 Hz, would be heard at 1907 Hz."""
    highest = notes.x[notes.y == 7, :, 0] * np.hanning(LENGTH)
    spectra = np.abs(np.fft.rfft(highest))
    mirrored = round((RATE - 4 * FREQUENCIES[7]) * LENGTH / RATE)
    around = spectra[:, mirrored - 5 : mirrored + 6].max(axis=1)
    assert (around / spectra.max(axis=1)).max() < 0.01


def test_notes_begin_softly_and_fade(notes):
    power = np.square(notes.x[..., 0]).reshape(4000, 32, 32).mean(axis=2)
    assert (power[:, 0] < power.max(axis=1)).all()
    assert (power[:, -1] < 0.6 * power.max(axis=1)).all()


def test_notes_of_one_pitch_differ(notes):
    same = notes.x[notes.y == 3, :, 0]
    alike = np.corrcoef(same[:200])[~np.eye(200, dtype=bool)]
    assert np.abs(alike).max() < 0.99
    assert abs(alike.mean()) < 0.05  # phases are independent


def test_one_split():
    with pytest.raises(DataError, match=r"no split 'test'.*split=train"):
        load("notes", split="test")
