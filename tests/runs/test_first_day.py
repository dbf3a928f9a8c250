"""The walk of docs/first_day.md, from pictures to a generator, typed again on small ones."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PAGE = (Path(__file__).parents[2] / "docs" / "first_day.md").read_text()
LESS = {
    "--steps=2000": "--steps=2 --width=4",
    "--samples=2000": "--samples=20",
    "--n=200": "--n=12",
}
"""What is typed in place of a number, since nobody looks at the result."""


def commands() -> list[str]:
    return re.findall(r"^\$ jaxgan-(.*)$", PAGE, re.MULTILINE)


@pytest.fixture
def horses(tmp_path, monkeypatch):
    """Forty pictures of noise in color, of different sizes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    Path("horses").mkdir()
    for i in range(40):
        picture = rng.integers(0, 256, (32 + i % 3, 40, 3), np.uint8)
        Image.fromarray(picture).save(f"horses/{i:04}.png")


def typed(line: str) -> str:
    """What a command prints."""
    for more, less in LESS.items():
        line = line.replace(more, less)
    name, *arguments = shlex.split(line)
    command = [sys.executable, "-m", f"jaxgan.runs.commands.{name}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"jaxgan-{line}: {done.stderr}"
    return done.stdout


def test_the_walk_of_a_first_day(horses):
    said = {line: typed(line) for line in commands()}
    data, train, evaluate, report, sample, export, card = said.values()
    assert "horses.zip: 40 pictures" in data
    assert "--augment=diffaugment" in train
    assert "cifar10/precision" in evaluate
    assert "runs/horses/report.html" in report
    assert len(list(Path("made").rglob("*.png"))) == 12, sample
    assert "horse-generator.zip" in export
    assert "cc-by-4.0" in Path(card.strip()).read_text()
    assert Path("runs/horses/samples/real.png").exists()
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(compile(code, "first_day.md", "exec"), names)
    assert names["pictures"].shape == (16, 32, 32, 3)
    assert names["pictures"].dtype == np.uint8
