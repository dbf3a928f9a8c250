"""Measure a run: python experiments/evaluate.py --workdir=runs/dcgan_digits.

It prints a table, each number beside its floor (real examples against real ones) and what noise
gets, and writes it to W/evaluation/step_N.json, with pictures beside it; `report.py` shows both.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asked
import config as settings
import jax
import sample
from absl import app, flags
from choices import FEATURES, PICTURE_TO_PICTURE
from config import ConfigError
from devices import check_platform, keep_compiled
from files import write_whole
from findings import Findings
from judge import Judge, Row, network_for
from tqdm import tqdm

from jaxgan import data
from jaxgan.checkpoint import CheckpointError
from jaxgan.data import DataError
from jaxgan.metrics import MetricError
from jaxgan.metrics.inception import WeightsError


def evaluate(
    workdir: str,
    *,
    samples: int = 10_000,
    features: str = "auto",
    weights: str = "",
    step: int | None = None,
    member: int | None = None,
    best: bool = False,
    seed: int = 0,
) -> tuple[Path, list[Row]]:
    """Measure a run, and write what was found into its directory.

    Args:
        workdir: of the run.
        samples: how many to draw; at most half as many as the data have examples.
        features: feature network, one of `judge.FEATURES`.
        weights: file of the FID Inception network's weights, or "".
        step: the checkpoint; the newest if None.
        member: which of a population.
        best: whether to take the best of the steps that were evaluated, instead of the newest.
        seed: of the samples.

    Returns:
        The JSON file, and the rows of its table.

    Raises:
        ConfigError: there is no such run, or it cannot be measured so.
        CheckpointError: what it saved cannot be restored.
        DataError: its data cannot be had.
        MetricError: its samples are not finite, or too few.
        WeightsError: the file of weights cannot be read, or is another one.
    """
    started = time.perf_counter()
    run = sample.restore(workdir, step, member, best=best)
    dataset = _load(run, run.config.split)
    found: dict[str, Any] = {
        "step": run.step,
        "dataset": dataset.name,
        "split": run.config.split,
        "versions": {"jax": jax.__version__},
        "rows": [],
    }
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "asked": lambda _: {"rows": asked.rows(run, dataset, jax.random.key(seed))}
    }
    if _is_judged(run, features):
        network = network_for(features, weights, dataset)
        judge = Judge(network, dataset, min(samples, len(dataset.x) // 2))
        found |= {
            "samples": judge.samples,
            "reference": f"{judge.reference}/{run.config.split}",
            "features": network.name,
        }
        parts |= Findings(run, dataset, judge, _test_split(run), seed).parts()
    directory = Path(workdir) / "evaluation" / ("" if member is None else f"member_{member}")
    directory.mkdir(parents=True, exist_ok=True)
    for name, measure in (bar := tqdm(parts.items(), leave=False, disable=None)):
        bar.set_description(name)
        part = measure(directory)
        found["rows"] += part.pop("rows", [])
        found |= part
    found["seconds"] = round(time.perf_counter() - started, 1)
    rows = found["rows"]
    path = directory / f"step_{run.step:08d}.json"
    write_whole(path, json.dumps(found | {"rows": [row._asdict() for row in rows]}))
    return path, rows


def _is_judged(run: sample.Run, features: str) -> bool:
    """Whether samples are compared with the data: not what is made of pictures, nor pairs of them.

    Nor are sounds and solids, for which there are no features.
    """
    recipe, rank = run.config.recipe, len(run.facts.shape)
    if recipe in (*PICTURE_TO_PICTURE, "cogan") or rank not in (1, 3):
        if features != "auto":
            raise ConfigError(f"--features={features}: samples of this run are not compared in any")
        return False
    return True


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [["", "", "samples", "real data", "noise", "n"]]
    for row in rows:
        spread = "" if row.spread is None else f" ± {row.spread:.2g}"
        yardsticks = ["" if value is None else f"{value:.4g}" for value in (row.real, row.noise)]
        value = f"{row.value:.4g}{spread}"
        lines.append([row.name, row.title, value, *yardsticks, str(row.samples)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _load(run: sample.Run, split: str) -> data.Dataset:
    config = run.config
    return data.load(
        config.dataset,
        split=split,
        image_size=config.image_size or None,
        data_dir=config.data_dir or None,
        manual_dir=config.manual_dir or None,
    )


def _test_split(run: sample.Run) -> data.Dataset | None:
    """The test split, if the data set has one that the run was not trained on."""
    if run.config.split != "train":
        return None
    try:
        return _load(run, "test")
    except DataError:
        return None


def define_flags() -> None:
    """Define the flags of this script."""
    flags.DEFINE_string("workdir", None, "the run to measure", required=True)
    flags.DEFINE_integer(
        "samples", 10_000, "samples to draw; at most half as many as the data", lower_bound=2
    )
    flags.DEFINE_enum("features", "auto", FEATURES, "network in whose features images are compared")
    flags.DEFINE_string("inception_weights", "", "file of the FID Inception network's weights")
    flags.DEFINE_integer("seed", 0, "seed of the samples", lower_bound=0)
    flags.DEFINE_integer("step", None, "checkpoint to use; the newest if it is not given")
    flags.DEFINE_bool("best", False, "use the best of the steps that --eval_every measured")
    flags.DEFINE_integer("member", None, "which GAN of a run with --seeds or --sweep, from 0 on")


def main(argv: list[str]) -> None:
    """Measure the run that the flags name, and print its table."""
    del argv
    values = flags.FLAGS
    try:
        check_platform()
        keep_compiled(settings.load(values.workdir).compilation_cache)
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
    except (ConfigError, CheckpointError, DataError, MetricError, WeightsError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    print(table(rows))
    print(f"written to {path}; to look at it: python experiments/report.py {values.workdir}")


if __name__ == "__main__":
    define_flags()
    app.run(main, flags_parser=settings.parse_flags)
