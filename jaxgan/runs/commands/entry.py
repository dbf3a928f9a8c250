"""Shared parts of all commands: parsing flags, help, one-line errors, the next command."""

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from absl import app, flags

from jaxgan.runs.flags import define, parse
from jaxgan.runs.settings import ConfigError

# The flags whose names differ from the arguments of the library that they set.
_FLAG_OF = {"name": "dataset", "weights": "inception_weights"}
_ARGUMENTS = "name|split|image_size|data_dir|manual_dir|cache_dir|weights|features"
_HELP = {"--help", "-help", "-h", "--helpfull", "--helpshort", "-?"}


def start(
    body: Callable[[list[str]], int | None],
    define_flags: Callable[[], Any],
    *,
    takes_names: bool = False,
) -> None:
    """Define the flags of a command, parse its command line, and run it.

    Args:
        body: the command, which is called with what is left of the command line and returns its
            exit status.
        define_flags: defines its flags.
        takes_names: whether its command line may have positional arguments.
    """
    define_flags()
    about = sys.modules[body.__module__].__doc__ or ""

    def read(argv: list[str]) -> list[str]:
        if _HELP & set(argv[1:]):
            print(_help(about))
            raise SystemExit(0)
        rest = parse(argv)
        if len(rest) > 1 and not takes_names:
            raise SystemExit(f"error: {rest[1]} is not a flag; flags start with --")
        return rest

    app.run(body, flags_parser=read)


def define_preset() -> None:
    """Define --preset, which `parse` replaces by the flag file of a preset."""
    define("preset", str, "a preset that ships with the package; flags after it take precedence")


def _help(about: str) -> str:
    ours = [name for name in flags.FLAGS.flags_by_module_dict() if not name.startswith("absl")]
    return "\n".join([about.strip(), *(flags.FLAGS.module_help(name) for name in ours)])


def given(names: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
    """Return the values of flags, by name."""
    return {name: flag_values[name].value for name in names}


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Exit with a one-line message on errors that the user can fix."""
    try:
        yield
    except (ConfigError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    except Exception as error:
        if not isinstance(error, expected()):
            raise
        raise SystemExit(f"error: {in_flags(str(error))}") from None


def expected() -> tuple[type[Exception], ...]:
    """Return the errors that the user can fix, which are reported in one line.

    They are imported here because that takes time.
    """
    from jaxgan.checkpoint import CheckpointError
    from jaxgan.data import DataError
    from jaxgan.metrics import MetricError
    from jaxgan.metrics.inception import WeightsError
    from jaxgan.runs.training.loop import DivergedError

    return ConfigError, CheckpointError, DataError, DivergedError, MetricError, WeightsError


def in_flags(text: str) -> str:
    """Rewrite what the library says about its arguments, as `split=test`, in terms of flags."""
    return re.sub(rf"(?<![\w-])({_ARGUMENTS})=", lambda m: f"--{_FLAG_OF.get(m[1], m[1])}=", text)
