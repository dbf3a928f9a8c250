"""What a run begins with, whether it trains one GAN or a population of them."""

import dataclasses
import re
from functools import partial

import hosts
import jax
import numpy as np
from build import Facts
from checks import check, check_against_data
from config import Config, ConfigError
from devices import keep_compiled
from feed import Feed, Share, feed

import jaxgan
from jaxgan import Batch, data


def prepare(config: Config) -> data.Dataset:
    """Check the settings and load the data.

    Raises:
        ConfigError: the settings cannot be run.
        DataError: the data set cannot be had.
    """
    hosts.check_same(dataclasses.replace(config, data_dir="", manual_dir="").to_flags())
    with hosts.together():
        check(config)
    keep_compiled(config.compilation_cache)
    return hosts.first_once(partial(load, config))


def load(config: Config) -> data.Dataset:
    """Load the data set, and see that the settings fit it."""
    dataset = data.load(
        config.dataset,
        split=config.split,
        image_size=config.image_size or None,
        data_dir=config.data_dir or None,
        manual_dir=config.manual_dir or None,
    )
    check_against_data(config, dataset)
    return _unlabelled(config, dataset) if config.labelled else dataset


def unseen(config: Config) -> data.Dataset:
    """Data like those of a run that it was not trained on, or else those; pairs again paired.

    Of `train[:9000]` it is the rest, of `train` the split `test`, where there is one.
    """
    config = dataclasses.replace(config, labelled=0, batch_size=1)
    name = config.dataset.removeprefix("unpaired:")
    if "," not in name:
        config = dataclasses.replace(config, dataset=name)
    part = re.fullmatch(r"(\w+)\[:(\d+%?)\]", config.split)
    for split in [f"{part[1]}[{part[2]}:]"] if part else ["test"] * (config.split == "train"):
        try:
            return load(dataclasses.replace(config, split=split))
        except data.DataError:
            pass
    return load(config)


def _unlabelled(config: Config, dataset: data.Dataset) -> data.Dataset:
    """The data with the first labels of each class only, `--labelled` in all; -1 for the others."""
    assert dataset.y is not None  # `check_against_data` sees to that
    y = np.full_like(dataset.y, -1)
    each = config.labelled // len(dataset.class_names)
    for label in range(len(dataset.class_names)):
        y[np.flatnonzero(dataset.y == label)[:each]] = label
    return dataset._replace(y=y)


def facts(dataset: data.Dataset) -> Facts:
    """What the networks have to know about the data."""
    source = () if dataset.y is None else dataset.y.shape[1:]
    return Facts(dataset.x.shape[1:], dataset.class_names, source)


def example(facts: Facts) -> Batch:
    """A batch that is like the data, to set up states with."""
    x = np.zeros((2, *facts.shape), np.float32)
    if facts.source:
        return Batch(x, np.zeros((2, *facts.source), np.float32))
    return Batch(x, np.zeros(2, np.int32) if facts.class_names else None)


def feed_of(config: Config, dataset: data.Dataset, share: Share = Share(0, 1, 1)) -> Feed:  # noqa: B008
    """The batches that the settings ask for; `share` are the devices of this process."""
    return feed(
        dataset,
        config.d_steps * config.batch_size,
        flip=config.flip,
        device_gb=config.device_data_gb,
        share=share,
        shard=config.shard_data and share.of > 1,
    )


def initial_state(
    config: Config, gan: jaxgan.GAN, key: jax.Array, dataset: data.Dataset
) -> jaxgan.TrainState:
    """The state before the first step.

    Raises:
        ConfigError: the networks do not fit the data.
    """
    try:
        return gan.init(key, example(facts(dataset)))
    except ValueError as error:
        raise ConfigError(f"--model={config.model}: {error}") from error


def sample_key(seed: int) -> jax.Array:
    """The key of a run's pictures, which show always the same latents."""
    return jax.random.fold_in(jax.random.key(seed), 1)
