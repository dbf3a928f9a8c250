"""What runs make of pictures, those of files or of their own data."""

import numpy as np
import pytest
from PIL import Image
from untrained import run_of

from jaxgan.data import to_unit
from jaxgan.data.images import to_array
from jaxgan.runs.config import ConfigError
from jaxgan.runs.editing import edit_data, edit_files
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.variants import VARIANTS


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of several sizes and modes, one of them in a folder of its own."""
    directory = tmp_path_factory.mktemp("pictures")
    random = np.random.default_rng(0)
    (directory / "more").mkdir()
    for name, shape in ("a.png", (30, 40)), ("more/b.jpg", (28, 28, 3)):
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(directory / name)
    return directory


def edited(run, source, target, **options):
    return edit_files(run, source, target, options_of(run, **options))


def options_of(run, **options):
    return VARIANTS[run.config.recipe].options(**options)


def test_a_folder_is_translated_to_one_with_the_same_names(folder, tmp_path, caplog):
    (folder / ".trash").mkdir()
    (folder / ".trash" / "old.png").write_bytes((folder / "a.png").read_bytes())
    told = edited(run_of("pix2pix"), folder, tmp_path / "out")
    assert told == "2 pictures from outlines of digits to digits"
    assert picture(tmp_path / "out" / "a.png").shape == (30, 40, 3)
    assert picture(tmp_path / "out" / "more" / "b.png").shape == (28, 28, 3)
    assert "left out: 1 hidden" in caplog.text


def test_files_of_a_folder_that_are_no_pictures_are_left_out(folder, tmp_path, caplog):
    (folder / "._a.png").write_bytes(b"a resource fork")
    (folder / "page.png").write_bytes(b"<html>")
    (folder / "notes.txt").write_bytes(b"about the pictures")
    said = edited(run_of("pix2pix"), folder, tmp_path / "out")
    assert said.startswith("2 pictures")
    assert "1 damaged ('page.png')" in caplog.text
    assert "1 of kinds that are not read (.txt 1)" in caplog.text
    for name in "._a.png", "page.png", "notes.txt":
        (folder / name).unlink()


def test_a_cyclegan_goes_there_and_back(folder, tmp_path):
    run = run_of("cyclegan")
    edited(run, folder / "a.png", tmp_path / "there.png")
    edited(run, folder / "a.png", tmp_path / "back.png", back=True)
    assert (picture(tmp_path / "there.png") != picture(tmp_path / "back.png")).any()


def test_pictures_are_enlarged_whatever_their_size(folder, tmp_path):
    edited(run_of("srgan"), folder / "a.png", tmp_path / "large.png")
    large, small = picture(tmp_path / "large.png")[..., :1], picture(folder / "a.png")
    assert large.shape == (60, 80, 1)
    # Before it has learned anything, what it adds to the interpolated picture is 0.
    again = large.reshape(30, 2, 40, 2).mean(axis=(1, 3))
    assert np.corrcoef(again.ravel(), small.ravel())[0, 1] > 0.9


def test_holes_are_filled_and_nothing_else_is_changed(folder, tmp_path):
    run, source = run_of("context_encoder"), folder / "more" / "b.jpg"
    hole = np.zeros((28, 28), np.uint8)
    hole[3:9, 10:20] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    edited(run, source, tmp_path / "out.png", mask=tmp_path / "mask.png")
    with Image.open(source) as image:
        given = to_array(image, 1)[..., 0]
    changed = picture(tmp_path / "out.png")[..., 0] != given
    assert not changed[hole == 0].any()
    assert changed[hole > 0].mean() > 0.9
    edited(run, source, tmp_path / "own.png")  # the hole that it was trained with
    changed = picture(tmp_path / "own.png")[..., 0] != given
    assert changed[10:18, 10:18].mean() > 0.9
    assert not changed[:8].any()


def test_pictures_keep_their_size_and_what_is_made_of_the_padding_is_cut_off(tmp_path):
    """102 is no multiple of 4; what is in the picture does not move."""
    run = run_of("pix2pix", stages=2)
    x = np.random.default_rng(1).integers(0, 256, (1, 40, 102, 1), np.uint8)
    Image.fromarray(x[0, ..., 0]).save(tmp_path / "x.png")
    edited(run, tmp_path / "x.png", tmp_path / "y.png")
    made = picture(tmp_path / "y.png")[..., :1]
    assert made.shape == (40, 102, 1)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 0)), mode="reflect")
    whole = as_uint8(run.apply(run.experiment.generator, to_unit(padded)))
    assert np.abs(whole[0, :, :102].astype(int) - made).max() <= 1


@pytest.mark.parametrize(
    ("recipe", "multiple"), [("cyclegan", 2), ("pix2pix", 2), ("context_encoder", 2), ("srgan", 1)]
)
def test_what_is_made_of_a_picture_does_not_depend_on_the_others(recipe, multiple):
    run = run_of(recipe)
    x = np.random.default_rng(0).uniform(-1, 1, (3, 9, 15, 1)).astype(np.float32)
    if recipe == "context_encoder":
        x = np.concatenate([x, np.zeros_like(x)], axis=-1)
    network = run.experiment.generator
    together, alone = run.remake(network, x), run.remake(network, x[2:])
    np.testing.assert_array_equal(together[2:], alone)
    factor = 2 if recipe == "srgan" else 1
    assert together.shape[:3] == (3, factor * 9, factor * 15)
    assert run.multiple == multiple


def test_a_network_for_one_size_says_what_it_cuts(folder, tmp_path, caplog):
    edited(run_of("aae"), folder, tmp_path / "out")
    assert picture(tmp_path / "out" / "a.png").shape == (28, 28, 3)
    told = "28x28 only: 1 of 2 pictures are resized, and 1 of them are not square"
    assert told in caplog.text
    assert "a.png" in caplog.text
    caplog.clear()
    edited(run_of("aae"), folder / "more", tmp_path / "same")
    assert "only" not in caplog.text


def test_pictures_of_one_size_are_compiled_once(tmp_path, compiled):
    """However many there are: twenty are drawn by the program that draws one."""
    (tmp_path / "in").mkdir()
    random = np.random.default_rng(0)
    for k in range(20):
        shape = (30, 40) if k % 2 else (24, 24)
        Image.fromarray(random.integers(0, 256, shape, np.uint8)).save(tmp_path / f"in/{k}.png")
    edited(run_of("cyclegan", stages=2), tmp_path / "in", tmp_path / "out")
    edited(run_of("cyclegan", stages=2), tmp_path / "in" / "0.png", tmp_path / "one.png")
    assert compiled().count("_remade") == 2
    same = picture(tmp_path / "one.png") == picture(tmp_path / "out" / "0.png")
    assert same.all()


@pytest.mark.parametrize("recipe", ["pix2pix", "context_encoder", "srgan", "aae", "cyclegan"])
def test_examples_are_shown_above_what_is_made_of_them(recipe, tmp_path):
    run = run_of(recipe)
    edit_data(run, 12, tmp_path / "x.png", options_of(run))
    rows = 2 if recipe == "aae" else 3
    assert picture(tmp_path / "x.png").shape == (2 * rows * 30 + 2, 302, 3)


def test_what_is_asked_wrongly_is_refused_and_nothing_is_written(folder, tmp_path):
    ours = tmp_path / "ours"
    ours.mkdir()
    (ours / "broken.png").write_bytes(b"no picture")
    for name, size, value in ("all", (28, 28), 255), ("small", (5, 5), 0), ("none", (28, 28), 0):
        Image.fromarray(np.full(size, value, np.uint8)).save(tmp_path / f"{name}.png")
    alike = tmp_path / "alike"
    alike.mkdir()
    for suffix in ("png", "bmp"):
        Image.new("L", (28, 28)).save(alike / f"same.{suffix}")
    one, filler = folder / "more" / "b.jpg", run_of("context_encoder")
    mistakes = {
        "no pictures here": lambda out: edited(run_of("pix2pix"), ours, out),
        "cannot be read": lambda out: edited(run_of("pix2pix"), ours / "broken.png", out),
        "draws from noise": lambda out: edited(run_of("infogan"), one, out),
        "one of the pictures": lambda _: edited(
            run_of("pix2pix"), folder / "a.png", folder / "a.png"
        ),
        "would both become": lambda out: edited(run_of("pix2pix"), alike, out),
        "covers all": lambda out: edited(filler, one, out, mask=tmp_path / "all.png"),
        "covers nothing": lambda out: edited(filler, one, out, mask=tmp_path / "none.png"),
        "5x5 and .* 28x28": lambda out: edited(filler, one, out, mask=tmp_path / "small.png"),
        "--from_data: .*draws from noise": lambda out: edit_data(
            run_of("acgan"), 3, out, options_of(run_of("acgan"))
        ),
        "--mask: .*goes with --input": lambda out: edit_data(
            filler, 3, out, options_of(filler, mask=tmp_path / "small.png")
        ),
    }
    before = sorted(tmp_path.iterdir())
    for message, mistake in mistakes.items():
        with pytest.raises(ConfigError, match=message) as error:
            mistake(tmp_path / "out.png")
        assert "\n" not in str(error.value)
    assert sorted(tmp_path.iterdir()) == before
