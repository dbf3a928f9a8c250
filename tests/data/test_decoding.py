"""Pictures of all kinds against pixels that were computed by hand, or by another decoder."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxgan.data.images import opened, to_array, upright

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(0, 256, (6, 9), np.uint8)
COLOR = RANDOM.integers(0, 256, (6, 9, 3), np.uint8)


def chunk(kind, content):
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png(values, kind, depth, *before):
    """A PNG file by its definition (https://www.w3.org/TR/png-3/), without filters."""
    height, width = values.shape[:2]
    rows = values.astype(">u2" if depth == 16 else "u1").reshape(height, -1)
    packed = rows if depth >= 8 else np.packbits(rows[..., np.newaxis] > 0, axis=1)[..., 0]
    lines = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(lines))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


def read(content, channels=3, **settings):
    with opened(io.BytesIO(content)) as image:
        return to_array(upright(image), channels, **settings)


def encoded(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def over(color, alpha, background):
    """A color of which a share is seen, on a background."""
    share = alpha[..., np.newaxis] / 255
    return color * share + np.asarray(background) * (1 - share)


def test_8_bits_are_what_they_are():
    np.testing.assert_array_equal(read(png(COLOR, 2, 8)), COLOR)
    np.testing.assert_array_equal(read(png(GRAY, 0, 8), 1)[..., 0], GRAY)


def test_one_bit_is_black_and_white():
    bits = RANDOM.integers(0, 2, (6, 9))
    np.testing.assert_array_equal(read(png(bits, 0, 1), 1)[..., 0], 255 * bits)


def test_16_bits_keep_the_upper_half():
    gray = RANDOM.integers(0, 65536, (6, 9))
    color = RANDOM.integers(0, 65536, (6, 9, 3))
    np.testing.assert_array_equal(read(png(gray, 0, 16), 1)[..., 0], gray // 256)
    np.testing.assert_array_equal(read(png(color, 2, 16)), color // 256)


def test_palettes_are_looked_up():
    palette, index = RANDOM.integers(0, 256, (256, 3), np.uint8), GRAY
    content = png(index, 3, 8, chunk(b"PLTE", palette.tobytes()))
    np.testing.assert_array_equal(read(content), palette[index])


@pytest.mark.parametrize(("name", "level"), [("white", (255,) * 3), ("#204060", (32, 64, 96))])
def test_transparency_shows_the_background(name, level):
    alpha = RANDOM.integers(0, 256, (6, 9), np.uint8)
    rgba = np.concatenate([COLOR, alpha[..., np.newaxis]], axis=2)
    found = read(png(rgba, 6, 8), background=name)
    np.testing.assert_allclose(found, over(COLOR, alpha, level), atol=1)
    gray_alpha = np.stack([GRAY, alpha], axis=2)
    gray = np.repeat(GRAY[..., np.newaxis], 3, axis=2)
    found = read(png(gray_alpha, 4, 8), background=name)
    np.testing.assert_allclose(found, over(gray, alpha, level), atol=1)


def test_transparency_of_a_palette_and_of_a_color():
    palette = RANDOM.integers(0, 256, (256, 3), np.uint8)
    alpha = RANDOM.integers(0, 256, 256, np.uint8)
    chunks = chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", alpha.tobytes())
    found = read(png(GRAY, 3, 8, *chunks), background="red")
    np.testing.assert_allclose(found, over(palette[GRAY], alpha[GRAY], (255, 0, 0)), atol=1)
    one = COLOR[2, 3].astype(int)
    found = read(png(COLOR, 2, 8, chunk(b"tRNS", struct.pack(">HHH", *one))), background="red")
    expected = np.where((one == COLOR).all(axis=2, keepdims=True), (255, 0, 0), COLOR)
    np.testing.assert_array_equal(found, expected)


TURNED = {
    1: lambda x: x,
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_the_camera_may_have_been_turned(orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    content = encoded(Image.fromarray(COLOR), kind, exif=exif, **lossless)
    np.testing.assert_array_equal(read(content), TURNED[orientation](COLOR))


def test_inks_are_subtracted():
    ink = RANDOM.integers(0, 256, (6, 9, 4), np.uint8)
    cyan_magenta_yellow, black = ink[..., :3].astype(float), ink[..., 3:].astype(float)
    expected = (255 - cyan_magenta_yellow) * (255 - black) / 255
    found = read(encoded(Image.frombytes("CMYK", (9, 6), ink.tobytes()), "TIFF"))
    np.testing.assert_allclose(found, expected, atol=1.01)


def test_jpeg_files_of_inks_are_not_inverted():
    plain = np.full((16, 16, 4), (0, 128, 255, 0), np.uint8)
    content = encoded(Image.frombytes("CMYK", (16, 16), plain.tobytes()), "JPEG", quality=100)
    np.testing.assert_allclose(read(content)[8, 8], (255, 127, 0), atol=3)


def test_tiff_files_of_another_encoder():
    tifffile = pytest.importorskip("tifffile")
    deep = RANDOM.integers(0, 65536, (6, 9)).astype(np.uint16)
    cases = [(GRAY, 1, GRAY), (COLOR, 3, COLOR), (deep, 1, deep // 256)]
    for values, channels, expected in cases:
        for order in "<", ">":
            for compression in None, "zlib":
                file = io.BytesIO()
                tifffile.imwrite(file, values, byteorder=order, compression=compression)
                found = read(file.getvalue(), channels)
                np.testing.assert_array_equal(found.squeeze(), expected)


def test_the_first_of_several_frames_counts():
    frames = [Image.fromarray(COLOR), Image.fromarray(255 - COLOR)]
    for kind, options in ("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True}):
        content = encoded(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        np.testing.assert_array_equal(read(content), COLOR)


def test_an_icon_is_its_largest_picture():
    large = Image.fromarray(RANDOM.integers(0, 256, (32, 32, 3), np.uint8))
    content = encoded(large, "ICO", sizes=[(16, 16), (32, 32)])
    np.testing.assert_array_equal(read(content), np.asarray(large))
