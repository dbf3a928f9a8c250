"""Train a GAN: jaxgan-train --preset=dcgan_digits, or --dataset=folder:MINE alone.

A preset is a file of flags; flags after it take precedence. Without --preset, --recipe and --model,
settings for a folder of pictures are chosen from how many there are, their sizes and the device;
they are told with reasons, and flags that are given take precedence. --dry_run tells them, the
parameters and the memory, and trains nothing. The same command resumes the run in its
--workdir from the newest checkpoint. Several processes that train together are started with the
same command and find each other through --coordinator.
"""

import shlex
from functools import partial
from pathlib import Path
from typing import Any

from absl import flags

from jaxgan.runs.commands.entry import (
    define_preset,
    expected,
    given,
    start,
)
from jaxgan.runs.config import Config
from jaxgan.runs.flags import define, define_settings, from_flags
from jaxgan.runs.invocation import command
from jaxgan.runs.paths import check_output
from jaxgan.runs.settings import ConfigError

_OUT = "--out=more.png"


def define_flags() -> None:
    """Define the flags of this command."""
    define_preset()
    define_settings()
    define(
        "auto",
        bool,
        "choose from the data what no flag says (default: for --dataset=folder:... without "
        "--recipe and --model); --noauto for the general defaults",
    )
    define("dry_run", bool, "tell what the run would be, and train nothing", default=False)
    text = "with --dry_run: a picture to write, of the data and below it what D would see"
    define("out", str, text, default="")
    define_hosts()


def define_hosts(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define the flags that connect several processes, which are the fields of `hosts.Others`."""
    flag = partial(define, section="several processes", flag_values=flag_values)
    flag(
        "coordinator",
        str,
        "HOST:PORT of process 0, for several processes that train together; auto where JAX finds "
        "it: TPU pods, SLURM, Open MPI, Kubernetes; empty for one process",
        default="",
    )
    flag("num_processes", int, "number of processes that train together", low=1)
    flag("process_id", int, "number of this process, from 0", low=0)
    flag("init_timeout", int, "seconds to wait for all processes", default=300, low=1)
    flag(
        "peer_timeout",
        int,
        "seconds after which a process that is not heard of counts as lost, and all others end",
        default=100,
        low=1,
    )


def run(argv: list[str]) -> int:
    """Train with the settings that the flags give, and print where the results are."""
    del argv
    config = from_flags()

    from jaxgan.runs import automatic, hosts
    from jaxgan.runs.devices import check_platform
    from jaxgan.runs.direction import direction
    from jaxgan.runs.members import is_population
    from jaxgan.runs.training import loop, sweep

    is_automatic = automatic.is_wanted(flags.FLAGS)
    check_out()
    several = is_population(config)
    hosts.start(hosts.Others(**given(hosts.Others._fields)))
    check_platform()
    if is_automatic:
        config, text = automatic.settle(flags.FLAGS)
        if hosts.writes():
            print(text, flush=True)
    if flags.FLAGS.dry_run:
        tell(config)
        return 0
    way = direction(config)
    if way and hosts.writes():
        print(f"what is learned: to translate {way}", flush=True)
    with hosts.nobody_waits(*expected()):
        result = sweep.run(config) if several else loop.run(config)
    if result.stopped_by is not None:
        if hosts.writes():
            print(f"stopped and saved at step {result.step}; run the same command to resume")
        return 128 + result.stopped_by
    if not hosts.writes():
        return 0
    if several:
        print(result.table)
    print("\n".join(results(config, result)))
    return 0


def results(config: Config, result: Any) -> list[str]:
    """Return where the results of a training are, and which commands go on from there."""
    from jaxgan.runs.members import is_population
    from jaxgan.runs.variants import VARIANTS

    workdir, several = config.run.workdir, is_population(config)
    run = f"--workdir={shlex.quote(workdir)}"
    flagfile = f"--flagfile={shlex.quote(f'{workdir}/flags.txt')}"
    how = "--n=64" if VARIANTS[config.recipe].draws_from_noise else "--from_data --n=20"
    how = "--member=0 " * several + how
    evaluate = [f"to evaluate them:          {command('evaluate')} {run}"]
    return [
        f"samples after {result.step} steps:  {result.picture}",
        f"training history:          {workdir}/samples/evolution.gif, {workdir}/curves.png",
        f"to draw more samples:      {command('sample')} {run} {how} {_OUT}",
        *(evaluate if not several else []),
        f"to train longer:           {command('train')} {flagfile} --steps=N",
    ]


def check_out() -> None:
    """Refuse a preview that could not be written, or that goes with a training.

    Raises:
        ConfigError: one line that names the flag.
    """
    out = flags.FLAGS.out
    if out and not flags.FLAGS.dry_run:
        raise ConfigError(f"--out={out}: it goes with --dry_run; a run writes to its --workdir")
    if out:
        check_output("out", out, (".png",))


def tell(config: Config) -> None:
    """Print what a run would be, and draw what its D would see if --out is given."""
    from jaxgan.runs import dry_run
    from jaxgan.runs.checks import check
    from jaxgan.runs.data import load
    from jaxgan.runs.show import pictures

    check(config)
    dataset = load(config)
    print(dry_run.describe(config, dataset))
    out = flags.FLAGS.out
    if out:
        pictures.save(dry_run.preview(config, dataset), Path(out))
        print(f"{'preview:':<12} {out}")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
