"""Command-line flags: their definitions from a run's settings, and the parsing of command lines.

A flag has no default of its own: if it is not given, `config.make` decides, which knows the GAN.
"""

import dataclasses
import math
import sys
import typing
from logging import Formatter
from pathlib import Path
from typing import Any

from absl import flags, logging

from jaxgan.runs.config import Config, catalog, make
from jaxgan.runs.given_twice import FLAGFILE, check_given_once
from jaxgan.runs.settings import GROUPS, ConfigError, Size, check_text, largest, size_of
from jaxgan.runs.variants import MODELS, VARIANTS


class _Text(flags.ArgumentParser):
    """A parser of text that fits in a line of a flag file."""

    def parse(self, argument: Any) -> str:
        check_text(argument)
        return argument


class _Whole(flags.IntegerParser):
    """A parser of whole numbers whose size is limited."""

    def __init__(self, name: str, low: float | None, high: float | None):
        super().__init__(low, high)  # pyright: ignore[reportArgumentType]
        self._most = largest(name, int)

    def convert(self, argument: Any) -> int:
        value = super().convert(argument)
        if abs(value) > self._most:
            raise ValueError(f"expected at most {self._most}")
        return value


class _Size(flags.ArgumentParser):
    """A parser of the size of images."""

    def parse(self, argument: Any) -> Size:
        return size_of(str(argument))


class _Finite(flags.FloatParser):
    """A parser of finite numbers whose size is limited, which refuses `nan` and `inf`."""

    def __init__(self, name: str, low: float | None, high: float | None):
        super().__init__(low, high)
        self._most = largest(name, float)

    def convert(self, argument: Any) -> float:
        value = super().convert(argument)
        if not math.isfinite(value):
            raise ValueError("expected a finite number")
        if abs(value) > self._most:
            raise ValueError(f"expected at most {self._most:g}")
        return value


def define(
    name: str,
    kind: Any,
    text: str,
    *,
    default: Any = None,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    repeated: bool = False,
    required: bool = False,
    section: str = "flags of this command",
    flag_values: flags.FlagValues = flags.FLAGS,
) -> None:
    """Define a flag.

    Args:
        name: name of the flag.
        kind: str, int, float, bool or `settings.Size`.
        text: description in `--help`.
        default: value if it is not given.
        low: smallest number that is allowed.
        high: largest number that is allowed.
        choices: allowed values of a string.
        repeated: whether it may be given several times.
        required: whether it has to be given.
        section: section of the help page.
        flag_values: where to define it.
    """
    where: dict[str, Any] = {"flag_values": flag_values, "module_name": section}
    where |= {"required": True} if required else {}
    if choices:
        flags.DEFINE_enum(name, default, list(choices), text, **where)
    elif kind is bool:
        flags.DEFINE_bool(name, default, text, **where)
    else:
        numbers = {int: _Whole, float: _Finite}
        parser = numbers[kind](name, low, high) if kind in numbers else _Text()
        parser = _Size() if kind == Size else parser
        make = flags.DEFINE_multi if repeated else flags.DEFINE
        many = {"name": name, "default": default, "help": text}
        make(parser, serializer=flags.ArgumentSerializer(), **many, **where)


