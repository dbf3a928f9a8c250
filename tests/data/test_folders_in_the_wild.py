"""Folders as they are in the wild: formats, splits, slices, links, and what is said of them."""

import logging
import shutil

import numpy as np
import pytest
from PIL import Image, features

from jaxgan.data import DataError, load


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path_factory):
    """Keep the cache out of the folders that are read."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def picture(path, level=0, kind="PNG", size=(4, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path, kind)


def line(caplog):
    """What was said about the folder, which is one line."""
    (message,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    caplog.clear()
    return message


def classes(path, counts):
    for name, count in counts.items():
        for i in range(count):
            picture(path / name / f"{i:03d}.png", i)


KINDS = ["BMP", "GIF", "ICO", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP"]


@pytest.mark.parametrize("kind", [*KINDS, *["AVIF"] * features.check("avif")])
def test_pictures_are_known_by_their_content(tmp_path, kind):
    picture(tmp_path / "a.png", 100)
    picture(tmp_path / "without", 100, kind, (16, 16))
    picture(tmp_path / "other.data", 100, kind, (16, 16))
    found = load(f"folder:{tmp_path}", image_size=4)
    assert len(found.x) == 3
    assert np.abs(found.x.astype(int) - 100).max() <= 2


def test_all_suffixes_of_the_formats_are_read(tmp_path):
    suffixes = {".jfif": "JPEG", ".jpe": "JPEG", ".tif": "TIFF", ".TIFF": "TIFF", ".pgm": "PPM"}
    for suffix, kind in suffixes.items():
        picture(tmp_path / f"a{suffix}", 50, kind)
    assert len(load(f"folder:{tmp_path}").x) == 5


def test_what_was_taken_and_what_was_left_out_is_one_line(tmp_path, caplog):
    classes(tmp_path, {"cats": 3, "dogs": 2})
    for name in ".DS_Store", "cats/Thumbs.db", "cats/._0.png":
        (tmp_path / name).write_bytes(b"leftover")
    for name in "a.txt", "b.txt", "dogs/c.heic", "README":
        (tmp_path / name).write_bytes(b"no picture that is known")
    (tmp_path / "dogs" / "x.png").write_bytes(b"<html>")
    for _ in range(2):  # decoded, and then from the cache
        load(f"folder:{tmp_path}")
        text = line(caplog)
        assert f"folder:{tmp_path}: 5 pictures: cats 3, dogs 2; left out: " in text
        assert "3 hidden" in text
        assert "4 of kinds that are not read (.txt 2, .heic 1, without a suffix 1)" in text
        assert "1 damaged ('dogs/x.png': cannot identify" in text


def test_many_classes_are_said_shortly(tmp_path, caplog):
    classes(tmp_path, {f"class{i:02d}": 1 + i % 3 for i in range(30)})
    load(f"folder:{tmp_path}")
    text = line(caplog)
    assert "60 pictures of 30 classes: class00 1, class01 2, " in text
    assert "and 24 more, 1 to 3 each" in text
    assert len(text) < len(str(tmp_path)) + 200


def test_raw_photographs_are_not_read_as_their_previews(tmp_path, caplog):
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.NEF", kind="TIFF")
    assert len(load(f"folder:{tmp_path}").x) == 1
    assert ".nef 1" in line(caplog)


def test_folders_of_splits_are_splits(tmp_path, caplog):
    classes(tmp_path / "train", {"cats": 3, "dogs": 2})
    classes(tmp_path / "val", {"dogs": 1})
    classes(tmp_path / "test", {"birds": 1, "cats": 1, "dogs": 1})
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("cats", "dogs")
    assert data.y.tolist() == [0, 0, 0, 1, 1]
    text = line(caplog)
    assert "split train: 5 pictures: cats 3, dogs 2" in text
    assert "other splits: test 3, val 1" in text
    # A label has one meaning in all splits, those of `train` first.
    data = load(f"folder:{tmp_path}", split="test")
    assert data.class_names == ("cats", "dogs", "birds")
    assert data.y.tolist() == [2, 0, 1]
    data = load(f"folder:{tmp_path}", split="val")
    assert data.class_names == ("cats", "dogs")
    assert data.y.tolist() == [1]
    assert len(load(f"folder:{tmp_path}", split="train[:60%]").x) == 3
    with pytest.raises(DataError, match="no split 'validation': expected split=train, split=test"):
        load(f"folder:{tmp_path}", split="validation")


def test_a_folder_of_one_split_has_no_other(tmp_path):
    classes(tmp_path / "test", {"cats": 1, "dogs": 1})
    with pytest.raises(DataError, match="no split 'train': expected split=test"):
        load(f"folder:{tmp_path}")
    assert load(f"folder:{tmp_path}", split="test").class_names == ("cats", "dogs")


def test_splits_may_be_without_classes(tmp_path):
    for split, level in ("train", 1), ("test", 2):
        picture(tmp_path / split / "a.png", level)
    for split, level in ("train", 1), ("test", 2):
        data = load(f"folder:{tmp_path}", split=split)
        assert data.y is None
        assert data.x[0, 0, 0, 0] == level


def test_a_class_named_like_a_split_is_asked_about(tmp_path, caplog):
    classes(tmp_path, {"bus": 1, "test": 1, "train": 1})
    assert load(f"folder:{tmp_path}").class_names == ("bus", "test", "train")
    assert "'test', 'train' beside 'bus' are taken as classes, not as splits" in line(caplog)


def test_a_folder_around_the_classes_is_no_class(tmp_path, caplog):
    classes(tmp_path / "pets", {"cats": 1, "dogs": 2})
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("cats", "dogs")
    assert "the folders in 'pets' are the classes" in line(caplog)
    classes(tmp_path / "pets", {"train/cats": 1, "test/cats": 2})
    shutil.rmtree(tmp_path / "pets" / "cats")
    shutil.rmtree(tmp_path / "pets" / "dogs")
    assert len(load(f"folder:{tmp_path}", split="test").x) == 2


def test_one_class_stays_one(tmp_path):
    classes(tmp_path, {"cats": 3})
    assert load(f"folder:{tmp_path}").class_names == ("cats",)
    picture(tmp_path / "cats" / "more" / "a.png")
    assert load(f"folder:{tmp_path}").class_names == ("cats",)


def test_classes_one_level_deeper_are_said(tmp_path, caplog):
    classes(tmp_path, {"animals/cats": 1, "animals/dogs": 1, "things/cars": 1})
    assert load(f"folder:{tmp_path}").class_names == ("animals", "things")
    assert "folders in the classes ('animals/cats', 'animals/dogs', 'things/cars')" in line(caplog)


def test_slices_are_drawn_evenly_from_every_class(tmp_path, caplog):
    classes(tmp_path, {f"c{i:02d}": 10 for i in range(11)})
    whole = load(f"folder:{tmp_path}")
    most, rest = (load(f"folder:{tmp_path}", split=f"train[{part}]") for part in (":90%", "90%:"))
    assert np.bincount(most.y).tolist() == [9] * 11
    assert np.bincount(rest.y, minlength=11).tolist() == [1] * 11
    assert most.class_names == rest.class_names == whole.class_names
    together = sorted(
        (y, x[0, 0, 0]) for part in (most, rest) for x, y in zip(part.x, part.y, strict=True)
    )
    assert together == [(y, x[0, 0, 0]) for x, y in zip(whole.x, whole.y, strict=True)]
    caplog.clear()
    load(f"folder:{tmp_path}", split="train[:90%]")
    assert "train[:90%]: 99 of 110 pictures: c00 9, c01 9" in line(caplog)


def test_slices_of_uneven_classes_keep_their_shares(tmp_path, caplog):
    classes(tmp_path, {"many": 40, "few": 4, "one": 1})
    data = load(f"folder:{tmp_path}", split="train[:50%]")
    assert data.class_names == ("few", "many", "one")
    np.testing.assert_array_equal(np.bincount(data.y, minlength=3), [2, 19, 1])
    caplog.clear()
    load(f"folder:{tmp_path}", split="train[50%:]")
    assert "few 2, many 21, one 0; no picture of 'one'" in line(caplog)


def test_two_links_to_one_folder_are_two_classes(tmp_path):
    picture(tmp_path / "set" / "pool" / "a.png", 1)
    for name in "left", "right":
        (tmp_path / "set" / name).symlink_to("pool")
    data = load(f"folder:{tmp_path / 'set'}")
    assert data.class_names == ("left", "pool", "right")


def test_folders_that_are_not_entered_again_are_said(tmp_path, caplog):
    picture(tmp_path / "a" / "b" / "1.png")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    assert len(load(f"folder:{tmp_path}").x) == 1
    assert "1 links to folders around them ('a/b/up')" in line(caplog)


def test_unused_bits_are_said(tmp_path, caplog):
    values = np.full((4, 4), 4095, np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values // 2).save(tmp_path / "b.tif")
    data = load(f"folder:{tmp_path}")
    assert data.x.max() == 15
    text = line(caplog)
    assert "2 pictures of 16 bits use 12 of them" in text
    assert "multiply them by 16" in text
    Image.fromarray(np.full((4, 4), 65535, np.uint16)).save(tmp_path / "c.png")
    load(f"folder:{tmp_path}")
    assert " bits" not in line(caplog)


def test_fractions_are_said(tmp_path, caplog):
    Image.fromarray(np.full((4, 4), 0.9, np.float32)).save(tmp_path / "a.tif")
    load(f"folder:{tmp_path}")
    assert "1 pictures of fractions from 0 to 1 are black" in line(caplog)
