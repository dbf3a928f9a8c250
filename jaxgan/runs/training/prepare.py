"""Preparation of a run, whether it trains one GAN or a population."""

from functools import partial

from jaxgan.data import Dataset
from jaxgan.runs import hosts
from jaxgan.runs.checks import check
from jaxgan.runs.config import Config
from jaxgan.runs.data import load
from jaxgan.runs.program_cache import keep_compiled


def prepare(config: Config) -> Dataset:
    """Check the settings and load the data.

    Raises:
        ConfigError: the settings cannot be run.
        DataError: the data set cannot be loaded.
    """
    hosts.check_same(config.replace(data_dir="", manual_dir="", cache_dir="").to_flags())
    with hosts.together():
        check(config)
    dataset = hosts.first_once(partial(load, config))
    keep_compiled(config.run.compilation_cache)  # a run that is refused leaves no directory
    return dataset
