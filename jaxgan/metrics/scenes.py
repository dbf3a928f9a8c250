"""Whether pictures show what their sentences say, read from their pixels."""

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import ndimage  # a dependency of JAX itself

from jaxgan._checks import check_array
from jaxgan.data.scenes import BACKGROUND, COLORS, RELATIONS, SHAPES, SIDE, Scene, coverage, read
from jaxgan.metrics.checks import MetricError, as_array

__all__ = ["PARTS", "Found", "found", "shows"]

PARTS = ("color", "shape", "size", "relation", "all")
"""What is scored: each part alone, and whether everything is right."""

_CONTRAST = 90  # levels between a shape and the background, half of that of the palest color
_LEAST_AREA = 16.0  # pixels of 32x32; the smallest triangles have 32
_LARGE = 5.5  # radius from which a shape is large
_LEAST_OVERLAP = 0.7
_AREAS = {"circle": np.pi, "square": 1.8**2, "triangle": 2.0}  # of radius 1


class Found(NamedTuple):
    """A shape that was found in a picture.

    Attributes:
        size: "small" or "large", by its area.
        color: the nearest of the colors.
        shape: the shape that it overlaps most, or "" if it is like none of them.
        center: of what encloses it, down and to the right.
    """

    size: str
    color: str
    shape: str
    center: tuple[float, float]


def found(picture: Any) -> list[Found]:
    """Find the shapes of a picture: connected pixels that differ from the background.

    The color is that nearest to their median. The shape is that which overlaps them most (IoU, at
    least 0.7) if it is drawn with their area and center; pixels at the edge count in part.

    Args:
        picture: uint8 `[H, W, 3]`.

    Raises:
        ValueError: it has another shape or type.

    Example:
        >>> from jaxgan.data.scenes import load_scenes
        >>> from jaxgan.metrics.scenes import found
        >>> [one[:3] for one in found(load_scenes("test").x[1])]
        [('small', 'green', 'triangle')]
    """
    check_array("picture", picture, "[H, W, 3]", "uint8")
    above = np.asarray(picture, np.float32) - np.array(BACKGROUND, np.float32)
    pieces = _pieces(np.abs(above).max(axis=-1) > _CONTRAST)
    scale = min(pieces.shape) / SIDE
    shapes = []
    places: list = ndimage.find_objects(pieces)
    for i, place in enumerate(places, start=1):
        mask = pieces[place] == i
        if mask.sum() < _LEAST_AREA * scale**2:
            continue
        median = np.median(above[place][mask], axis=0)
        color = min(COLORS, key=lambda name: np.linalg.norm(median + BACKGROUND - COLORS[name]))
        center = tuple((side.start + side.stop) / 2 for side in place)
        around = tuple(slice(max(0, side.start - 1), side.stop + 1) for side in place)
        share = np.clip(above[around] @ median / (median @ median), 0, 1)
        share[(pieces[around] != i) & (pieces[around] > 0)] = 0
        shape = _shape(share)
        radius = np.sqrt(share.sum() / _AREAS[shape or "circle"])
        size = "large" if radius >= _LARGE * scale else "small"
        shapes.append(Found(size, color, shape, center))
    return shapes


def _pieces(full: np.ndarray) -> np.ndarray:
    """Number the connected pixels, from 1; 0 is the background."""
    pieces = np.zeros(full.shape, np.int32)
    ndimage.label(full, output=pieces)
    return pieces


def shows(x: Any, sentences: Sequence[str]) -> dict[str, np.ndarray]:
    """Return whether each picture shows what its sentence says, part by part.

    The shapes that are found are matched with those that are asked for so that most is right. A
    part is right if it is so for all shapes; `all` also wants that there are as many as are asked
    for. A size that is not said is right, and so is the relation of a single shape.

    Args:
        x: uint8 `[N, H, W, 3]`.
        sentences: the sentences, N of them.

    Returns:
        bool `[N]` for each of PARTS.

    Raises:
        MetricError: x has another shape or type, or there is not one sentence for each picture.
        DataError: a sentence is not understood.

    Example:
        >>> from jaxgan.data.scenes import load_scenes
        >>> from jaxgan.metrics.scenes import shows
        >>> x = load_scenes("test").x[1:2]  # a small green triangle
        >>> right = shows(x, ["a large green triangle"])
        >>> {part: bool(one[0]) for part, one in right.items()}
        {'color': True, 'shape': True, 'size': False, 'relation': True, 'all': False}
    """
    x = as_array("x", x)
    if x.dtype != np.uint8 or x.ndim != 4 or x.shape[3] != 3:
        raise MetricError(f"x is {x.dtype} {x.shape}; expected uint8 pictures [N, H, W, 3]")
    if len(x) != len(sentences):
        raise MetricError(
            f"there are {len(sentences)} sentences; expected one for each of {len(x)}"
        )
    right = [_right(found(one), read(said)) for one, said in zip(x, sentences, strict=True)]
    return dict(zip(PARTS, np.array(right, bool).reshape(-1, len(PARTS)).T, strict=True))


def _right(shapes: Sequence[Found], scene: Scene) -> tuple[bool, ...]:
    """Return which of PARTS are right, under the best way to match shapes."""
    count = len(scene.things)
    matches = itertools.permutations(shapes, count)
    scores = [_matched(match, scene) for match in matches]
    best = max(scores, key=sum, default=(False,) * (len(PARTS) - 1))
    return *best, all(best) and len(shapes) == count


def _matched(shapes: Sequence[Found], scene: Scene) -> tuple[bool, ...]:
    pairs = list(zip(shapes, scene.things, strict=True))
    return (
        all(one.color == thing.color for one, thing in pairs),
        all(one.shape == thing.shape for one, thing in pairs),
        all(thing.size in ("", one.size) for one, thing in pairs),
        not scene.relation or _relation(*shapes) == scene.relation,
    )


def _relation(first: Found, second: Found) -> str:
    """Return how the first stands to the second: along the axis on which they are further apart."""
    offset = np.subtract(first.center, second.center)
    return max(RELATIONS, key=lambda name: offset @ np.array(RELATIONS[name]))


def _shape(share: np.ndarray) -> str:
    """Return the shape that overlaps pixels most, which count by their shares."""
    overlaps = {shape: _overlap(share, shape) for shape in SHAPES}
    best = max(overlaps, key=lambda shape: overlaps[shape])
    return best if overlaps[best] >= _LEAST_OVERLAP else ""


def _overlap(share: np.ndarray, shape: str) -> float:
    """Return intersection over union with a shape of the same area and center of mass."""
    area = share.sum()
    down, right = (float(np.average(axis + 0.5, weights=share)) for axis in np.indices(share.shape))
    radius = np.sqrt(area / _AREAS[shape])
    if shape == "triangle":  # two thirds of its height are above its center of mass
        down -= radius / 3
    ideal = coverage(shape, radius, (down, right), share.shape)
    return float(np.minimum(share, ideal).sum() / np.maximum(share, ideal).sum())
