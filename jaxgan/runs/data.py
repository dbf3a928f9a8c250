"""The data of a run: loading, facts about them, and batches."""

import contextlib
import dataclasses
import hashlib
import re
from typing import Any

import jax
import numpy as np

import jaxgan
from jaxgan import data
from jaxgan._feed import Feed, Share, feed
from jaxgan.data import Dataset
from jaxgan.data.domains import domains_of
from jaxgan.runs.checks import check_against_data
from jaxgan.runs.config import Config
from jaxgan.runs.jitter import jittered
from jaxgan.runs.memory import check_run
from jaxgan.runs.networks import Facts, example
from jaxgan.runs.settings import ConfigError, Data, sides
from jaxgan.runs.variants import VARIANTS

_FINGERPRINT_BYTES = 2**28
_HELD_OUT = ("test", "validation", "val", "valid")  # splits that are not trained on


def load(config: Config) -> Dataset:
    """Load the data that a run is trained on, and check that the settings fit them.

    Raises:
        ConfigError: they do not fit.
        DataError: the data set cannot be loaded.
    """
    dataset = load_whole(config.data)
    check_fit(config, dataset)
    return VARIANTS[config.recipe].prepare(config.own, dataset)


def check_fit(config: Config, dataset: Dataset) -> None:
    """Refuse settings that do not fit the data, or data and networks that do not fit in memory.

    Raises:
        ConfigError: one line that names the flag.
    """
    check_against_data(config, dataset)
    known = facts(dataset)
    check_run(config, dataset, known, example(known))


def load_whole(settings: Data) -> Dataset:
    """Load a whole data set, with all of its labels.

    Raises:
        DataError: it cannot be loaded; the message names an argument of `data.load`.
    """
    arguments = {
        "split": settings.split,
        "image_size": sides(settings.image_size),
        "data_dir": settings.data_dir or None,
        "manual_dir": settings.manual_dir or None,
        "cache_dir": settings.cache_dir or None,
    }
    try:
        return data.load(settings.dataset, **arguments)
    except data.DataError as error:
        if any(f"{name}=" in str(error) for name in ("name", *arguments)):
            raise
        raise data.DataError(f"name={settings.dataset}: {error}") from error


def held_out(settings: Data) -> Dataset | None:
    """Load data that a run was not trained on, with pairs restored; None if there are none.

    For `train[:9000]` this is the rest, for `train` the split `test`, or else that of validation.
    """
    part = re.fullmatch(r"(\w+)\[:(\d+%?)\]", settings.split)
    if part is None and settings.split != "train":
        return None
    for other in (f"{part[1]}[{part[2]}:]",) if part else _HELD_OUT:
        with contextlib.suppress(data.DataError):
            return load_whole(dataclasses.replace(_paired(settings), split=other))
    return None


def unseen(settings: Data) -> Dataset:
    """Load data that a run was not trained on, or else its training data, with pairs restored."""
    rest = held_out(settings)
    return load_whole(_paired(settings)) if rest is None else rest


def _paired(settings: Data) -> Data:
    name = settings.dataset.removeprefix("unpaired:")
    return settings if len(domains_of(name)) > 1 else dataclasses.replace(settings, dataset=name)


def facts(dataset: Dataset) -> Facts:
    """Return what the networks need to know about the data."""
    source = () if dataset.y is None else dataset.y.shape[1:]
    return Facts(dataset.x.shape[1:], dataset.class_names, source)


def notes_of(dataset: Dataset) -> dict[str, Any]:
    """Return what a checkpoint notes about the data: facts, and a fingerprint of the examples."""
    known = facts(dataset)._asdict()
    return known | {"examples": len(dataset.x), "fingerprint": fingerprint(dataset)}


def facts_of(notes: dict[str, Any]) -> Facts:
    """Return the facts that the notes of a checkpoint hold."""
    return Facts(**{name: tuple(notes[name]) for name in Facts._fields})


def fingerprint(dataset: Dataset) -> str:
    """Return a SHA-256 of the labels and the pictures: of all, or of evenly spaced ones if many.

    Floats are made by a formula that the name of the data set stands for, and their last bits may
    depend on the machine.
    """
    sha = hashlib.sha256()
    for array in dataset.x, dataset.y:
        if array is None or np.issubdtype(array.dtype, np.inexact):
            continue
        every = max(1, -(-array.nbytes // _FINGERPRINT_BYTES))
        for i in range(0, len(array), every):
            sha.update(np.ascontiguousarray(array[i : i + 1]).data)
    return sha.hexdigest()


def feed_of(config: Config, dataset: Dataset, share: Share = Share(0, 1, 1)) -> Feed:  # noqa: B008
    """Return the batches that the settings ask for; `share` are the devices of this process."""
    examples = config.optimization.d_steps * config.optimization.batch_size
    batches = feed(
        dataset,
        examples,
        flip=config.data.flip,
        device_gb=config.data.device_data_gb,
        share=share,
        shard=config.run.shard_data and share.of > 1,
    )
    if not config.data.jitter:
        return batches
    return jittered(batches, config.data.jitter, examples, share, pictures=dataset.has_pictures)


def initial_state(
    config: Config, gan: jaxgan.GAN, key: jax.Array, dataset: Dataset
) -> jaxgan.TrainState:
    """Return the state before the first step.

    Raises:
        ConfigError: the networks do not fit the data.
    """
    try:
        return gan.init(key, example(facts(dataset)))
    except ValueError as error:
        raise ConfigError(f"--model={config.networks.model}: {error}") from error


def sample_key(seed: int) -> jax.Array:
    """Return the key of a run's pictures, which always show the same latents."""
    return jax.random.fold_in(jax.random.key(seed), 1)
