"""Which settings draw the best digits in the seconds one has: python benchmarks/first_picture.py.

Each row changes one thing of the first. All are timed in alternation, so that what else the machine
does meets all alike, and then trained for as many steps as fit into --seconds. A study that was
interrupted goes on: what is timed and trained lies in --out.
"""

import itertools
import json
import statistics
import time
from pathlib import Path
from typing import Any

import jax
from absl import app, flags
from tqdm import tqdm

from jaxgan.runs.benchmark import Options, prepare
from jaxgan.runs.config import Config, make
from jaxgan.runs.files import write_whole
from jaxgan.runs.study import Cell, result

_SECONDS = flags.DEFINE_float("seconds", 150.0, "of training, without compilation", 1.0)
_SEEDS = flags.DEFINE_integer("seeds", 1, "runs of each row", 1)
_ROWS = flags.DEFINE_list("rows", [], "names of rows; all if empty")
_SAMPLES = flags.DEFINE_integer("samples", 5000, "to measure", 100)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "how often each row is timed", 1)
_OUT = flags.DEFINE_string("out", "runs/first_picture", "directory; give it again to go on")

FIRST: dict[str, Any] = {
    "model": "dcgan",
    "coarsest": 4,
    "width": 16,
    "upsample": "nearest",
    "d_norm": "none",
    "loss": "relativistic_paired",
    "penalty": "r1_r2",
    "penalty_weight": 0.3,
    "penalty_every": 4,
    "batch_size": 32,
    "g_lr": 2e-3,
    "d_lr": 2e-3,
    "beta1": 0.0,
    "beta2": 0.99,
    "ema_half_life": 4000.0,
}
BEST = "transposed convolutions"
"""What the preset `demo_digits` has."""
CHANGES: dict[str, dict[str, Any]] = {
    "first": {},
    "from 7x7": {"coarsest": 7},
    "width 24": {"width": 24},
    "width 32": {"width": 32},
    "transposed convolutions": {"upsample": "transposed"},
    "non-saturating loss": {"loss": "non_saturating"},
    "penalty 0.03": {"penalty_weight": 0.03},
    "penalty 3": {"penalty_weight": 3.0},
    "penalty at every step": {"penalty_every": 1},
    "layer norm in D": {"d_norm": "layer"},
    "batches of 16": {"batch_size": 16},
    "batches of 64": {"batch_size": 64},
    "rates of 1e-3": {"g_lr": 1e-3, "d_lr": 1e-3},
    "rates of 4e-3": {"g_lr": 4e-3, "d_lr": 4e-3},
    "falling rates": {"lr_schedule": "cosine"},
    "momentum 0.5": {"beta1": 0.5},
    "longer average": {"ema_half_life": 20_000.0},
    "translated": {"augment": "diffaugment", "augment_policy": "translation"},
}


def config_of(row: str, **others: Any) -> Config:
    """The settings of a row."""
    return make(**FIRST | CHANGES[row] | {"dataset": "digits"} | others)


def milliseconds(rows: list[str], path: Path) -> dict[str, float]:
    """Time a step of every row in alternation, of those that were not timed before."""
    known: dict[str, float] = json.loads(path.read_text()) if path.exists() else {}
    left = [row for row in rows if row not in known]
    calls = {row: prepare(config_of(row), Options(data="real")).calls["loop"] for row in left}
    times: dict[str, list[float]] = {row: [] for row in left}
    for turn in tqdm(range(_ROUNDS.value + 1), unit="round", leave=False):
        for row in left[:: 1 if turn % 2 else -1]:
            call, steps, _ = calls[row]
            begin = time.perf_counter()
            jax.block_until_ready(call())
            times[row].append(1e3 * (time.perf_counter() - begin) / steps)
    # The first round compiles.
    known |= {row: statistics.median(several[1:]) for row, several in times.items()}
    write_whole(path, json.dumps(known, indent=1))
    return known


def main(argv: list[str]) -> None:
    """Print a line for each row."""
    del argv
    out, rows = Path(_OUT.value), _ROWS.value or list(CHANGES)
    out.mkdir(parents=True, exist_ok=True)
    each = milliseconds(rows, out / "milliseconds.json")
    print("| settings | ms per step | steps | Fréchet distance | precision | recall | reverse KL |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for row, seed in itertools.product(rows, range(_SEEDS.value)):
        block = config_of(row).run.steps_per_call
        steps = max(1, int(1e3 * _SECONDS.value / each[row] / block)) * block
        config = config_of(
            row,
            seed=seed,
            steps=steps,
            sample_every=steps,
            checkpoint_every=steps,
            workdir=str(out / row / f"seed_{seed}"),
        )
        found = result(Cell("digits", row, config), _SAMPLES.value)
        metrics = found.get("metrics", {})
        numbers = [metrics.get(name, float("nan")) for name in _SHOWN]
        cells = [row, f"{each[row]:.1f}", f"{steps}", *(f"{number:.3g}" for number in numbers)]
        print(f"| {' | '.join(cells)} |", flush=True)


_SHOWN = ("frechet_distance", "precision", "recall", "reverse_kl")

if __name__ == "__main__":
    app.run(main)
