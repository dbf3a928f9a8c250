"""The classic comparison of GAN objectives, on a small scale.

Eight objectives with one pair of networks, on digits and on clothes, with several seeds each. Every
run is an ordinary one with its own workdir, so an interrupted study resumes where it stopped. The
protocol is that of Lucic et al. 2018 (arXiv:1711.10337) without its hyperparameter search: each
objective has the settings of its paper.
"""

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.runs.config import Config, make
from jaxgan.runs.data import load_whole
from jaxgan.runs.files import write_whole
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.features import network_for
from jaxgan.runs.restore import restore
from jaxgan.runs.settings import Data
from jaxgan.runs.training import loop
from jaxgan.runs.training.sweep import mean_and_deviation

_MEASURED = ("frechet_distance", "precision_recall", "modes")
_SHOWN = ("frechet_distance", "precision", "recall", "modes", "reverse_kl")

# No batch norm in D: penalties have no meaning where examples share statistics.
_SHARED: dict[str, Any] = {
    "d_norm": "layer",
    "g_lr": 2e-4,
    "d_lr": 2e-4,
    "beta1": 0.5,
    "beta2": 0.999,
}
_CRITIC = {"loss": "wasserstein", "d_steps": 5}
OBJECTIVES: dict[str, dict[str, Any]] = {
    "minimax": {"loss": "minimax"},
    "non-saturating": {"loss": "non_saturating"},
    "LSGAN": {"loss": "least_squares"},
    "WGAN": _CRITIC | {"clip_weights": 0.01, "optimizer": "rmsprop", "g_lr": 5e-5, "d_lr": 5e-5},
    "WGAN-GP": _CRITIC
    | {"penalty": "gradient_penalty", "g_lr": 1e-4, "d_lr": 1e-4, "beta1": 0.5, "beta2": 0.9},
    "DRAGAN": {"loss": "non_saturating", "penalty": "dragan"},
    "hinge": {"loss": "hinge"},
    "relativistic+R1+R2": {
        "loss": "relativistic_paired",
        "penalty": "r1_r2",
        "penalty_weight": 1.0,
        "beta1": 0.0,
        "beta2": 0.99,
    },
}
DATASETS = ("digits", "fashion_mnist", "mnist")


class Size(NamedTuple):
    """The size of a study.

    Attributes:
        width: width of the networks.
        steps: updates of G in each run.
        rate: factor on the papers' learning rates: short runs need larger ones.
        samples: number of samples to measure.
        split: split of the data, except for digits, which have only one.
    """

    width: int
    steps: int
    rate: float
    samples: int
    split: str


SIZES = {
    "small": Size(16, 600, 4.0, 5000, "train"),
    "full": Size(64, 20 * 50_000 // 64, 1.0, 10_000, "train[:50000]"),
}


class Cell(NamedTuple):
    """A cell of the table with one of its seeds."""

    dataset: str
    objective: str
    config: Config


def runs(
    size: Size, out: Path, datasets: list[str], objectives: list[str], seeds: int, **common: Any
) -> Iterator[Cell]:
    """Yield all runs of a study, starting with the first seed of everything.

    Args:
        size: size of the study.
        out: directory of the study.
        datasets: names from `DATASETS`.
        objectives: names from `OBJECTIVES`.
        seeds: number of runs of each objective on each data set.
        **common: settings of every run, such as `manual_dir`.
    """
    for seed in range(seeds):
        for dataset in datasets:
            for objective in objectives:
                name = objective.replace("+", "_").replace("-", "_").lower()
                chosen = _SHARED | OBJECTIVES[objective]
                chosen |= {rate: size.rate * chosen[rate] for rate in ("g_lr", "d_lr")}
                config = make(
                    **chosen | common,
                    dataset=dataset,
                    split="train" if dataset == "digits" else size.split,
                    seed=seed,
                    width=size.width,
                    latent_dim=64,
                    steps=size.steps,
                    log_every=math.ceil(size.steps / 5),
                    sample_every=size.steps,
                    checkpoint_every=math.ceil(size.steps / 2),
                    keep=1,
                    workdir=str(out / dataset / name / f"seed_{seed}"),
                )
                yield Cell(dataset, objective, config)


def result(run: Cell, samples: int) -> dict[str, Any]:
    """Train a run and measure it, unless that has been done already.

    Raises:
        ConfigError: the settings cannot be run.
        DataError: the data set cannot be loaded.
        CheckpointError: its checkpoint cannot be restored.
    """
    path = Path(run.config.run.workdir) / "result.json"
    if path.exists():
        return json.loads(path.read_text())
    found: dict[str, Any] = {"dataset": run.dataset, "objective": run.objective}
    found["seed"] = run.config.run.seed
    try:
        ended = loop.run(run.config)
    except loop.DivergedError as error:
        found["diverged"] = str(error)
    else:
        if ended.stopped_by is not None:
            raise SystemExit(128 + ended.stopped_by)
        found["seconds"] = _seconds(run.config)
        found["metrics"] = _measure(run.config, samples)
    write_whole(path, json.dumps(found))
    return found


def _seconds(config: Config) -> float:
    """Return how long the steps took without compilation, even if the run was interrupted."""
    lines = (Path(config.run.workdir) / "metrics.jsonl").read_text().splitlines()
    last, seconds = 0, 0.0
    for line in map(json.loads, lines):
        examples = (
            (line["step"] - last) * config.optimization.batch_size * config.optimization.d_steps
        )
        last, seconds = line["step"], seconds + examples / line["images_per_second"]
    return seconds


def _measure(config: Config, samples: int) -> dict[str, float]:
    trained = restore(config.run.workdir)
    comparison = comparison_of(config.data, samples)
    z = trained.experiment.latent(jax.random.key(config.run.seed), comparison.samples)
    found = comparison.measure(trained.draw(z, None), _MEASURED)
    return {name.rpartition("/")[2]: estimate.value for name, estimate in found.items()}


@cache
def comparison_of(data: Data, samples: int) -> Comparison:
    """Return what the runs on a data set are measured with."""
    loaded = load_whole(data)
    return Comparison(network_for("auto", "", loaded), loaded, min(samples, len(loaded.x) // 2))


def table(dataset: str, results: list[dict[str, Any]], comparison: Comparison) -> str:
    """Format means and standard deviations over the seeds as Markdown, with real data and noise."""
    lines = [["objective", "seeds", *(comparison.metric(name).title for name in _SHOWN), "seconds"]]
    for objective in OBJECTIVES:
        rows = [
            row for row in results if (row["dataset"], row["objective"]) == (dataset, objective)
        ]
        if not rows:
            continue
        whole = [row for row in rows if "metrics" in row]
        cells = [_cell([row["metrics"][name] for row in whole]) for name in _SHOWN]
        lost = len(rows) - len(whole)
        seeds = f"{len(rows)}" + (f", {lost} diverged" if lost else "")
        # The fastest run, because other load on the machine does not depend on the objective.
        seconds = f"{min(row['seconds'] for row in whole):.0f}" if whole else "-"
        lines.append([objective, seeds, *cells, seconds])
    yardsticks = comparison.yardsticks(_MEASURED)
    for label, yardstick in zip(("real data", "noise"), yardsticks, strict=True):
        values = [yardstick[f"{comparison.network.name}/{name}"].value for name in _SHOWN]
        lines.append([label, "", *(f"{value:.3g}" for value in values), ""])
    rule = ["---"] * len(lines[0])
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    mean, deviation = mean_and_deviation(np.asarray(values))
    return f"{mean:.3g}" + (f" ± {deviation:.2g}" if len(values) > 1 else "")
