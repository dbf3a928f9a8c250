"""Which runs a population stands for: one for each seed and each combination of swept values."""

import dataclasses
import itertools

from config import Config, ConfigError

SWEEPABLE = (
    "g_lr",
    "d_lr",
    "beta1",
    "beta2",
    "penalty_weight",
    "clip_weights",
    "ema_decay",
)
"""What is only a number in an update; anything else would make another program."""

_OFF_AT_ZERO = ("clip_weights", "ema_decay")


def is_population(config: Config) -> bool:
    """Whether several runs are trained together."""
    return config.seeds > 1 or bool(config.sweep)


def members(config: Config) -> list[Config]:
    """The settings of each member, as if it were trained alone; seeds change fastest.

    Raises:
        ConfigError: --sweep cannot be read, or asks for what cannot be swept.
    """
    swept = sweeps(config)
    seeds = range(config.seed, config.seed + config.seeds)
    return [
        dataclasses.replace(
            config, seeds=1, sweep="", seed=seed, **dict(zip(swept, values, strict=True))
        )
        for values in itertools.product(*swept.values())
        for seed in seeds
    ]


def sweeps(config: Config) -> dict[str, list[float]]:
    """The values of each setting that is swept.

    Raises:
        ConfigError: --sweep cannot be read, or asks for what cannot be swept.
    """
    found: dict[str, list[float]] = {}
    name = ""
    for piece in filter(None, config.sweep.split(",")):
        before, equals, value = piece.rpartition("=")
        if equals:
            name = before.strip()
            if name in found:
                raise ConfigError(f"--sweep={config.sweep}: {name} occurs twice")
            _check_name(config, name)
            found[name] = []
        if not name:
            raise ConfigError(f"--sweep={config.sweep}: expected NAME=VALUE,VALUE,...")
        number = _value(name, value)
        if number in found[name]:
            raise ConfigError(f"--sweep={config.sweep}: {name}={value} occurs twice")
        found[name].append(number)
    return found


def label(config: Config, member: Config) -> str:
    """What tells a member from the others, as `d_lr=0.0002 seed=1`."""
    names = list(sweeps(config))
    if config.seeds > 1:
        names.append("seed")
    return " ".join(f"{name}={getattr(member, name)}" for name in names)


def _check_name(config: Config, name: str) -> None:
    if name not in SWEEPABLE:
        raise ConfigError(f"--sweep: {name} cannot be swept; choose of {', '.join(SWEEPABLE)}")
    needs = {
        "beta1": ("optimizer", config.optimizer == "adam", "adam"),
        "beta2": ("optimizer", config.optimizer == "adam", "adam"),
        "penalty_weight": ("penalty", config.penalty != "none", "r1, or another"),
    }
    setting, fulfilled, wanted = needs.get(name, ("", True, ""))
    if not fulfilled:
        raise ConfigError(
            f"--sweep: {name} has no effect with --{setting}={getattr(config, setting)}; "
            f"choose --{setting}={wanted}"
        )


def _value(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"--sweep: {name}={text} is not a number") from None
    (field,) = (field for field in dataclasses.fields(Config) if field.name == name)
    bounds = field.metadata["checks"]
    low, high = bounds["lower_bound"], bounds.get("upper_bound", float("inf"))
    if not low <= value <= high:  # nor if it is NaN
        raise ConfigError(f"--sweep: {name}={text}; expected a value from {low:g} to {high:g}")
    if value == 0 and name in _OFF_AT_ZERO:
        raise ConfigError(
            f"--sweep: {name}=0 stands for none at all, which is another program; "
            f"expected a value above 0"
        )
    return value
