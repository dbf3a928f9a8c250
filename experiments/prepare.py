"""What a run begins with, whether it trains one GAN or a population of them."""

import dataclasses
from collections.abc import Callable
from functools import partial

import hosts
import jax
import numpy as np
import pictures
from build import Facts
from checks import check, check_against_data
from config import Config, ConfigError
from devices import keep_compiled
from feed import Feed, Share, feed

import jaxgan
from jaxgan import Batch, data

_POINTS = 1000
_COLUMNS = 10


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
    return dataset


def facts(dataset: data.Dataset) -> Facts:
    """What the networks have to know about the data."""
    return Facts(dataset.x.shape[1:], dataset.class_names)


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
    x = np.zeros((2, *dataset.x.shape[1:]), np.float32)
    y = None if dataset.y is None else np.zeros(2, np.int32)
    try:
        return gan.init(key, Batch(x, y))
    except ValueError as error:
        raise ConfigError(f"--model={config.model}: {error}") from error


def sample_key(seed: int) -> jax.Array:
    """The key of a run's pictures, which show always the same latents."""
    return jax.random.fold_in(jax.random.key(seed), 1)


def view(
    config: Config, dataset: data.Dataset, images: int
) -> tuple[int, np.ndarray | None, Callable[[np.ndarray], np.ndarray]]:
    """How samples are shown: how many, of which labels, and `samples -> picture`.

    With labels each class has a column of its own.
    """
    is_images = dataset.x.ndim == 4
    count = images if is_images else _POINTS
    y = np.arange(count) % len(dataset.class_names) if config.conditional else None

    def show(samples: np.ndarray) -> np.ndarray:
        if is_images:
            return pictures.grid(data.to_uint8(samples), _COLUMNS)
        return pictures.scatter(samples, dataset.x[:count])

    return count, y, show
