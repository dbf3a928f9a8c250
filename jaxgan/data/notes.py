"""Synthesized notes: sounds of known pitch, so that the pitch of generated ones can be verified.

Each lasts a quarter of a second at 4000 Hz, 1024 values: a sixteenth of WaveGAN's 16,384
(https://arxiv.org/abs/1802.04208), yet about a hundred periods.
"""

import numpy as np

from jaxgan.data.dataset import Dataset

__all__ = ["FREQUENCIES", "LENGTH", "NAMES", "RATE", "SIZE", "load_notes"]

SIZE = 4000
RATE = 4000
LENGTH = 1024

NAMES = ("C4", "D4", "E4", "F4", "G4", "A4", "B4", "C5")

FREQUENCIES = 440 * 2 ** (np.array([-9, -7, -5, -4, -2, 0, 2, 3]) / 12)
"""Pitch of each label in Hz, float64 `[8]`: C major in equal temperament, 262 to 523 Hz."""

_HARMONICS = 4
_CENTS = 10
_NOISE = 0.005


def load_notes() -> Dataset:
    """Synthesize the notes: always the same 4000, each of the eight pitches equally often.

        loudness * min(t / attack, 1) * exp(-t / decay) * sum_k a_k sin(2 pi k f t + phase_k)

    plus faint noise. The fundamental is the strongest of up to four harmonics. Amplitudes, phases,
    attack and decay are random, and f is off the pitch by up to 10 cents, a tenth of a semitone.

    Returns:
        float32 `[4000, 1024, 1]` in [-1, 1]; y is the pitch, an index into FREQUENCIES.

    Example:
        >>> from jaxgan.data.notes import FREQUENCIES, load_notes
        >>> notes = load_notes()
        >>> notes.x.shape, notes.class_names[5], float(FREQUENCIES[5])
        ((4000, 1024, 1), 'A4', 440.0)
    """
    random = np.random.default_rng(0)
    y = np.arange(SIZE, dtype=np.int32) % len(NAMES)

    def draw(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, (SIZE, 1)).astype(np.float32)

    frequency = FREQUENCIES[y, np.newaxis].astype(np.float32) * 2 ** (draw(-_CENTS, _CENTS) / 1200)
    t = np.arange(LENGTH, dtype=np.float32) / RATE
    wave = np.zeros((SIZE, LENGTH), np.float32)
    for k in range(1, _HARMONICS + 1):
        strength = draw(0, 1) / k if k > 1 else np.float32(1)
        audible = k * frequency < RATE / 2  # a higher harmonic would alias to a lower tone
        phase = draw(0, 2 * np.pi)
        wave += audible * strength * np.sin(2 * np.pi * k * frequency * t + phase)
    attack, decay = draw(0.005, 0.03), draw(0.1, 0.4)
    wave *= np.minimum(t / attack, 1) * np.exp(-t / decay)
    wave *= draw(0.6, 0.95) / np.abs(wave).max(axis=1, keepdims=True)
    wave += np.float32(_NOISE) * random.standard_normal(wave.shape, np.float32)
    return Dataset(wave[..., np.newaxis], y, "notes", NAMES)
