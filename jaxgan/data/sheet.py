"""A contact sheet: some pictures of every class, with its name."""

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxgan.data.images import from_array

COLUMNS, ROWS = 10, 40  # pictures of a class, and classes, that are shown

_CELL = 64  # pixels of the longer side of a picture
_GAP = 2
_NAME = 120  # pixels of the column of names
_LETTERS = 18


def chosen(names: Sequence[str], class_of: Mapping[str, str]) -> dict[str, list[str]]:
    """Choose what to show: pictures of each class, evenly spaced; of none, rows of all.

    Args:
        names: all pictures.
        class_of: the class of each; empty without classes.

    Returns:
        Names of pictures by the name of their row.
    """
    classes: dict[str, list[str]] = {}
    for name in names:
        classes.setdefault(class_of.get(name, ""), []).append(name)
    if list(classes) == [""]:
        some = _spread(names, COLUMNS * COLUMNS)
        return {" " * i: some[i * COLUMNS : (i + 1) * COLUMNS] for i in range(COLUMNS)}
    return {name: _spread(classes[name], COLUMNS) for name in sorted(classes)[:ROWS]}


def sheet(rows: Mapping[str, Sequence[str]], pictures: Mapping[str, np.ndarray]) -> bytes:
    """Draw a contact sheet.

    Args:
        rows: names of pictures by the name of their row.
        pictures: uint8 `[H, W, C]` by name; others are left out.

    Returns:
        A PNG file.
    """
    shown = {row: [name for name in names if name in pictures] for row, names in rows.items()}
    shown = {row: names for row, names in shown.items() if names}
    left = _NAME if any(row.strip() for row in shown) else 0
    step, font = _CELL + _GAP, ImageFont.load_default(12)
    page = Image.new("RGB", (left + COLUMNS * step, max(1, len(shown)) * step), "white")
    draw = ImageDraw.Draw(page)
    for i, (row, names) in enumerate(shown.items()):
        text = row if len(row) <= _LETTERS else f"{row[: _LETTERS - 3]}..."
        draw.text((4, i * step + _CELL // 2), text.strip(), "black", font, anchor="lm")
        for j, name in enumerate(names):
            cell = _cell(pictures[name])
            margins = (_CELL - cell.width) // 2, (_CELL - cell.height) // 2
            page.paste(cell, (left + j * step + margins[0], i * step + margins[1]))
    file = io.BytesIO()
    page.save(file, "PNG")
    return file.getvalue()


def _cell(picture: np.ndarray) -> Image.Image:
    """Bring a picture to the size of a cell; small ones by whole factors, to show their pixels."""
    image = from_array(picture)
    longest = max(image.size)
    if longest <= _CELL // 2:
        factor = _CELL // longest
        return image.resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
    image.thumbnail((_CELL, _CELL), Image.Resampling.LANCZOS)
    return image


def _spread(names: Sequence[str], count: int) -> list[str]:
    rows = np.linspace(0, len(names) - 1, min(count, len(names))).round().astype(int)
    return [names[int(row)] for row in rows]
