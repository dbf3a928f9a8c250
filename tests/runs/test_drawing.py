"""Samples as files of their own, by class, by seed, in folders and in archives."""

import json
import zipfile

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from untrained import run_of

from jaxgan.runs import drawing, many
from jaxgan.runs.asked import Asked, seeds_of
from jaxgan.runs.classes import class_of, classes_of
from jaxgan.runs.drawing import Drawing, write
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show.films import write_film
from jaxgan.runs.variants import VARIANTS

NUMBERS = ("0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9")


def options_of(run, **given):
    return VARIANTS[run.config.recipe].options(**given)


def drawn(run, path, **settings):
    return write(run, Drawing(options_of(run), **settings), path)


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def digits():
    return run_of("acgan")


def test_a_folder_has_a_file_for_each_sample_by_class(digits, tmp_path):
    assert drawn(digits, tmp_path / "new" / "out", n=25) == "25 samples"
    found = files(tmp_path / "new" / "out")
    assert len(found) == 26
    samples, y = Asked(25, classes=tuple(range(10))).draw(digits)
    assert y.tolist() == [*range(10), *range(10), *range(5)]
    for k, sample in enumerate(samples):
        with Image.open(tmp_path / "new" / "out" / f"{k % 10}" / f"{k:06d}.png") as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), sample[..., 0])


def test_an_interrupted_folder_goes_on_bit_for_bit(digits, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    drawn(digits, whole, n=70, seed=3)

    class Stopped(Exception):
        pass

    writing, count = many.write_whole, 0

    def write_few(path, content):
        nonlocal count
        count += 1
        if count > 41:
            raise Stopped
        writing(path, content)

    monkeypatch.setattr(many, "write_whole", write_few)
    with pytest.raises(Stopped):
        drawn(digits, broken, n=70, seed=3)
    monkeypatch.undo()
    (broken / "4" / "000004.png").unlink()  # and one of the first is lost
    assert 0 < len(files(broken)) < 71
    assert drawn(digits, broken, n=70, seed=3) == "70 samples, 31 of them new"
    assert files(broken) == files(whole)
    assert drawn(digits, broken, n=70, seed=3) == "70 samples, 0 of them new"


def test_a_larger_n_adds_to_what_is_there(digits, tmp_path):
    drawn(digits, tmp_path / "a", n=7)
    assert drawn(digits, tmp_path / "a", n=12) == "12 samples, 5 of them new"
    drawn(digits, tmp_path / "b", n=12)
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("other", [{"seed": 1}, {"classes": "3,4"}, {"truncation": "0.5"}])
def test_a_folder_of_other_samples_is_refused(digits, tmp_path, other):
    drawn(digits, tmp_path / "a", n=3)
    before = files(tmp_path)
    with pytest.raises(ConfigError, match=rf"--out=.*another kind \({next(iter(other))} "):
        drawn(digits, tmp_path / "a", n=3, **other)
    assert files(tmp_path) == before


def test_a_folder_of_something_else_is_refused(digits, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="not empty, and no samples were begun"):
        drawn(digits, tmp_path, n=3)
    assert list(files(tmp_path)) == ["mine.txt"]


def test_an_archive_holds_what_a_folder_does_and_is_the_same_each_time(digits, tmp_path):
    drawn(digits, tmp_path / "folder", n=12)
    for name in "a.zip", "b.ZIP":
        drawn(digits, tmp_path / name, n=12)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        pictures = {name: archive.read(name) for name in archive.namelist()}
    expected = files(tmp_path / "folder")
    assert json.loads(pictures.pop(many.RECORD)) == json.loads(expected.pop(many.RECORD))
    assert pictures == expected
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.ZIP").read_bytes()


def test_an_archive_is_whole_or_absent(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(many, "encoded", lambda picture: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drawn(digits, tmp_path / "a.zip", n=3)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("recipe", ["acgan", "stylegan2", "infogan"])
def test_a_sample_depends_on_its_seed_alone(recipe):
    """Whatever is drawn with it, and whatever its place: also the noise within the generator."""
    run = run_of(recipe)
    classes = tuple(range(10)) if run.is_conditional else None
    seeds = np.array([7, 3, 2**32 - 1, 0, *range(100, 130)])
    together, y = Asked(len(seeds), seeds=seeds, classes=classes).draw(run)
    for k in (0, 2, 31, 33):
        alone, label = Asked(1, seeds=seeds[[k]], classes=classes).draw(run)
        np.testing.assert_array_equal(alone[0], together[k])
        assert y is None or label[0] == y[k]
    first, _ = Asked(1, seed=7, classes=None if classes is None else (7,)).draw(run)
    np.testing.assert_array_equal(first[0], together[0])
    # A narrow network that has learned nothing is blind to some latents.
    assert len(np.unique(together.reshape(len(together), -1), axis=0)) > 0.8 * len(seeds)


def test_samples_of_any_number_are_drawn_by_one_program(compiled):
    run = run_of("acgan", width=5)
    for n in (1, 9, 100):
        Asked(n, classes=(0, 1)).draw(run)
    assert compiled().count("_drawn") == 1


def test_the_picture_of_seeds_names_them(tmp_path):
    run = run_of("infogan")
    drawn(run, tmp_path / "x.png", seeds=seeds_of("0-35"))
    drawn(run, tmp_path / "y", seeds=seeds_of("3,17"))
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (640, 4 * 80)
    assert {*files(tmp_path / "y")} == {"seed0003.png", "seed0017.png", "samples.json"}
    with pytest.raises(ConfigError, match=r"--seeds: not used with --out=.*gif"):
        drawn(run, tmp_path / "x.gif", seeds=seeds_of("0-3"))


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 20)), min_size=1, max_size=5))
def test_seeds_are_read_as_they_are_written(ranges):
    text = ",".join(f"{low}-{low + more}" if more else str(low) for low, more in ranges)
    expected = [seed for low, more in ranges for seed in range(low, low + more + 1)]
    if len({*expected}) == len(expected):
        assert seeds_of(text).tolist() == expected
    else:
        with pytest.raises(ConfigError, match="given twice"):
            seeds_of(text)


