"""Small runs in child processes that something bad happens to, and the comparison of what is left.

The children are forked from a process that has imported JAX and not used it, so that a start takes
a second or two. What happens to a child is decided by a function that it calls first.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FLAGS = {
    "dataset": "ring",
    "model": "mlp",
    "width": 8,
    "latent_dim": 4,
    "batch_size": 16,
    "steps": 120,
    "steps_per_call": 5,
    "log_every": 5,
    "sample_every": 20,
    "checkpoint_every": 10,
    "eval_every": 30,
    "eval_samples": 50,
    "keep": 3,
    "parallel": "jit",
}
_TIMED = ("images_per_second",)


def prepare() -> None:
    """Import what a run needs, once; JAX's backend is left alone."""
    os.environ.update(JAX_PLATFORMS="cpu", JAX_NUM_CPU_DEVICES="1")
    import orbax.checkpoint  # noqa: F401

    import jaxgan.runs.training.loop  # noqa: F401


def start(
    workdir: Path, cache: Path | str, before: Callable[[], Any] = lambda: None, **flags
) -> int:
    """Start a run in a child, and return its process number.

    What it prints is in `workdir`.err.
    """
    ends = os.pipe()  # not a file, which the process might not be allowed to write
    process = os.fork()
    if process:
        os.close(ends[1])
        threading.Thread(target=_copy, args=(ends[0], Path(f"{workdir}.err"))).start()
        return process
    status = 70
    try:
        for descriptor in 1, 2:
            os.dup2(ends[1], descriptor)
        from jaxgan.runs.commands import train

        settings = FLAGS | flags | {"workdir": workdir, "compilation_cache": cache}
        sys.argv = ["train.py", *(f"--{name}={value}" for name, value in settings.items())]
        before()
        train.main()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _copy(source: int, path: Path) -> None:
    with os.fdopen(source, "rb") as pipe, path.open("wb", buffering=0) as file:
        for line in pipe:
            file.write(line)


def wait(process: int, seconds: float = 300) -> int:
    """Wait for a child; return its exit status, or minus the signal that ended it."""
    deadline = time.monotonic() + seconds
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > deadline:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            raise TimeoutError(f"a run did not end within {seconds} s")
        time.sleep(0.01)


def step_of(workdir: Path) -> int:
    """Return the newest step that a run has recorded."""
    try:
        return json.loads((workdir / "metrics.jsonl").read_text().splitlines()[-1])["step"]
    except (OSError, IndexError, ValueError):
        return 0


def content(workdir: Path) -> dict[str, Any]:
    """Return what a run has to have in common with one that was left alone."""
    found: dict[str, Any] = {}
    for name in "metrics", "evaluations":
        path = workdir / f"{name}.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        found[name] = [
            {key: value for key, value in json.loads(line).items() if key not in _TIMED}
            for line in lines
        ]
    for path in sorted((workdir / "samples").iterdir()):
        found[f"samples/{path.name}"] = path.read_bytes()
    for path in sorted(workdir.glob("*/*/record.json")):
        found[str(path.parent.relative_to(workdir))] = json.loads(path.read_text())["digest"]
    return found


def differences(workdir: Path, reference: Path) -> list[str]:
    """List what differs between two runs; nothing if they are the same bit for bit."""
    ours, theirs = content(workdir), content(reference)
    return sorted(name for name in ours | theirs if ours.get(name) != theirs.get(name))
