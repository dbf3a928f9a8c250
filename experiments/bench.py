"""Benchmark the steps of any run: python experiments/bench.py --width=64 --shape=32,32,3.

It takes the flags of train.py; a preset will do. Nothing is kept: no checkpoints, no pictures.
Timed are one update of D, one of G, the whole step, and the loop of train.py, in which a call makes
--steps_per_call steps and takes its batches out of the data set by itself; and the same loop on one
batch that is always the same, which shows what the data cost.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import config
import jax
import measure
import numpy as np
from absl import app, flags
from build import build
from checks import check_against_data, check_settings
from config import Config, ConfigError
from devices import check_platform, compile_steps, compiler_options, mode_and_devices, share_of
from prepare import facts, feed_of, initial_state, load
from tqdm import tqdm

import jaxgan
from jaxgan import Batch, data
from jaxgan.data import DataError
from jaxgan.parallel import AXIS

_IMAGES = 4096
_SECONDS = flags.DEFINE_float("seconds", 1.0, "about how long a repeat lasts", lower_bound=0.0)
_REPEATS = flags.DEFINE_integer("repeats", 7, "how often each is timed", lower_bound=1)
_DATA = flags.DEFINE_enum(
    "data", "synthetic", ["synthetic", "real"], "random images, or those of --dataset"
)
_SHAPE = flags.DEFINE_list("shape", ["28", "28", "1"], "of synthetic images, or of points")
_JSON = flags.DEFINE_string("json", "", "file to write the numbers to")
_COMPARE = flags.DEFINE_string("compare", "", "such a file, of another run, to compare with")
_PROFILE = flags.DEFINE_string("profile", "", "directory to write a trace of two calls to")


class Bench(NamedTuple):
    """What is timed: names, functions that start some steps, and how many steps and images.

    Attributes:
        calls: `name -> (call, steps in a call, images in a step)`.
        flops: arithmetic operations of one step, over all devices.
        bytes: what its instructions read and write, over all devices.
    """

    calls: dict[str, tuple[Any, int, int]]
    flops: float
    bytes: float


def prepare(settings: Config) -> Bench:
    """Build what the settings describe, compile nothing yet.

    Raises:
        ConfigError: the settings cannot be run.
        DataError: the data set cannot be had.
    """
    check_settings(settings)
    dataset = load(settings) if _DATA.value == "real" else _synthetic(settings)
    check_against_data(settings, dataset)
    mode, devices = mode_and_devices(settings)
    synchronised = mode != "jit" and settings.sync_batch_norm
    gan = build(settings, facts(dataset), axis_name=AXIS if synchronised else None).gan
    feed = feed_of(settings, dataset, share_of(devices))
    batch = feed.load(feed.source, feed.items(0, 0, 1)[0]) if feed.on_device else None
    if batch is None or feed.sharded:
        raise ConfigError("--device_data_gb, --shard_data: a benchmark needs whole data on devices")
    loop, batches = compile_steps(gan, feed, mode, devices)
    bare = jaxgan.scan(gan, lambda batch, _: batch)
    transform = {
        "jit": partial(jaxgan.jit, compiler_options=compiler_options()),
        "pmap": partial(jaxgan.pmap, devices=devices),
        "shard_map": jaxgan.shard_map,
    }[mode]
    one = transform(gan)
    split = {} if mode == "jit" else {"batch_axis": (0, None)}
    examples, steps = settings.batch_size, settings.steps_per_call
    part = jax.tree.map(lambda leaf: leaf[:examples], batch)
    block = batches.source, batches.items(0, 0, steps), np.asarray(steps, np.int32)
    same = batch, np.arange(steps)

    def start(steps_of: jaxgan.GAN, name: str, argument: Any):
        step = getattr(steps_of, name)
        state = initial_state(settings, one, jax.random.key(settings.seed), dataset)

        def call():
            nonlocal state
            state, metrics = step(state, argument)
            return state, metrics

        return call

    shown = examples * settings.d_steps
    flops, bytes_ = _cost(build(settings, facts(dataset)).gan, settings, part)
    return Bench(
        {
            "d_step": (start(one, "d_step", part), 1, examples),
            "g_step": (start(one, "g_step", part), 1, examples),
            "train_step": (start(one, "train_step", batch), 1, shown),
            "loop, same batch": (start(transform(bare, **split), "train_step", same), steps, shown),
            "loop": (start(loop, "train_step", block), steps, shown),
        },
        flops,
        bytes_,
    )


def run(settings: Config) -> dict[str, Any]:
    """Time everything and return the numbers."""
    bench = prepare(settings)
    timings = {}
    with tqdm(total=len(bench.calls) * _REPEATS.value, unit="repeat", leave=False) as progress:
        for name, (call, steps, _) in bench.calls.items():
            progress.set_description(name)
            timings[name] = measure.timing(
                call,
                steps=steps,
                repeats=_REPEATS.value,
                seconds=_SECONDS.value,
                tick=progress.update,
            )
    if _PROFILE.value:
        with jax.profiler.trace(_PROFILE.value, create_perfetto_trace=True):
            jax.block_until_ready([bench.calls["loop"][0]() for _ in range(2)][-1])
    peak, whose = measure.peak_memory()
    best = measure.ceiling(settings.precision)
    return {
        "machine": measure.machine(),
        "settings": {
            name: value
            for name, value in vars(settings).items()
            if value != getattr(Config, name) or name in ("model", "batch_size", "precision")
        },
        "data": _DATA.value,
        "shape": _SHAPE.value if _DATA.value == "synthetic" else settings.dataset,
        "timings": {
            name: timing._asdict()
            | {"images_per_second": 1e3 * bench.calls[name][2] / timing.median}
            for name, timing in timings.items()
        },
        "flops_per_step": bench.flops,
        "bytes_per_step": bench.bytes,
        "ceiling": best._asdict(),
        "peak_memory": peak,
        "peak_memory_of": whose,
    }


def table(result: dict[str, Any]) -> str:
    """The numbers for people."""
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
    """The numbers that --json wrote.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        old = json.loads(Path(path).read_text())
        return old | {"medians": {name: row["median"] for name, row in old["timings"].items()}}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"--compare={path}: expected a file of --json: {error!r}") from error


