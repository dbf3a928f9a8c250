"""Train a GAN: jaxgan-train --preset=dcgan_digits.

A preset is a file of flags; flags after it take precedence. The same command resumes the run in its
--workdir from the newest checkpoint. Several processes that train together are started with the
same command and find each other through --coordinator.
"""

from functools import partial

from absl import flags

from jaxgan.runs.commands.entry import (
    define_preset,
    expected,
    given,
    start,
)
from jaxgan.runs.flags import define, define_settings, from_flags
from jaxgan.runs.invocation import command

_OUT = "--out=more.png"


def define_flags() -> None:
    """Define the flags of this command."""
    define_preset()
    define_settings()
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

    from jaxgan.runs import hosts
    from jaxgan.runs.devices import check_platform
    from jaxgan.runs.members import is_population
    from jaxgan.runs.training import loop, sweep
    from jaxgan.runs.variants import VARIANTS

    several = is_population(config)
    hosts.start(hosts.Others(**given(hosts.Others._fields)))
    check_platform()
    with hosts.nobody_waits(*expected()):
        result = sweep.run(config) if several else loop.run(config)
    workdir = config.run.workdir
    if result.stopped_by is not None:
        if hosts.writes():
            print(f"stopped and saved at step {result.step}; run the same command to resume")
        return 128 + result.stopped_by
    if not hosts.writes():
        return 0
    if several:
        print(result.table)
    how = "--n=64" if VARIANTS[config.recipe].draws_from_noise else "--from_data --n=20"
    how = "--member=0 " * several + how
    print(f"samples after {result.step} steps:  {result.picture}")
    print(f"training history:          {workdir}/samples/evolution.gif, {workdir}/curves.png")
    print(f"to draw more samples:      {command('sample')} --workdir={workdir} {how} {_OUT}")
    if not several:
        print(f"to evaluate them:          {command('evaluate')} --workdir={workdir}")
    print(f"to train longer:           {command('train')} --flagfile={workdir}/flags.txt --steps=N")
    return 0


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
