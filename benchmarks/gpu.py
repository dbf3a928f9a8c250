"""Half an hour with a GPU: python benchmarks/gpu.py --out=runs/gpu --minutes=30, or make gpu.

What is to be known of a GPU, in parts of which each is a process with a limit of its own and leaves
OUT/PART.json, whole or not at all. The same command goes on where it was, also after --minutes, a
kill, or days: parts that have a JSON file are left out unless --again names them, and trainings go
on from their checkpoints.

    tests        the fast tests of --tests on the GPU
    same_step    a step on the CPU and the same on the GPU
    peers_*      jaxgan beside PyTorch, eager and compiled with CUDA graphs, both also channels-last
    loop_*       the loop beside the bare step, and its share of a large matrix product
    memory_*     the largest batch of R3GAN on StackedMNIST, with and without remat and microbatches
    train_*      R3GAN's preset of StackedMNIST, and CIFAR-10 by class, for as long as there is time

A part that cannot run says why in its file. The exit status is 1 if there is one, 3 if parts are
left that need more time, and else 0. --dry_run tries everything on a CPU, with tiny networks.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from _gpu_plan import ROOT, TESTS, Options, Part, plan
from absl import flags

from jaxgan._files import write_whole
from jaxgan.runs.commands.entry import given, start
from jaxgan.runs.flags import define

_GRACE = 120.0  # seconds to save what there is
_LEAST = 10.0  # seconds with which a part is begun
FAILED, UNFINISHED = 1, 3


def run(part: Part, out: Path, seconds: float, *, dry_run: bool) -> dict[str, Any]:
    """Run a part within so many seconds, and return what its file says."""
    numbers, log = out / f".{part.name}.numbers", out / f"{part.name}.log"
    numbers.unlink(missing_ok=True)
    command = [sys.executable, *(word.replace("{numbers}", str(numbers)) for word in part.command)]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path} | part.environment
    environment["JAX_PLATFORMS"] = "cpu" if dry_run else "cuda,cpu"
    limit = min(seconds, 60 * part.minutes)
    begin = time.monotonic()
    with log.open("a") as stream:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        in_time = False
        try:
            in_time = _wait(process, limit)
        finally:  # also where this process is asked to end itself
            if not in_time:
                process.send_signal(signal.SIGTERM)
                _wait(process, _GRACE if part.goes_on else 5.0)
                with contextlib.suppress(ProcessLookupError):  # nobody is left
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    found = _numbers(part, out, numbers)
    numbers.unlink(missing_ok=True)
    result = {
        "part": part.name,
        "status": "done",
        "seconds": round(time.monotonic() - begin, 1),
        "command": command,
        "numbers": found,
    }
    if not in_time:
        # What the end of the half hour cut short may have its whole limit the next time.
        is_open = part.goes_on or seconds < 60 * part.minutes
        more = "the next call goes on" if is_open else f"--again={part.name} to try again"
        result |= {"status": "unfinished" if is_open else "failed"}
        result |= {"reason": f"not done after {limit:.0f} s; {more}"}
    elif process.returncode:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        result |= {"status": "failed", "reason": (lines or [f"status {process.returncode}"])[-1]}
    return result


def _wait(process: subprocess.Popen, seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _numbers(part: Part, out: Path, path: Path) -> Any:
    """Return what a part has measured, as far as it came; None where it ended in the middle."""
    try:
        if part.goes_on:
            lines = (out / part.name / "metrics.jsonl").read_text().splitlines()
            return json.loads(lines[-1])
        return _of_tests(path) if part.name == "tests" else json.loads(path.read_text())
    except (OSError, ValueError, IndexError, ElementTree.ParseError):
        return None


def _of_tests(path: Path) -> dict[str, Any]:
    (suite,) = ElementTree.parse(path).getroot()
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in suite
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return {"tests": int(suite.get("tests", 0)), "failed": failed}


def marks(found: dict[str, dict[str, Any]]) -> list[str]:
    """Lines that hold what was reached against what was to be reached."""
    lines = []
    for name, result in found.items():
        kind, _, case = name.partition("_")
        numbers = result["numbers"]
        if not numbers:
            continue
        if kind == "peers":
            modes = numbers["cases"][0]["torch"]
            ratios = {mode: one["ratio"] for mode, one in modes.items() if "ratio" in one}
            eager = [value for mode, value in ratios.items() if mode.startswith("eager")]
            compiled = [value for mode, value in ratios.items() if not mode.startswith("eager")]
            if "_1024_" in case:
                lines += _mark(
                    f"{case}: times as fast as the best of PyTorch", [*eager, *compiled], 1.2
                )
            else:
                lines += _mark(f"{case}: times as fast as eager PyTorch", eager, 3.0)
                lines += _mark(f"{case}: times as fast as compiled PyTorch", compiled, 1.3)
        if kind == "loop":
            lines += _mark(
                f"{case}: the loop's speed as a share of the bare step's", [numbers["loop"]], 0.97
            )
            share = numbers["share"]
            lines.append(f"{case}: {share:.0%} of the FLOP/s of a large matrix product")
    return lines


def _mark(text: str, ratios: list[float], least: float) -> list[str]:
    """A line on the smallest of the ratios, which is that to the fastest of the others."""
    if not ratios:
        return [f"{text}: not measured; the mark is {least}"]
    reached = min(ratios)
    return [f"{text}: {reached:.2f}; the mark is {least}{'' if reached >= least else ', missed'}"]


def _begins(name: str, starts: Sequence[str]) -> bool:
    return any(name.startswith(start) or start == "all" for start in starts)


def day(options: Options) -> int:
    """Run what is left as long as there is time, print what there is, and return the status."""
    out = Path(options.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * options.minutes
    parts = [part for part in plan(options) if not options.only or _begins(part.name, options.only)]
    found: dict[str, dict[str, Any]] = {}
    for number, part in enumerate(parts):
        path = out / f"{part.name}.json"
        known = json.loads(path.read_text()) if path.exists() else None
        if known is not None:
            found[part.name] = known
            if known["status"] != "unfinished" and not _begins(part.name, options.again):
                continue
        left = end - time.monotonic()
        if part.goes_on:  # what is left is shared by the trainings that are left
            left /= sum(other.goes_on for other in parts[number:])
        if left < _LEAST:
            continue
        print(f"{part.name}, at most {min(left, 60 * part.minutes):.0f} s", flush=True)
        found[part.name] = run(part, out, left, dry_run=options.dry_run)
        write_whole(path, json.dumps(found[part.name], indent=1) + "\n")
    for part in parts:
        result = found.get(part.name, {"status": "not begun: no time was left"})
        print(f"{part.name:32} {result['status']}  {result.get('reason', '')}".rstrip())
    print("\n".join(marks(found)))
    statuses = {result["status"] for result in found.values()}
    if "failed" in statuses:
        return FAILED
    return UNFINISHED if "unfinished" in statuses or len(found) < len(parts) else 0


def define_flags() -> None:
    """Define the flags of this script."""
    module = "flags of this command"
    define("out", str, "directory of the parts' files", default="runs/gpu")
    define("minutes", float, "how long in all", default=30.0, low=0.0)
    flags.DEFINE_list(
        "only", [], "parts whose names begin so; all if not given", module_name=module
    )
    flags.DEFINE_list(
        "again", [], "parts whose names begin so are run again; or all", module_name=module
    )
    define("dry_run", bool, "try everything on a CPU, with tiny networks", default=False)
    flags.DEFINE_list("tests", list(TESTS), "tests to run, in tests/", module_name=module)
    text = "a flag of the trainings, such as --data_dir=/mnt/data; may be given several times"
    flags.DEFINE_multi_string("train_flag", [], text, module_name=module)


def main(argv: list[str]) -> int:
    """Run what the flags describe."""
    del argv
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    return day(Options(**given(Options._fields)))


if __name__ == "__main__":
    start(main, define_flags)
