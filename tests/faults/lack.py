"""Take away from runs what they need to write: lack.py. One line of JSON says what was found.

Each run loses something at a random step: room on the disk (files may not grow beyond a size),
descriptors, or its workdir, which is moved away. Where it comes back, the run has to end as one
that was left alone, but for the checkpoints that it could not save meanwhile. Where it does not,
the run has to train to its end, say what it could not write, exit with status 1 and one last line,
and leave whole checkpoints; started again, it has to end as one that was left alone.
"""

import argparse
import json
import random
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from trainings import content, prepare, start, step_of, wait

WAYS = ("room", "descriptors", "workdir")


def lack(way: str, workdir: Path, first: int, last: int | None) -> None:
    """Arrange that this process lacks something from one step on, and until another."""

    def at(step: int, act: Callable[[], None]) -> None:
        while step_of(places[0]) < step:
            time.sleep(0.002)
        act()

    places = [workdir]
    kind = {"room": resource.RLIMIT_FSIZE, "descriptors": resource.RLIMIT_NOFILE}.get(way)
    soft, hard = resource.getrlimit(kind) if kind is not None else (0, 0)

    def take() -> None:
        if kind is None:
            places[0] = workdir.rename(workdir.with_name("moved"))
        else:
            resource.setrlimit(kind, (100 if way == "room" else 3, hard))

    def give_back() -> None:
        if kind is None:
            places[0].rename(workdir)
        else:
            resource.setrlimit(kind, (soft, hard))

    def listen() -> None:
        at(first, take)
        if last is not None:
            # What it records meanwhile waits in memory, so that only time can tell.
            time.sleep(0.5)
            give_back()

    threading.Thread(target=listen, daemon=True).start()


def main(runs: int, seed: int) -> dict:
    """Try so many runs of each way, and return the figures."""
    prepare()
    draw = random.Random(seed)
    figures: dict = {"runs": 0, "ended_well": 0, "ended_in_one_line": 0, "wrong": {}}
    flags = {"steps": 3000, "sample_every": 1000, "eval_every": 0, "checkpoint_every": 50}
    flags |= {"log_every": 50}
    with tempfile.TemporaryDirectory() as room:
        cache, reference = Path(room, "cache"), Path(room, "reference")
        assert wait(start(reference, cache, **flags)) == 0, Path(f"{reference}.err").read_text()
        expected, newest = content(reference), f"checkpoints/{flags['steps']}"
        for i in range(runs * len(WAYS) * 2):
            way, comes_back = WAYS[i % len(WAYS)], i % 2 == 0
            name = f"{i}: {way} {'for a while' if comes_back else 'for good'}"
            workdir = Path(room, f"run{i}", "run")
            workdir.parent.mkdir()
            first = draw.randrange(50, 1000, 50)

            def before(way=way, workdir=workdir, first=first, comes_back=comes_back):
                lack(way, workdir, first, first if comes_back else None)

            status = wait(start(workdir, cache, before, **flags))
            lines = Path(f"{workdir}.err").read_text().splitlines()
            figures["runs"] += 1
            wrong = _wrong(status, lines, comes_back)
            if not wrong and status:
                figures["ended_in_one_line"] += 1
                moved = workdir.with_name("moved")
                if moved.exists():
                    assert not workdir.exists()
                    moved.rename(workdir)
                status = wait(start(workdir, cache, **flags))
            if not wrong:
                found = content(workdir)
                odd = [
                    name
                    for name in found | expected
                    if found.get(name) != expected.get(name)
                    # The older checkpoints may be others, if newer ones could not be saved.
                    and not (comes_back and name.startswith("checkpoints/") and name != newest)
                ]
                wrong = f"exit status {status}; what differs: {odd}" if status or odd else ""
            if wrong:
                figures["wrong"][name] = [wrong, *lines[-3:]]
            figures["ended_well"] += not wrong
    return figures


def _wrong(status: int, lines: list[str], comes_back: bool) -> str:
    if any(line.startswith("Traceback") for line in lines):
        return "a traceback"
    if not any("goes on" in line or "trying again" in line for line in lines):
        return "it said nothing"
    if comes_back:
        return "" if status == 0 else f"exit status {status}"
    errors = [line for line in lines if line.startswith("error: ")]
    if status != 1 or len(errors) != 1 or lines[-1] != errors[0]:
        return f"exit status {status}, {len(errors)} lines of error"
    return ""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    figures = main(**vars(parser.parse_args()))
    print(json.dumps(figures))
    sys.exit(bool(figures["wrong"]))