@pytest.mark.parametrize("text", ["", "a", "5-3", "-1", "1-", "1,,2", "4294967296", "0-99999999"])
def test_what_are_no_seeds_is_refused(text):
    with pytest.raises(ConfigError, match=f"--seeds={text}: expected"):
        seeds_of(text)


def test_a_class_is_named_or_numbered(caplog):
    assert class_of("horse", ("cat", "horse"), "label") == 1
    assert class_of("0", ("cat", "horse"), "label") == 0
    assert classes_of("horse, cat", ("cat", "horse"), "classes") == (1, 0)
    assert class_of("0", NUMBERS, "label") == 0
    assert not caplog.text
    assert class_of("10", NUMBERS, "label") == 2
    told = "--label=10: the class that is named 10, which is number 2; number 10 is '9'"
    assert told in caplog.text
    for wrong in ("dog", "2", "-1", "", "1.0", "²"):
        with pytest.raises(ConfigError, match=r"--label=.*from 0 to 1: 'cat', 'horse'$"):
            class_of(wrong, ("cat", "horse"), "label")
    with pytest.raises(ConfigError, match="--classes=cat,0: cat is given twice"):
        classes_of("cat,0", ("cat", "horse"), "classes")


def test_classes_are_drawn_in_turn(digits, tmp_path):
    drawn(digits, tmp_path / "x.npz", n=5, classes="7,2")
    with np.load(tmp_path / "x.npz") as file:
        assert file["labels"].tolist() == [7, 2, 7, 2, 7]
    for flag in ("label", "classes"):
        with pytest.raises(ConfigError, match=f"--{flag}=1: .*without --conditional"):
            drawn(run_of("infogan"), tmp_path / "x.png", **{flag: "1"})


def of_styles_alone(run):
    """The run without noise, and with styles that differ as much as after training."""

    def changed(path, leaf):
        name = jax.tree_util.keystr(path)
        return leaf * (0 if "noise_strength" in name else 300 if "mapping" in name else 1)

    params = jax.tree_util.tree_map_with_path(changed, run.variables.params)
    return run._replace(variables=run.variables._replace(params=params))


