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

A part that cannot run says why in its file. The exit status is 1 if there is one, 2 if parts are
left that need more time, and else 0. --dry_run tries everything on a CPU, with tiny networks.
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from absl import app, flags

from jaxgan._files import write_whole

_OUT = flags.DEFINE_string("out", "runs/gpu", "directory of the parts' files")
_MINUTES = flags.DEFINE_float("minutes", 30.0, "how long in all", lower_bound=0.0)
_ONLY = flags.DEFINE_list("only", [], "parts whose names begin so; all if not given")
_AGAIN = flags.DEFINE_list("again", [], "parts whose names begin so are run again; or all")
_DRY_RUN = flags.DEFINE_bool("dry_run", False, "try everything on a CPU, with tiny networks")
_TESTS = flags.DEFINE_list(
    "tests",
    ["golden", "models", "test_convolution.py", "test_penalties.py", "test_augment.py"],
    "tests to run, in tests/",
)
_TRAIN_FLAGS = flags.DEFINE_multi_string("train_flag", [], "for trainings, as --data_dir=/mnt/data")

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent
_GRACE = 120.0  # seconds to save what there is
_LEAST = 10.0  # seconds with which a part is begun
_MODES = "eager,eager+channels_last,reduce-overhead,reduce-overhead+channels_last"
_CIFAR10 = [  # arXiv:2501.05441, table 9, column CIFAR-10
    *("--recipe=r3gan", "--dataset=cifar10", "--conditional", "--flip", "--steps=488281"),
    *("--penalty_weight=0.05", "--penalty_weight_end=0.1", "--burn_in=20e6", "--lr_end=0.25"),
    *("--ema_half_life=5e6", "--augment=scheduled", "--augment_end=0.55", "--precision=bfloat16"),
    *("--microbatch=128", "--eval_every=1000", "--eval_samples=10000"),
    *("--eval_metrics=frechet_distance", "--checkpoint_every=1000"),
]


@dataclasses.dataclass(frozen=True)
class Part:
    """A process.

    Attributes:
        name: also of its file.
        command: after the interpreter; `{numbers}` is the file that it writes its numbers to.
        minutes: its limit.
        goes_on: whether it saves what it has when it is asked to end, and goes on from there.
        environment: variables of its own.
    """

    name: str
    command: list[str]
    minutes: float
    goes_on: bool = False
    environment: dict[str, str] = dataclasses.field(default_factory=dict)


def plan(out: Path, *, dry_run: bool, tests: list[str], train_flags: list[str]) -> list[Part]:
    """Return all parts in their order."""
    own, peers = str(_HERE / "_gpu_parts.py"), str(_HERE / "peers" / "compare.py")
    small = ["--tiny", "--case=dense"] if dry_run else []
    # Of tests and of steps that are compared, products are computed as precisely as on a CPU.
    exact = {"JAX_DEFAULT_MATMUL_PRECISION": "highest"}
    # Beside PyTorch, XLA is not to take most of the memory at once.
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    test = [f"tests/{name}" for name in tests]
    if dry_run:
        test = ["tests/golden/test_golden_tensorflow.py", "-k", "phase_shuffle"]
    parts = [
        Part("same_step", [own, "same_step", "{numbers}", *small], 5, environment=exact),
        Part(
            "tests",
            ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml={numbers}", *test],
            8,
            environment=exact,
        ),
    ]
    names = ["dcgan_32", "dcgan_64", "sngan", "r3gan", "stylegan2"]
    if dry_run:
        names = ["dense"]
    few = ["--rounds=1", "--seconds=0.05", "--nocheck", "--modes=eager"]
    for size, precision in [(64, "float32"), (64, "bfloat16"), (1024, "bfloat16")]:
        for name in names:
            batch = min(size, 4) if dry_run else size
            case = f"{name}_{size}_{precision}"
            settings = [f"--batch_size={batch}", f"--precision={precision}", *small[:1]]
            command = [peers, f"--cases={name}", "--json={numbers}", *settings]
            # Whether both sides do the same work does not depend on batch and precision.
            checks = [] if (size, precision) == (64, "float32") else ["--nocheck"]
            more = few if dry_run else [f"--modes={_MODES}", "--rounds=5", "--seconds=2", *checks]
            parts.append(Part(f"peers_{case}", command + more, 6, environment=shared))
            command = [own, "loop", "{numbers}", f"--case={name}", *settings]
            parts.append(Part(f"loop_{case}", command, 3))
        if dry_run:
            break
    for remat in (False, True):
        for microbatch in (0, 64)[:: -1 if remat else 1][: 1 if dry_run else 2]:
            name = f"memory_{'remat' if remat else 'plain'}_{microbatch or 'whole'}"
            asked = [f"--microbatch={microbatch}"] + ["--remat"] * remat
            parts.append(Part(name, [own, "memory", "{numbers}", *asked, *small], 4))
    train, tiny = str(_ROOT / "experiments" / "train.py"), []
    modes = ["--eval_every=1000", "--eval_samples=26000", "--eval_metrics=modes"]
    if dry_run:
        tiny = ["--dataset=stacked_digits", "--width=16", "--batch_size=8", "--microbatch=0"]
        tiny += [
            "--steps=2",
            "--eval_every=0",
            "--blocks=1",
            "--precision=float32",
            "--steps_per_call=1",
        ]
    for name, settings in [
        ("train_stacked_mnist", ["--preset=r3gan_stacked_mnist", *modes]),
        ("train_cifar10", _CIFAR10),
    ]:
        if dry_run and name == "train_cifar10":
            tiny = [*tiny, "--dataset=digits", "--image_size=32"]
        where = f"--workdir={out / name}"
        parts.append(Part(name, [train, *settings, *tiny, *train_flags, where], 60, goes_on=True))
    return parts


