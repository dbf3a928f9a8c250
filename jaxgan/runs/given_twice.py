"""Flags that are given twice: the last value counts, and nobody should have to find that out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from absl import flags

from jaxgan.runs.settings import ConfigError

FLAGFILE = "flags.txt"
"""The file in a workdir that holds the settings of its run."""


def check_given_once(argv: list[str], flag_values: flags.FlagValues = flags.FLAGS) -> list[str]:
    """Refuse what a flag file that comes later would undo, and list what was typed twice.

    A value in a file that comes first is a default, which a flag after it is meant to change.

    Args:
        argv: the command line, with flag files in the place of presets.
        flag_values: the flags that are defined.

    Returns:
        A line for each flag that was typed with two different values.

    Raises:
        ConfigError: a flag file gives another value to a flag that was typed before it.
    """
    typed: dict[str, Any] = {}
    twice = []
    for file, name, value in _assignments(argv[1:], flag_values):
        known = typed.get(name, value)
        if file and known != value:
            raise ConfigError(
                f"--{name}={known}: {_spelled(file)} comes after it and says --{name}={value}; put "
                f"flags of your own after it"
            )
        if not file:
            if known != value:
                twice.append(f"--{name} is given twice: {value} counts, and {known} does not")
            typed[name] = value
    return twice


def _assignments(
    arguments: list[str], flag_values: flags.FlagValues
) -> Iterator[tuple[str, str, Any]]:
    """Yield the file (or "" if it was typed), the name and the value of each flag, in order."""
    rest = list(arguments)
    while rest and rest[0] != "--":
        argument = rest.pop(0)
        name, equals, value = argument.lstrip("-").partition("=")
        if not argument.startswith("-"):
            continue
        if name == "flagfile":
            file = value if equals or not rest else rest.pop(0)
            lines = flag_values.read_flags_from_files([f"--flagfile={file}"])
            if Path(file).name == FLAGFILE:  # it speaks of the directory in which it lies
                lines.append(f"--workdir={Path(file).parent}")
            yield from ((file, *one[1:]) for one in _assignments(lines, flag_values))
            continue
        off = name not in flag_values and name.startswith("no")
        name = name.removeprefix("no") if off else name
        if name not in flag_values or isinstance(flag_values[name], flags.MultiFlag):
            continue  # absl says that it is not known; the values of a repeated one are all used
        flag = flag_values[name]
        if flag.boolean:
            value = value if equals else str(not off)
        elif not equals and rest:
            value = rest.pop(0)
        try:
            yield "", flag.name, flag.parser.parse(value)
        except ValueError:
            continue  # absl says what is wrong with it


def _spelled(file: str) -> str:
    path = Path(file)
    return f"--preset={path.stem}" if path.suffix == ".flags" else f"--flagfile={file}"
