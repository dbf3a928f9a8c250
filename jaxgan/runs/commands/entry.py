"""Shared parts of all commands: parsing flags, help, errors in one line and exit statuses."""

import contextlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from absl import app, flags

from jaxgan.runs.flags import define, parse
from jaxgan.runs.settings import ConfigError

# The flags whose names differ from the arguments of the library that they set.
_FLAG_OF = {"name": "dataset", "weights": "inception_weights"}
_ARGUMENTS = "name|split|image_size|crop|background|data_dir|manual_dir|cache_dir|weights|features"
_HELP = {"--help", "-help", "-h", "--helpfull", "--helpshort", "-?"}
_STATUSES = """exit status:
  0    done
  1    the run failed on its way: it diverged, the disk is full, the memory is exhausted
  2    the command line or the data cannot be used; nothing was written
  70   a bug; run again with --debug for the traceback
  130  Ctrl-C; a training that was stopped by a signal ends with 128 + its number"""
FAILED, REFUSED, BUG, INTERRUPTED = 1, 2, 70, 130
_LONGEST = 300  # of a word in a message: a value may be as long as a command line


def start(
    body: Callable[[list[str]], int | None],
    define_flags: Callable[[], Any],
    *,
    takes_names: bool = False,
) -> None:
    """Define the flags of a command, parse its command line, and run it.

    Errors are reported in one line, and the exit status tells their kind; see `_STATUSES`.

    Args:
        body: the command, which is called with what is left of the command line and returns its
            exit status.
        define_flags: defines its flags.
        takes_names: whether its command line may have positional arguments.
    """
    define_flags()
    define("debug", bool, "show the traceback of an error", default=False)
    about = sys.modules[body.__module__].__doc__ or ""

    def read(argv: list[str]) -> list[str]:
        if _HELP & set(argv[1:]):
            _show(_help(about))
            raise SystemExit(0)
        with errors_in_one_line():
            rest = parse(argv)
            if len(rest) > 1 and not takes_names:
                raise ConfigError(f"{rest[1]} is not a flag; flags start with --")
        return rest

    def run(argv: list[str]) -> int | None:
        from jaxgan.runs import compiling

        with errors_in_one_line(), compiling.told():
            return body(argv)

    app.run(run, flags_parser=read)


def define_preset() -> None:
    """Define --preset, which `parse` replaces by the flag file of a preset."""
    define("preset", str, "a preset that ships with the package; flags after it take precedence")


def _help(about: str) -> str:
    ours = [name for name in flags.FLAGS.flags_by_module_dict() if not name.startswith("absl")]
    return "\n".join(
        [about.strip(), *(flags.FLAGS.module_help(name) for name in ours), "", _STATUSES]
    )


def _show(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # `--help | head`: the rest is not wanted, and nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def given(names: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
    """Return the values of flags, by name."""
    return {name: flag_values[name].value for name in names}


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Exit with one line on stderr instead of a traceback, which --debug adds."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    except Exception as error:
        if "--debug" in sys.argv or flags.FLAGS["debug"].value:
            traceback.print_exc()
        status, text = answer(error)
        print(f"error: {in_one_line(text)}", file=sys.stderr, flush=True)
        raise SystemExit(status) from None


def answer(error: Exception) -> tuple[int, str]:
    """Return the exit status for an error, and what to tell the user."""
    if isinstance(error, ConfigError):
        return REFUSED, str(error)
    if isinstance(error, OSError):
        return FAILED, str(error)
    if isinstance(error, expected()):
        return FAILED if isinstance(error, _failures()) else REFUSED, in_flags(str(error))
    reason = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in reason:
        return FAILED, f"out of memory: {reason}; choose smaller networks or a smaller --batch_size"
    return BUG, f"{reason} (a bug? run again with --debug for the traceback, and report it)"


def in_one_line(text: str) -> str:
    """Return a message without line breaks, control characters and endless words."""
    words = (
        word if len(word) <= _LONGEST else f"{word[:_LONGEST]}... ({len(word)} characters)"
        for word in text.split()
    )
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(words))


def expected() -> tuple[type[Exception], ...]:
    """Return the errors that are no bugs, with messages of one line.

    They are imported here because that takes time.
    """
    from jaxgan.data import DataError
    from jaxgan.export import ExportError
    from jaxgan.metrics.inception import WeightsError

    return ConfigError, DataError, ExportError, WeightsError, *_failures()


def _failures() -> tuple[type[Exception], ...]:
    """Return the errors of a run on its way, which another command line may not prevent."""
    from jaxgan.checkpoint import CheckpointError
    from jaxgan.metrics import MetricError
    from jaxgan.runs.training.loop import DivergedError

    return CheckpointError, DivergedError, MetricError


def in_flags(text: str) -> str:
    """Rewrite what the library says about its arguments, as `split=test`, in terms of flags."""
    return re.sub(rf"(?<![\w-])({_ARGUMENTS})=", lambda m: f"--{_FLAG_OF.get(m[1], m[1])}=", text)
