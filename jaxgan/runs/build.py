"""Building the GAN of a run from its settings."""

from jaxgan.latents import normal, uniform
from jaxgan.runs import objective
from jaxgan.runs.config import Config
from jaxgan.runs.networks import Facts, Maker
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.variants import MODELS, VARIANTS
from jaxgan.runs.variants.variant import Experiment, Setup


def build(config: Config, facts: Facts, *, axis_name: str | None = None) -> Experiment:
    """Make the GAN that the settings describe.

    Args:
        config: the settings, checked; sweepable ones may be traced.
        facts: shape and classes of the data.
        axis_name: the axis to synchronize batch norm over, under pmap or shard_map.

    Raises:
        ConfigError: the networks do not support data of this shape.
    """
    shared = config.networks
    maker = Maker(
        MODELS[shared.model],
        shared,
        config.own_of_model,
        facts,
        conditional=config.objective.conditional,
        axis_name=axis_name,
    )
    latent = {"normal": normal, "uniform": uniform}[shared.latent](shared.latent_dim)
    keywords = {"latent": latent, **objective.keywords(config.objective, config.optimization)}
    setup = Setup(config.own, facts, maker, config.objective.loss, keywords)
    try:
        return VARIANTS[config.recipe].build(setup)
    except ValueError as error:
        raise ConfigError(f"--model={shared.model}, --dataset, --image_size: {error}") from error
