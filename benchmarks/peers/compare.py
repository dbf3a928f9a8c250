"""jaxgan beside PyTorch: python benchmarks/peers/compare.py, after pip install -r requirements.txt.

Both train the same networks with the same loss, optimizer and batch, on images that lie in memory
as uint8, and each draws its own batches and noise. First it is checked that they do the same work
(`equality.py`). Then blocks of steps of either take turns, so that whatever else the machine does
meets both; a ratio above 1 says how many times faster jaxgan is. Each side has a process of its
own, for beside PyTorch's threads in one process XLA's ran up to a third slower.

jaxgan runs as `experiments/train.py` runs it: blocks of steps in one compiled call.
"""

import json
import multiprocessing
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cases
import equality
import jax
import torch
from absl import app, flags
from tqdm import tqdm

from jaxgan.runs.build import build
from jaxgan.runs.data import feed_of
from jaxgan.runs.devices import compile_steps
from jaxgan.runs.networks import example

_CASES = flags.DEFINE_list("cases", list(cases.CASES), "which to compare")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", None, "examples per update; that of the case if not given", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "blocks of each side that are timed", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 3.0, "about how long a block lasts", lower_bound=0.0)
_COMPILE = flags.DEFINE_string(
    "compile", "", "mode of torch.compile, such as default or max-autotune; eager if empty"
)
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "of both sides")
_CHANNELS_LAST = flags.DEFINE_bool("channels_last", False, "PyTorch's memory format")
_JSON = flags.DEFINE_string("json", "", "file to write the numbers to as well")


def jaxgan_block(config, shape) -> Callable[[int], Callable[[], None]]:
    """`steps -> block`, a call of which trains so many steps and waits for them."""
    facts = cases.facts(config, shape)
    gan, batches = compile_steps(
        build(config, facts).gan,
        feed_of(config, cases.images(config, shape)),
        "jit",
        jax.devices(),
    )
    state, step = gan.init(jax.random.key(0), example(facts)), 0

    def of(steps: int) -> Callable[[], None]:
        def block() -> None:
            nonlocal state, step
            items = batches.items(config.run.seed, step, steps)
            state, metrics = gan.train_step(state, (batches.source, items))
            jax.block_until_ready((state, metrics))
            step += steps

        return block

    return of


