"""The members of a population: one for each seed and each combination of swept values."""

import dataclasses
import itertools
import math

from jaxgan.runs.config import Config, catalog
from jaxgan.runs.settings import ConfigError, check, largest

_OFF_AT_ZERO = ("clip_weights", "ema_decay", "momentum")


def is_population(config: Config) -> bool:
    """Whether several runs are trained together."""
    return config.run.seeds > 1 or bool(config.run.sweep)


def count(config: Config) -> int:
    """Return the number of runs that are trained together, which is 1 for a single one.

    Raises:
        ConfigError: --sweep cannot be parsed, or names a setting that cannot be swept.
    """
    return config.run.seeds * math.prod(map(len, sweeps(config).values()))


def members(config: Config) -> list[Config]:
    """Return the settings of each member, as if it were trained alone; seeds vary fastest.

    Raises:
        ConfigError: --sweep cannot be parsed, or names a setting that cannot be swept.
    """
    swept = sweeps(config)
    if count(config) > largest("seeds", int):
        raise ConfigError(
            f"--seeds, --sweep: {count(config)} members; expected at most {largest('seeds', int)}"
        )
    seeds = range(config.run.seed, config.run.seed + config.run.seeds)
    return [
        config.replace(seeds=1, sweep="", seed=seed, **dict(zip(swept, values, strict=True)))
        for values in itertools.product(*swept.values())
        for seed in seeds
    ]


def sweeps(config: Config) -> dict[str, list[float]]:
    """Return the values of each setting that is swept.

    Raises:
        ConfigError: --sweep cannot be parsed, or names a setting that cannot be swept.
    """
    found: dict[str, list[float]] = {}
    name = ""
    for piece in filter(None, config.run.sweep.split(",")):
        before, equals, value = piece.rpartition("=")
        if equals:
            name = before.strip()
            if name in found:
                raise ConfigError(
                    f"--sweep={config.run.sweep}: {name} is given twice; give it once"
                )
            _check_name(config, name)
            found[name] = []
        if not name:
            raise ConfigError(f"--sweep={config.run.sweep}: expected NAME=VALUE,VALUE,...")
        number = _value(name, value)
        if number in found[name]:
            raise ConfigError(
                f"--sweep={config.run.sweep}: {name}={value} is given twice; give it once"
            )
        found[name].append(number)
    return found


def label(config: Config, member: Config) -> str:
    """Return what distinguishes a member from the others, as `d_lr=0.0002 seed=1`."""
    names = list(sweeps(config))
    if config.run.seeds > 1:
        names.append("seed")
    values = member.flat()
    return " ".join(f"{name}={values[name]}" for name in names)


def _sweepable() -> dict[str, dataclasses.Field]:
    """Return the settings that are only numbers in an update; others would change the program."""
    return {
        name: field
        for name, owners in catalog().items()
        for _, field in owners
        if field.metadata["sweepable"]
    }


def _check_name(config: Config, name: str) -> None:
    if name not in _sweepable():
        known = ", ".join(_sweepable())
        raise ConfigError(f"--sweep: {name} cannot be swept; choose one of {known}")
    used = config.flat()
    if name not in used:
        raise ConfigError(
            f"--sweep: --recipe={config.recipe} does not use {name}; sweep another setting"
        )
    needs = {
        "beta1": ("optimizer", used["optimizer"] == "adam", "adam"),
        "beta2": ("optimizer", used["optimizer"] == "adam", "adam"),
        "momentum": ("optimizer", used["optimizer"] != "adam", "sgd, or rmsprop"),
        "consensus_weight": ("rule", used["rule"] == "consensus", "consensus"),
        "symplectic_weight": ("rule", used["rule"] == "symplectic", "symplectic"),
        "unrolled_lr": ("rule", used["rule"] == "unrolled", "unrolled"),
        "penalty_weight": ("penalty", used.get("penalty") != "none", "r1, or another"),
    }
    setting, fulfilled, wanted = needs.get(name, ("", True, ""))
    if not fulfilled:
        raise ConfigError(
            f"--sweep: {name} has no effect with --{setting}={used[setting]}; "
            f"choose --{setting}={wanted}"
        )


def _value(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"--sweep: {name}={text}: expected a number") from None
    try:
        check(_sweepable()[name], value)
    except ConfigError as error:
        raise ConfigError(f"--sweep: {str(error).removeprefix('--')}") from error
    if value == 0 and name in _OFF_AT_ZERO:
        raise ConfigError(
            f"--sweep: {name}=0 turns it off, which is a different program; "
            f"expected a value above 0"
        )
    return value
