"""Zip files, which are read as folders are."""

import io
import os
import stat
import struct
import zipfile

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, load, places


def encoded(level=0, size=(4, 4), kind="PNG"):
    file = io.BytesIO()
    Image.new("L", size, level).save(file, kind)
    return file.getvalue()


def archive(path, members, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def said(caplog):
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith("folder:")][-1]


PETS = {
    "dogs/b.png": encoded(3),
    "dogs/a.png": encoded(2),
    "cats/deep/x.png": encoded(1),
    "cats/z.jpg": encoded(0, kind="JPEG"),
    "notes.txt": b"about the pictures",
    "__MACOSX/cats/._z.jpg": b"a resource fork",
    "dogs/.DS_Store": b"",
    "dogs/broken.png": encoded(4)[:30],
}


def test_a_zip_is_read_like_the_folder_that_it_would_become(tmp_path, caplog):
    path = archive(tmp_path / "pets.zip", PETS)
    with zipfile.ZipFile(path) as file:
        file.extractall(tmp_path / "pets")
    folder, packed = load(f"folder:{tmp_path / 'pets'}"), load(f"folder:{path}")
    of_folder, of_zip = [r.getMessage() for r in caplog.records]
    assert of_folder.replace("/pets:", "") == of_zip.replace("/pets.zip:", "")
    assert packed.class_names == folder.class_names == ("cats", "dogs")
    np.testing.assert_array_equal(packed.x, folder.x)
    np.testing.assert_array_equal(packed.y, folder.y)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["pets", "pets.zip", "xdg_cache"]


def test_a_changed_zip_is_decoded_again(tmp_path):
    path = archive(tmp_path / "x.zip", {"a.png": encoded(1)})
    assert load(f"folder:{path}").x[0, 0, 0, 0] == 1
    archive(path, {"a.png": encoded(2)})
    assert load(f"folder:{path}").x[0, 0, 0, 0] == 2


def test_zips_go_wherever_folders_go(tmp_path):
    wide = np.zeros((4, 8), np.uint8)
    wide[:, 4:] = 200
    file = io.BytesIO()
    Image.fromarray(wide).save(file, "PNG")
    sides = archive(tmp_path / "sides.zip", {"a.png": file.getvalue()})
    pair = load(f"sides:folder:{sides}")
    assert (pair.y.max(), pair.x.min()) == (0, 200)
    others = [archive(tmp_path / f"{i}.zip", {"a.png": encoded(i)}) for i in (1, 2)]
    domains = load(f"unpaired:folder:{others[0]},folder:{others[1]}")
    assert (domains.x.max(), domains.y.max()) == (1, 2)
    splits = {
        f"set/{split}/{name}/a.png": encoded() for split in ("train", "test") for name in "ab"
    }
    assert load(f"folder:{archive(tmp_path / 'splits.zip', splits)}", split="test").y.tolist() == [
        0,
        1,
    ]


def test_names_that_lead_out_are_left_out(tmp_path, caplog):
    outside = {"../a.png": 1, "/b.png": 2, "c/../../d.png": 3, "C:/e.png": 4, "..\\f.png": 5}
    members = {name: encoded(level) for name, level in outside.items()}
    path = archive(tmp_path / "x.zip", members | {"good.png": encoded(9), "nul": encoded(6)})
    path.write_bytes(path.read_bytes().replace(b"nul", b"\0ul"))  # a name that is empty
    assert load(f"folder:{path}").x[:, 0, 0, 0].tolist() == [9]
    assert "6 with names that lead out of the zip file" in said(caplog)


def test_links_are_left_out(tmp_path, caplog):
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = archive(tmp_path / "x.zip", {link: b"/etc/passwd", "good.png": encoded(9)})
    assert len(load(f"folder:{path}").x) == 1
    assert "1 links ('link.png')" in said(caplog)


