"""How long a step takes on 1 to 4096 devices: a model, made of what the programs compute and send.

    python benchmarks/scaling.py --preset=dcgan_digits --system=h100_infiniband
    python benchmarks/scaling.py --model=dcgan --width=128 --shape=64,64,3 --scaling=strong

FLOPs are those of the programs of one update of D and of G, as they are lowered for an accelerator;
bytes are those that an update averages (`benchmarks/collectives.py` finds the same in compiled
programs). How fast they are computed and sent is taken from the makers' figures and from
--achieved, which is an assumption. docs/benchmarks.md says what else the model leaves out.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import jax
from absl import flags
from collectives import averaged
from interconnect import SYSTEMS, System, all_reduce

from jaxgan.runs.build import build
from jaxgan.runs.commands.entry import define_preset, start
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts, load
from jaxgan.runs.flags import define, define_settings, from_flags
from jaxgan.runs.networks import Facts, example

DEVICES = tuple(2**i for i in range(13))
BUCKET = 30 * 2**20  # bytes; XLA's default for GPUs, xla_gpu_all_reduce_combine_threshold_bytes
BACKWARD = 2 / 3  # of the FLOPs of an update: gradients for inputs and for weights


class Update(NamedTuple):
    """An update of one player: FLOPs for each example, and bytes that it averages."""

    flops: float
    bytes: float


class Step(NamedTuple):
    """A step: the updates of D, then one of G.

    Attributes:
        d: an update of D.
        g: an update of G.
        d_steps: updates of D.
        batch: examples of an update, on one device.
        small_all_reduces: others in a step, too small for their bytes to matter, as of synchronized
            batch norm.
    """

    d: Update
    g: Update
    d_steps: int
    batch: int
    small_all_reduces: int = 0


class Assumptions(NamedTuple):
    """What the programs do not say.

    Attributes:
        achieved: share of the peak that the arithmetic reaches.
        algorithm: of the all-reduce.
        overlap: whether gradients are sent while the backward pass goes on.
        strong: whether the batch is divided over the devices; else each device has all of it.
        host_rate: examples per second that a host delivers; 0 if the data are on the devices.
        step_seconds: of a step on one device, where it was measured; 0 to take it from the FLOPs.
    """

    achieved: float = 0.3
    algorithm: str = "ring"
    overlap: bool = False
    strong: bool = False
    host_rate: float = 0.0
    step_seconds: float = 0.0


class Row(NamedTuple):
    """A step on some devices.

    Attributes:
        devices: how many.
        batch: examples of an update on each.
        compute: seconds of arithmetic in a step.
        sending: seconds of all-reduces that nothing hides.
        step: seconds of a step.
        rate: examples of the data per second, of all devices.
        host_rate: those of one host, which it has to deliver unless the data are on the devices.
        efficiency: share of a step that is arithmetic, which is all that one device has to do.
        limit: what takes longest.
    """

    devices: int
    batch: int
    compute: float
    sending: float
    step: float
    rate: float
    host_rate: float
    efficiency: float
    limit: str


def count(config: Config, known: Facts) -> Step:
    """Count what the programs of the settings compute and send."""
    config = config.replace(microbatch=0)  # XLA would count the body of its loop only once
    gan = build(config, known).gan
    size = config.optimization.batch_size
    batch = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct((size, *leaf.shape[1:]), leaf.dtype), example(known)
    )
    state = jax.eval_shape(gan.init, jax.random.key(0), batch)

    def update(player: str) -> Update:
        traced = jax.jit(getattr(gan, f"{player}_step")).trace(state, batch)
        # For an accelerator: on CPU, convolutions are written in other forms.
        cost = traced.lower(lowering_platforms=("tpu",)).cost_analysis()
        assert cost is not None  # XLA counts for every platform
        return Update(cost["flops"] / size, averaged(gan, player, batch))

    return Step(update("d"), update("g"), config.optimization.d_steps, size)


def predict(step: Step, devices: int, system: System, assumed: Assumptions) -> Row:
    """Predict how long a step takes.

    Each update takes the time of its FLOPs, and then of its all-reduce. With overlap, gradients are
    sent in buckets as the backward pass finds them; the last one still has to wait for the end.
    """
    batch = step.batch // devices if assumed.strong else step.batch
    updates = ((step.d, step.d_steps), (step.g, 1))
    speed = system.peak * assumed.achieved
    if assumed.step_seconds:
        whole = sum(times * step.batch * update.flops for update, times in updates)
        speed = whole / assumed.step_seconds
    compute = sending = 0.0
    for update, times in updates:
        seconds = batch * update.flops / speed
        compute += times * seconds
        sending += times * _exposed(update.bytes, seconds, devices, system, assumed)
    sending += step.small_all_reduces * all_reduce(0.0, devices, system, assumed.algorithm)
    examples, hosts = devices * batch * step.d_steps, math.ceil(devices / system.host)
    waiting = examples / (hosts * assumed.host_rate) if assumed.host_rate else 0.0
    seconds = max(compute + sending, waiting)
    limits = {"compute": compute, "sending": sending, "data": seconds * (waiting >= seconds)}
    return Row(
        devices,
        batch,
        compute,
        sending,
        seconds,
        examples / seconds,
        examples / seconds / hosts,
        compute / seconds,
        max(limits, key=lambda name: limits[name]),
    )


def _exposed(size: float, compute: float, devices: int, system: System, assumed: Assumptions):
    """Seconds of an all-reduce that nothing hides."""
    whole = all_reduce(size, devices, system, assumed.algorithm)
    if not assumed.overlap:
        return whole
    last = all_reduce(min(size, BUCKET), devices, system, assumed.algorithm)
    return max(last, whole - BACKWARD * compute)


def rows(step: Step, system: System, assumed: Assumptions) -> list[Row]:
    """Predict it for all numbers of devices; when the batch is divided, until none is left."""
    fitting = [n for n in DEVICES if not (assumed.strong and step.batch % n)]
    return [predict(step, devices, system, assumed) for devices in fitting]


def table(found: list[Row]) -> list[str]:
    """Lines of a Markdown table."""
    return [
        "| devices | batch each | compute, ms | sending, ms | step, ms | images/s | of a host "
        "| efficiency | limit |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|---|",
        *(
            f"| {row.devices} | {row.batch} | {1e3 * row.compute:.2f} | {1e3 * row.sending:.2f} "
            f"| {1e3 * row.step:.2f} | {row.rate:,.0f} "
            f"| {row.host_rate:,.0f} | {row.efficiency:.1%} | {row.limit} |"
            for row in found
        ),
    ]


def define_flags() -> None:
    """Define the flags of this script, and those of a run."""
    define_preset()
    shape = "height, width, channels of an image; the data are loaded to see it if empty"
    flags.DEFINE_list("shape", [], shape, module_name="flags of this command")
    define("classes", int, "classes of the data, with --shape", default=10, low=0)
    define("system", str, "devices and links", default="h100_infiniband", choices=tuple(SYSTEMS))
    default = Assumptions()
    text = "share of the devices' peak that the arithmetic reaches: an assumption"
    define("achieved", float, text, default=default.achieved, low=1e-6, high=1.0)
    algorithms = ("ring", "tree")
    text = "measured time of a step on one device, instead of its FLOPs and --achieved"
    define("step_ms", float, text, default=0.0, low=0.0)
    define("algorithm", str, "of the all-reduce", default=default.algorithm, choices=algorithms)
    define("overlap", bool, "send gradients while the backward pass goes on", default=False)
    text = "weak: --batch_size is one device's; strong: it is divided over the devices"
    define("scaling", str, text, default="weak", choices=("weak", "strong"))
    text = "examples per second that a host delivers; 0 if the data are on the devices"
    define("host_images_per_s", float, text, default=0.0, low=0.0)
    text = "others in a step, as of synchronized batch norm"
    define("small_all_reduces", int, text, default=0, low=0)
    define("json", str, "also write the numbers to this file", default="")
    define_settings()


def run(argv: list[str]) -> None:
    """Print the table that the flags ask for."""
    del argv
    values = flags.FLAGS
    config = from_flags()
    if values.shape:
        names = tuple(str(i) for i in range(values.classes))
        known = Facts(tuple(int(side) for side in values.shape), names)
    else:
        known = facts(load(config))
    system = SYSTEMS[values.system]
    assumed = Assumptions(
        values.achieved,
        values.algorithm,
        values.overlap,
        values.scaling == "strong",
        values.host_images_per_s,
        values.step_ms / 1e3,
    )
    step = count(config, known)._replace(small_all_reduces=values.small_all_reduces)
    found = rows(step, system, assumed)
    for name, update in (("D", step.d), ("G", step.g)):
        print(
            f"an update of {name}: {step.batch * update.flops / 1e9:,.2f} GFLOP for "
            f"{step.batch} examples, {update.bytes / 1e6:,.2f} MB averaged"
        )
    print(f"{step.d_steps} of D and 1 of G in a step; a model, not a measurement\n")
    print("\n".join(table(found)))
    if values.json:
        Path(values.json).write_text(json.dumps(_told(step, system, assumed, found), indent=1))


def _told(step: Step, system: System, assumed: Assumptions, found: list[Row]) -> dict[str, Any]:
    named = step._asdict() | {"d": step.d._asdict(), "g": step.g._asdict()}
    links = {"inner": system.inner._asdict(), "outer": system.outer._asdict()}
    return {
        "step": named,
        "system": system._asdict() | links,
        "assumptions": assumed._asdict(),
        "rows": [row._asdict() for row in found],
    }


if __name__ == "__main__":
    start(run, define_flags)