def torch_block(config, shape, device: str) -> Callable[[int], Callable[[], None]]:
    """The same in PyTorch."""
    layout = torch.channels_last if _CHANNELS_LAST.value else torch.contiguous_format
    trainer = cases.trainer(
        config,
        shape,
        compile_mode=_COMPILE.value or None,
        autocast=_PRECISION.value == "bfloat16",
        device=device,
        layout=layout,
    )
    x, y, *_ = cases.images(config, shape)
    x, y = (
        None if a is None else torch.from_numpy(a.transpose(0, 3, 1, 2).copy()).to(device)
        for a in (x, y)
    )
    size, d_steps = config.optimization.batch_size, config.optimization.d_steps
    is_paired = config.recipe != "cyclegan"

    def some(images: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return (images[rows].float() / 127.5 - 1).contiguous(memory_format=layout)

    def rows() -> torch.Tensor:
        return torch.randint(len(x), (size,), device=device)

    def draw():
        first = rows()
        return some(x, first), None if y is None else some(y, first if is_paired else rows())

    def step() -> None:
        for _ in range(d_steps):
            batch = draw()
            trainer.d_step(batch)
        trainer.g_step(batch)

    def of(steps: int) -> Callable[[], None]:
        def block() -> None:
            for _ in range(steps):
                step()
            if device == "cuda":
                torch.cuda.synchronize()

        return block

    return of


def work(connection, side: str, name: str, argv: list[str]) -> None:
    """The process of one side: told how many steps, it trains them and answers the seconds."""
    flags.FLAGS(argv)
    config, shape = cases.CASES[name]
    size = _BATCH_SIZE.value or config.optimization.batch_size
    config = config.replace(batch_size=size, precision=_PRECISION.value)
    if side == "jaxgan":
        blocks = jaxgan_block(config, shape)
    else:
        blocks = torch_block(config, shape, "cuda" if torch.cuda.is_available() else "cpu")
    while steps := connection.recv():
        block = blocks(steps)
        start = time.perf_counter()
        block()
        connection.send(time.perf_counter() - start)


class Side:
    """A process that trains on demand."""

    def __init__(self, side: str, name: str):
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        arguments = (other, side, name, sys.argv)
        self._process = context.Process(target=work, args=arguments, daemon=True)
        self._process.start()

    def seconds(self, steps: int) -> float:
        """Train so many steps."""
        self._connection.send(steps)
        while not self._connection.poll(1.0):
            if not self._process.is_alive():
                raise SystemExit("error: one side ended early; its own lines say why")
        return self._connection.recv()

    def close(self) -> None:
        """End the process."""
        self._connection.send(0)
        self._process.join()


def compare(name: str, progress: tqdm) -> dict:
    """Milliseconds per step (`d_steps` updates of D and one of G) of both sides."""
    sides = [Side("jaxgan", name), Side("torch", name)]
    sides[1].seconds(2)
    steps = max(1, round(_SECONDS.value / sides[1].seconds(2) * 2))
    for side in sides:  # compiles, and warms up
        side.seconds(steps)
    times = []
    for _ in range(_ROUNDS.value):
        times.append([1e3 * side.seconds(steps) / steps for side in sides])
        progress.update()
    for side in sides:
        side.close()
    mine, peers = (sorted(column) for column in zip(*times, strict=True))
    return {
        "case": name,
        "steps_per_block": steps,
        "jaxgan_ms": [mine[0], statistics.median(mine), mine[-1]],
        "torch_ms": [peers[0], statistics.median(peers), peers[-1]],
        "ratio": statistics.median(peers) / statistics.median(mine),
    }


def main(argv: list[str]) -> None:
    """Check, time, and print a table."""
    del argv
    unknown = set(_CASES.value) - set(cases.CASES)
    if unknown:
        raise SystemExit(f"error: --cases={min(unknown)}: choose of {', '.join(cases.CASES)}")
    side = f"torch.compile({_COMPILE.value})" if _COMPILE.value else "eager"
    machine = {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "torch_mode": side + (", channels-last" if _CHANNELS_LAST.value else ""),
        "device": jax.devices()[0].device_kind,
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": _PRECISION.value,
    }
    print("  ".join(f"{name}: {value}" for name, value in machine.items()))
    for name in _CASES.value:
        _check(name)
    rows = []
    with tqdm(total=len(_CASES.value) * _ROUNDS.value, unit="block", leave=False) as progress:
        for name in _CASES.value:
            progress.set_description(name)
            rows.append(compare(name, progress))
    print(f"\n{'case':10} {'jaxgan, ms (min..max)':>28} {'PyTorch, ms (min..max)':>28}   ratio")
    for row in rows:
        print(
            f"{row['case']:10} {_times(row['jaxgan_ms']):>28} {_times(row['torch_ms']):>28}"
            f"   {row['ratio']:5.2f}"
        )
    if _JSON.value:
        text = json.dumps({"machine": machine, "cases": rows}, indent=1) + "\n"
        Path(_JSON.value).write_text(text)


def _check(name: str) -> None:
    apart = equality.differences(name)
    text = ", ".join(f"{what} {value:.1e}" for what, value in apart.items())
    if max(apart.values()) > equality.TOLERANCE:
        raise SystemExit(f"error: {name}: the two sides do not do the same work: {text}")
    print(f"{name}: one D and one G step agree: {text}")


def _times(times: list[float]) -> str:
    low, median, high = times
    return f"{median:.1f} ({low:.1f}..{high:.1f})"


if __name__ == "__main__":
    app.run(main)
