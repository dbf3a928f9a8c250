"""What it costs that an update is checked for being finite: python benchmarks/guard.py.

Blocks of steps with the check and without it alternate, and their order does too; the figures are
medians. Arithmetic and bytes are what XLA counts for a compiled step.
"""

import statistics
import time
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import Batch, core
from jaxgan.runs.build import build
from jaxgan.runs.config import make
from jaxgan.runs.networks import Facts

CASES = {"dcgan": ({"width": 32}, 10), "dense": ({"model": "mlp", "width": 256}, 50)}
ROUNDS = 25


def compiled(settings: dict[str, Any], steps: int, *, checked: bool):
    """A function that makes a block of steps, and the counts of XLA for one step."""
    x = np.random.default_rng(0).normal(size=(steps, 64, 28, 28, 1)).astype(np.float32)
    gan = build(make(**settings), Facts((28, 28, 1), (), ())).gan
    blocks = jaxgan.jit(jaxgan.scan(gan))
    state = blocks.init(jax.random.key(0), Batch(x[0]))
    check = core._is_finite if checked else mock.Mock(return_value=jnp.bool_(True))
    with mock.patch.object(core, "_is_finite", check):
        counts = jax.jit(gan.train_step).lower(state, Batch(x[0])).compile().cost_analysis() or {}
        state, _ = blocks.train_step(state, Batch(x))

    def block() -> float:
        nonlocal state
        begin = time.perf_counter()
        state, metrics = blocks.train_step(state, Batch(x))
        jax.block_until_ready(metrics)
        return (time.perf_counter() - begin) / steps

    return block, counts


def main() -> None:
    """Print a line for each case."""
    for name, (settings, steps) in CASES.items():
        sides = [compiled(settings, steps, checked=checked) for checked in (True, False)]
        times: list[list[float]] = [[], []]
        for i in range(ROUNDS):
            for side in (0, 1) if i % 2 else (1, 0):
                times[side].append(sides[side][0]())
        checked, free = (statistics.median(one) for one in times)
        more = {key: sides[0][1][key] / sides[1][1][key] - 1 for key in ("flops", "bytes accessed")}
        print(
            f"{name}: {free * 1e3:.2f} ms per step, with the check {checked / free - 1:+.1%}; "
            f"arithmetic {more['flops']:+.2%}, bytes {more['bytes accessed']:+.1%}"
        )


if __name__ == "__main__":
    main()
