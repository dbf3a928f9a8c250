"""Train for many steps with everything on, and watch the memory of the process: memory.py.

One line of JSON says how many MB the process had at least in each quarter of the steps: what it
takes for a while, to draw or to measure, does not count.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from trainings import prepare, start, step_of, wait

MOST_GROWTH = 15  # MB, from the second quarter of the steps to the last


def main(steps: int) -> dict:
    """Train for so many steps, and return the figures."""
    prepare()
    flags = {"steps": steps, "steps_per_call": 20, "log_every": 20, "sample_every": 500}
    flags |= {"checkpoint_every": 500, "eval_every": 1000}
    found: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as room:
        workdir = Path(room, "run")
        process = start(workdir, Path(room, "cache"), **flags)
        while not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if step := step_of(workdir):
                quarter = -(-step * 4 // steps) * steps // 4
                pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
                now = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
                found[quarter] = min(now, found.get(quarter, now)) if now else found[quarter]
            time.sleep(0.05)
        status = wait(process)
        lines = len((workdir / "metrics.jsonl").read_text().splitlines())
    _, first, _, last = found.values()  # in the first one it compiles
    grew = round(last - first, 1)
    wrong = [f"exit status {status}"] * bool(status) + [f"grew by {grew} MB"] * (grew > MOST_GROWTH)
    return {"steps": steps, "lines": lines, "megabytes": found, "grew": grew, "wrong": wrong}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=80_000)
    figures = main(**vars(parser.parse_args()))
    print(json.dumps(figures))
    sys.exit(bool(figures["wrong"]))
