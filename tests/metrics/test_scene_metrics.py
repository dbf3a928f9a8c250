"""What pictures show is read from their pixels: right for real ones, wrong for others."""

import numpy as np
import pytest

from jaxgan.data.scenes import BACKGROUND, COLORS, SHAPES, WORDS, coverage, load_scenes, read
from jaxgan.data.sentences import to_sentences
from jaxgan.metrics.scenes import PARTS, found, shows


def drawn(*things):
    """A picture `[1, 32, 32, 3]` of shapes, colors, radii and centers."""
    x = np.full((32, 32, 3), BACKGROUND, np.float32)
    for shape, color, radius, center in things:
        share = coverage(shape, radius, center, (32, 32))[..., None]
        x += share * (np.float32(COLORS[color]) - x)
    return x.round().astype(np.uint8)[None]


def right(x, said):
    return {part for part, one in shows(x, [said]).items() if one[0]}


@pytest.mark.parametrize("image_size", [None, 24, (40, 64)])
@pytest.mark.parametrize("split", ["test", "unseen"])
def test_real_pictures_show_what_they_say(split, image_size):
    scenes = load_scenes(split, image_size)
    said = to_sentences(scenes.y[:400], WORDS)
    scores = {part: np.mean(one) for part, one in shows(scenes.x[:400], said).items()}
    assert list(scores) == list(PARTS)
    assert min(scores.values()) >= 0.99


def test_pictures_of_other_sentences_do_not():
    scenes = load_scenes("test")
    said = to_sentences(scenes.y[:400], WORDS)
    scores = {part: np.mean(one) for part, one in shows(scenes.x[1:401], said).items()}
    assert scores["all"] < 0.02
    assert max(scores["color"], scores["shape"]) < 0.3


BOTH = drawn(("circle", "red", 3.5, (7, 16)), ("square", "blue", 6.3, (22, 15)))


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("a red circle above a blue square", set()),
        ("a small red circle above a large blue square", set()),
        ("a blue square below a red circle", set()),
        ("a green circle above a blue square", {"color"}),
        ("a red triangle above a blue square", {"shape"}),
        ("a large red circle above a blue square", {"size"}),
        ("a red circle below a blue square", {"relation"}),
        ("a red circle left of a blue square", {"relation"}),
        ("a blue square above a red circle", {"relation"}),
        ("a small red circle", set()),  # but there is more
    ],
)
def test_each_part_is_scored_alone(said, wrong):
    whole = not wrong and len(read(said).things) == 2
    expected = set(PARTS) - wrong - (set() if whole else {"all"})
    assert right(BOTH, said) == expected


@pytest.mark.parametrize("color", COLORS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_pair_is_recognized_in_either_size(shape, color):
    for size, radius in ("small", 3.4), ("large", 6.2):
        (one,) = found(drawn((shape, color, radius, (15.3, 16.8)))[0])
        assert one[:3] == (size, color, shape)


def test_empty_pictures_and_noise_show_nothing():
    noise = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), np.uint8)
    for x in drawn(), noise:
        assert "all" not in right(x, "a red circle above a blue square")
    assert found(drawn()[0]) == []


def test_specks_are_no_shapes_but_a_third_shape_counts():
    circle = ("circle", "red", 6.0, (16, 10))
    speck = drawn(circle, ("square", "red", 1.0, (5, 27)))
    third = drawn(circle, ("square", "red", 3.5, (5, 27)))
    assert "all" in right(speck, "a red circle")
    assert "all" not in right(third, "a red circle")


def test_a_bar_is_no_shape():
    x = drawn()
    x[0, 14:18, 4:28] = COLORS["green"]
    (one,) = found(x[0])
    assert (one.color, one.shape) == ("green", "")
