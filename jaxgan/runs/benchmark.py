"""Timing of the steps of a run, for `jaxgan-bench` and the benchmark scripts."""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from tqdm import tqdm

import jaxgan
from jaxgan import Batch, data
from jaxgan.data.memory import gigabytes, machine_memory
from jaxgan.parallel import AXIS
from jaxgan.runs import timing
from jaxgan.runs.build import build
from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import Config, make
from jaxgan.runs.data import check_fit, facts, feed_of, initial_state, load
from jaxgan.runs.devices import (
    compile_steps,
    compiler_options,
    mode_and_devices,
    share_of,
)
from jaxgan.runs.settings import ConfigError

_IMAGES = 4096


class Options(NamedTuple):
    """Options of a benchmark.

    Attributes:
        seconds: approximate duration of a repeat.
        repeats: how often each function is timed.
        data: "synthetic" or "real".
        shape: shape of synthetic images, as "28,28,1", or of points, as "2".
        profile: directory to write a trace to; "" for none.
    """

    seconds: float = 1.0
    repeats: int = 7
    data: str = "synthetic"
    shape: str = "28,28,1"
    profile: str = ""


class Bench(NamedTuple):
    """The functions to time, and the cost of a step.

    Attributes:
        calls: `name -> (call, steps in a call, images in a step)`.
        flops: arithmetic operations of one step, over all devices.
        bytes: bytes that its instructions read and write, over all devices.
    """

    calls: dict[str, tuple[Any, int, int]]
    flops: float
    bytes: float


def prepare(config: Config, options: Options) -> Bench:
    """Build what the settings describe, without compiling it.

    Raises:
        ConfigError: the settings cannot be run.
        DataError: the data set cannot be loaded.
    """
    check_settings(config)
    if options.data == "real":
        dataset = load(config)
    else:
        dataset = _synthetic(config, options.shape)
        check_fit(config, dataset)
    mode, devices = mode_and_devices(config.run)
    synchronized = mode != "jit" and config.networks.sync_batch_norm
    gan = build(config, facts(dataset), axis_name=AXIS if synchronized else None).gan
    feed = feed_of(config, dataset, share_of(devices))
    batch = feed.load(feed.source, feed.items(0, 0, 1)[0]) if feed.on_device else None
    if batch is None or feed.sharded:
        raise ConfigError(
            "--device_data_gb, --shard_data: expected the whole data set on each device; raise "
            "--device_data_gb, or leave --shard_data out"
        )
    loop, batches = compile_steps(gan, feed, mode, devices)
    bare = jaxgan.scan(gan, lambda batch, _: batch)
    transform = {
        "jit": partial(jaxgan.jit, compiler_options=compiler_options()),
        "pmap": partial(jaxgan.pmap, devices=devices),
        "shard_map": jaxgan.shard_map,
        "shard_optimizer": jaxgan.shard_optimizer,
    }[mode]
    one = transform(gan)
    split = {} if mode == "jit" else {"batch_axis": (0, None)}
    still = transform(bare, **split)
    examples, steps = config.optimization.batch_size, config.run.steps_per_call
    part = jax.tree.map(lambda leaf: leaf[:examples], batch)
    block = batches.source, batches.items(0, 0, steps), np.asarray(steps, np.int32)
    same = batch, np.arange(steps)

    def starter(steps_of: jaxgan.GAN, name: str, argument: Any):
        step = getattr(steps_of, name)
        state = initial_state(config, one, jax.random.key(config.run.seed), dataset)

        def call():
            nonlocal state
            state, metrics = step(state, argument)
            return state, metrics

        return call

    shown = examples * config.optimization.d_steps
    flops, bytes_ = _cost(build(config, facts(dataset)).gan, config, part)
    return Bench(
        {
            "d_step": (starter(one, "d_step", part), 1, examples),
            "g_step": (starter(one, "g_step", part), 1, examples),
            "train_step": (starter(one, "train_step", batch), 1, shown),
            "loop, same batch": (starter(still, "train_step", same), steps, shown),
            "loop": (starter(loop, "train_step", block), steps, shown),
        },
        flops,
        bytes_,
    )


def measure(config: Config, options: Options) -> dict[str, Any]:
    """Time everything and return the numbers."""
    bench = prepare(config, options)
    timings = {}
    with tqdm(total=len(bench.calls) * options.repeats, unit="repeat", leave=False) as progress:
        for name, (call, steps, _) in bench.calls.items():
            progress.set_description(name)
            timings[name] = timing.timing(
                call,
                steps=steps,
                repeats=options.repeats,
                seconds=options.seconds,
                tick=progress.update,
            )
    if options.profile:
        with jax.profiler.trace(options.profile, create_perfetto_trace=True):
            jax.block_until_ready([bench.calls["loop"][0]() for _ in range(2)][-1])
    peak, whose = timing.peak_memory()
    defaults = make(recipe=config.recipe, model=config.networks.model).flat()
    best = timing.ceiling(config.networks.precision)
    return {
        "machine": timing.machine(),
        "settings": {
            name: value
            for name, value in config.flat().items()
            if value != defaults[name] or name in ("model", "batch_size", "precision")
        },
        "data": options.data,
        "shape": options.shape.split(",") if options.data == "synthetic" else config.data.dataset,
        "timings": {
            name: one._asdict() | {"images_per_second": 1e3 * bench.calls[name][2] / one.median}
            for name, one in timings.items()
        },
        "flops_per_step": bench.flops,
        "bytes_per_step": bench.bytes,
        "ceiling": best._asdict(),
        "peak_memory": peak,
        "peak_memory_of": whose,
    }


