"""Every GAN has one room, and nobody outside of it knows it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jaxgan.runs.variants import VARIANTS

ROOT = Path(__file__).parents[2]
RUNS = ROOT / "jaxgan" / "runs"
LIST = RUNS / "variants" / "__init__.py"
OUTSIDE = sorted({*RUNS.rglob("*.py"), *(ROOT / "experiments").glob("*.py")} - {LIST})


# `gan` is the word for all of them.
@pytest.mark.parametrize("name", sorted(set(VARIANTS) - {"gan"}))
def test_one_module_mentions_a_gan(name):
    word = re.compile(rf"\b{name}\b", re.IGNORECASE)
    assert [path for path in OUTSIDE if word.search(path.read_text())] == [
        RUNS / "variants" / f"{name}.py"
    ]


def test_nothing_outside_asks_which_recipe_it_is():
    """Compared are neither `recipe` nor `config.recipe`, and nothing is looked up by a name."""
    for path in OUTSIDE:
        if path.parent == RUNS / "variants":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            words = {
                one.value
                for one in ast.walk(node)
                if isinstance(node, ast.Compare | ast.Subscript | ast.match_case)
                and isinstance(one, ast.Constant)
                and isinstance(one.value, str)
            }
            assert not words & (VARIANTS.keys() - {"gan"}), f"{path}:{node}"  # pyright: ignore[reportGeneralTypeIssues]


def test_the_library_below_does_not_know_of_runs():
    for path in (ROOT / "jaxgan").rglob("*.py"):
        if RUNS in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(f"{node.module}.{one.name}" for one in node.names)]
            found = [name for name in names if name.startswith("jaxgan.runs")]
            if path == ROOT / "jaxgan" / "__init__.py":  # the two functions of ADR 16, for readers
                found = [name for name in found if not name.startswith("jaxgan.runs.loading")]
            assert not found, path


def test_to_import_the_library_imports_no_runs():
    program = "import sys, jaxgan, jaxgan.export; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert not [name for name in done.stdout.split() if name.startswith("jaxgan.runs")]


@pytest.mark.parametrize("path", sorted((ROOT / "experiments").glob("*.py")), ids=lambda p: p.stem)
def test_scripts_are_thin_doors(path):
    assert len(path.read_text().splitlines()) <= 10