def comparison(result: dict[str, Any], old: dict[str, Any]) -> str:
    """How many times faster this is than what a file told."""
    lines = ["against --compare (above 1: faster now)"]
    for part in ("machine", "settings", "data", "shape"):
        if old.get(part) != result[part]:
            lines.append(f"  mind that {part} differs: {old.get(part)}")
    for name, row in result["timings"].items():
        if name in old["medians"]:
            lines.append(f"  {name:18}{old['medians'][name] / row['median']:6.2f}")
    return "\n".join(lines)


def _synthetic(settings: Config) -> data.Dataset:
    try:
        shape = tuple(int(size) for size in _SHAPE.value)
    except ValueError:
        shape = ()
    if len(shape) not in (1, 3) or min(shape) < 1:
        raise ConfigError(f"--shape={','.join(_SHAPE.value)}: expected H,W,C, or D for points")
    random = np.random.default_rng(0)
    size = max(_IMAGES, settings.batch_size)
    if len(shape) == 3:
        x = random.integers(0, 256, (size, *shape), np.uint8)
    else:
        x = random.standard_normal((size, *shape), np.float32)
    return data.Dataset(x, random.integers(0, 10, size, np.int32), "random", tuple("0123456789"))


def _cost(gan: jaxgan.GAN, settings: Config, batch: Batch) -> tuple[float, float]:
    """FLOPs and bytes of a step: of one D and one G step, as loops are counted once only."""
    state = jax.eval_shape(gan.init, jax.random.key(0), batch)
    costs = []
    for step in (gan.d_step, gan.g_step):
        # Counted on the program as it is optimised: it has no work in it that nobody needs.
        cost = jax.jit(step).lower(state, batch).compile().cost_analysis() or {}
        costs.append(np.array([cost.get("flops", np.nan), cost.get("bytes accessed", np.nan)]))
    flops, moved = settings.d_steps * costs[0] + costs[1]
    return float(flops), float(moved)


def main(argv: list[str]) -> None:
    """Time what the flags describe, print it, and write it down if asked to."""
    del argv
    try:
        old = read(_COMPARE.value) if _COMPARE.value else None
        check_platform()
        result = run(config.from_flags())
        print(table(result))
        if old is not None:
            print(comparison(result, old))
    except (ConfigError, DataError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    if _JSON.value:
        Path(_JSON.value).write_text(json.dumps(result, indent=1) + "\n")
    if _PROFILE.value:
        print(f"trace: open {_PROFILE.value}/**/perfetto_trace.json.gz at https://ui.perfetto.dev")


if __name__ == "__main__":
    config.define_flags()
    app.run(main, flags_parser=config.parse_flags)
