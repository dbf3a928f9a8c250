"""The directory of a run: one process writes to it, and it knows what the run was trained on."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import jax
from absl import logging

from jaxgan.checkpoint import Checkpoints
from jaxgan.runs import hosts
from jaxgan.runs.checks import LOCK, check_workdir
from jaxgan.runs.config import Config
from jaxgan.runs.files import Lines, read_lines, write_whole
from jaxgan.runs.flags import load
from jaxgan.runs.settings import RATES, ConfigError


@contextlib.contextmanager
def claimed(config: Config) -> Iterator[None]:
    """Create the workdir of a run, and keep every other run out of it meanwhile.

    The system releases the lock when the process ends, however it ends. On Linux it also holds
    between the hosts of an NFS file system.

    Raises:
        ConfigError: another run is training there; the settings are of another run; or a process
            does not see the directory.
    """
    with contextlib.ExitStack() as stack:
        with hosts.together():
            if hosts.writes():
                stack.enter_context(_locked(Path(config.run.workdir)))
                check_workdir(config)  # again: it was not locked when this was checked first
        hosts.first_once(partial(_begin, config))
        yield


@contextlib.contextmanager
def _locked(workdir: Path) -> Iterator[None]:
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise ConfigError(
                f"--workdir={workdir}: {file.read().strip() or 'another process'} is training "
                f"there; wait for it or stop it, or choose another --workdir"
            ) from None
        except OSError as error:
            logging.warning("%s cannot be locked (%s): start this run only once", workdir, error)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}")
        file.flush()
        yield


def _begin(config: Config) -> Path:
    """Write what the run is; in a process that does not write, check that it is there."""
    flags = Path(config.run.workdir) / "flags.txt"
    if hosts.writes():
        if flags.exists():
            _note_changes(config)
        # The settings first: a directory with anything else and without them is of no run.
        write_whole(flags, config.to_flags(of_workdir=True))
        for name in "samples", "checkpoints":
            (flags.parent / name).mkdir(exist_ok=True)
    elif not flags.exists():
        raise ConfigError(
            f"--workdir={config.run.workdir}: process {jax.process_index()} does not see what "
            f"process 0 wrote there; give a directory that all machines share"
        )
    return flags


def _note_changes(config: Config) -> None:
    """Note which learning rates change, and from which step on, before the flags forget it."""
    workdir = Path(config.run.workdir)
    before, now = load(workdir).optimization, config.optimization
    changed = {
        name: [getattr(before, name), getattr(now, name)]
        for name in RATES
        if getattr(before, name) != getattr(now, name)
    }
    if changed:
        with Checkpoints(workdir / "checkpoints") as checkpoints:
            step = max(checkpoints.steps(), default=0)
        Lines(workdir / "changes.jsonl").append({"step": step, **changed})


def check_is_new(workdir: Path) -> None:
    """Refuse to begin a run where there are records of one whose checkpoints are gone.

    Raises:
        ConfigError: there are.
    """
    if read_lines(workdir / "metrics.jsonl"):
        raise ConfigError(
            f"--workdir={workdir}: it holds the records of a run and none of its checkpoints; put "
            f"{workdir / 'checkpoints'} back to go on, or remove {workdir} to begin anew"
        )


def check_data(config: Config, before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse data that differ from those that the run has been trained on.

    Args:
        config: the settings; with `accept_data` other examples of the same shape and number of
            classes are accepted.
        before: the notes of a checkpoint, see `data.notes_of`.
        now: those of the data that are loaded.

    Raises:
        ConfigError: the data differ; the message says in what.
    """
    other_shape = _difference_of_shape(before, now)
    difference = other_shape or _difference_of_content(before, now)
    if not difference or (config.run.accept_data and not other_shape):
        return
    anyway = "" if other_shape else ", add --accept_data to go on with what it is now"
    raise ConfigError(
        f"--dataset={config.data.dataset}: {difference}, since --workdir={config.run.workdir} was "
        f"begun; put it back as it was{anyway}, or choose another --workdir"
    )


def _difference_of_shape(before: dict[str, Any], now: dict[str, Any]) -> str:
    for name in "shape", "source":
        old, new = (list(notes[name]) for notes in (before, now))
        if old != new:
            of_y = "its source pictures" if len(new) > 1 else "its sentences"
            what = "its examples" if name == "shape" else of_y
            return f"{what} are {_times(new)} and were {_times(old)}"
    old, new = (list(notes["class_names"]) for notes in (before, now))
    if len(old) != len(new):
        odd = ", ".join(repr(name) for name in sorted({*old} ^ {*new})[:5])
        return f"it has {len(new)} classes and had {len(old)} ({odd})"
    return ""


def _difference_of_content(before: dict[str, Any], now: dict[str, Any]) -> str:
    names = zip(before["class_names"], now["class_names"], strict=True)
    for i, (old, new) in enumerate(names):
        if old != new:
            return f"class {i} is {new!r} and was {old!r}"
    if "examples" not in before:  # a run of version 0.1
        return ""
    if before["examples"] != now["examples"]:
        return f"it has {now['examples']} examples and had {before['examples']}"
    if before["fingerprint"] != now["fingerprint"]:
        return "its examples, or their order, are not the same"
    return ""


def _times(shape: list[int]) -> str:
    return "x".join(map(str, shape))


class Rollbacks:
    """How often a run has gone back to a checkpoint; each time the order of its data changes.

    They are kept in `rollbacks.jsonl`: a run that is started again must not repeat what led there.
    """

    def __init__(self, workdir: Path):
        self._path = workdir / "rollbacks.jsonl"
        self.count = len(read_lines(self._path))

    def add(self, step: int, back_to: int, reason: str) -> None:
        """Record that the run went back."""
        self.count += 1
        if hosts.writes():
            Lines(self._path).append({"step": step, "back_to": back_to, "reason": reason})
