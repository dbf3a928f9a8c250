"""Scenes: one or two colored shapes, and a sentence that says what they are and how they stand.

What a picture shows can be read from its pixels (`jaxgan.metrics.scenes`), so samples that are
asked for in words can be verified. Some pairs of a color and a shape never occur in training.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxgan._checks import ImageSize
from jaxgan.data.dataset import Dataset
from jaxgan.data.errors import DataError
from jaxgan.data.sentences import to_tokens

__all__ = [
    "BACKGROUND",
    "COLORS",
    "HELD_OUT",
    "LENGTH",
    "RELATIONS",
    "SHAPES",
    "SIZES",
    "SPLITS",
    "WORDS",
    "Scene",
    "Thing",
    "coverage",
    "load_scenes",
    "read",
]

SIDE = 32
SPLITS = {"train": 20_000, "test": 2_000, "unseen": 2_000}
"""The splits and their numbers of examples."""

COLORS = {
    "red": (225, 50, 50),
    "green": (50, 200, 70),
    "blue": (60, 110, 240),
    "yellow": (235, 215, 50),
    "purple": (185, 60, 215),
}
BACKGROUND = (32, 32, 32)
SHAPES = ("circle", "square", "triangle")
SIZES = ("small", "large")
RELATIONS = {"above": (-1, 0), "below": (1, 0), "left of": (0, -1), "right of": (0, 1)}
"""Where the first shape is, as seen from the second: down and to the right."""
HELD_OUT = (("green", "circle"), ("blue", "square"), ("red", "triangle"))
"""Pairs that occur in the split `unseen` only, once or twice in each of its sentences."""

WORDS = ("a", *SIZES, *COLORS, *SHAPES, "above", "below", "left", "right", "of")
LENGTH = 10

_LEAST_SIDE = 24
_RADII = {"small": (4.0, 4.6), "large": (6.4, 7.0)}  # of 32 pixels
_AT_ONCE = 1000
_GAP = (2.0, 3.0)  # of 32 pixels, between two shapes
_ACROSS = 0.2  # share of their distance that they are apart across it
_MOVED = 2.0  # of 32 pixels, from the middle
_JITTER = 12  # levels by which a color varies


class Thing(NamedTuple):
    """A shape; its size is empty if it is not said."""

    size: str
    color: str
    shape: str


class Scene(NamedTuple):
    """One or two shapes, and how the first stands to the second."""

    things: tuple[Thing, ...]
    relation: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        told = [f"a {' '.join(filter(None, thing))}" for thing in self.things]
        return f" {self.relation} ".join(told)


def load_scenes(split: str = "train", image_size: ImageSize | None = None) -> Dataset:
    """Draw the scenes: always the same ones.

    A quarter of the sentences is of one shape, such as "a small red circle", the others of two,
    such as "a red circle above a large blue square". Where no size is said, either is drawn. Shapes
    do not touch, and are apart along the direction that is said more than across it; together they
    are about in the middle of the picture.

    Args:
        split: `train`; `test`, whose sentences are of the same kind; or `unseen`, whose sentences
            have a pair of HELD_OUT, which the other two never have.
        image_size: side of the pictures, or height and width; 32 if None.

    Returns:
        uint8 `[N, H, W, 3]`; y are the numbers of words `[N, 10]`, -1 after the last one, and
        class_names the words.

    Raises:
        DataError: there is no such split, or a side is less than 24.

    Example:
        >>> from jaxgan.data.scenes import load_scenes
        >>> from jaxgan.data.sentences import to_sentences
        >>> scenes = load_scenes("test")
        >>> scenes.x.shape, scenes.y.shape
        ((2000, 32, 32, 3), (2000, 10))
        >>> to_sentences(scenes.y[1:2], scenes.class_names)
        ['a small green triangle']
    """
    sides = image_size or SIDE
    sides = sides if isinstance(sides, tuple) else (sides, sides)
    if split not in SPLITS:
        raise DataError(f"split={split} is none of the scenes; expected {', '.join(SPLITS)}")
    if min(sides) < _LEAST_SIDE:
        raise DataError(f"image_size={image_size}: scenes have sides of {_LEAST_SIDE} or more")
    random = np.random.default_rng(list(SPLITS).index(split))
    scenes = _scenes(random, SPLITS[split], unseen=split == "unseen")
    x = np.empty((len(scenes), *sides, 3), np.uint8)
    for start in range(0, len(scenes), _AT_ONCE):
        x[start : start + _AT_ONCE] = _drawn(scenes[start : start + _AT_ONCE], sides, random)
    y = to_tokens([str(scene) for scene in scenes], WORDS, LENGTH)
    return Dataset(x, y, "scenes", WORDS)


def read(sentence: str) -> Scene:
    """Read a sentence.

    Raises:
        DataError: it is not of the form of these sentences.

    Example:
        >>> from jaxgan.data.scenes import read
        >>> read("a small red circle above a blue square")  # doctest: +NORMALIZE_WHITESPACE
        Scene(things=(Thing(size='small', color='red', shape='circle'),
                      Thing(size='', color='blue', shape='square')), relation='above')
    """
    for relation in ("", *RELATIONS):
        parts = sentence.split(f" {relation} ") if relation else [sentence]
        things = [_thing(part) for part in parts]
        if len(things) == 1 + bool(relation) and all(things):
            return Scene(tuple(thing for thing in things if thing), relation)
    raise DataError(
        f"{sentence!r} is not understood; expected a sentence such as 'a small red circle' or "
        f"'a red circle above a large blue square'"
    )


def _thing(text: str) -> Thing | None:
    article, *words = text.split()
    if article != "a" or len(words) not in (2, 3):
        return None
    size, color, shape = ["", *words][-3:]
    is_one = size in ("", *SIZES) and color in COLORS and shape in SHAPES
    return Thing(size, color, shape) if is_one else None


def _scenes(random: np.random.Generator, n: int, *, unseen: bool) -> list[Scene]:
    """Choose what there is to see."""
    pairs = [(color, shape) for color in COLORS for shape in SHAPES]
    seen = [pair for pair in pairs if pair not in HELD_OUT]
    counts, relations = 1 + (random.random(n) < 0.75), list(RELATIONS)
    usual, sizes = random.integers(len(seen), size=(n, 2)), random.integers(3, size=(n, 2))
    rare, place = random.integers(len(HELD_OUT), size=n), random.integers(2, size=n)
    which = random.integers(len(relations), size=n)
    scenes = []
    for i, count in enumerate(counts):
        chosen = [seen[usual[i, k]] for k in range(count)]
        if unseen:
            chosen[place[i] % count] = HELD_OUT[rare[i]]
        things = [Thing(("", *SIZES)[sizes[i, k]], *pair) for k, pair in enumerate(chosen)]
        scenes.append(Scene(tuple(things), relations[which[i]] if count == 2 else ""))
    return scenes


def _drawn(
    scenes: Sequence[Scene], sides: tuple[int, int], random: np.random.Generator
) -> np.ndarray:
    """Draw scenes `[N, H, W, 3]`, from 0 to 255."""
    n = len(scenes)
    radii = np.zeros((n, 2))
    for i, scene in enumerate(scenes):
        for k, thing in enumerate(scene.things):
            radii[i, k] = random.uniform(*_RADII[thing.size or SIZES[random.integers(2)]])
    radii *= min(sides) / SIDE
    directions = np.array([RELATIONS.get(scene.relation, (0, 0)) for scene in scenes])
    centers = _centers(directions, radii, np.array(sides), random)
    x = np.full((n, *sides, 3), BACKGROUND, np.float32)
    for k in range(2):
        things = [scene.things[k] if k < len(scene.things) else None for scene in scenes]
        for shape in SHAPES:
            rows = np.array([i for i, one in enumerate(things) if one and one.shape == shape], int)
            colors = np.array([COLORS[one.color] for one in things if one and one.shape == shape])
            colors = colors + random.uniform(-_JITTER, _JITTER, (len(rows), 3))
            share = coverage(shape, radii[rows, k], centers[rows, k], sides)[..., np.newaxis]
            x[rows] += share * (colors[:, np.newaxis, np.newaxis] - x[rows])
    return x.round()


def _centers(
    directions: np.ndarray, radii: np.ndarray, sides: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Choose the centers of two shapes `[N, 2, 2]`, down and to the right."""
    n, unit = len(radii), min(sides) / SIDE
    distance = radii.sum(axis=1) + random.uniform(*_GAP, n) * unit
    across = random.uniform(-_ACROSS, _ACROSS, n) * distance
    offsets = np.zeros((n, 2, 2))
    offsets[:, 0] = directions * distance[:, None] + directions[:, ::-1] * across[:, None]
    low = (offsets - radii[..., None]).min(axis=1)
    high = (offsets + radii[..., None]).max(axis=1)
    room = np.maximum(0, (sides - (high - low)) / 2 - unit)
    moved = random.uniform(-1, 1, (n, 2)) * np.minimum(room, _MOVED * unit)
    return offsets + ((sides - high - low) / 2 + moved)[:, None]


