"""Evaluation of a run from start to finish."""

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
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.measures.evaluation import Evaluation
from jaxgan.runs.measures.features import network_for
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
    ema_sigma: float | None = None,
    seed: int = 0,
) -> tuple[Path, list[Row]]:
    """Evaluate a run, and write the results to its directory.

    Args:
        workdir: directory of the run.
        samples: how many samples to draw; at most half as many as the data have examples.
        features: feature network, one of `settings.FEATURES`.
        weights: weights file of the FID Inception network, or "".
        step: step of the checkpoint; the newest if None.
        member: member of a population.
        best: whether to use the best of the evaluated steps instead of the newest.
        ema_sigma: width of the running average, as in `restore`.
        seed: seed of the samples.

    Returns:
        The JSON file, and the rows of its table.

    Raises:
        ConfigError: there is no such run, or it cannot be evaluated in this way.
        CheckpointError: the checkpoint cannot be restored.
        DataError: its data cannot be loaded.
        MetricError: its samples are not finite, or too few.
        WeightsError: the weights file cannot be read, or holds other weights.
    """
    started = time.perf_counter()
    trained = restore(workdir, step, member, best=best, ema_sigma=ema_sigma)
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
        comparison = Comparison(
            network,
            dataset,
            min(samples, len(dataset.x) // 2),
            cache_dir=config.data.cache_dir,
        )
        found |= {
            "samples": comparison.samples,
            "reference": f"{comparison.reference_name}/{config.data.split}",
            "features": network.name,
        }
        parts |= Evaluation(trained, dataset, comparison, data.held_out(config.data), seed).parts()
    directory = Path(workdir) / "evaluation" / ("" if member is None else f"member_{member}")
    if ema_sigma is not None:
        directory /= f"ema_sigma_{ema_sigma:g}"
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
    """Measure whether samples are what was asked for: first as for any GAN, then for this one."""
    found = general(question)
    for measure in VARIANTS[question.trained.config.recipe].measures:
        found += measure(question)
    return found


def _is_compared(trained: Trained, features: str) -> bool:
    """Whether samples are compared with the data as a distribution; sounds have no features."""
    is_comparable = len(trained.facts.shape) in (1, 3)
    if VARIANTS[trained.config.recipe].is_distribution and is_comparable:
        return True
    if features != "auto":
        raise ConfigError(
            f"--features={features}: samples of this run are not compared in features; leave it out"
        )
    return False
