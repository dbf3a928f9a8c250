"""The rule by which the players of a run move."""

import jaxgan
from jaxgan import rules
from jaxgan.runs.config import Config
from jaxgan.runs.settings import ConfigError


def by_rule(gan: jaxgan.GAN, config: Config) -> jaxgan.GAN:
    """Make a GAN's players move by `--rule`."""
    game = config.game
    match game.rule:
        case "alternating":
            return gan
        case "consensus":
            return rules.consensus(gan, game.consensus_weight)
        case "symplectic":
            return rules.symplectic(gan, game.symplectic_weight)
        case "competitive":
            return rules.competitive(gan, config.optimization.g_lr)
        case "unrolled":
            return rules.unrolled(gan, game.unrolled_steps, game.unrolled_lr)
    return getattr(rules, game.rule)(gan)


def check(config: Config) -> None:
    """Refuse settings under which the players cannot move by `--rule`.

    Raises:
        ConfigError: one line that names the flag.
    """
    rule, optimization = config.game.rule, config.optimization
    if rule == "alternating":
        return
    if optimization.d_steps != 1:
        raise ConfigError(
            f"--rule={rule}: both players move together, so it does not go with "
            f"--d_steps={optimization.d_steps}; choose --d_steps=1"
        )
    if config.run.parallel == "shard_optimizer":
        raise ConfigError(
            f"--rule={rule}: it needs whole gradients, so it does not go with "
            f"--parallel=shard_optimizer; choose pmap or shard_map"
        )
    if rule == "competitive":
        _check_competitive(config)


def _check_competitive(config: Config) -> None:
    optimization, game = config.optimization, config.game
    of_plain_steps = {
        "optimizer": "sgd",
        "lr_schedule": "constant",
        "lr_end": 1.0,
        "warmup_steps": 0,
        "clip_norm": 0.0,
        "g_lr": optimization.d_lr,
    }
    for name, wanted in of_plain_steps.items():
        value = getattr(optimization, name)
        if value != wanted:
            raise ConfigError(
                f"--{name}={value}: --rule=competitive solves for plain steps of one length; "
                f"choose --{name}={wanted}"
            )
    if game.momentum or game.optimistic:
        raise ConfigError(
            "--rule=competitive: it solves for plain steps; leave out --momentum and --optimistic"
        )
