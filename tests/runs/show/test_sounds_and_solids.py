"""How sounds and solids are shown: as a file that plays, and as pictures in which one can read."""

import wave

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import data
from jaxgan.data.notes import FREQUENCIES, NAMES, RATE, load_notes
from jaxgan.data.solids import load_solids
from jaxgan.runs.show import samples, solids, sounds


@pytest.fixture(scope="module")
def notes():
    return load_notes().x[:8]


def test_a_wav_file_holds_all_notes(notes, tmp_path):
    path = tmp_path / "notes.wav"
    sounds.write_wav(path, notes, RATE, gap=0.05)
    with wave.open(str(path)) as file:
        assert file.getparams()[:4] == (1, 2, RATE, 8 * (1024 + 200))
        levels = np.frombuffer(file.readframes(10**6), "<i2").reshape(8, 1224)
    np.testing.assert_allclose(levels[:, :1024] / 32767, notes[..., 0], atol=0.51 / 32767)
    assert not levels[:, 1024:].any()
    assert [file.name for file in tmp_path.iterdir()] == ["notes.wav"]


def test_what_is_too_loud_is_clipped(tmp_path):
    path = tmp_path / "loud.wav"
    sounds.write_wav(path, np.float32([[[-3], [-1], [0], [1], [3]]]), RATE, gap=0)
    with wave.open(str(path)) as file:
        levels = np.frombuffer(file.readframes(5), "<i2")
    np.testing.assert_array_equal(levels, [-32767, -32767, 0, 32767, 32767])


def test_a_file_that_cannot_be_written_leaves_nothing(notes, tmp_path):
    path = tmp_path / "there"
    path.mkdir()
    with pytest.raises(OSError, match="there"):
        sounds.write_wav(path, notes, RATE)
    assert [file.name for file in tmp_path.iterdir()] == ["there"]


def test_the_lowest_bright_row_of_a_spectrogram_is_the_pitch():
    t = np.arange(1024) / RATE
    tones = np.sin(2 * np.pi * FREQUENCIES[:, None] * t)[..., None]
    page = sounds.picture(tones, RATE, columns=8)
    assert page.shape == (96 + 4, 8 * 98 + 2, 3)
    assert page.dtype == np.uint8
    brightness = page[2:-2, 2:].sum(axis=-1).reshape(96, 8, 98)[..., 48]
    rows = 95 - brightness.argmax(axis=0)  # from below; each is 2000 / 96 = 21 Hz high
    np.testing.assert_allclose((rows + 0.5) * 2000 / 96, FREQUENCIES, atol=16)


def test_spectrograms_fade_and_silence_is_black(notes):
    sound = notes[0].copy()
    sound[512:] = 0
    page = sounds.picture(np.stack([sound, np.zeros_like(sound)]), RATE, columns=2)
    half = page[2:-2, 2:98].astype(int).sum(axis=(0, 2))
    assert half[:30].mean() > 3 * half[-30:].mean()
    assert page[2:-2, 100:196].max() < 5  # the darkest of the colors


def test_labels_are_written_above_each_sound(notes):
    plain = sounds.picture(notes, RATE, columns=4)
    page = sounds.picture(notes, RATE, NAMES, columns=4)
    assert page.shape == (2 * (100 + 16), 400, 3)
    np.testing.assert_array_equal(page[18:114, 2:98], plain[2:98, 2:98])
    assert page[:16, :100].max() > 200
    with pytest.raises(ValueError, match="zip"):
        sounds.picture(notes, RATE, NAMES[:3])


@pytest.fixture(scope="module")
def shown():
    """A ball and a torus in voxels, then a full grid, an empty one and a single voxel."""
    x = load_solids().x
    full, speck = np.full_like(x[0], 255), np.zeros_like(x[0])
    speck[8, 8, 8] = 255
    voxels = np.stack([x[0], x[3], full, np.zeros_like(full), speck])
    page = solids.picture(voxels, columns=5)
    assert page.shape == (100, 5 * 98 + 2, 3)
    assert page.dtype == np.uint8
    return voxels, page, [page[2:98, 2 + 98 * i : 98 + 98 * i].max(axis=-1) for i in range(5)]


