"""Building the GAN of a run from its settings."""

from jaxgan import freezing
from jaxgan.latents import normal, uniform
from jaxgan.runs import game, objective
from jaxgan.runs.config import Config
from jaxgan.runs.networks import Facts, Maker, example
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
    about = config.objective, config.optimization, config.game
    keywords = {"latent": latent, **objective.keywords(*about)}
    setup = Setup(config.own, facts, maker, config.objective.loss, keywords)
    try:
        experiment = VARIANTS[config.recipe].build(setup)
        if config.optimization.freeze_d:
            names = _frozen(experiment, config.optimization.freeze_d, facts)
            keywords["d_optimizer"] = freezing.freeze(keywords["d_optimizer"], names)
            experiment = VARIANTS[config.recipe].build(setup)
        return experiment._replace(gan=game.by_rule(experiment.gan, config))
    except ConfigError:
        raise
    except ValueError as error:
        raise ConfigError(f"--model={shared.model}, --dataset, --image_size: {error}") from error


def _frozen(experiment: Experiment, count: int, facts: Facts) -> list[str]:
    """Return the keys of the first layers of D's params."""

    def d_of(key):
        d = experiment.gan.init(key, example(facts)).d
        return d.params, d.state

    found = freezing.layers(d_of)
    if count >= len(found):
        named = ", ".join(names[0] for names in found)
        raise ConfigError(
            f"--freeze_d={count}: D has {len(found)} layers ({named}); expected less than that"
        )
    return [name for names in found[:count] for name in names]