def test_amounts_of_truncation_are_rows_of_the_same_samples(tmp_path):
    run = of_styles_alone(run_of("stylegan2"))
    drawn(run, tmp_path / "x.png", n=3, truncation="0,1")
    drawn(run, tmp_path / "y.png", n=3)
    with Image.open(tmp_path / "x.png") as image:
        page = np.asarray(image)[:, -92:]
    upper, lower = page[2:30], page[34:62]
    assert page.shape[0] == 64
    np.testing.assert_array_equal(lower[:, 2:30], picture_of(tmp_path / "y.png")[2:30, 2:30])
    assert (lower[:, 2:30] != lower[:, 32:60]).any()
    np.testing.assert_array_equal(upper[:, 2:30], upper[:, 32:60])  # both of the mean style
    for wrong in ("x", "-1", "101", "nan", "0.5,,1"):
        with pytest.raises(ConfigError, match=f"--truncation={wrong}: expected a number from 0"):
            drawn(run, tmp_path / "z.png", truncation=wrong)
    with pytest.raises(ConfigError, match=r"--truncation=0: expected at least 0\.001"):
        drawn(run_of("infogan"), tmp_path / "z.png", truncation="0")
    with pytest.raises(ConfigError, match=r"--out=.*npz: expected a name that ends in .png"):
        drawn(run, tmp_path / "z.npz", truncation="0,1")


def picture_of(path):
    with Image.open(path) as image:
        return np.asarray(image)


def test_styles_are_mixed_in_a_table(tmp_path):
    run = run_of("stylegan2")
    options = options_of(run, style_mixing=2)
    write(run, Drawing(options, n=9), tmp_path / "x.png")
    page = picture_of(tmp_path / "x.png")
    assert page.shape == (4 * 30 + 2, 4 * 30 + 2, 3)
    assert not page[2:30, 2:30].any()
    with pytest.raises(ConfigError, match="fewer than all 6 layers"):
        write(run, Drawing(options_of(run, style_mixing=6)), tmp_path / "y.png")
    assert not (tmp_path / "y.png").exists()


def test_films_are_written_whole(tmp_path):
    av = pytest.importorskip("av")
    frames = [np.full((31, 45, 3), value, np.uint8) for value in (0, 100, 250)]
    write_film(frames, tmp_path / "x.mp4", hold=3)
    with av.open(str(tmp_path / "x.mp4")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert [frame.shape for frame in shown] == [(32, 46, 3)] * 5
    for frame, value in zip(shown, (0, 100, 250, 250, 250), strict=True):
        assert abs(int(np.median(frame)) - value) < 8
    write_film(frames, tmp_path / "x.GIF")
    with Image.open(tmp_path / "x.GIF") as gif:
        assert gif.n_frames == 3


def test_a_walk_is_a_film(tmp_path):
    av = pytest.importorskip("av")
    run = run_of("infogan")
    drawn(run, tmp_path / "x.MP4", n=2, interpolate=3)
    with av.open(str(tmp_path / "x.MP4")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 12


def test_pairs_have_two_files_each(tmp_path):
    drawn(run_of("cogan"), tmp_path / "out", n=2)
    assert {*files(tmp_path / "out")} == {
        "x/000000.png",
        "x/000001.png",
        "y/000000.png",
        "y/000001.png",
        "samples.json",
    }


def test_names_of_classes_become_names_of_folders():
    assert many._folders(("cat", "a/b", "..", "été")) == ["000_cat", "001_a_b", "002_", "003_été"]
    assert many._folders(("cat", "a/b")) == ["cat", "a_b"]
    assert many._folders(("Cat", "cat")) == ["000_Cat", "001_cat"]


def test_every_ending_that_the_command_takes_has_a_writer():
    from jaxgan.runs.commands import sample

    assert {*sample._ENDINGS} == {*filter(None, drawing._WAYS)}