def define_options(groups: dict[str, type], flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define a flag for every field of these dataclasses, which are given by their owners.

    Flags that several owners share have a section of their own.
    """
    owners: dict[str, list[str]] = {}
    for owner, group in groups.items():
        for field in dataclasses.fields(group):
            owners.setdefault(field.name, []).append(owner)
    defined = set()
    for group in groups.values():
        for field in dataclasses.fields(group):
            if field.name not in defined:
                defined.add(field.name)
                _define_field(field, owners[field.name], flag_values)


def _define_field(
    field: dataclasses.Field, owners: list[str], flag_values: flags.FlagValues
) -> None:
    about, several = field.metadata, len(owners) > 1
    kinds = [kind for kind in typing.get_args(field.type) if kind is not type(None)]
    define(
        field.name,
        kinds[0] if kinds and field.type != Size else field.type,
        about["text"] + (f", with {', '.join(owners)}" if several else ""),
        low=about["low"],
        high=about["high"],
        choices=tuple(MODELS) if field.name == "model" else about["choices"],
        repeated=about["repeated"],
        section="with some only" if several else _section(owners[0]),
        flag_values=flag_values,
    )


def _section(owner: str) -> str:
    return f"only with {owner}" if owner.startswith("--") else owner


def define_settings(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags of a run's settings."""
    define(
        "recipe",
        str,
        "the GAN to train (default: gan)",
        choices=tuple(VARIANTS),
        section="which GAN",
        flag_values=flag_values,
    )
    groups = {f"settings of the {name}": group for name, group in GROUPS.items()}
    groups |= {f"--recipe={name}": one.settings for name, one in VARIANTS.items()}
    groups |= {f"--model={name}": one.settings for name, one in MODELS.items()}
    define_options({owner: _with_defaults(group) for owner, group in groups.items()}, flag_values)


def _with_defaults(group: type) -> type:
    """Add to a group's texts the defaults: the general one, and those of GANs that differ."""

    def described(field: dataclasses.Field) -> tuple[str, Any, Any]:
        owners = catalog()[field.name]
        general = list(dict.fromkeys(one.default for _, one in owners))
        told = [str(value) for value in general[:1] if value not in ("", None)]
        if len(general) > 1:
            told = [f"{owner.partition('=')[2]} {one.default}" for owner, one in owners]
        told += [
            f"{name} {variant.defaults[field.name]}"
            for name, variant in VARIANTS.items()
            if field.name in variant.defaults
        ]
        text = field.metadata["text"] + (f" (default: {', '.join(told)})" if told else "")
        copy = dataclasses.field(default=field.default, metadata={**field.metadata, "text": text})
        return field.name, field.type, copy

    return dataclasses.make_dataclass(group.__name__, map(described, dataclasses.fields(group)))


def given(flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
    """Return the settings that are given as flags, by name."""
    found = {}
    for name in ("recipe", *catalog()):
        value = getattr(flag_values, name)
        if value is not None:
            found[name] = ",".join(filter(None, value)) if isinstance(value, list) else value
    return found


def from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> Config:
    """Return the settings that the flags give.

    Raises:
        ConfigError: they are not valid.
    """
    return make(**given(flag_values))


def load(workdir: str | Path) -> Config:
    """Load the settings of the run in `workdir`, wherever that lay when it was begun.

    Raises:
        ConfigError: there is no run, or its settings are not valid.
    """
    path = Path(workdir) / FLAGFILE
    if not path.is_file():
        raise ConfigError(f"--workdir={workdir}: there is no run here (no {FLAGFILE})")
    values = flags.FlagValues()
    define_settings(values)
    try:
        lines = path.read_text().split("\n")
        if any(line.lstrip("-").startswith("flagfile") for line in lines):
            raise ConfigError("it names another flag file; expected settings only")
        _, *rest = values([FLAGFILE, *filter(None, lines), f"--workdir={workdir}"])
        if rest:
            raise ConfigError(f"{rest[0]!r} is no setting; expected lines such as --steps=100")
        return from_flags(values)
    except (flags.Error, ConfigError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error


def presets() -> dict[str, Path]:
    """Return the flag files that ship with the package, by name."""
    inside = Path(__file__).with_name("presets")  # in a wheel; a checkout has them elsewhere
    checkout = Path(__file__).parents[2] / "experiments" / "presets"
    directory = inside if inside.is_dir() else checkout
    return {path.stem: path for path in sorted(directory.glob("*.flags"))}


def parse(argv: list[str]) -> list[str]:
    """Parse a command line and return what is left of it.

    Raises:
        ConfigError: one line that names the flag.
    """
    logging.set_verbosity(logging.WARNING)  # Orbax logs some thirty lines about each checkpoint
    # What was read of a folder, say, is for the user: without the time and the line of our code.
    logging.get_absl_handler().setFormatter(Formatter("%(message)s"))
    try:
        argv = _with_presets(argv)
        for line in check_given_once(argv):
            print(line, file=sys.stderr)
        return flags.FLAGS(_with_workdirs(argv))
    except UnicodeDecodeError as error:
        raise ConfigError(f"--flagfile: expected a text file in UTF-8 ({error})") from error
    except RecursionError as error:
        raise ConfigError("--flagfile: the files name each other without end") from error
    except ValueError as error:  # of the logging flags of absl
        raise ConfigError(str(error)) from error
    except flags.Error as error:
        message = str(error).removeprefix("ERROR:: ")
        if isinstance(error, flags.CantOpenFlagFileError):
            message += f"; for a preset give --preset=NAME, one of {', '.join(presets())}"
        raise ConfigError(message) from error


def _with_presets(argv: list[str]) -> list[str]:
    """Replace each preset on the command line by its flag file."""
    found, waiting = [], False
    for argument in argv:
        name, equals, value = argument.lstrip("-").partition("=")
        if name == "flagfile" and argument.startswith("-") and equals and not value:
            raise ConfigError("--flagfile=: expected the name of a file")
        if waiting or (name == "preset" and argument.startswith("-") and equals):
            found.append(f"--flagfile={_preset(argument if waiting else value)}")
            waiting = False
        elif name == "preset" and argument.startswith("-"):
            waiting = True
        else:
            found.append(argument)
    if waiting:
        _preset("")
    return found


def _with_workdirs(argv: list[str]) -> list[str]:
    """Let the flag file of a run speak of the directory in which it lies now."""
    found = []
    for argument in argv:
        found.append(argument)
        name, _, value = argument.lstrip("-").partition("=")
        if name == "flagfile" and argument.startswith("-") and Path(value).name == FLAGFILE:
            found.append(f"--workdir={Path(value).parent}")
    return found


def _preset(name: str) -> Path:
    known = presets()
    if name not in known:
        raise ConfigError(f"--preset={name}: expected one of {', '.join(known)}")
    return known[name]
