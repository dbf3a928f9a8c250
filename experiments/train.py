"""Train a GAN: python experiments/train.py --flagfile=experiments/presets/dcgan_digits.flags.

Every flag is a setting of `config.Config`, but for those that say how several processes find each
other (`hosts`). Started again with the same --workdir, it goes on from the newest checkpoint.
"""

import config
import hosts
import loop
import sweep
from absl import app
from devices import check_platform
from members import is_population

from jaxgan.checkpoint import CheckpointError
from jaxgan.data import DataError
from jaxgan.metrics import MetricError
from jaxgan.metrics.inception import WeightsError


def main(argv: list[str]) -> int:
    """Run the settings that the flags give, and say where the result is."""
    del argv
    settings = config.from_flags()
    agreed = (
        config.ConfigError,
        DataError,
        CheckpointError,
        MetricError,
        WeightsError,
        loop.DivergedError,
    )
    try:
        hosts.start()
        check_platform()
        several = is_population(settings)
        with hosts.nobody_waits(*agreed):
            result = sweep.run(settings) if several else loop.run(settings)
    except (*agreed, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    workdir = settings.workdir
    if result.stopped_by is not None:
        if hosts.writes():
            print(f"stopped and saved at step {result.step}; the same command goes on from there")
        return 128 + result.stopped_by
    if not hosts.writes():
        return 0
    if several:
        print(result.table)
    print(f"samples after {result.step} steps:  {result.picture}")
    print(f"how they came about:       {workdir}/samples/evolution.gif, {workdir}/curves.png")
    member = " --member=0" if several else ""
    print(
        f"draw others:  python experiments/sample.py --workdir={workdir}{member} --n=64 "
        f"--out=more.png"
    )
    if not several:
        print(f"how good they are:         python experiments/evaluate.py --workdir={workdir}")
    print(f"train longer: python experiments/train.py --flagfile={workdir}/flags.txt --steps=N")
    return 0


if __name__ == "__main__":
    config.define_flags()
    hosts.define_flags()
    app.run(main, flags_parser=config.parse_flags)
