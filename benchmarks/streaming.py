"""How fast a folder of pictures is read.

    python benchmarks/streaming.py --folder=pictures/

For each number of threads, processes of their own decode the folder into an empty cache, open it
again, and read batches from it, once with nothing of it in the memory of the system (first epoch)
and once more (later ones). A batch is read while the step before it "runs", which takes --step_ms
and no core, as on an accelerator: what the step waits for data is the time that is left.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from absl import flags

from jaxgan.runs import timing
from jaxgan.runs.commands.entry import start
from jaxgan.runs.flags import define


class Memory:
    """The largest memory of this process that is its own: pages of files are not counted."""

    def __init__(self):
        self.most, self._over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.look()

    def look(self) -> None:
        """Look once."""
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                self.most = max(self.most, 1024 * int(line.split()[1]))

    def stop(self) -> int:
        """Return the largest, in bytes."""
        self._over.set()
        self._thread.join()
        self.look()
        return self.most


def decode(folder: str, size: int, cache: str, threads: int) -> dict[str, float]:
    """Load a folder, from the cache if it is there."""
    from jaxgan.data import load, reading

    reading.cores = lambda: threads  # as if there were so many
    memory = Memory()
    before, started = memory.most, time.perf_counter()
    spent = time.process_time()
    dataset = load(f"folder:{folder}", image_size=size or None, cache_dir=cache)
    return {
        "pictures": len(dataset.x),
        "bytes": dataset.x.nbytes,
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - spent,
        "anonymous_bytes": memory.stop() - before,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }


def read(folder: str, size: int, cache: str, threads: int, step_ms: float) -> dict[str, Any]:
    """Read the batches of two epochs as a run does."""
    from jaxgan._feed import ahead, feed
    from jaxgan.data import load

    batch, steps = 64, 5
    dataset = load(f"folder:{folder}", image_size=size or None, cache_dir=cache)
    (file,) = Path(cache).glob("*/x.npy")
    with file.open("rb") as opened:  # the pages that decoding has left in memory
        os.fsync(opened.fileno())
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    batches = feed(dataset, batch, flip=True, device_gb=0)
    calls = len(dataset.x) // (batch * steps)
    found = {}
    for epoch in "first", "later":
        first = 0 if epoch == "first" else calls * steps

        def items(i: int, first: int = first) -> Any:
            return batches.items(0, first + i * steps, steps)

        waited, started = 0.0, time.perf_counter()
        blocks = ahead(items, calls, threads=threads)
        next(blocks)
        for _ in range(calls - 1):
            time.sleep(steps * step_ms / 1e3)
            asked = time.perf_counter()
            next(blocks)
            waited += time.perf_counter() - asked
        seconds = time.perf_counter() - started
        found[epoch] = {
            "pictures_per_second": calls * batch * steps / seconds,
            "waited": waited / seconds,
        }
    return found


def in_child(*arguments: Any) -> dict[str, Any]:
    """Run one of these functions in a process of its own."""
    command = [sys.executable, __file__, "--child", json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| threads | decoded, pictures/s | CPU, ms each | opened again, s | own memory | "
        "first epoch, pictures/s | later epochs | a step waits, first | later |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        decoded, again, epochs = row["decoded"], row["again"], row["epochs"]
        count = decoded["pictures"]
        free = row["free"]
        cells = [
            f"{row['threads']}",
            f"{count / decoded['seconds']:,.0f}",
            f"{1e3 * decoded['cpu_seconds'] / count:.3f}",
            f"{again['seconds']:.2f}",
            f"{decoded['anonymous_bytes'] / 1e6:.0f} MB",
            *(f"{free[one]['pictures_per_second']:,.0f}" for one in ("first", "later")),
            *(f"{epochs[one]['waited']:.1%}" for one in ("first", "later")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def define_flags() -> None:
    """Define the flags of this script."""
    define("folder", str, "directory or zip file of pictures")
    define("image_size", int, "side to resize and crop them to; 0 for none", default=0, low=0)
    define("step_ms", float, "time of a step of 64 pictures", default=20.0, low=0.0)
    module = "flags of this command"
    flags.DEFINE_list("threads", ["1", "2", "4"], "numbers of threads", module_name=module)
    define("json", str, "file to write the numbers to as well")


def run(argv: list[str]) -> None:
    """Measure, and print the table."""
    del argv
    values = flags.FLAGS
    rows = []
    for threads in map(int, values.threads):
        with tempfile.TemporaryDirectory() as cache:
            given = values.folder, values.image_size, cache, threads
            row: dict[str, Any] = {"threads": threads}
            row["decoded"] = in_child("decode", *given)
            row["again"] = in_child("decode", *given)
            row["epochs"] = in_child("read", *given, values.step_ms)
            row["free"] = in_child("read", *given, 0.0)
        rows.append(row)
    if values.json:
        Path(values.json).write_text(json.dumps(rows, indent=1))
    print(", ".join(f"{name} {value}" for name, value in timing.machine().items()))
    decoded = rows[0]["decoded"]
    print(f"{decoded['pictures']} pictures, {decoded['bytes'] / 1e9:.2f} GB decoded")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        name, *given = json.loads(sys.argv[2])
        print(json.dumps({"decode": decode, "read": read}[name](*given)))
    else:
        start(run, define_flags)
