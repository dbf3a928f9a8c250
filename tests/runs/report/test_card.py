"""The model card says what the files of a run say, in Markdown that cannot be broken from there."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from report_pages import bare, evaluation, hostile, jsonl, whole

from jaxgan.checkpoint import Checkpoints
from jaxgan.runs.config import ConfigError
from jaxgan.runs.report import card
from jaxgan.runs.report.write import write_card
from jaxgan.runs.settings import RATES

NOTES = {"shape": [32, 48, 3], "examples": 4321, "class_names": ["cat", "dog|wolf"], "source": []}


def card_of(workdir, **given) -> tuple[dict, str]:
    """The head of a card, and what follows it."""
    _, head, text = write_card(workdir, **given).read_text().split("---\n", 2)
    pairs = (line.split(": ", 1) for line in head.splitlines())
    return {name: json.loads(value) for name, value in pairs}, text


@pytest.fixture
def run(tmp_path):
    """A run of a folder, with a checkpoint."""
    path = whole(
        tmp_path / "pets", dataset="folder:/home/me/secret/pets", conditional=True, g_lr=1e-4
    )
    with Checkpoints(path / "checkpoints") as checkpoints:
        checkpoints.save(400, {"w": np.ones(1)}, NOTES)
    return path


def test_a_card_says_what_the_run_is(run):
    head, text = card_of(run, license_name="cc-by-4.0")
    assert head["license"] == "cc-by-4.0"
    assert head["pipeline_tag"] == "unconditional-image-generation"
    (result,) = head["model-index"][0]["results"]
    assert result["dataset"]["name"] == "folder:pets"
    assert result["metrics"] == [
        {"type": "frechet_distance", "name": "digits/frechet_distance", "value": 12.25}
    ]
    assert "https://arxiv.org/abs/1406.2661" in text
    assert "| 12.2 ± 0.5 | 0.875 | 310 | lower | 5,000 |" in text
    assert "4,321 examples of 32x48x3. It was shown the labels: cat, dog\\|wolf." in text
    assert "400 steps; the discriminator saw 25,600 real examples" in text
    assert "](samples/step_00000400.png)" in text
    assert "cannot be compared with FID" in text
    assert "has not been measured" in text  # whether samples are copies
    assert "At step 200 the monitor said" not in text  # it has no level here


def test_a_card_does_not_tell_where_the_author_keeps_things(run):
    text = write_card(run).read_text()
    assert "secret" not in text
    assert str(run.parent) not in text


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("3000 examples of folder:/home/me/pets/train", "3000 examples of folder:pets/train"),
        ("5 of folder:/home/me/pets/train[:90%]", "5 of folder:pets/train[:90%]"),
        ("unpaired:folder:/a/b/cats,folder:dogs", "unpaired:folder:cats,folder:dogs"),
        ("folder:/a/b/pets.zip", "folder:pets.zip"),
        ("digits/train", "digits/train"),
    ],
)
def test_of_a_folder_only_its_name_is_told(name, told):
    assert card._unplaced(name) == told


def test_the_command_on_a_card_is_that_of_the_run(run):
    _, text = card_of(run)
    command = text.split("```")[1].replace("\\\n", " ").split()
    assert command == [
        "jaxgan-train",
        "--recipe=gan",
        "--dataset=folder:pets",
        "--conditional",
        "--g_lr=0.0001",
    ]


def test_what_was_said_and_changed_on_the_way_is_on_the_card(run):
    warning = {"state": "collapse", "level": "warning", "text": "collapse: for 500 steps"}
    over = {"state": "collapse", "level": "good", "text": "collapse: over"}
    jsonl(run / "changes.jsonl", [{"step": 300, RATES[0]: [0.001, 0.0001]}])
    jsonl(run / "monitor.jsonl", [{"step": 200, **warning}])
    found = evaluation()
    found["rows"].append({"name": "pixels/copied", "title": "share of copies", "value": 0.125})
    (run / "evaluation" / "step_00000400.json").write_text(json.dumps(found))
    _, text = card_of(run)
    assert f"`--{RATES[0]}` was 0.001 until step 300." in text
    assert "At step 200 the monitor said: collapse: for 500 steps" in text
    assert "12.5% of the samples are nearer" in text
    jsonl(run / "monitor.jsonl", [{"step": 200, **warning}, {"step": 400, **over}])
    assert "the monitor said" not in card_of(run, out=run / "again.md")[1]


def test_a_run_that_has_hardly_begun_has_a_card(tmp_path):
    head, text = card_of(bare(tmp_path / "new"))
    assert head["license"] == "unknown"
    assert "It has not been evaluated." in text
    assert "](" not in text.replace("](https://arxiv.org", "")


def test_names_cannot_become_markdown(tmp_path):
    _, text = card_of(hostile(tmp_path / "bad"))
    pieces = text.split("```")  # every second one is code, where everything is literal
    assert "<img" in pieces[1]
    assert "<" not in re.sub(r"\\.", "", "".join(pieces[::2]))


def test_a_card_that_exists_is_not_overwritten(run):
    write_card(run).write_text("edited by hand")
    with pytest.raises(ConfigError, match=r"README.md exists, and may have been edited"):
        write_card(run)
    assert (run / "README.md").read_text() == "edited by hand"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--license=mit"], "--license: it is a line of the model card; add --card"),
        (["a", "b", "--card"], "--card: expected one run, got 2"),
    ],
)
def test_mistakes_are_told_in_one_line(arguments, said):
    command = [sys.executable, "-m", "jaxgan.runs.commands.report", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, f"error: {said}\n")