def test_encrypted_and_damaged_members_are_left_out(tmp_path, caplog):
    members = {name: encoded(level) for level, name in enumerate(["a.png", "b.png", "c.png"])}
    path = archive(tmp_path / "x.zip", members, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 8] |= 1  # the flag of encryption, of the first
    second = content.index(members["b.png"])
    content[second + 50] ^= 0xFF
    path.write_bytes(content)
    assert load(f"folder:{path}").x[:, 0, 0, 0].tolist() == [2]
    assert "1 encrypted ('a.png')" in said(caplog)
    assert "1 damaged ('b.png': Bad CRC-32" in said(caplog)


def test_sizes_are_checked_before_anything_is_unpacked(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(places, "MOST", 100_000)
    bomb = {"bomb.png": bytes(10_000_000), "good.png": encoded(9)}
    path = archive(tmp_path / "x.zip", bomb)
    monkeypatch.setattr(zipfile.ZipFile, "open", only_small(zipfile.ZipFile.open))
    assert len(load(f"folder:{path}").x) == 1
    assert "1 larger than" in said(caplog)


def only_small(opened):
    def open_member(file, member, *args, **keywords):
        assert member.file_size < 100_000
        return opened(file, member, *args, **keywords)

    return open_member


def test_a_member_that_is_larger_than_it_says_is_unpacked_no_further(tmp_path, caplog):
    path = archive(tmp_path / "x.zip", {"liar.png": bytes(50_000_000), "good.png": encoded(9)})
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert len(load(f"folder:{path}").x) == 1
    assert "1 damaged ('liar.png': Bad CRC-32" in said(caplog)


def test_members_that_share_bytes_are_refused(tmp_path):
    path = archive(tmp_path / "x.zip", {"a.png": encoded(), "b.png": encoded()}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    second = content.rindex(b"PK\x01\x02")
    content[second + 42 : second + 46] = struct.pack("<I", 4)  # where the second begins
    path.write_bytes(content)
    with pytest.raises(DataError, match="share bytes"):
        load(f"folder:{path}")


def test_names_of_all_programs_are_read(tmp_path):
    path = tmp_path / "x.zip"
    archive(path, {"katzen/ä.png": encoded(), "hunde\\a.png": encoded(1)})
    content = path.read_bytes().replace("ä".encode(), b"\xc3\xa4")
    fixed = bytearray(content)  # without the flag that names are in UTF-8
    for signature, flags in (b"PK\x03\x04", 6), (b"PK\x01\x02", 8):
        place = fixed.find(signature)
        while place >= 0:
            fixed[place + flags + 1] &= ~0x08
            place = fixed.find(signature, place + 1)
    path.write_bytes(fixed)
    assert load(f"folder:{path}").class_names == ("hunde", "katzen")


def test_the_later_of_two_members_of_one_name_counts(tmp_path, caplog):
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a.png", encoded(1))
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a.png", encoded(2))
    assert load(f"folder:{path}").x[:, 0, 0, 0].tolist() == [2]
    assert "1 replaced by a later one of the same name" in said(caplog)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing more", b"no zip file"])
def test_what_is_no_zip_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "x.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"x\.zip' is no directory.*name=folder:") as error:
        load(f"folder:{tmp_path / 'x.zip'}")
    assert "\n" not in str(error.value)


def test_an_existing_folder_or_zip_as_a_name_suggests_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("d/four")
    archive(tmp_path / "pets.zip", PETS)
    for name in "d/four", "pets.zip", str(tmp_path / "d"):
        with pytest.raises(DataError, match=f"did you mean name=folder:{name}?"):
            load(name)


def test_commas_in_names_of_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, level in ("a,b", 1), ("c, d", 2), ("e", 3):
        os.makedirs(name)
        (tmp_path / name / "x.png").write_bytes(encoded(level))

    def levels(name):
        data = load(name)
        return data.x[0, 0, 0, 0], data.y[0, 0, 0, 0]

    assert levels("unpaired:folder:a,b,folder:c, d") == (1, 2)
    assert levels("unpaired:folder:e,folder:a,b") == (3, 1)
    with pytest.raises(DataError, match="swapped:rotated:folder:c, d has one pair"):
        load("unpaired:swapped:rotated:folder:c, d")
    with pytest.raises(DataError, match=r"has 3 domains.*a comma in the name of a folder"):
        load("unpaired:folder:x,y,folder:e")
