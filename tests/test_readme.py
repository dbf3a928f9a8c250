import re
import runpy
import subprocess
import sys
from pathlib import Path

import own_loop
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def test_the_loop_of_the_readme_runs_as_it_stands(tmp_path, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(code.strip().splitlines()) <= 32
    path = tmp_path / "readme.py"
    path.write_text(code)
    runpy.run_path(str(path))
    assert "nan" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_example_trains_one_seed_and_then_eight(capsys):
    modes = own_loop.main(steps=500)
    assert modes.shape == (8,)
    # Untrained generators find none: their samples lie around the center of the ring.
    assert modes.sum() >= 8, capsys.readouterr().out


def test_what_the_readme_names_is_there():
    for path in re.findall(r"(?:benchmarks|experiments|docs|examples|jaxgan)/[\w/.]+\w", README):
        assert (ROOT / path).exists(), path


PRESETS = ROOT / "experiments" / "presets"
ROWS = dict(re.findall(r"^\|.*/presets/(\w+)\.flags\) \|[^|]*\|([^|]*)\|", README, re.MULTILINE))


def head(preset):
    lines = (PRESETS / f"{preset}.flags").read_text().splitlines()
    return " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))


def test_every_preset_that_was_trained_has_a_row():
    heads = {path.stem: head(path.stem) for path in PRESETS.glob("*.flags")}
    assert ROWS.keys() == {name for name, text in heads.items() if "not run here" not in text}


@pytest.mark.parametrize("preset", ROWS)
def test_numbers_of_a_row_are_those_that_the_head_of_the_preset_gives(preset):
    measured = re.sub(r"\(docs[^)]*\)", "", ROWS[preset])
    for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", measured):
        assert re.search(rf"(?<![\d.]){re.escape(number)}(?!\d|\.\d)", head(preset)), number


def test_every_flag_that_the_readme_names_is_one():
    known = ""
    for command in ("train", "sample", "evaluate"):
        program = [sys.executable, "-m", f"jaxgan.runs.commands.{command}", "--help"]
        known += subprocess.run(program, capture_output=True, text=True, check=True).stdout
    for name in re.findall(r"--(\w+)=", README):
        assert re.search(rf"--(\[no\])?{name}: ", known) or name == "flagfile", name


def test_the_example_of_the_metrics_runs_as_it_stands(tmp_path, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/metrics.md").read_text(), re.DOTALL)
    path = tmp_path / "metrics.py"
    path.write_text(code)
    runpy.run_path(str(path))
    assert "PrecisionRecall" in capsys.readouterr().out


@pytest.mark.parametrize("module", ["jaxgan.core", "jaxgan.types", "jaxgan.losses"])
def test_the_engine_needs_no_network_library(module):
    source = Path(sys.modules["jaxgan"].__file__).parent / f"{module.split('.')[1]}.py"
    assert not re.search(r"^\s*(import|from) (flax|haiku|equinox|orbax)", source.read_text(), re.M)