def test_a_ball_is_drawn_as_a_disc_in_light_and_shade(shown):
    voxels, _, (ball, *_) = shown
    area = np.count_nonzero(ball)
    rows, columns = np.nonzero(ball)
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), abs=4)
    assert area == pytest.approx(np.pi / 4 * (np.ptp(rows) + 1) * (np.ptp(columns) + 1), rel=0.06)
    # As large as its volume says: a pixel is 1.24 x 16 / 96 voxels wide.
    radius = (np.count_nonzero(voxels[0]) * 3 / (4 * np.pi)) ** (1 / 3) * 96 / (1.24 * 16)
    assert area == pytest.approx(np.pi * radius**2, rel=0.1)
    top, bottom = ball[rows.min() : rows.min() + 12], ball[rows.max() - 12 : rows.max()]
    assert top[top > 0].mean() > 2 * bottom[bottom > 0].mean()


def test_one_can_look_through_a_torus(shown):
    torus = shown[2][1] > 0
    enclosed = torus.argmax(axis=1), 96 - torus[:, ::-1].argmax(axis=1)
    gaps = [
        end - start - np.count_nonzero(row)
        for row, start, end in zip(torus, *enclosed, strict=True)
        if row.any()
    ]
    assert max(gaps) > 5


def test_empty_grids_are_black_and_single_voxels_are_seen(shown):
    *_, full, empty, speck = shown[2]
    assert np.count_nonzero(full) > 0.7 * full.size
    assert not empty.any()
    assert 4 < np.count_nonzero(speck) < 60


def test_rows_go_down_and_what_is_in_front_hides_the_rest():
    specks = np.zeros((3, 16, 16, 16, 1), np.uint8)
    for i, place in enumerate([(8, 8, 8), (8, 3, 8), (8, 8, 13)]):
        specks[i][place] = 255
    page = solids.picture(specks, columns=3)[2:98].max(axis=-1)
    middle, higher, righter = (
        np.argwhere(page[:, 2 + 98 * i : 98 + 98 * i]).mean(axis=0) for i in range(3)
    )
    assert higher[0] < middle[0] - 10
    assert abs(higher[1] - middle[1]) < 1
    assert righter[1] > middle[1] + 10
    wall = np.zeros((3, 16, 16, 16, 1), np.uint8)
    wall[:, 8] = 255
    wall[1, 12, 8, 8] = wall[2, 4, 8, 8] = 255
    alone, behind, before = np.split(solids.picture(wall, columns=3)[:, 1:295], 3, axis=1)
    np.testing.assert_array_equal(behind, alone)
    assert (before != alone).any()


def test_floats_are_drawn_like_bytes(shown):
    voxels, page, _ = shown
    floats = voxels.astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(solids.picture(floats, columns=5), page, atol=1)
    assert solids.picture(floats[:3]).shape == (2 * 98 + 2, 2 * 98 + 2, 3)


def test_what_has_diverged_is_silent_and_black(tmp_path):
    path = tmp_path / "nan.wav"
    sounds.write_wav(path, np.full((1, 512, 1), np.nan, np.float32), RATE)
    with wave.open(str(path)) as file:
        assert not any(file.readframes(10**6))
    assert not sounds.picture(np.full((1, 512, 1), np.nan, np.float32), RATE).any()
    assert not solids.picture(np.full((1, 8, 8, 8, 1), np.nan, np.float32)).any()
    assert not samples.as_uint8(np.full((1, 8, 8, 1), np.nan, np.float32)).any()


def test_arrays_on_a_device_are_shown_as_well():
    voxels = load_solids().x[:1]
    page = solids.picture(voxels)
    np.testing.assert_array_equal(solids.picture(data.to_unit(jnp.asarray(voxels))), page)
    tone = np.sin(np.arange(512, dtype=np.float32))[None, :, None]
    np.testing.assert_array_equal(
        sounds.picture(jnp.asarray(tone), RATE), sounds.picture(tone, RATE)
    )