def coverage(shape: str, radius: Any, center: Any, sides: tuple[int, int]) -> np.ndarray:
    """Return how much of each pixel a shape covers, `[..., H, W]` in [0, 1].

    Args:
        shape: one of SHAPES; squares are a little smaller, triangles stand on their base.
        radius: half of its width, `[...]`.
        center: of what encloses it, down and to the right, `[..., 2]`.
        sides: of the picture.

    Raises:
        ValueError: there is no such shape, or the radius is negative.

    Example:
        >>> from jaxgan.data.scenes import coverage
        >>> round(float(coverage("circle", 10, (16, 16), (32, 32)).sum() / 10**2), 2)
        3.14
    """
    if shape not in SHAPES:
        raise ValueError(f"shape is {shape!r}; expected {', '.join(SHAPES)}")
    radius, center = np.asarray(radius, np.float32), np.asarray(center, np.float32)
    if radius.size and not radius.min() >= 0:
        raise ValueError(f"radius is {radius.min()}; expected at least 0")
    radius, center = radius[..., None, None], center[..., None, None]
    down = np.arange(sides[0], dtype=np.float32)[:, None] + 0.5 - center[..., 0, :, :]
    right = np.abs(np.arange(sides[1], dtype=np.float32) + 0.5 - center[..., 1, :, :])
    if shape == "circle":
        distance = np.hypot(down, right) - radius
    elif shape == "square":
        distance = np.maximum(np.abs(down), right) - 0.9 * radius
    else:
        slope = (2 * right - down - radius) / np.float32(5**0.5)
        distance = np.maximum(slope, down - radius)
    return np.clip(0.5 - distance, 0, 1)
