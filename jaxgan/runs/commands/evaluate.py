"""Evaluate a run: jaxgan-evaluate --workdir=runs/dcgan_digits.

It prints a table with each number next to its floor (real examples against real ones) and the score
of noise, and writes it to evaluation/step_N.json in the workdir, together with pictures; the report
command shows both.
"""

from absl import flags

from jaxgan.runs.commands.entry import start
from jaxgan.runs.commands.sample import define_checkpoint
from jaxgan.runs.flags import define, load
from jaxgan.runs.invocation import command
from jaxgan.runs.paths import check_input
from jaxgan.runs.settings import FEATURES


def define_flags() -> None:
    """Define the flags of this command."""
    define_checkpoint("evaluate")
    text = "samples to draw; at most half as many as the data have examples"
    define("samples", int, text, default=10_000, low=2)
    text = "network in whose features images are compared"
    define("features", str, text, default="auto", choices=FEATURES)
    define("inception_weights", str, "weights file of the FID Inception network", default="")
    define("seed", int, "seed of the samples", default=0, low=0)


def run(argv: list[str]) -> None:
    """Evaluate the run that the flags name, and print its table."""
    del argv
    values = flags.FLAGS
    check_input("workdir", values.workdir, directory=True)
    if values.inception_weights:
        check_input("inception_weights", values.inception_weights)
    config = load(values.workdir)

    from jaxgan.runs.devices import begin
    from jaxgan.runs.measures.evaluate import evaluate
    from jaxgan.runs.measures.row import table

    begin(config.run)
    path, rows = evaluate(
        values.workdir,
        samples=values.samples,
        features=values.features,
        weights=values.inception_weights,
        step=values.step,
        member=values.member,
        best=values.best,
        seed=values.seed,
    )
    print(table(rows))
    print(f"written to {path}; to view it: {command('report')} {values.workdir}")


def main() -> None:
    """Run the command."""
    start(run, define_flags)


if __name__ == "__main__":
    main()
