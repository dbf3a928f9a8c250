"""What a start costs: python benchmarks/startup.py --presets=dcgan_digits.

For every preset, `jaxgan-train` is started to its first step in a process of its own: once with an
empty cache of compiled programs, and once with what the first start left there. Costs are seconds
of CPU, of all threads, from the start of Python to the end of the first step.
"""

import builtins
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

_ROOT = Path(__file__).parents[1]
_PRESETS = flags.DEFINE_list("presets", [], "which; all if empty")
_FLAGS = flags.DEFINE_list("with", [], "flags of jaxgan-train that are given to all of them")
_INSTRUCTIONS = flags.DEFINE_bool("instructions", False, "count HLO instructions, in a third start")
_JSON = flags.DEFINE_string("json", None, "file to write the numbers to as well")

_SPANS = {
    "/jax/core/compile/jaxpr_trace_duration": "traced",
    "/jax/core/compile/jaxpr_to_mlir_module_duration": "traced",
    "/jax/core/compile/backend_compile_duration": "compiled",
}
_RESULT = "STARTUP "


class Clock:
    """CPU seconds of this process at any time of the past, in steps of 5 ms."""

    def __init__(self):
        self._seen = [(time.time(), time.process_time())]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(0.005)
            self._seen.append((time.time(), time.process_time()))

    def between(self, begin: float, end: float) -> float:
        """CPU seconds between two values of `time.time()`."""
        wall, cpu = np.array([*self._seen, (time.time(), time.process_time())]).T
        return float(np.diff(np.interp([begin, end], wall, cpu))[0])


def _union(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Join spans that overlap: functions are traced within one another."""
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((begin, end))
    return joined


def _count_imports() -> dict[str, float]:
    """CPU seconds of all imports from now on."""
    counted, depth, plain = {"imports": time.process_time()}, 0, builtins.__import__

    def timed(*args, **kwargs):
        nonlocal depth
        begin, depth = time.process_time(), depth + 1
        try:
            return plain(*args, **kwargs)
        finally:
            depth -= 1
            if not depth and threading.current_thread() is threading.main_thread():
                counted["imports"] += time.process_time() - begin

    builtins.__import__ = timed
    return counted


def measured(arguments: list[str]) -> None:
    """Run `jaxgan-train` in this process, and print what it cost to the first step."""
    clock, counted = Clock(), _count_imports()
    import jax

    from jaxgan.runs.commands import train
    from jaxgan.runs.training.session import Session

    spans: dict[str, list[tuple[float, float]]] = {"traced": [], "compiled": []}
    programs: list[tuple[str, float, float]] = []
    hits: list[str] = []
    log = Session.log

    def seen(event: str, start_time: float, end_time: float, **kwargs: str | int) -> None:
        if event in _SPANS:
            spans[_SPANS[event]].append((start_time, end_time))
        if _SPANS.get(event) == "compiled":
            programs.append((str(kwargs.get("fun_name")), start_time, end_time))

    def first_step(self: Session, step: int) -> None:
        log(self, step)
        Session.log = log
        parts = {
            name: sum(clock.between(*span) for span in _union(found))
            for name, found in spans.items()
        }
        costs = {"total": time.process_time(), **counted, **parts}
        costs["rest"] = costs["total"] - counted["imports"] - sum(parts.values())
        longest = sorted(
            ((n, clock.between(a, b)) for n, a, b in programs), key=lambda one: -one[1]
        )
        found = {"cpu": costs, "programs": len(programs), "hits": len(hits), "longest": longest[:5]}
        print(_RESULT + json.dumps(found), flush=True)

    jax.monitoring.register_event_time_span_listener(seen)
    jax.monitoring.register_event_listener(
        lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None
    )
    Session.log = first_step
    sys.argv = ["jaxgan-train", *arguments]
    train.main()


def start(preset: str, cache: Path, **environment: str) -> dict[str, Any]:
    """Start a preset in a process of its own, and return what it measured."""
    with tempfile.TemporaryDirectory() as directory:
        run = subprocess.run(
            [
                *(sys.executable, __file__, "--measure"),
                f"--flagfile={_ROOT / 'experiments/presets' / preset}.flags",
                *("--steps=1", f"--workdir={directory}/run", f"--compilation_cache={cache}"),
                *_FLAGS.value,
            ],
            env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment,
            capture_output=True,
            text=True,
            check=False,
        )
    for line in run.stdout.splitlines():
        if line.startswith(_RESULT):
            return json.loads(line.removeprefix(_RESULT))
    raise RuntimeError(f"{preset}: {(run.stderr.strip() or run.stdout).splitlines()[-1]}")


def _instructions(preset: str, directory: Path) -> dict[str, int]:
    """HLO instructions of the programs that are named after functions of the GAN."""
    options = "--xla_dump_hlo_as_text --xla_dump_hlo_module_re=steps|init|sample"
    start(preset, directory / "none", XLA_FLAGS=f"--xla_dump_to={directory}/dump {options}")
    counts: dict[str, int] = {}
    for path in (directory / "dump").glob("*after_optimizations.txt"):
        name = path.name.split(".")[1]
        counts[name] = counts.get(name, 0) + len(re.findall(r"^ +\S.* = ", path.read_text(), re.M))
    return counts


def costs(preset: str) -> dict[str, Any]:
    """The costs of the first start of a preset, of the second, and of its programs."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        first, second = (start(preset, directory / "compiled") for _ in range(2))
        kept = {path.name: path.stat().st_size for path in (directory / "compiled").glob("*-cache")}
        found = {"first": first, "second": second, "kept": kept}
        if _INSTRUCTIONS.value:
            found["instructions"] = _instructions(preset, directory)
    return found


def _row(preset: str, found: dict[str, Any]) -> str:
    first, second = found["first"], found["second"]
    cells = [preset, *(f"{first['cpu'][name]:.1f}" for name in first["cpu"])]
    largest = max(found["kept"].values(), default=0)
    cells += [f"{second['cpu']['total']:.1f}", str(first["programs"]), f"{largest / 2**20:.2f}"]
    cells += [", ".join(f"{name} {cpu:.1f}" for name, cpu in first["longest"][:3])]
    if "instructions" in found:
        cells += [", ".join(f"{name} {count}" for name, count in found["instructions"].items())]
    return "| " + " | ".join(cells) + " |"


def main(argv: list[str]) -> None:
    """Print a row for each preset."""
    del argv
    every = sorted(path.stem for path in (_ROOT / "experiments/presets").glob("*.flags"))
    names = ["preset", "first", "imports", "traced", "compiled", "rest", "second", "programs"]
    names += ["largest, MiB", "longest", *["instructions"] * _INSTRUCTIONS.value]
    print("| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|")
    results = {}
    for preset in _PRESETS.value or every:
        try:
            results[preset] = costs(preset)
        except RuntimeError as error:
            print(f"| {error} |", flush=True)
            continue
        print(_row(preset, results[preset]), flush=True)
        if _JSON.value:
            Path(_JSON.value).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measured(sys.argv[2:])
    else:
        app.run(main)
