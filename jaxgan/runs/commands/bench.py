"""Benchmark the steps of any run: jaxgan-bench --width=64 --shape=32,32,3.

It takes the flags of the training command, presets included, and writes no checkpoints or pictures.
It times one update of D, one of G, the whole step, and the training loop, in which each call makes
--steps_per_call steps and takes its batches from the data set; it also times that loop on a single
constant batch, which shows the cost of loading data.
"""

import json
from pathlib import Path

from absl import flags

from jaxgan.runs.commands.entry import define_preset, given, start
from jaxgan.runs.flags import define, define_settings, from_flags
from jaxgan.runs.paths import check_directory, check_output
from jaxgan.runs.settings import ConfigError


def define_flags() -> None:
    """Define the flags of this command."""
    define_preset()
    define("seconds", float, "approximate duration of a repeat", default=1.0, low=0.0, high=3600.0)
    define("repeats", int, "how often each function is timed", default=7, low=1, high=1000)
    choices = ("synthetic", "real")
    define("data", str, "random images, or those of --dataset", default=choices[0], choices=choices)
    define("shape", str, "shape of synthetic images, H,W,C, or of points, D", default="28,28,1")
    define("json", str, "file to write the numbers to", default="")
    define("compare", str, "file of an earlier --json to compare with", default="")
    define("profile", str, "directory to write a trace of two calls to", default="")
    define_settings()


def run(argv: list[str]) -> None:
    """Time what the flags describe, print the numbers, and write them to --json if given."""
    del argv
    values = flags.FLAGS
    config = from_flags()

    from jaxgan.runs import benchmark
    from jaxgan.runs.devices import check_platform

    if values.json:
        check_output("json", values.json)
    if values.profile:
        check_directory("profile", values.profile)
    if values.data == "real" and flags.FLAGS["shape"].present:
        raise ConfigError(
            f"--shape={values.shape}: with --data=real images have a shape of their own; leave one "
            f"of them out"
        )
    old = benchmark.read(values.compare) if values.compare else None
    options = benchmark.Options(**given(benchmark.Options._fields))
    check_platform()
    result = benchmark.measure(config, options)
    print(benchmark.table(result))
    if old is not None:
        print(benchmark.comparison(result, old))
    if values.json:
        Path(values.json).write_text(json.dumps(result, indent=1) + "\n")
    if values.profile:
        print(f"trace: open {values.profile}/**/perfetto_trace.json.gz at https://ui.perfetto.dev")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
