"""The library names its own arguments, in its messages and docs; flags belong to the commands."""

import ast
import re
from pathlib import Path

import pytest

import jaxgan

PACKAGE = Path(jaxgan.__file__).parent
RUNS = PACKAGE / "runs"  # the commands, which have flags
FILES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for path in PACKAGE.rglob("*.py")
    if not path.is_relative_to(RUNS)
)
FLAG = re.compile(r"(?<![\w-])--[a-z]")
# A message may say what to install; the options of these commands are not ours.
OTHER_COMMANDS = re.compile(r"\b(pip|apt-get) install( --[a-z-]+)*")


def flags(source):
    """The strings of a module, docstrings among them, that name a flag, with their lines."""
    return [
        f"line {node.lineno}: {node.value.strip()}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and FLAG.search(OTHER_COMMANDS.sub("", node.value))
    ]


def test_flags_are_found_wherever_they_stand():
    source = '"""See --docs."""\nf"{1} (--split)"\n"a--b, pip install --upgrade c: ---"'
    assert flags(source) == ["line 1: See --docs.", "line 2: (--split)"]


@pytest.mark.parametrize("name", FILES)
def test_no_string_of_the_library_names_a_flag(name):
    assert flags((PACKAGE / name).read_text()) == []
