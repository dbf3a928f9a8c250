"""Data sets that are made of one's pictures, and what is said about them."""

import io
import json
import zipfile
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, load
from jaxgan.data.preparation import prepare


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def smooth(size, seed):
    """A picture with features that survive resizing."""
    small = Image.fromarray(noise((5, 5, 3), seed))
    return small.resize((size, size), Image.Resampling.BICUBIC)


@pytest.fixture
def pets(tmp_path):
    folder = tmp_path / "pets"
    for i, name in enumerate(["cats/a.png", "cats/b.png", "dogs/a.png", "dogs/deep/c.png"]):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        smooth(40, i).save(folder / name)
    (folder / "cats" / "a.jpg").write_bytes(b"no picture")
    (folder / "cats" / ".hidden").write_bytes(b"")
    return folder


def picture(path, name):
    with ZipFile(path) as archive:
        return np.asarray(Image.open(io.BytesIO(archive.read(name))))


def test_a_zip_is_the_same_data_set(pets, tmp_path):
    made = prepare(pets, tmp_path / "out.zip", image_size=16)
    packed, plain = load(f"folder:{tmp_path / 'out.zip'}"), load(f"folder:{pets}", image_size=16)
    np.testing.assert_array_equal(packed.x, plain.x)
    np.testing.assert_array_equal(packed.y, plain.y)
    assert packed.class_names == plain.class_names == ("cats", "dogs")
    assert made.pictures == 4
    assert made.classes == {"cats": 2, "dogs": 2}
    assert made.sizes == {"40x40": 4}
    assert made.left_out == {"hidden": ["cats/.hidden"]}
    assert made.damaged == {"cats/a.jpg": "cannot identify image file"}
    for text in "4 pictures: cats 2, dogs 2", "1 hidden", "1 damaged ('cats/a.jpg')":
        assert text in made.summary()


def test_the_report_and_the_sheet_lie_beside(pets, tmp_path):
    made = prepare(pets, tmp_path / "out.zip", image_size=(24, 16))
    report = json.loads((tmp_path / "out.json").read_text())
    assert report == made._asdict() | {"path": "out.zip"}
    with Image.open(tmp_path / "out.png") as sheet:
        assert sheet.size == (120 + 10 * 66, 2 * 66)
        drawn = np.asarray(sheet)
    assert (drawn[:66, :120] < 100).any()  # the name
    assert np.abs(drawn[:64, 130:160].astype(float) - 255).mean() > 20  # a picture
    assert (drawn[:, 120 + 3 * 66 :] == 255).all()  # a class has two


def test_crops_are_what_they_say(tmp_path):
    wide = np.zeros((20, 40, 3), np.uint8)
    wide[:, :10], wide[:, 30:] = (255, 0, 0), (0, 0, 255)
    (tmp_path / "in").mkdir()
    Image.fromarray(wide).save(tmp_path / "in" / "a.png")
    pictures = {}
    for crop in "center", "fit", "pad":
        prepare(
            tmp_path / "in", tmp_path / f"{crop}.zip", image_size=8, crop=crop, background="lime"
        )
        pictures[crop] = picture(tmp_path / f"{crop}.zip", "a.png")
        loaded = load(f"folder:{tmp_path / 'in'}", image_size=8, crop=crop, background="lime")
        np.testing.assert_array_equal(loaded.x[0], pictures[crop])
    assert all(one.shape == (8, 8, 3) for one in pictures.values())
    assert pictures["center"][4, 0, 0] < 128 < pictures["fit"][4, 0, 0]
    assert pictures["center"][:, 2:6].max() <= 2  # a trace of the margins
    np.testing.assert_array_equal(pictures["pad"][0], np.tile((0, 255, 0), (8, 1)))
    assert pictures["pad"][4, 0, 0] > 200
    assert pictures["pad"][4, 7, 2] > 200


def test_duplicates_are_found_and_kept(pets, tmp_path):
    smooth(40, 0).save(pets / "dogs" / "again.bmp")  # the pixels of cats/a.png
    smooth(40, 1).save(pets / "dogs" / "worse.jpg", quality=70)
    smooth(40, 1).resize((31, 31)).save(pets / "dogs" / "smaller.png")
    made = prepare(pets, tmp_path / "out.zip", image_size=16)
    assert made.pictures == 7
    assert made.exact == [["cats/a.png", "dogs/again.bmp"]]
    near = {"cats/b.png", "dogs/worse.jpg", "dogs/smaller.png"}
    assert len(made.near) == 3
    assert {name for pair in made.near for name in pair} == near
    assert "1 group the same, pixel by pixel, such as 'cats/a.png'" in made.summary()


def test_flat_pictures_are_no_duplicates_of_each_other(tmp_path):
    (tmp_path / "in").mkdir()
    for level in range(0, 250, 50):
        Image.new("L", (32, 32), level).save(tmp_path / "in" / f"{level}.png")
    made = prepare(tmp_path / "in", tmp_path / "out.zip")
    assert not made.exact
    assert not made.near


def test_files_that_differ_in_their_suffix_stay_apart(tmp_path):
    (tmp_path / "in").mkdir()
    for i, name in enumerate(["a.png", "a.bmp", "a-2.png"]):
        smooth(16, i).save(tmp_path / "in" / name)
    assert prepare(tmp_path / "in", tmp_path / "out.zip").pictures == 3
    assert len(load(f"folder:{tmp_path / 'out.zip'}").x) == 3


def test_named_sets_and_zips_are_sources(tmp_path):
    first = prepare("digits", tmp_path / "digits.zip", split="train[:30]")
    prepare(tmp_path / "digits.zip", tmp_path / "again.zip")
    digits = load("digits", split="train[:30]")
    order = np.argsort(digits.y, kind="stable")
    for name in "digits", "again":
        np.testing.assert_array_equal(load(f"folder:{tmp_path / name}.zip").x, digits.x[order])
    assert first.classes["7"] == np.sum(digits.y == 7)
    with pytest.raises(DataError, match="source=outlines:digits holds pairs"):
        prepare("outlines:digits", tmp_path / "no.zip")
    with pytest.raises(DataError, match="source=ring holds no pictures"):
        prepare("ring", tmp_path / "no.zip")
    with pytest.raises(DataError, match="unknown data set 'nothing'"):
        prepare("nothing", tmp_path / "no.zip")


def test_nothing_is_overwritten_and_nothing_is_left_of_a_failure(pets, tmp_path):
    (tmp_path / "out.png").write_bytes(b"my own picture")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"out\.png exists"):
        prepare(pets, tmp_path / "out.zip")

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(pets, tmp_path / "new.zip", progress=stop)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"none of 1 pictures can be read: 'a\.png'"):
        prepare(tmp_path / "damaged", tmp_path / "new.zip")
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "damaged"])


def test_the_same_source_gives_the_same_bytes(pets, tmp_path):
    for name in "one", "two":
        prepare(pets, tmp_path / f"{name}.zip", image_size=16)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with ZipFile(tmp_path / "one.zip") as archive:
        assert {one.compress_type for one in archive.infolist()} == {zipfile.ZIP_STORED}