def table(result: dict[str, Any]) -> str:
    """Format the numbers as text."""
    lines = [
        ", ".join(f"{name} {value}" for name, value in result["machine"].items()),
        ", ".join(f"{name}={value}" for name, value in result["settings"].items())
        + f"; {result['data']} data, {result['shape']}",
        "",
        f"{'':18}{'ms per step (min..max)':>28}{'images/s':>12}{'first call':>13}",
    ]
    for name, row in result["timings"].items():
        times = f"{row['median']:.2f} ({row['low']:.2f}..{row['high']:.2f})"
        lines.append(
            f"{name:18}{times:>28}{row['images_per_second']:>12.0f}{row['first']:>11.1f} s"
        )
    loop, bare = (result["timings"][name]["median"] for name in ("loop", "loop, same batch"))
    rate, moved = (1e3 * result[f"{what}_per_step"] / loop for what in ("flops", "bytes"))
    best = result["ceiling"]
    lines += [
        "",
        f"the data cost {loop / bare - 1:+.1%} of the loop",
        f"arithmetic: {result['flops_per_step'] / 1e9:.2f} GFLOP a step, {rate / 1e9:.1f} GFLOP/s, "
        f"{rate / best['flops']:.0%} of the {best['flops'] / 1e9:.0f} of a large matrix product",
        f"memory: instructions read and write {result['bytes_per_step'] / 1e9:.2f} GB a step, "
        f"{moved / 1e9:.1f} GB/s; a large copy does {best['bytes'] / 1e9:.1f}",
        f"peak memory {result['peak_memory_of']}: {result['peak_memory'] / 1e9:.2f} GB",
    ]
    return "\n".join(lines)


def read(path: str) -> dict[str, Any]:
    """Read the numbers that --json wrote.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        old = json.loads(Path(path).read_text())
        return old | {"medians": {name: row["median"] for name, row in old["timings"].items()}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"--compare={path}: expected a file that --json wrote: {error!r}"
        ) from error


def comparison(result: dict[str, Any], old: dict[str, Any]) -> str:
    """Format how many times faster this is than an earlier result."""
    lines = ["speedup over --compare (above 1: faster now)"]
    for part in ("machine", "settings", "data", "shape"):
        if old.get(part) != result[part]:
            lines.append(f"  note that {part} differs: {old.get(part)}")
    for name, row in result["timings"].items():
        if name in old["medians"]:
            lines.append(f"  {name:18}{old['medians'][name] / row['median']:6.2f}")
    return "\n".join(lines)


def _synthetic(config: Config, text: str) -> data.Dataset:
    try:
        shape = tuple(int(size) for size in text.split(","))
    except ValueError:
        shape = ()
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise ConfigError(f"--shape={text}: expected H,W,C, or D for points")
    random = np.random.default_rng(0)
    size = max(_IMAGES, config.optimization.batch_size)
    each = math.prod(shape) * (1 if len(shape) == 3 else 4) + 4  # with a label
    need, room = size * each, machine_memory()
    if need > room:
        raise ConfigError(
            f"--shape={text}, --batch_size: {size} examples take {gigabytes(need)} and this "
            f"machine has {gigabytes(room)}; choose a smaller one"
        )
    if len(shape) == 3:
        x = random.integers(0, 256, (size, *shape), np.uint8)
    else:
        x = random.standard_normal((size, *shape), np.float32)
    return data.Dataset(x, random.integers(0, 10, size, np.int32), "random", tuple("0123456789"))


def _cost(gan: jaxgan.GAN, config: Config, batch: Batch) -> tuple[float, float]:
    """Return the FLOPs and bytes of a step, from one D and one G step.

    The whole step is not analyzed: XLA counts the body of a loop only once.
    """
    state = jax.eval_shape(lambda: gan.init(jax.random.key(0), batch))
    costs = []
    for step in (gan.d_step, gan.g_step):
        # The optimized program is counted, so that work that nobody needs is left out.
        cost = jax.jit(step).lower(state, batch).compile().cost_analysis() or {}
        costs.append(np.array([cost.get("flops", np.nan), cost.get("bytes accessed", np.nan)]))
    flops, moved = config.optimization.d_steps * costs[0] + costs[1]
    return float(flops), float(moved)
