"""How long a step takes on many devices, from what it takes on one and from what it has to send.

    python benchmarks/scaling.py --preset=dcgan_digits \
        --shape=28,28,1 --step_ms=77 --link_gb_per_s=50 --latency_us=1

A model, not a measurement: weak scaling (the same examples on every device, so `--batch_size` is
one device's here), one kind of link, gradients that are sent when all of them are there. The bytes
are those of the networks that the flags describe. docs/multi_host.md discusses it.
"""

import math
from typing import NamedTuple

import jax
import numpy as np
from absl import flags

from jaxgan import Batch
from jaxgan.runs.build import build
from jaxgan.runs.commands.entry import define_preset, start
from jaxgan.runs.config import Config
from jaxgan.runs.flags import define, define_settings, from_flags
from jaxgan.runs.networks import Facts

DEVICES = (1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)


class Link(NamedTuple):
    """What connects two neighbors: bytes per second in one direction, and seconds per message."""

    bytes_per_second: float
    seconds: float


def all_reduce(size: float, devices: int, link: Link, algorithm: str) -> float:
    """Seconds of an all-reduce: `2 (n - 1) / n * size / bandwidth + messages * latency`.

    Args:
        size: bytes.
        devices: n.
        link: what each of them sends over.
        algorithm: `ring`, 2 (n - 1) messages one after another, or `tree`, 2 log2(n) of them.
    """
    if devices == 1:
        return 0.0
    messages = {"ring": 2 * (devices - 1), "tree": 2 * math.ceil(math.log2(devices))}[algorithm]
    transfer = 2 * (devices - 1) / devices * size / link.bytes_per_second
    return transfer + messages * link.seconds


def parameters(config: Config, shape: tuple[int, ...], classes: int) -> dict[str, int]:
    """The floats that an update of either player averages: its parameters and its statistics."""
    facts = Facts(shape, tuple(str(i) for i in range(classes)))
    batch = Batch(np.zeros((2, *shape), np.float32), np.zeros(2, np.int32))
    state = jax.eval_shape(build(config, facts).gan.init, jax.random.key(0), batch)
    return {
        name: sum(leaf.size for leaf in jax.tree.leaves((player.params, player.state)))
        for name, player in (("g", state.g), ("d", state.d))
    }


def table(
    compute: float, sizes: list[float], examples: int, link: Link, algorithm: str, extra: int = 0
) -> list[str]:
    """Lines of a Markdown table.

    Args:
        compute: seconds of a step on one device.
        sizes: bytes of each all-reduce of gradients in a step.
        examples: real examples in a step on one device.
        link: what the devices send over.
        algorithm: of `all_reduce`.
        extra: all-reduces too small for their bytes to matter, as of synchronized batch norm.
    """
    lines = [
        "| devices | all-reduce, ms | step, ms | images/s | efficiency |",
        "|--:|--:|--:|--:|--:|",
    ]
    for devices in DEVICES:
        sent = [*sizes, *[0.0] * extra]
        communication = sum(all_reduce(size, devices, link, algorithm) for size in sent)
        step = compute + communication
        lines.append(
            f"| {devices} | {1e3 * communication:.2f} | {1e3 * step:.2f} "
            f"| {devices * examples / step:,.0f} | {compute / step:.1%} |"
        )
    return lines


def define_flags() -> None:
    """Define the flags of this script, and those of a run."""
    define_preset()
    shape = "shape of an image: height, width, channels"
    flags.DEFINE_list("shape", ["28", "28", "1"], shape, module_name="flags of this command")
    define("classes", int, "classes of the data, for --conditional", default=10, low=1)
    define("step_ms", float, "measured time of a step on one device", required=True)
    define("link_gb_per_s", float, "what a device sends, in one direction", default=50.0, low=1e-3)
    define("latency_us", float, "of a message to a neighbor", default=1.0, low=0.0)
    algorithms = ("ring", "tree")
    define("algorithm", str, "of the all-reduce", default=algorithms[0], choices=algorithms)
    text = "others in a step, as of synchronized batch norm"
    define("small_all_reduces", int, text, default=0, low=0)
    define_settings()


def run(argv: list[str]) -> None:
    """Print the table that the flags ask for."""
    del argv
    values = flags.FLAGS
    config = from_flags()
    counts = parameters(config, tuple(int(side) for side in values.shape), values.classes)
    optimization = config.optimization
    sizes = [4.0 * counts["d"]] * optimization.d_steps + [4.0 * counts["g"]]
    print(f"G {counts['g']:,} and D {counts['d']:,} float32 parameters and statistics, ", end="")
    print(f"{sum(sizes) / 1e6:.2f} MB averaged in a step, by {values.algorithm}\n")
    link = Link(values.link_gb_per_s * 1e9, values.latency_us * 1e-6)
    examples = optimization.batch_size * optimization.d_steps
    extra = values.small_all_reduces
    lines = table(values.step_ms / 1e3, sizes, examples, link, values.algorithm, extra)
    print("\n".join(lines))


if __name__ == "__main__":
    start(run, define_flags)
