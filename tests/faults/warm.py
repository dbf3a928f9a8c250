"""A process that has imported the commands, and forks a child for each command line.

A command line costs a fraction of a second then. JAX is imported, but its backend, which does not
survive a fork, is started in the children only.
"""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

CPU_SECONDS = 10
WALL_SECONDS = 40  # other processes may use the cores too
MEMORY = 8 << 30  # what the commands take for the memory of the machine
ADDRESS_SPACE = 20 << 30  # what asks for more than any case needs fails alone
COMMANDS = ("train", "sample", "evaluate", "report", "bench", "study", "train_classifier")


class Outcome(NamedTuple):
    """How a command ended.

    Attributes:
        status: exit status, or minus the signal that killed it.
        out: what it wrote to stdout.
        errors: what it wrote to stderr.
        changed: files that are new, changed or gone, relative to the room.
        cpu: seconds of processor time.
    """

    status: int
    out: str
    errors: str
    changed: list[str]
    cpu: float


class Warm:
    """The warm process; a context manager.

    Args:
        room: directory of files that are copied to the working directory of a command, each if its
            name occurs in an argument; None for an empty one.
    """

    def __init__(self, room: Path | None = None):
        self._room = "" if room is None else str(room)

    def __enter__(self) -> "Warm":
        environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
        environment.pop("XLA_FLAGS", None)
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        return self

    def __exit__(self, *exception: object) -> None:
        with contextlib.suppress(OSError):
            self._process.communicate()

    def run(self, command: str, *arguments: str) -> Outcome:
        """Run a command."""
        return Outcome(**self._ask(command=command, arguments=arguments))

    def make(self, directory: Path, **settings: Any) -> None:
        """Make the workdir of a run with random weights, which is quicker than to train it."""
        self._ask(make=str(directory), settings=settings)

    def describe(self, command: str) -> list[dict[str, Any]]:
        """Return the flags of a command: name, kind, bounds, and whether it is ours, of each."""
        return self._ask(describe=command)

    def _ask(self, **question: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"room": self._room, **question}) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve() -> None:
    """Answer questions on stdin, a line each, until it ends."""
    _import_everything()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        question = json.loads(line)
        if "describe" in question:
            answer = _in_child(lambda: _described(question["describe"]))  # noqa: B023
        elif "make" in question:
            answer = _in_child(lambda: _made(question["make"], question["settings"]))  # noqa: B023
        else:
            answer = _tried(question)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _import_everything() -> None:
    for name in COMMANDS:
        __import__(f"jaxgan.runs.commands.{name}")
    for name in (
        *("grain", "matplotlib.pyplot", "orbax.checkpoint", "PIL.Image", "scipy.linalg"),
        *("jaxgan.checkpoint", "jaxgan.data.tfds_source", "jaxgan.runs.benchmark"),
        *("jaxgan.runs.editing", "jaxgan.runs.measures.evaluate", "jaxgan.runs.report.write"),
        *("jaxgan.runs.restore", "jaxgan.runs.study", "jaxgan.runs.training.sweep", "tqdm"),
    ):
        __import__(name)
    from jax._src import xla_bridge

    from jaxgan.data.memory import machine_memory

    assert not xla_bridge.backends_are_initialized()
    page = os.sysconf("SC_PAGE_SIZE")
    with mock.patch("os.sysconf", lambda name: page if name == "SC_PAGE_SIZE" else MEMORY // page):
        assert machine_memory() <= MEMORY  # it remembers the answer


def _tried(question: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as directory:
        room = Path(directory) / "room"
        for name in ("cwd", "home"):
            (room / name).mkdir(parents=True)
        for thing in Path(question["room"]).iterdir() if question["room"] else ():
            if any(thing.name in argument for argument in question["arguments"]):
                copy = shutil.copytree if thing.is_dir() else shutil.copy2
                copy(thing, room / "cwd" / thing.name)
        before = _listing(room)
        started = resource.getrusage(resource.RUSAGE_CHILDREN)
        status = _forked(
            lambda: _run(question["command"], question["arguments"], room), Path(directory)
        )
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        after = _listing(room)
        changed = sorted(name for name in before | after if before.get(name) != after.get(name))
        return {
            "status": status,
            "out": (Path(directory) / "out").read_text(errors="replace"),
            "errors": (Path(directory) / "errors").read_text(errors="replace"),
            "changed": changed,
            "cpu": sum(
                getattr(ended, kind) - getattr(started, kind) for kind in ("ru_utime", "ru_stime")
            ),
        }


def _listing(room: Path) -> dict[str, Any]:
    found = {}
    for path in room.rglob("*"):
        status = path.lstat()
        found[str(path.relative_to(room)).encode(errors="replace").decode()] = (
            (status.st_size, status.st_mtime_ns) if path.is_file() else None
        )
    return {name: value or "directory" for name, value in found.items()}


def _forked(body: Any, directory: Path) -> int:
    """Run a function in a child, and return its exit status or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        for number, name in ((1, "out"), (2, "errors")):
            file = os.open(directory / name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(file, number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        status = 99
        try:
            status = body()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
        except BaseException:
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status or 0)
    deadline = time.monotonic() + WALL_SECONDS
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        time.sleep(0.002)


def _run(command: str, arguments: list[str], room: Path) -> int:
    import faulthandler

    faulthandler.disable()
    os.environ["HOME"] = str(room / "home")
    os.environ["XDG_CACHE_HOME"] = str(room.parent / "cache")
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(room.parent / "compiled"))
    os.chdir(room / "cwd")
    sys.argv = [f"jaxgan-{command}", *arguments]
    sys.modules[f"jaxgan.runs.commands.{command}"].main()
    return 0


def _in_child(describe: Any) -> Any:
    with tempfile.TemporaryDirectory() as directory:

        def body() -> int:
            print(json.dumps(describe()))
            return 0

        status = _forked(body, Path(directory))
        assert status == 0, (Path(directory) / "errors").read_text()
        return json.loads((Path(directory) / "out").read_text())


def _made(directory: str, settings: dict[str, Any]) -> None:
    import jax
    import numpy as np

    from jaxgan.checkpoint import Checkpoints
    from jaxgan.runs.build import build
    from jaxgan.runs.config import make
    from jaxgan.runs.data import example, facts, load

    config = make(**settings)
    known = facts(load(config))
    like = jax.eval_shape(build(config, known).gan.init, jax.random.key(0), example(known))
    random = np.random.default_rng(0)

    def drawn(leaf):
        if jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return jax.random.key(0)
        return jax.numpy.asarray(random.normal(size=leaf.shape), leaf.dtype)

    workdir = Path(directory)
    workdir.mkdir(parents=True)
    (workdir / "flags.txt").write_text(config.replace(workdir=workdir.name).to_flags())
    with Checkpoints(workdir / "checkpoints", keep=1) as checkpoints:
        checkpoints.save(1, jax.tree.map(drawn, like), known._asdict())


def _described(command: str) -> list[dict[str, Any]]:
    from absl import flags

    of_libraries = set(flags.FLAGS)
    sys.modules[f"jaxgan.runs.commands.{command}"].define_flags()
    kinds = {"argument": "text", "integer": "whole", "float": "finite"}
    found = []
    for name in flags.FLAGS:
        parser = flags.FLAGS[name].parser
        kind = type(parser).__name__.strip("_").removesuffix("Parser").lower()
        found.append(
            {
                "name": name,
                "ours": name not in of_libraries,
                "kind": kinds.get(kind, kind),
                "low": getattr(parser, "lower_bound", None),
                "high": getattr(parser, "upper_bound", None),
                "choices": getattr(parser, "enum_values", None),
            }
        )
    return found


if __name__ == "__main__":
    serve()
