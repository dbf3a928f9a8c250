"""Pictures in a font: in a tiny one made here, and in the real one if it is installed."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import DataError, emoji, load
from jaxgan.data.images import to_array

pytest.importorskip("fontTools")
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import newTable
from fontTools.ttLib.tables._g_l_y_f import Glyph
from fontTools.ttLib.tables.BitmapGlyphMetrics import SmallGlyphMetrics
from fontTools.ttLib.tables.C_B_D_T_ import cbdt_bitmap_format_17
from fontTools.ttLib.tables.E_B_L_C_ import (
    BitmapSizeTable,
    SbitLineMetrics,
    Strike,
    eblc_index_sub_table_1,
)

LINE = [
    *("ascender", "descender", "widthMax"),
    *("caretSlopeNumerator", "caretSlopeDenominator", "caretOffset"),
    *("minOriginSB", "minAdvanceSB", "maxBeforeBL", "minAfterBL", "pad1", "pad2"),
]


def make_font(path, pictures=()):
    """Write a font with one glyph per picture, stored as a PNG file."""
    names = [f"picture{i}" for i in range(len(pictures))]
    builder = FontBuilder(1024, isTTF=True)
    builder.setupGlyphOrder([".notdef", *names])
    builder.setupCharacterMap({0x1F600 + i: name for i, name in enumerate(names)})
    builder.setupGlyf({name: Glyph() for name in [".notdef", *names]})
    builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (1024, 0)))
    builder.setupHorizontalHeader()
    builder.setupPost()
    if names:
        add_pictures(builder.font, dict(zip(names, pictures, strict=True)))
    path.parent.mkdir(parents=True, exist_ok=True)
    builder.save(path)


def add_pictures(font, pictures):
    data, places = newTable("CBDT"), newTable("CBLC")
    bitmaps = {name: bitmap(image) for name, image in pictures.items()}
    index = eblc_index_sub_table_1(b"", font)
    line = filled(SbitLineMetrics(), **dict.fromkeys(LINE, 0))
    size = filled(
        BitmapSizeTable(), hori=line, vert=line, colorRef=0, ppemX=8, ppemY=8, bitDepth=32, flags=1
    )
    strike = filled(
        Strike(),
        bitmapSizeTable=size,
        indexSubTables=[filled(index, indexFormat=1, imageFormat=17, names=list(pictures))],
    )
    font["CBDT"] = filled(data, version=3.0, strikeData=[bitmaps])
    font["CBLC"] = filled(places, version=3.0, strikes=[strike])


def bitmap(image):
    encoded = io.BytesIO()
    image.save(encoded, "PNG")
    width, height = image.size
    metrics = {"height": height, "width": width, "BearingX": 0, "BearingY": 0, "Advance": width}
    return filled(
        cbdt_bitmap_format_17(b"", None),
        metrics=filled(SmallGlyphMetrics(), **metrics),
        imageData=encoded.getvalue(),
    )


def filled(thing, **attributes):
    """Make a part of a font with these attributes."""
    vars(thing).update(attributes)
    return thing


@pytest.fixture
def fonts(monkeypatch, tmp_path):
    """The user's own folder of fonts, which is searched before the system's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "fonts"


def test_pictures_come_in_order_on_white_and_square(fonts, own_cache):
    red = Image.new("RGBA", (10, 8), (255, 0, 0, 255))
    nothing = Image.new("RGBA", (10, 8), (0, 0, 255, 0))
    half = Image.new("RGBA", (10, 8), (0, 255, 0, 128))
    palette = Image.new("RGB", (10, 8), (0, 0, 255)).convert("P")
    make_font(fonts / "deep" / emoji.FONT, [red, nothing, half, palette])
    data = load("emoji")
    assert data.x.shape == (4, 8, 8, 3)
    assert data.x.dtype == np.uint8
    assert data.y is None
    assert data.name == "emoji"
    colors = [(255, 0, 0), (255, 255, 255), (127, 255, 127), (0, 0, 255)]
    np.testing.assert_allclose(data.x[:, 3, 3], colors, atol=1)
    assert load("emoji", image_size=4).x.shape == (4, 4, 4, 3)
    assert len([entry for entry in own_cache.iterdir() if entry.name.startswith("emoji")]) == 2


def test_another_font_is_read_anew(fonts):
    make_font(fonts / emoji.FONT, [Image.new("RGBA", (8, 8), "red")])
    assert len(load("emoji").x) == 1
    make_font(fonts / emoji.FONT, [Image.new("RGBA", (8, 8), "red")] * 2)
    assert len(load("emoji").x) == 2


def test_errors_say_what_to_install(fonts, tmp_path):
    with pytest.raises(DataError, match=r"no NotoColorEmoji.ttf.*apt-get install fonts-noto-color"):
        emoji.find_font([tmp_path / "nowhere"])
    make_font(fonts / emoji.FONT)
    with pytest.raises(DataError, match=r"no pictures in a table CBDT.*apt-get install"):
        load("emoji")
    (fonts / emoji.FONT).write_bytes(b"damaged")
    with pytest.raises(DataError, match=r"not a readable font.*apt-get install"):
        load("emoji")
    with pytest.raises(DataError, match="no split 'test'"):
        load("emoji", split="test")


def test_the_font_of_debian():
    try:
        font = emoji.find_font([Path("/usr/share/fonts")])
    except DataError:
        pytest.skip("fonts-noto-color-emoji is not installed")
    pictures = list(emoji.pictures(font))
    assert len(pictures) > 3000
    images = [Image.open(io.BytesIO(picture)) for picture in pictures[::100]]
    assert {image.size for image in images} == {(136, 128)}
    x = np.stack([to_array(image, 3, 32) for image in images])
    # A picture in the middle, and white in the corners.
    assert np.mean(x[:, [0, 0, -1, -1], [0, -1, 0, -1]] == 255) > 0.8
    assert np.mean(x[:, 12:20, 12:20] == 255) < 0.2
