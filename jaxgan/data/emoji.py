"""The color pictures of an emoji font, if one is installed.

Google's Noto Color Emoji, in the build of Debian's package `fonts-noto-color-emoji`, holds 3926
pictures of 136x128 pixels as PNG files in its table CBDT (Apache License 2.0). Other builds of the
font store vector outlines, which are not supported.
"""

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from jaxgan._checks import ImageSize
from jaxgan.data._homes import home
from jaxgan.data.cache import Decoded, cached
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError
from jaxgan.data.images import decode, opened
from jaxgan.data.stack import stack

FONT = "NotoColorEmoji.ttf"


def load_emoji(image_size: ImageSize | None, cache_root: Path | None) -> Dataset:
    """Load the pictures of the emoji font, in the order of its glyphs, on white, without labels.

    The font is searched for in the font folders of the user and of the system.

    Args:
        image_size: the side to resize to; None is the short side of the pictures, 128.
        cache_root: folder of the cache; None is the user's.

    Returns:
        uint8 images `[N, H, W, 3]`.

    Raises:
        DataError: if there is no such font, or fontTools is missing.
    """
    font = find_font(_font_folders())
    status = font.stat()
    return cached(
        cache_root,
        "emoji",
        {"font": [os.fspath(font), status.st_size, status.st_mtime_ns], "image_size": image_size},
        lambda directory: _decode(font, image_size, directory),
    )


def find_font(folders: Sequence[Path]) -> Path:
    """Return the first emoji font in or below the folders.

    Raises:
        DataError: if there is none.
    """
    for folder in folders:
        for font in sorted(folder.rglob(FONT)):
            return font.absolute()
    raise DataError(
        f"the data set emoji needs a font, and there is no {FONT} below "
        f"{', '.join(map(str, folders))}: apt-get install fonts-noto-color-emoji"
    )


def _font_folders() -> list[Path]:
    given, own = os.environ.get("XDG_DATA_HOME"), home()
    ours = [Path(given) / "fonts"] if given else [own / ".local/share/fonts"] if own else []
    ours += [own / ".fonts"] if own else []
    return [*ours, Path("/usr/local/share/fonts"), Path("/usr/share/fonts")]


def _decode(font: Path, image_size: ImageSize | None, directory: Path | None) -> Decoded:
    encoded = list(pictures(font))
    if not encoded:
        raise DataError(
            f"{str(font)!r} has no pictures in a table CBDT, which the data set emoji needs: "
            "apt-get install fonts-noto-color-emoji"
        )
    if image_size is None:
        with opened(io.BytesIO(encoded[0])) as image:
            image_size = min(image.size)
    examples = ((decode(io.BytesIO(picture), 3, image_size), None) for picture in encoded)
    x, y = stack(examples, len(encoded), directory)
    return Decoded(Dataset(x, y, "emoji"))


def pictures(font: Path) -> Iterator[bytes]:
    """Yield the PNG files in a font, in the order of its glyphs."""
    try:
        from fontTools.ttLib import TTFont, TTLibError
    except ImportError as error:
        raise DataError(
            'the data set emoji needs fontTools, to read a font: pip install "jaxgan[emoji]"'
        ) from error
    # Opened here, because TTFont does not close a file that it cannot read.
    with font.open("rb") as file:
        try:
            tables = TTFont(file, lazy=True)
        except TTLibError as error:
            raise DataError(
                f"{str(font)!r} is not a readable font ({error}): "
                "apt-get install --reinstall fonts-noto-color-emoji, or delete it"
            ) from error
        if "CBDT" not in tables:
            return
        (*_, largest) = tables["CBDT"].strikeData
        for glyph in sorted(largest, key=tables.getGlyphID):
            if hasattr(largest[glyph], "imageData"):  # other glyphs have no PNG
                yield largest[glyph].imageData
