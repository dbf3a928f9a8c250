"""Scenes show what their sentences say, and some pairs of words are kept from training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxgan.data import DataError, load
from jaxgan.data.scenes import (
    BACKGROUND,
    COLORS,
    HELD_OUT,
    LENGTH,
    RELATIONS,
    SHAPES,
    SIZES,
    SPLITS,
    WORDS,
    Scene,
    Thing,
    coverage,
    load_scenes,
    read,
)
from jaxgan.data.sentences import to_sentences, to_tokens

THINGS = st.builds(
    Thing, st.sampled_from(("", *SIZES)), st.sampled_from(list(COLORS)), st.sampled_from(SHAPES)
)
SCENES = st.one_of(
    st.builds(lambda thing: Scene((thing,)), THINGS),
    st.builds(lambda a, b, how: Scene((a, b), how), THINGS, THINGS, st.sampled_from([*RELATIONS])),
)


@given(SCENES)
def test_sentences_are_read_as_they_are_said(scene):
    tokens = to_tokens([str(scene).upper() + "."], WORDS, LENGTH)
    assert tokens.dtype == np.int32
    assert [read(said) for said in to_sentences(tokens, WORDS)] == [scene]


def test_what_is_not_known_is_said_in_one_line_with_the_words():
    with pytest.raises(
        DataError, match=r"^'pink' is not a word it knows; expected a, small, .*of$"
    ):
        to_tokens(["a pink circle"], WORDS, LENGTH)
    with pytest.raises(DataError, match="has 0 words; expected 1 to 10"):
        to_tokens([" . "], WORDS, LENGTH)


@pytest.mark.parametrize("split", SPLITS)
def test_each_split_has_the_pairs_that_it_should(split):
    scenes = load("scenes", split=split)
    assert scenes.x.shape == (SPLITS[split], 32, 32, 3)
    assert (scenes.class_names, scenes.has_sentences, scenes.has_pictures) == (WORDS, True, False)
    held_out = [
        any(thing[1:] in HELD_OUT for thing in read(said).things)
        for said in to_sentences(scenes.y, WORDS)
    ]
    assert all(held_out) if split == "unseen" else not any(held_out)
    # Every word is learned in training, also those of pairs that are not.
    assert set(np.unique(scenes.y)) == set(range(-1, len(WORDS)))


def test_always_the_same_and_slices_are_of_their_split():
    scenes = load_scenes("test")
    part = load("scenes", split="test[:10%]")
    np.testing.assert_array_equal(part.x, scenes.x[:200])
    np.testing.assert_array_equal(part.y, scenes.y[:200])
    with pytest.raises(
        DataError, match="has no split 'val': expected split=train or split=test or"
    ):
        load("scenes", split="val")


@pytest.mark.parametrize("shape", SHAPES)
def test_shapes_cover_their_area_wherever_they_are(shape):
    area = {"circle": np.pi, "square": 1.8**2, "triangle": 2.0}[shape]
    random = np.random.default_rng(0)
    centers = random.uniform(10, 22, (20, 2))
    covered = coverage(shape, np.full(20, 8.0), centers, (32, 32)).sum(axis=(1, 2))
    np.testing.assert_allclose(covered, area * 8**2, rtol=0.02)


def test_pictures_are_of_one_or_two_colors_on_the_background():
    scenes = load_scenes("test", (24, 40))
    assert scenes.x.shape == (2000, 24, 40, 3)
    border = np.pad(np.zeros((22, 38), bool), 1, constant_values=True)
    differ = np.abs(scenes.x[:, border].astype(int) - BACKGROUND).max(axis=(1, 2))
    assert np.mean(differ == 0) > 0.9  # shapes stay within the picture, but for their edges
    assert np.mean(differ) < 2
