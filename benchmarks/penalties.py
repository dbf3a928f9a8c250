"""What R1 + R2 costs, exactly and by differences of logits: python benchmarks/penalties.py.

Blocks of whole steps without a penalty and with each of them alternate, and their order does too;
times are medians of the blocks' ratios. Arithmetic is what XLA counts for a step of D.
"""

import statistics
import time
from typing import Any

import jax
import numpy as np

import jaxgan
from jaxgan import Batch
from jaxgan.runs.build import build
from jaxgan.runs.config import make
from jaxgan.runs.networks import Facts

SHARED = {"loss": "relativistic_paired", "d_norm": "layer", "batch_size": 64}
CASES = {
    "dcgan, 28x28": ({"width": 32}, (28, 28, 1), 5),
    "resnet, 32x32": ({"model": "resnet", "width": 8}, (32, 32, 3), 3),
}
PENALTIES: dict[str, dict[str, Any]] = {
    "none": {},
    "r1_r2": {"penalty": "r1_r2"},
    "approximate_r1_r2, all": {"penalty": "approximate_r1_r2", "penalty_share": 1.0},
    "approximate_r1_r2, a quarter": {"penalty": "approximate_r1_r2", "penalty_share": 0.25},
}
ROUNDS = 15


def compiled(settings: dict[str, Any], shape: tuple[int, ...], steps: int):
    """A function that makes a block of steps, XLA's count for D, and seconds of compiling."""
    x = np.random.default_rng(0).uniform(-1, 1, (steps, 64, *shape)).astype(np.float32)
    gan = build(make(**SHARED | settings), Facts(shape, (), ())).gan
    state = jax.jit(gan.init)(jax.random.key(0), Batch(x[0]))
    counts = jax.jit(gan.d_step).lower(state, Batch(x[0])).compile().cost_analysis() or {}
    begin = time.perf_counter()
    blocks = jax.jit(jaxgan.scan(gan).train_step).lower(state, Batch(x)).compile()
    seconds = time.perf_counter() - begin

    def block() -> float:
        nonlocal state
        begin = time.perf_counter()
        state, metrics = blocks(state, Batch(x))
        jax.block_until_ready(metrics)
        return (time.perf_counter() - begin) / steps

    block()
    return block, counts["flops"], seconds


def main() -> None:
    """Print a row for each penalty."""
    print("| networks | penalty | D, GFLOP | ms per step | ratio | compiled, s |")
    print("|---|---|--:|--:|--:|--:|")
    for name, (settings, shape, steps) in CASES.items():
        sides = {
            penalty: compiled(settings | own, shape, steps) for penalty, own in PENALTIES.items()
        }
        times: dict[str, list[float]] = {penalty: [] for penalty in sides}
        for i in range(ROUNDS):
            for penalty in list(sides)[:: 1 if i % 2 else -1]:
                times[penalty].append(sides[penalty][0]())
        for penalty, (_, flops, seconds) in sides.items():
            pairs = zip(times[penalty], times["none"], strict=True)
            ratio = statistics.median(one / other for one, other in pairs)
            median = statistics.median(times[penalty])
            print(
                f"| {name} | {penalty} | {flops / 1e9:.2f} | {median * 1e3:.1f} | {ratio:.2f} | "
                f"{seconds:.1f} |"
            )


if __name__ == "__main__":
    main()
