"""Runs on sentences: what is drawn, shown, measured and refused."""

import json
from functools import partial

import jax
import numpy as np
import pytest
from networks import compilation
from PIL import Image
from untrained import run_of

from jaxgan import data
from jaxgan.checkpoint import digest
from jaxgan.data.scenes import WORDS
from jaxgan.data.sentences import to_tokens
from jaxgan.runs import exporting
from jaxgan.runs.asked import Asked
from jaxgan.runs.checks import check_against_data
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.data import load_whole
from jaxgan.runs.drawing import Drawing, write
from jaxgan.runs.measures.answers import Question
from jaxgan.runs.training import loop
from jaxgan.runs.variants import VARIANTS

SAID = ["a small red circle above a blue square", "a green triangle"]
SMALL = {"width": 4, "latent_dim": 4, "text_dim": 8, "batch_size": 4, "split": "test"}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


@pytest.fixture(scope="module")
def run():
    return run_of("text_to_image", **SMALL)


def drawn(run, path, **settings):
    return write(run, Drawing(VARIANTS[run.config.recipe].options(), **settings), path)


def test_sentences_are_drawn_in_turn_each_beside_its_samples(run, tmp_path):
    drawn(run, tmp_path / "x.npz", text=SAID, n=5)
    with np.load(tmp_path / "x.npz") as arrays:
        tokens = to_tokens(SAID, WORDS, 10)
        np.testing.assert_array_equal(arrays["labels"], tokens[[0, 1, 0, 1, 0]])
        assert arrays["samples"].shape == (5, 32, 32, 3)
    drawn(run, tmp_path / "x.png", text=SAID, n=30)
    with Image.open(tmp_path / "x.png") as image:
        assert image.size[0] > 10 * 66 + 4.5 * len(SAID[0])  # the sentence is not cut short
        assert image.size[1] == 2 * (2 * 66 + 2)  # samples of 32 pixels are enlarged
    drawn(run, tmp_path / "x.gif", text=SAID, n=2, interpolate=2)


def test_samples_depend_on_what_is_said(run):
    texts = to_tokens([*SAID, SAID[0]], WORDS, 10)
    samples, _ = Asked(3, seeds=np.array([4, 4, 4]), classes=texts[[1]]).draw(run)
    np.testing.assert_array_equal(samples[0], samples[2])
    other, _ = Asked(1, seeds=np.array([4]), classes=texts[[0]]).draw(run)
    assert (other[0] != samples[0]).any()


def test_a_folder_says_what_was_drawn_and_goes_on(run, tmp_path):
    drawn(run, tmp_path / "out", text=SAID, n=3)
    assert drawn(run, tmp_path / "out", text=SAID, n=4) == "4 samples, 1 of them new"
    record = json.loads((tmp_path / "out" / "samples.json").read_text())
    assert record["classes"] == SAID
    assert len(list((tmp_path / "out").glob("*.png"))) == 4
    with pytest.raises(ConfigError, match="holds samples of another kind"):
        drawn(run, tmp_path / "out", text=SAID[:1], n=4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, r"^--text: expected a sentence of the words a, small, .*, of$"),
        ({"text": ["a pink circle"]}, r"^--text: 'pink' is not a word it knows; expected a, small"),
        ({"text": ["a " * 11]}, r"^--text: .* has 11 words; expected 1 to 10$"),
        ({"label": "red"}, r"^--label=red: the run was trained on sentences; give --text"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(run, settings, message, tmp_path):
    with pytest.raises(ConfigError, match=message) as error:
        drawn(run, tmp_path / "x.png", **settings)
    assert "\n" not in str(error.value)


def test_other_runs_take_no_sentences_and_these_are_not_exported(run, tmp_path):
    with pytest.raises(ConfigError, match=r"^--text=a red circle: .* not trained on sentences"):
        drawn(run_of("infogan"), tmp_path / "x.png", text=["a red circle"])
    with pytest.raises(ConfigError, match="draws sentences, which the exported files do not take"):
        exporting.write(run, tmp_path / "g.stablehlo", "stablehlo")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"recipe": "text_to_image", "dataset": "digits"}, "it has no sentences; .* scenes"),
        ({"recipe": "acgan", "dataset": "scenes"}, "scenes has sentences, no labels"),
        ({"recipe": "gan", "dataset": "scenes", "conditional": True}, "has sentences, no labels"),
        ({"recipe": "pix2pix", "dataset": "scenes"}, "has no second pictures"),
    ],
)
def test_data_of_another_kind_are_refused(settings, message):
    config = make(split="test" if settings["dataset"] == "scenes" else "train", **settings)
    with pytest.raises(ConfigError, match=message):
        check_against_data(config, load_whole(config.data))


def test_what_samples_show_is_measured_for_seen_and_unseen_pairs(run, monkeypatch):
    """Samples that are right where the sentence is of the test split, and noise elsewhere."""
    seen = data.load("scenes", split="test")
    pictures = {tuple(y): x for x, y in zip(seen.x, seen.y, strict=True)}
    blank = np.zeros((32, 32, 3), np.uint8)

    def draw(self, z, y):
        assert len(z) == len(y)
        return np.stack([pictures.get(tuple(one), blank) for one in y])

    monkeypatch.setattr(type(run), "draw", draw)
    load = partial(load_whole, run.config.data)
    question = Question(run, seen, load_trained_on=load, load_unseen=load, key=jax.random.key(0))
    (measure,) = VARIANTS["text_to_image"].measures
    rows = {row.name: row for row in measure(question)}
    assert rows["asked/seen_all"].value > 0.99
    assert rows["asked/unseen_all"].value < 0.01
    for row in rows.values():
        assert row.real > 0.99
        assert row.noise < (0.02 if row.name.endswith("all") else 0.6)


@pytest.mark.slow  # it compiles the steps
def test_a_run_resumes_to_the_same_bits(tmp_path):
    def state_after(steps, name):
        config = make(
            recipe="text_to_image",
            **SMALL,
            steps=steps,
            steps_per_call=1,
            parallel="jit",
            workdir=str(tmp_path / name),
        )
        return digest(loop.run(config).state)

    straight, half = state_after(4, "straight"), state_after(2, "stopped")
    assert straight == state_after(4, "stopped") != half
