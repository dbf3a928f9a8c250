"""Pictures of samples with the names of their classes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from jaxgan.data.sentences import to_sentences
from jaxgan.runs.show.pictures import labelled
from jaxgan.runs.show.samples import show

COLUMNS = 10
_FEW = 6  # samples of a class for which a row of its own would be half empty
_NAME_WIDTH = 340  # of the longest name that is written beside rows
_TILE_WIDTH = 64  # of the least picture that has room for a name above it
_GAP = 4


def by_class(samples: np.ndarray, y: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Draw samples, ten wide: the rows of each class beside its name.

    If there are few samples of each class, every one stands below the name of its class.

    Args:
        samples: of any kind that `show` draws.
        y: their labels `[N]`.
        names: the names of all classes.

    Returns:
        uint8 `[H', W', 3]`.
    """
    there = np.unique(y)
    if len(y) < _FEW * len(there):
        order = np.argsort(y, kind="stable")
        return below_names(samples[order], [names[int(label)] for label in y[order]])
    rows = [samples[y == label] for label in there]
    return beside_names(rows, [names[int(label)] for label in there])


def by_sentence(samples: np.ndarray, y: np.ndarray, words: Sequence[str]) -> np.ndarray:
    """Draw samples, ten wide: the rows of each sentence beside it; small ones are enlarged.

    Args:
        samples: of any kind that `show` draws.
        y: their sentences `[N, L]`, as numbers of words.
        words: the vocabulary.

    Returns:
        uint8 `[H', W', 3]`.
    """
    factor = max(1, -(-_TILE_WIDTH // samples.shape[2])) if samples.ndim == 4 else 1
    samples = samples.repeat(factor, axis=1).repeat(factor, axis=2)
    said = np.array(to_sentences(y, words))
    names = list(dict.fromkeys(said.tolist()))
    return beside_names([samples[said == name] for name in names], names)


def beside_names(rows: Sequence[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """Draw groups of samples below each other, ten wide, each beside its name.

    Args:
        rows: samples of one kind.
        names: a name for each group.

    Returns:
        uint8 `[H', W', 3]`.
    """
    columns = min(COLUMNS, max(map(len, rows)))
    blocks = [show(row, columns) for row in rows]
    names = [_shortened(name, _NAME_WIDTH) for name in names]
    left = max(map(_width, names)) + 2 * _GAP
    height, width = sum(len(block) for block in blocks), max(block.shape[1] for block in blocks)
    page = Image.new("RGB", (left + width, height))
    pen, top = ImageDraw.Draw(page), 0
    for block, name in zip(blocks, names, strict=True):
        pen.text((_GAP, top + _GAP), name, fill="white")
        page.paste(Image.fromarray(block), (left, top))
        top += len(block)
    return np.asarray(page)


def below_names(samples: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Draw samples, ten wide, each below its name; small ones are enlarged by a whole factor."""
    blocks = [show(sample[np.newaxis], 1) for sample in samples]
    factor = max(1, -(-_TILE_WIDTH // blocks[0].shape[1]))
    blocks = [block.repeat(factor, axis=0).repeat(factor, axis=1) for block in blocks]
    room = blocks[0].shape[1] - _GAP
    names = [_shortened(name, room) for name in names]
    return labelled(blocks, names, min(COLUMNS, len(blocks)))


def _shortened(name: str, room: int) -> str:
    """Return the beginning of a name that fits into so many pixels."""
    if _width(name) <= room:
        return name
    while name and _width(f"{name}...") > room:
        name = name[:-1]
    return f"{name}..."


def _width(text: str) -> int:
    return round(ImageFont.load_default().getlength(text))
