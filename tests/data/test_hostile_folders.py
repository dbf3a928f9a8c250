"""Folders that hold more than pictures: links, pipes, leftovers, bombs, and damage of all kinds."""

import io
import os
import signal
import socket
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, images, load


@pytest.fixture(autouse=True)
def time_limit():
    """Fail rather than hang."""

    def late(*_):
        raise TimeoutError("a folder was read for 20 seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def picture(path, level=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4), level).save(path, "PNG")


def levels(path, **options):
    return load(f"folder:{path}", **options).x[:, 0, 0, 0].tolist()


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(*chunks, size=(4, 4), depth=8):
    """A PNG file of gray zeros, with more chunks before its pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(4 * (1 + 4 * depth // 8))))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + chunk(b"IEND", b"")


def test_links_are_followed_inside_the_folder_only(tmp_path, caplog):
    picture(tmp_path / "elsewhere" / "a.png", 1)
    picture(tmp_path / "set" / "inside" / "b.png", 2)
    (tmp_path / "set" / "linked.png").symlink_to("inside/b.png")
    (tmp_path / "set" / "outside.png").symlink_to("../elsewhere/a.png")
    (tmp_path / "set" / "places").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "set" / "everything").symlink_to("/")
    (tmp_path / "shortcut").symlink_to("set")
    for root in ("set", "shortcut"):
        caplog.clear()
        assert levels(tmp_path / root) == [2, 2]
        (remark,) = [r.getMessage() for r in caplog.records if "left out" in r.getMessage()]
        assert "3 links to places outside" in remark
        assert "copied" in remark
        for name in ("outside.png", "places", "everything"):
            assert name in remark


def test_a_folder_of_links_alone_says_what_to_do(tmp_path):
    picture(tmp_path / "elsewhere" / "a.png")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "class").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"no image below.*class") as caught:
        load(f"folder:{tmp_path / 'set'}")
    assert "copied here" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_files_are_opened(tmp_path, caplog):
    picture(tmp_path / "a.png", 3)
    os.mkfifo(tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket.png"))
        assert levels(tmp_path) == [3]
    (tmp_path / "null.png").symlink_to("/dev/zero")
    assert levels(tmp_path) == [3]
    assert "2 neither a file nor a folder" in caplog.text
    assert "null.png" in caplog.text


def test_leftovers_of_desktops_and_notebooks_are_no_pictures(tmp_path, caplog):
    picture(tmp_path / "cats" / "a.png", 1)
    picture(tmp_path / "dogs" / "a.png", 2)
    picture(tmp_path / ".ipynb_checkpoints" / "a-checkpoint.png")
    picture(tmp_path / ".Trash-1000" / "files" / "old.png")
    picture(tmp_path / "__MACOSX" / "cats" / "a.png")
    (tmp_path / "cats" / "._a.png").write_bytes(b"\x00\x05\x16\x07 a resource fork")
    (tmp_path / ".DS_Store").write_bytes(b"")
    data = load(f"folder:{tmp_path}")
    assert data.class_names == ("cats", "dogs")
    assert data.y.tolist() == [0, 1]
    assert "5 hidden" in caplog.text
    assert "cannot be read" not in caplog.text
    # The folder itself may be hidden.
    assert levels(tmp_path / ".Trash-1000") == [0]


def test_new_leftovers_do_not_cost_the_cache(tmp_path, own_cache, caplog):
    picture(tmp_path / "set" / "a.png")
    load(f"folder:{tmp_path / 'set'}")
    picture(tmp_path / "set" / ".trash" / "b.png")
    load(f"folder:{tmp_path / 'set'}")
    assert len(list(own_cache.iterdir())) == 1
    assert ".trash" in caplog.text


@pytest.mark.parametrize("damage", [lambda whole: whole[:-40], lambda whole: b"<html>"])
def test_a_class_of_damaged_pictures_is_no_class(tmp_path, caplog, damage):
    for name, level in (("a", 1), ("b", 2), ("c", 3)):
        picture(tmp_path / name / "1.png", level)
    whole = io.BytesIO()
    Image.effect_noise((32, 32), 50).resize((4, 4)).save(whole, "PNG")
    (tmp_path / "b" / "1.png").write_bytes(damage(whole.getvalue()))
    for _ in range(2):
        caplog.clear()
        data = load(f"folder:{tmp_path}")
        assert data.class_names == ("a", "c")
        assert data.y.tolist() == [0, 1]
        assert data.y.dtype == np.int32
        assert "no class 'b'" in caplog.text


def test_pictures_are_measured_before_they_are_decoded(tmp_path, caplog, monkeypatch):
    picture(tmp_path / "a.png", 5)
    (tmp_path / "huge.png").write_bytes(png(size=(13_000, 13_000), depth=16))  # gigabytes
    (tmp_path / "absurd.png").write_bytes(png(size=(2**31 - 1, 2**31 - 1)))
    assert levels(tmp_path) == [5]
    assert "13000x13000 is too large" in caplog.text
    assert "absurd.png" in caplog.text
    monkeypatch.setattr(images, "PIXELS", 15)
    with pytest.raises(DataError, match="4x4 is too large"):
        load(f"folder:{tmp_path}", cache_dir=tmp_path / "another")


def test_texts_in_pictures_are_bounded(tmp_path, caplog):
    picture(tmp_path / "a.png", 6)
    bomb = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))
    (tmp_path / "bomb.png").write_bytes(png(bomb))
    (tmp_path / "many.png").write_bytes(png(*[chunk(b"tEXt", b"key\0" + bytes(900_000))] * 90))
    assert levels(tmp_path) == [6]
    assert "2 damaged" in caplog.text


def test_what_pillow_warns_of_is_read_without_a_warning(tmp_path):
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\x7f\x06\0\0\0"
    Image.new("L", (8, 8), 9).save(tmp_path / "a.jpg", exif=exif)
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 9, 9, 9])
    palette.save(tmp_path / "b.png", transparency=b"\xff\xff")
    assert levels(tmp_path) == [9, 9]


def test_only_formats_of_pictures_are_decoded(tmp_path):
    # Pillow starts Ghostscript for it, whatever its name is.
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "a.png").write_bytes(program)
    with pytest.raises(DataError, match="cannot identify image file"):
        load(f"folder:{tmp_path}")


def test_of_an_animation_only_the_first_frame_is_touched(tmp_path, caplog):
    frames = [Image.new("L", (64, 64), level) for level in (7, 8)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    start = file.getvalue()
    # A thousand times the second frame, and then garbage.
    second = start[start.rindex(b"\x21\xf9") : -1]
    (tmp_path / "a.gif").write_bytes(start[:-1] + 1000 * second + b"\xff" * 100)
    picture(tmp_path / "b.png", 9)
    assert levels(tmp_path, image_size=4) == [7, 9]
    assert "of 1 with several frames ('a.gif') the first is used" in caplog.text


def test_names_are_told_in_one_line(tmp_path, caplog):
    picture(tmp_path / "a.png")
    (tmp_path / "two\nlines\x1b[31m.png").write_bytes(b"no picture")
    (tmp_path / ".hidden\n.png").write_bytes(b"no picture")
    load(f"folder:{tmp_path}")
    for record in caplog.records:
        assert record.getMessage().isprintable()


def test_16_bits_become_8(tmp_path):
    values = np.array([[0, 255, 256, 65535]], np.uint16)
    for order in ("<u2", ">u2"):
        image = Image.fromarray(values.astype(order))
        np.testing.assert_array_equal(images.to_array(image, 1)[0, :, 0], [0, 0, 1, 255])
    wide = Image.fromarray(np.array([[-5, 255, 256, 99_999]], np.int32))
    np.testing.assert_array_equal(images.to_array(wide, 1)[0, :, 0], [0, 0, 1, 255])
