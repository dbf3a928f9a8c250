"""Timing of calls, and the peak performance of the device."""

import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class Timing(NamedTuple):
    """Milliseconds per step, over the repeats.

    Attributes:
        median: median of the repeats.
        low: the fastest repeat.
        high: the slowest repeat.
        first: seconds of the first call, nearly all of them compilation.
        calls: how many calls a repeat makes before it waits for them.
    """

    median: float
    low: float
    high: float
    first: float
    calls: int


def timing(
    call: Callable[[], Any],
    *,
    steps: int = 1,
    repeats: int = 5,
    seconds: float = 1.0,
    tick: Callable[[], Any] = lambda: None,
) -> Timing:
    """Time a function that starts `steps` steps and returns their arrays without waiting.

    Args:
        call: the function.
        steps: number of steps per call.
        repeats: how often to measure.
        seconds: approximate duration of a repeat.
        tick: called after each repeat.
    """

    def several(calls: int) -> float:
        start = time.perf_counter()
        jax.block_until_ready([call() for _ in range(calls)][-1])
        return time.perf_counter() - start

    first = several(1)
    calls = max(1, round(seconds / several(1)))
    times = []
    for _ in range(repeats):
        times.append(1e3 * several(calls) / (calls * steps))
        tick()
    return Timing(statistics.median(times), min(times), max(times), first, calls)


class Ceiling(NamedTuple):
    """Peak performance of the device, measured with a large matrix product and a large copy."""

    flops: float
    bytes: float


def ceiling(dtype: Any) -> Ceiling:
    """Measure the FLOP/s of a matrix product in this dtype, and the bytes/s of a copy."""
    on_cpu = jax.default_backend() == "cpu"
    side = 2048 if on_cpu else 8192
    matrix = jnp.ones((side, side), dtype)
    product = jax.jit(jnp.matmul)
    large = jnp.ones(2**26 if on_cpu else 2**28, jnp.float32)
    copy = jax.jit(lambda a: a + 1)
    settings: dict[str, Any] = {"repeats": 5, "seconds": 0.5}
    return Ceiling(
        2 * side**3 / (1e-3 * timing(lambda: product(matrix, matrix), **settings).low),
        2 * large.nbytes / (1e-3 * timing(lambda: copy(large), **settings).low),
    )


def peak_memory() -> tuple[int, str]:
    """Return the peak memory so far in bytes, and whose memory it is."""
    statistics_of_device = jax.local_devices()[0].memory_stats()
    if statistics_of_device:
        return statistics_of_device["peak_bytes_in_use"], "of a device"
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "of this process"


def machine() -> dict[str, Any]:
    """Describe the machine that timings were taken on."""
    return {
        "device": jax.local_devices()[0].device_kind,
        "devices": jax.local_device_count(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "flax": version("flax"),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
