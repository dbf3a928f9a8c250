"""Kill runs with SIGKILL again and again, start them again, and compare: kills.py --kills=50.

A run that is started with the same command after each kill has to end in the state, the metrics,
the evaluations and the pictures of one that was left alone, bit for bit. Half of the kills come at
a random moment, the others right before a random operation on the files of the run; each run is
first killed before its first operation, its second, and so on. Some of the starts compile
everything anew, and are killed in that. One line of JSON says what was found.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from trainings import differences, prepare, start, wait

KILLS_PER_RUN = 5
_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree", "os.truncate"}


def kill_before_operation(workdir: Path, number: int):
    """Arrange that this process is killed before its so many-th operation on files of the run."""
    count = 0

    def listen(event, arguments):
        nonlocal count
        if event in _EVENTS and str(workdir) in str(arguments[0]):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(listen)


def kill_after(seconds: float):
    """Arrange that this process is killed after some time."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()


def main(kills: int, seed: int) -> dict:
    """Kill so many times, and return the figures."""
    prepare()
    draw = random.Random(seed)
    figures = {"kills": 0, "runs": 0, "starts": 0, "in_operations": 0, "different": {}}
    with tempfile.TemporaryDirectory() as room:
        cache, reference = Path(room, "cache"), Path(room, "reference")
        assert wait(start(reference, cache)) == 0, Path(f"{reference}.err").read_text()
        begin = time.monotonic()
        assert wait(start(Path(room, "timed"), cache)) == 0
        duration = time.monotonic() - begin
        while figures["kills"] < kills:
            workdir = Path(room, f"run{figures['runs']}")
            figures["runs"] += 1
            for attempt in range(KILLS_PER_RUN + 1):
                last = attempt == KILLS_PER_RUN or figures["kills"] >= kills
                in_operation = draw.random() < 0.5 or attempt == 0
                number, seconds = draw.randint(1, 150), draw.uniform(0, 1.2) * duration
                number = figures["runs"] if attempt == 0 else number

                def before(in_operation=in_operation, number=number, seconds=seconds, last=last):
                    if last:
                        return
                    if in_operation:
                        kill_before_operation(workdir, number)  # noqa: B023
                    else:
                        kill_after(seconds)

                figures["starts"] += 1
                status = wait(start(workdir, "none" if draw.random() < 0.1 else cache, before))
                if status == 0:
                    break
                if status != -signal.SIGKILL:
                    error = Path(f"{workdir}.err").read_text().splitlines()[-1:]
                    figures["different"][workdir.name] = [f"exit status {status}", *error]
                    break
                figures["kills"] += 1
                figures["in_operations"] += in_operation
            if workdir.name not in figures["different"] and (
                found := differences(workdir, reference)
            ):
                figures["different"][workdir.name] = found
            shutil.rmtree(workdir)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    figures = main(**vars(parser.parse_args()))
    print(json.dumps(figures))
    sys.exit(bool(figures["different"]))
