"""The command that makes a data set of pictures."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]


def run(folder, *arguments):
    """Run the command in a folder; return its exit status, output and errors."""
    program = [sys.executable, str(ROOT / "experiments" / "data.py"), *arguments]
    environment = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        program, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def pets(tmp_path):
    for i, name in enumerate(["cats/a.png", "cats/b.png", "dogs/a.png"]):
        path = tmp_path / "my pets" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.effect_noise((30, 20), 20 + i).save(path)
    (tmp_path / "my pets" / "dogs" / "b.png").write_bytes(b"")
    return tmp_path


def test_what_is_made_is_a_data_set_and_the_report_says_what_it_holds(pets):
    status, output, _ = run(pets, "my pets", "out.zip", "--image_size=48x32", "--crop=pad")
    assert status == 0
    lines = output.splitlines()
    assert lines[0] == "out.zip: 3 pictures: cats 2, dogs 1"
    assert lines[1].startswith("left out: 1 damaged ('dogs/b.png')")
    assert lines[2] == "sizes found, HEIGHTxWIDTH: 20x30 3"
    assert "to use it:  --dataset=folder:out.zip" in lines
    with ZipFile(pets / "out.zip") as archive:
        assert archive.namelist() == ["cats/a.png", "cats/b.png", "dogs/a.png"]
        assert Image.open(archive.open("cats/a.png")).size == (32, 48)
    assert json.loads((pets / "out.json").read_text())["classes"] == {"cats": 2, "dogs": 1}
    assert (pets / "out.png").exists()


MISTAKES = {
    ("my pets",): "1 names are given; expected two",
    ("my pets", "out.zip", "more"): "3 names are given",
    ("my pets", "out.npz"): "OUT=out.npz: expected a name that ends in .zip",
    ("my pets", "no/out.zip"): "there is no directory",
    ("nothing", "out.zip"): "unknown data set 'nothing'",
    ("folder:nothing", "out.zip"): "give an existing one, or a zip file, source=folder:DIRECTORY",
    ("my pets", "out.zip", "--image_size=0x8"): "HEIGHTxWIDTH",
    ("my pets", "out.zip", "--crop=left"): "crop",
    ("my pets", "out.zip", "--background=nocolor"): "--background='nocolor' is no color",
}


@pytest.mark.parametrize("arguments", MISTAKES)
def test_mistakes_are_answered_in_one_line_and_nothing_is_written(pets, arguments):
    before = {path for path in pets.rglob("*") if "cache" not in path.parts}
    status, _, errors = run(pets, *arguments)
    assert status == 2, errors
    (line,) = errors.strip().splitlines()
    assert line.startswith("error: ")
    assert MISTAKES[arguments] in line
    assert {path for path in pets.rglob("*") if "cache" not in path.parts} == before