def run(part: Part, out: Path, seconds: float, *, dry_run: bool) -> dict[str, Any]:
    """Run a part within so many seconds, and return what its file says."""
    numbers, log = out / f".{part.name}.numbers", out / f"{part.name}.log"
    numbers.unlink(missing_ok=True)
    command = [sys.executable, *(word.replace("{numbers}", str(numbers)) for word in part.command)]
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path} | part.environment
    environment["JAX_PLATFORMS"] = "cpu" if dry_run else "cuda,cpu"
    limit = min(seconds, 60 * part.minutes)
    begin = time.monotonic()
    with log.open("a") as stream:
        process = subprocess.Popen(
            command,
            cwd=_ROOT,
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
                if not _wait(process, _GRACE if part.goes_on else 5.0):
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
    """Return what a part has measured, as far as it came."""
    if part.goes_on:
        lines = out / part.name / "metrics.jsonl"
        rows = lines.read_text().splitlines() if lines.exists() else []
        return json.loads(rows[-1]) if rows else None
    if not path.exists():
        return None
    if part.name == "tests":
        (suite,) = ElementTree.parse(path).getroot()
        failed = [
            f"{case.get('classname')}::{case.get('name')}"
            for case in suite
            if case.find("failure") is not None or case.find("error") is not None
        ]
        return {"tests": int(suite.get("tests", 0)), "failed": failed}
    return json.loads(path.read_text())


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


def _begins(name: str, starts: list[str]) -> bool:
    return any(name.startswith(start) or start == "all" for start in starts)


def main(argv: list[str]) -> int:
    """Run what is left, as long as there is time."""
    del argv
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    out, dry_run = Path(_OUT.value).resolve(), _DRY_RUN.value
    out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * _MINUTES.value
    parts = plan(out, dry_run=dry_run, tests=_TESTS.value, train_flags=_TRAIN_FLAGS.value)
    parts = [part for part in parts if not _ONLY.value or _begins(part.name, _ONLY.value)]
    found: dict[str, dict[str, Any]] = {}
    begun = set()
    for number, part in enumerate(parts):
        path = out / f"{part.name}.json"
        known = json.loads(path.read_text()) if path.exists() else None
        is_open = known is None or known["status"] == "unfinished"
        if known is not None and not is_open and not _begins(part.name, _AGAIN.value):
            found[part.name] = known
            continue
        left = end - time.monotonic()
        if part.goes_on:  # what is left is shared by the trainings that are left
            left /= sum(other.goes_on for other in parts[number:])
        if left < _LEAST:
            continue
        print(f"{part.name}, at most {min(left, 60 * part.minutes):.0f} s", flush=True)
        found[part.name] = run(part, out, left, dry_run=dry_run)
        begun.add(part.name)
        write_whole(path, json.dumps(found[part.name], indent=1) + "\n")
    for part in parts:
        result = found.get(part.name)
        status = "not begun: no time was left" if result is None else result["status"]
        print(f"{part.name:32} {status}  {(result or {}).get('reason', '')}".rstrip())
    print("\n".join(marks(found)))
    statuses = {result["status"] for result in found.values()}
    if "failed" in statuses:
        return 1
    return 2 if "unfinished" in statuses or len(found) < len(parts) else 0


if __name__ == "__main__":
    app.run(main)
