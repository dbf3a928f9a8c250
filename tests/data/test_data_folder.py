"""Directories of images, in all the states that users have them in."""

import logging
import os

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, load

RED, GREEN = (255, 0, 0), (0, 255, 0)


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def folder(path, **options):
    return load(f"folder:{path}", **options)


def test_sub_folders_are_classes_in_the_order_of_their_names(tmp_path):
    save(tmp_path / "dogs" / "a.png", Image.new("RGB", (4, 4), RED))
    save(tmp_path / "cats" / "deep" / "b.png", Image.new("RGB", (4, 4), GREEN))
    save(tmp_path / "cats" / "a.bmp", Image.new("RGB", (4, 4), "blue"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("not an image, and does not claim to be")
    data = folder(tmp_path)
    assert data.class_names == ("cats", "dogs")
    np.testing.assert_array_equal(data.y, [0, 0, 1])
    assert data.x.shape == (3, 4, 4, 3)
    assert data.x.dtype == np.uint8
    np.testing.assert_array_equal(data.x[:, 0, 0], [(0, 0, 255), GREEN, RED])


def test_a_flat_folder_has_no_labels(tmp_path):
    for name in ("b.JPG", "a.jpeg", "c.webp", "d.gif"):
        save(tmp_path / name, Image.new("RGB", (8, 8), RED))
    data = folder(tmp_path)
    assert data.y is None
    assert data.class_names == ()
    assert data.x.shape == (4, 8, 8, 3)
    assert (np.abs(data.x.astype(int) - RED) < 5).all()


def test_images_beside_class_folders_are_said_to_cost_the_labels(tmp_path, caplog):
    save(tmp_path / "a.png", Image.new("L", (4, 4)))
    save(tmp_path / "b" / "a.png", Image.new("L", (4, 4)))
    assert folder(tmp_path).y is None
    assert "no labels" in caplog.text


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16"])
def test_gray_images_of_all_modes_stay_gray(tmp_path, mode):
    save(tmp_path / "a.png", Image.new("L", (4, 4), 255))
    save(tmp_path / "b.png", Image.new("I;16", (4, 4), 65535).convert(mode))
    if mode == "I;16":
        save(tmp_path / "c.png", Image.new("I;16", (4, 4), 128 * 256 + 7))
    data = folder(tmp_path)
    assert data.x.shape[1:] == (4, 4, 1)
    assert (data.x[:2] == 255).all()
    assert (data.x[2:] == 128).all()


def test_a_gray_palette_is_gray(tmp_path):
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 90, 90, 90])
    save(tmp_path / "a.png", palette)
    data = folder(tmp_path)
    assert data.x.shape == (1, 4, 4, 1)
    assert (data.x == 90).all()


def test_one_color_image_makes_all_color(tmp_path):
    save(tmp_path / "a.png", Image.new("L", (4, 4), 50))
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    save(tmp_path / "b.png", palette)
    save(tmp_path / "c.jpg", Image.new("CMYK", (4, 4), (0, 0, 0, 0)))
    data = folder(tmp_path)
    expected = [(50, 50, 50), RED, (255, 255, 255)]
    np.testing.assert_array_equal(data.x[:, 0, 0], expected)


def test_transparency_is_laid_on_white(tmp_path):
    save(tmp_path / "a.png", Image.new("RGBA", (4, 4), (255, 0, 0, 0)))
    save(tmp_path / "b.png", Image.new("RGBA", (4, 4), (255, 0, 0, 51)))
    save(tmp_path / "c.png", Image.new("RGB", (4, 4), RED), transparency=RED)
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *RED])
    save(tmp_path / "d.png", palette, transparency=1)
    white = (255, 255, 255)
    expected = [white, (255, 204, 204), white, white]
    np.testing.assert_array_equal(folder(tmp_path).x[:, 0, 0], expected)


def test_images_are_turned_as_exif_asks(tmp_path):
    image = Image.new("RGB", (16, 8), GREEN)
    image.paste(RED, (0, 0, 8, 8))  # red on the left; rotated by 90 degrees, on top
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.png", image, exif=exif)
    data = folder(tmp_path)
    assert data.x.shape == (1, 16, 8, 3)
    np.testing.assert_array_equal(data.x[0, [0, 15], 4], [RED, GREEN])


