"""Sounds as WAV files, and as spectrograms that show the pitch."""

import io
import math
import wave
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from jaxgan.runs.files import write_whole
from jaxgan.runs.show.grids import grid
from jaxgan.runs.show.pictures import labelled

_WINDOW = 256
_SIDE = 96
_DECIBELS = 60  # what is fainter than the loudest part of a sound by more is black


def write_wav(path: Path, notes: np.ndarray, rate: int, gap: float = 0.1) -> None:
    """Write sounds one after the other as 16-bit PCM, atomically.

    Args:
        path: the .wav file.
        notes: float `[N, T, 1]`; values outside [-1, 1] are clipped, NaN is silent.
        rate: samples per second.
        gap: seconds of silence after each sound.

    Raises:
        OSError: it cannot be written.
    """
    spaced = np.pad(np.nan_to_num(notes[..., 0]), ((0, 0), (0, round(gap * rate))))
    levels = np.round(np.clip(spaced, -1, 1) * 32767).astype("<i2")
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(levels.tobytes())
    write_whole(path, content.getvalue())


def picture(
    notes: np.ndarray,
    rate: int,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    highest: float = 2000.0,
) -> np.ndarray:
    """Draw a spectrogram of each sound: time to the right, frequency upwards, loud parts bright.

    A tone is a ladder of equidistant lines; the lowest of them is its pitch. NaN is black.

    Args:
        notes: float `[N, T, 1]`, at least 256 samples long.
        rate: samples per second.
        labels: label above each sound; none if None.
        columns: sounds per row; about as many as rows if None.
        highest: frequency at the upper edge, in Hz.

    Returns:
        uint8 `[H, W, 3]`; each sound is about 96 x 96 pixels.
    """
    tiles = np.stack([_spectrogram(note, rate, highest) for note in np.asarray(notes)[..., 0]])
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    if labels is None:
        return grid(tiles, columns)
    return labelled([grid(tile[None], 1) for tile in tiles], list(labels), columns)


def _spectrogram(note: np.ndarray, rate: int, highest: float) -> np.ndarray:
    """Color the decibels below the loudest moment and frequency: uint8 `[96, 96, 3]`."""
    starts = np.linspace(0, len(note) - _WINDOW, _SIDE).round().astype(int)
    pieces = note[starts[:, None] + np.arange(_WINDOW)] * np.hanning(_WINDOW)
    # Padded, so that the spectrum has a value near the middle of each row of pixels.
    power = np.abs(np.fft.rfft(pieces, 8 * _WINDOW)) ** 2
    frequencies = (np.arange(_SIDE) + 0.5) * min(highest, rate / 2) / _SIDE
    rows = (frequencies * 8 * _WINDOW / rate).round().astype(int)
    loudness = 10 * np.log10(np.maximum(power[:, rows], 1e-12) / max(power.max(), 1e-6))
    colors = mpl.colormaps["magma"](np.clip(1 + loudness.T[::-1] / _DECIBELS, 0, 1))
    return np.round(255 * colors[..., :3]).astype(np.uint8)
