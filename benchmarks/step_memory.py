"""The memory that a step of each preset takes.

    python benchmarks/step_memory.py --json=memory.json

The numbers are those of the compiler for the program of one `train_step`: its arguments and results
(the state, which the new one replaces in place, and the batch) and its temporaries. Nothing is
executed. Compilation takes minutes in all, so --presets takes some of them, and what --json holds
already is not compiled again.
"""

import json
import math
from pathlib import Path
from typing import Any

import jax
from absl import flags

from jaxgan._files import write_whole
from jaxgan.runs import timing
from jaxgan.runs.build import build
from jaxgan.runs.commands.entry import start
from jaxgan.runs.config import Config
from jaxgan.runs.data import facts, feed_of, load
from jaxgan.runs.devices import compiler_options
from jaxgan.runs.flags import define, define_settings, from_flags, presets
from jaxgan.runs.networks import example


def settings(path: Path, **others: Any) -> Config:
    """Return the settings of a preset, with some others."""
    values = flags.FlagValues()
    define_settings(values)
    lines = [line for line in path.read_text().splitlines() if line.startswith("--")]
    values(["preset", *lines, *(f"--{name}={value}" for name, value in others.items())])
    return from_flags(values)


def measure(config: Config) -> dict[str, Any]:
    """Compile a step of a run on one device, and return what its program takes, in bytes."""
    dataset = load(config)
    known = facts(dataset)
    gan = build(config, known).gan
    batches = feed_of(config, dataset)
    item = batches.items(0, 0, 1)
    first = jax.tree.map(lambda leaf: leaf[0], item)
    batch = jax.eval_shape(batches.load, batches.source, first)
    state = jax.eval_shape(gan.init, jax.random.key(0), example(known))
    step = jax.jit(gan.train_step, donate_argnums=0, compiler_options=compiler_options())
    found: Any = step.lower(state, batch).compile().memory_analysis()
    arguments, temporary = found.argument_size_in_bytes, found.temp_size_in_bytes
    results = found.output_size_in_bytes - found.alias_size_in_bytes
    return {
        "shape": list(known.shape),
        "state": _size(state),
        "batch": _size(batch),
        "temporary": temporary,
        "peak": arguments + results + temporary,
    }


def _size(tree: Any) -> int:
    """Return the bytes of arrays, of which only the shapes are known."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def table(found: dict[str, dict[str, Any]]) -> list[str]:
    """Lines of a Markdown table, in MB of 10^6 bytes, the largest first."""
    lines = [
        "| preset | examples are | state | batch | temporaries | peak |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for name, row in sorted(found.items(), key=lambda one: -one[1]["peak"]):
        shape = "x".join(map(str, row["shape"]))
        sizes = (f"{row[part] / 1e6:.1f}" for part in ("state", "batch", "temporary", "peak"))
        lines.append(f"| `{name}` | {shape} | {' | '.join(sizes)} |")
    return lines


def define_flags() -> None:
    """Define the flags of this script."""
    chosen = "presets to compile; all if not given"
    flags.DEFINE_list("presets", list(presets()), chosen, module_name="flags of this command")
    define("batch_size", int, "examples in a batch", default=64, low=1)
    define("manual_dir", str, "directory of the files of data sets that are not packaged")
    define("json", str, "file to keep the numbers in, which are not measured again")


def run(argv: list[str]) -> None:
    """Measure what is not known yet, and print the table."""
    del argv
    values = flags.FLAGS
    path = Path(values.json) if values.json else None
    found = json.loads(path.read_text()) if path and path.exists() else {}
    others = {"batch_size": values.batch_size}
    if values.manual_dir:
        others["manual_dir"] = values.manual_dir
    for name in values.presets:
        if name not in found:
            found[name] = measure(settings(presets()[name], **others))
            print(f"{name}: {found[name]}", flush=True)
        if path:
            write_whole(path, json.dumps(found, indent=1))
    print(", ".join(f"{name} {value}" for name, value in timing.machine().items()))
    print("\n".join(table(found)))


if __name__ == "__main__":
    start(run, define_flags)
