"""jaxgan beside PyTorch: python benchmarks/peers/compare.py, after pip install -r requirements.txt.

Both train the same networks with the same loss, optimizer and batch, on images that lie in memory
as uint8, and each draws its own batches and noise. First it is checked that they do the same work
(`equality.py`). Then blocks of steps of either take turns, so that whatever else the machine does
meets both; a ratio above 1 says how many times faster jaxgan is. Each side has a process of its
own, for beside PyTorch's threads in one process XLA's ran up to a third slower.

jaxgan runs as `experiments/train.py` runs it: blocks of steps in one compiled call. PyTorch may run
in several ways, --modes=eager,reduce-overhead+channels_last; one that it cannot run in is told and
left out.
"""

import contextlib
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
from settings import CASES, case
from tqdm import tqdm

from jaxgan.runs.build import build
from jaxgan.runs.data import feed_of
from jaxgan.runs.devices import compile_steps
from jaxgan.runs.networks import example

_CASES = flags.DEFINE_list("cases", list(CASES), "which to compare")
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", None, "examples per update; that of the case if not given", lower_bound=1
)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "blocks of each side that are timed", lower_bound=1)
_SECONDS = flags.DEFINE_float("seconds", 3.0, "about how long a block lasts", lower_bound=0.0)
_MODES = flags.DEFINE_list(
    "modes",
    ["eager"],
    "how PyTorch runs: eager or a mode of torch.compile, such as default, or reduce-overhead for "
    "CUDA graphs; with +channels_last for that memory format",
)
_PRECISION = flags.DEFINE_enum("precision", "float32", ["float32", "bfloat16"], "of both sides")
_CHECK = flags.DEFINE_bool("check", True, "check first that both sides do the same work")
_TINY = flags.DEFINE_bool("tiny", False, "take small networks, to try the script")
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


def torch_block(config, shape, mode: str, device: str) -> Callable[[int], Callable[[], None]]:
    """The same in PyTorch."""
    compiled, _, layout = mode.partition("+")
    layout = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    # As jaxgan does: XLA takes TF32 on GPUs that have it, and the fastest convolution it finds.
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    trainer = cases.trainer(
        config,
        shape,
        compile_mode=None if compiled == "eager" else compiled,
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
    """The process of one side: told how many steps, it trains them and answers the seconds.

    If it cannot, it answers why.
    """
    flags.FLAGS(argv)
    try:
        config, shape = case(
            name, batch_size=_BATCH_SIZE.value, precision=_PRECISION.value, tiny=_TINY.value
        )
        if side == "jaxgan":
            blocks = jaxgan_block(config, shape)
        else:
            device = "cuda" if torch.cuda.is_available() else "cpu"
            blocks = torch_block(config, shape, side, device)
        while steps := connection.recv():
            block = blocks(steps)
            start = time.perf_counter()
            block()
            connection.send(time.perf_counter() - start)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        connection.send(f"{type(error).__name__}: {lines[0]}")


class SideError(RuntimeError):
    """A side cannot train."""


class Side:
    """A process that trains on demand: `"jaxgan"`, or a mode of PyTorch."""

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
                raise SideError("its process ended early; its own lines say why")
        answer = self._connection.recv()
        if isinstance(answer, str):
            raise SideError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        with contextlib.suppress(OSError):  # it has ended already
            self._connection.send(0)
        self._process.join()


def compare(name: str, progress: tqdm) -> dict:
    """Milliseconds per step (`d_steps` updates of D and one of G) of all sides."""
    sides = {side: Side(side, name) for side in ("jaxgan", *_MODES.value)}
    times: dict[str, list[float]] = {side: [] for side in sides}
    failed: dict[str, str] = {}

    def seconds(side: str, steps: int) -> float | None:
        try:
            return sides[side].seconds(steps)
        except SideError as error:
            failed[side] = str(error)
            sides.pop(side).close()
            return None

    # Compiled programs of jaxgan are for one number of steps, so it is PyTorch that says how many.
    guesses = [seconds(mode, 2) and seconds(mode, 2) for mode in _MODES.value]
    known = [guess for guess in guesses if guess]
    steps = max(1, round(_SECONDS.value / max(known) * 2)) if known else 10
    for side in tuple(sides):  # compiles, and warms up
        seconds(side, steps)
    for _ in range(_ROUNDS.value):
        for side in tuple(sides):
            if found := seconds(side, steps):
                times[side].append(1e3 * found / steps)
        progress.update()
    for side in sides.values():
        side.close()
    if "jaxgan" in failed:
        raise SystemExit(f"error: {name}: jaxgan: {failed['jaxgan']}")
    own = _spread(times["jaxgan"])
    modes = {
        mode: {"error": failed[mode]}
        if mode in failed
        else {"ms": _spread(times[mode]), "ratio": _spread(times[mode])[1] / own[1]}
        for mode in _MODES.value
    }
    return {"case": name, "steps_per_block": steps, "jaxgan_ms": own, "torch": modes}


def main(argv: list[str]) -> None:
    """Check, time, and print a table."""
    del argv
    unknown = set(_CASES.value) - set(CASES)
    if unknown:
        raise SystemExit(f"error: --cases={min(unknown)}: choose of {', '.join(CASES)}")
    machine = {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "device": jax.devices()[0].device_kind,
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": _PRECISION.value,
    }
    print("  ".join(f"{name}: {value}" for name, value in machine.items()))
    for name in _CASES.value if _CHECK.value else ():
        _check(name)
    rows = []
    with tqdm(total=len(_CASES.value) * _ROUNDS.value, unit="block", leave=False) as progress:
        for name in _CASES.value:
            progress.set_description(name)
            rows.append(compare(name, progress))
    print(f"\n{'case':10} {'jaxgan, ms (min..max)':>28} {'PyTorch, ms (min..max)':>28}   ratio")
    for row in rows:
        for mode, found in row["torch"].items():
            told = f"{mode}: {found['error']}" if "error" in found else _against(row, mode)
            print(f"{row['case']:10} {told}")
    if _JSON.value:
        text = json.dumps({"machine": machine, "cases": rows}, indent=1) + "\n"
        Path(_JSON.value).write_text(text)


def _check(name: str) -> None:
    apart = equality.differences(name)
    text = ", ".join(f"{what} {value:.1e}" for what, value in apart.items())
    if max(apart.values()) > equality.TOLERANCE:
        raise SystemExit(f"error: {name}: the two sides do not do the same work: {text}")
    print(f"{name}: one D and one G step agree: {text}")


def _spread(times: list[float]) -> list[float]:
    return [min(times), statistics.median(times), max(times)]


def _against(row: dict, mode: str) -> str:
    found = row["torch"][mode]
    ours, theirs = (
        f"{middle:.1f} ({low:.1f}..{high:.1f})"
        for low, middle, high in (row["jaxgan_ms"], found["ms"])
    )
    return f"{ours:>28} {theirs:>28}   {found['ratio']:5.2f}   {mode}"


if __name__ == "__main__":
    app.run(main)
