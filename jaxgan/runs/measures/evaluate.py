"""Measuring a run from beginning to end."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
from tqdm import tqdm

from jaxgan.runs import data
from jaxgan.runs.files import write_whole
from jaxgan.runs.measures.answers import Question, general
from jaxgan.runs.measures.distribution import Comparison, network_for
from jaxgan.runs.measures.evaluation import Evaluation
from jaxgan.runs.measures.row import Row
from jaxgan.runs.restore import restore
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import VARIANTS


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
        features: feature network, one of `settings.FEATURES`.
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
    trained = restore(workdir, step, member, best=best)
    config = trained.config
    dataset = data.load_whole(config.data)
    found: dict[str, Any] = {
        "step": trained.step,
        "dataset": dataset.name,
        "split": config.data.split,
        "versions": {"jax": jax.__version__},
        "rows": [],
    }
    question = Question(
        trained,
        dataset,
        load_trained_on=partial(data.load, config),
        load_unseen=partial(data.unseen, config.data),
        key=jax.random.key(seed),
    )
    parts: dict[str, Callable[[Path], dict[str, Any]]] = {
        "asked": lambda _: {"rows": _asked(question)}
    }
    if _is_compared(trained, features):
        network = network_for(features, weights, dataset)
        comparison = Comparison(network, dataset, min(samples, len(dataset.x) // 2))
        found |= {
            "samples": comparison.samples,
            "reference": f"{comparison.reference}/{config.data.split}",
            "features": network.name,
        }
        parts |= Evaluation(trained, dataset, comparison, data.held_out(config.data), seed).parts()
    directory = Path(workdir) / "evaluation" / ("" if member is None else f"member_{member}")
    directory.mkdir(parents=True, exist_ok=True)
    for name, measure in (bar := tqdm(parts.items(), leave=False, disable=None)):
        bar.set_description(name)
        part = measure(directory)
        found["rows"] += part.pop("rows", [])
        found |= part
    found["seconds"] = round(time.perf_counter() - started, 1)
    rows = found["rows"]
    path = directory / f"step_{trained.step:08d}.json"
    write_whole(path, json.dumps(found | {"rows": [row._asdict() for row in rows]}))
    return path, rows


def _asked(question: Question) -> list[Row]:
    """Whether samples are what was asked for: measures of every GAN, then those of this one."""
    found = general(question)
    for measure in VARIANTS[question.trained.config.recipe].measures:
        found += measure(question)
    return found


def _is_compared(trained: Trained, features: str) -> bool:
    """Whether samples are compared with the data as a distribution; for sounds no features are."""
    is_comparable = len(trained.facts.shape) in (1, 3)
    if VARIANTS[trained.config.recipe].is_distribution and is_comparable:
        return True
    if features != "auto":
        raise ConfigError(f"--features={features}: samples of this run are not compared in any")
    return False