def test_the_first_frame_of_an_animation_counts(tmp_path):
    later = [Image.new("RGB", (4, 4), GREEN)]
    save(tmp_path / "a.gif", Image.new("RGB", (4, 4), RED), save_all=True, append_images=later)
    np.testing.assert_array_equal(folder(tmp_path).x[0, 0, 0], RED)


def test_image_size_resizes_the_short_side_and_keeps_the_middle(tmp_path):
    image = Image.new("RGB", (40, 20), GREEN)
    image.paste(RED, (10, 0, 30, 20))
    save(tmp_path / "wide.png", image)
    save(tmp_path / "tall.png", image.rotate(90, expand=True))
    data = folder(tmp_path, image_size=10)
    assert data.x.shape == (2, 10, 10, 3)
    np.testing.assert_array_equal(data.x[:, 5, 5], [RED, RED])
    assert (data.x[..., 0] > 200).mean() > 0.9


def test_resizing_is_antialiased(tmp_path):
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    save(tmp_path / "a.png", Image.fromarray(stripes))
    data = folder(tmp_path, image_size=8)
    assert (np.abs(data.x.astype(int) - 127) < 10).all()


def test_different_sizes_ask_for_image_size(tmp_path):
    save(tmp_path / "a.png", Image.new("L", (4, 4)))
    save(tmp_path / "b.png", Image.new("L", (4, 6)))
    with pytest.raises(DataError, match=r"4x4 and 6x4.*image_size="):
        folder(tmp_path)
    assert folder(tmp_path, image_size=4).x.shape == (2, 4, 4, 1)


def test_unreadable_images_are_named_at_every_load(tmp_path, caplog):
    save(tmp_path / "a" / "good.png", Image.new("L", (32, 32), 7))
    (tmp_path / "a" / "text.png").write_text("no image at all")
    save(tmp_path / "b" / "cut.png", Image.effect_noise((32, 32), 50))
    content = (tmp_path / "b" / "cut.png").read_bytes()
    (tmp_path / "b" / "cut.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    save(tmp_path / "b" / "good.png", Image.new("L", (32, 32), 9))
    for _ in range(2):  # decoded, and then from the cache
        caplog.clear()
        data = folder(tmp_path)
        np.testing.assert_array_equal(data.x[:, 0, 0, 0], [7, 9])
        np.testing.assert_array_equal(data.y, [0, 1])
        warnings = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
        assert len(warnings) == 1
        for part in ("2 pictures", "3 damaged", "text.png", "cut.png", "gone.png"):
            assert part in warnings[0]


def test_a_folder_without_readable_images_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no image below"):
        folder(tmp_path)
    (tmp_path / "a.png").write_text("no image")
    with pytest.raises(DataError, match=r"none of 1 .*a\.png.*expected at least one"):
        folder(tmp_path)
    with pytest.raises(DataError, match="no directory"):
        folder(tmp_path / "missing")
    with pytest.raises(DataError, match="split="):
        folder(tmp_path, split="test")


def test_loops_of_links_end(tmp_path):
    save(tmp_path / "a" / "1.png", Image.new("L", (4, 4), 1))
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    save(tmp_path / "elsewhere" / "2.png", Image.new("L", (4, 4), 2))
    data = folder(tmp_path)
    np.testing.assert_array_equal(data.x[:, 0, 0, 0], [1, 1, 2])
    assert data.class_names == ("a", "b", "elsewhere")


def test_a_changed_folder_is_decoded_again(tmp_path):
    save(tmp_path / "a.png", Image.new("L", (4, 4), 1))
    assert folder(tmp_path).x[0, 0, 0, 0] == 1
    save(tmp_path / "a.png", Image.new("L", (4, 4), 2))
    os.utime(tmp_path / "a.png", ns=(0, 12345))
    assert folder(tmp_path).x[0, 0, 0, 0] == 2
    save(tmp_path / "b.png", Image.new("L", (4, 4), 3))
    assert len(folder(tmp_path).x) == 2
