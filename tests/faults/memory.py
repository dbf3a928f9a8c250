"""Train for many steps with everything on, and watch the memory of the process: memory.py.

One line of JSON says how many MB the process had after each quarter of the steps.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from trainings import prepare, start, step_of, wait

MOST_GROWTH = 10  # MB, from a quarter of the steps to the end


def main(steps: int) -> dict:
    """Train for so many steps, and return the figures."""
    prepare()
    flags = {"steps": steps, "steps_per_call": 20, "log_every": 20, "sample_every": 500}
    flags |= {"checkpoint_every": 500, "eval_every": 1000}
    found: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as room:
        workdir = Path(room, "run")
        process = start(workdir, Path(room, "cache"), **flags)
        for quarter in range(1, 5):
            while step_of(workdir) < quarter * steps // 4 - 20:
                if os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    break
                time.sleep(0.05)
            pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
            found[quarter * steps // 4] = round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)
        status = wait(process)
        lines = len((workdir / "metrics.jsonl").read_text().splitlines())
    first, *_, last = found.values()
    grew = round(last - first, 1)
    wrong = [f"exit status {status}"] * bool(status) + [f"grew by {grew} MB"] * (grew > MOST_GROWTH)
    return {"steps": steps, "lines": lines, "megabytes": found, "grew": grew, "wrong": wrong}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20_000)
    figures = main(**vars(parser.parse_args()))
    print(json.dumps(figures))
    sys.exit(bool(figures["wrong"]))
