"""The settings of a run: groups by subject, plus those of its GAN and of its networks."""

import dataclasses
import itertools
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jaxgan.runs.settings import (
    GROUPS,
    ConfigError,
    Data,
    Evaluation,
    Game,
    Networks,
    Objective,
    Optimization,
    Run,
    check,
)
from jaxgan.runs.variants import MODELS, VARIANTS, models_of

__all__ = ["Config", "catalog", "default", "make"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a run depends on; `make` builds it from flat names.

    Attributes:
        recipe: name of the GAN.
        own: the settings that only this GAN has.
        own_of_model: the settings that only its networks have.
    """

    recipe: str
    run: Run
    data: Data
    objective: Objective
    networks: Networks
    optimization: Optimization
    game: Game
    evaluation: Evaluation
    own: Any
    own_of_model: Any

    def flat(self) -> dict[str, Any]:
        """Return every setting that the run uses, by the name of its flag."""
        return {"recipe": self.recipe} | {
            field.name: getattr(group, field.name) for group, field in self._used()
        }

    def replace(self, **values: Any) -> "Config":
        """Return the same settings with these changed, which are named after their flags.

        Raises:
            ConfigError: a setting is not used by this run, its value is not allowed, or it would
                change the GAN or its networks; use `make` for that.
        """
        changed: dict[str, dict[str, Any]] = {}
        for name, value in values.items():
            found = [
                (place, field)
                for place in _PLACES
                for field in self._fields(place)
                if field.name == name and name != "model"
            ]
            if not found:
                what = "fixed for these settings" if name in ("recipe", "model") else "not used"
                raise ConfigError(f"--{name}={value}: it is {what}; make other settings")
            ((place, field),) = found
            check(field, value)
            changed.setdefault(place, {})[name] = value
        groups = {
            place: dataclasses.replace(getattr(self, place), **own)
            for place, own in changed.items()
        }
        return dataclasses.replace(self, **groups)

    def identity(self) -> dict[str, Any]:
        """Return the settings that make it another run if they change."""
        values = {"recipe": self.recipe} | {
            field.name: getattr(group, field.name)
            for group, field in self._used()
            if field.metadata["identity"]
        }
        # The pictures of a folder are what matters, and they are compared; it may have moved.
        return values | {"dataset": _FOLDER.sub("folder:", self.data.dataset)}

    def difference(self, other: "Config") -> dict[str, str]:
        """Return the settings that make `other` a different run, as `--name=this (now other)`."""
        ours, theirs = self.identity(), other.identity()
        return {
            name: f"--{name}={ours.get(name, 'unused')} (now {theirs.get(name, 'unused')})"
            for name in ours | theirs
            if ours.get(name) != theirs.get(name)
        }

    def to_flags(self, *, of_workdir: bool = False) -> str:
        """Return a flag file with every setting that the run uses.

        Args:
            of_workdir: whether it is the file that lies in the workdir: it does not say where that
                is, and its other paths are right from any directory.
        """
        lines = []
        for name, value in self.flat().items():
            if of_workdir and name in _ONLY_NOW:
                continue
            value = _absolute(name, value) if of_workdir else value  # noqa: PLW2901
            lines.append(
                f"--{'' if value else 'no'}{name}"
                if isinstance(value, bool)
                else f"--{name}={value}"
            )
        return "\n".join(lines) + "\n"

    def _used(self) -> Iterator[tuple[Any, dataclasses.Field]]:
        lacks = VARIANTS[self.recipe].lacks
        for place in _PLACES:
            for field in self._fields(place):
                if field.name not in lacks:
                    yield getattr(self, place), field

    def _fields(self, place: str) -> tuple[dataclasses.Field, ...]:
        return dataclasses.fields(getattr(self, place))


_PLACES = (*GROUPS, "own", "own_of_model")
_ONLY_NOW = ("workdir", "accept_data", "accept_rates")  # what a start is told, and not the next one
_FOLDER = re.compile("folder:([^,]+)")


def _absolute(name: str, value: Any) -> Any:
    """Make the paths in the value of a setting absolute."""
    if name == "dataset":
        return _FOLDER.sub(lambda found: f"folder:{_from_anywhere(found[1])}", value)
    if name == "init_from":
        pieces = [piece.rpartition("=") for piece in filter(None, value.split(","))]
        return ",".join(f"{part}{equals}{_from_anywhere(path)}" for part, equals, path in pieces)
    (_, field), *_ = catalog().get(name, [("", None)])
    is_path = field is not None and field.metadata["path"] and value not in ("", "none")
    return _from_anywhere(value) if is_path else value


def _from_anywhere(path: str) -> str:
    return str(Path(path).expanduser().absolute())


def make(*, recipe: str = "gan", **given: Any) -> Config:
    """Make the settings of a run; those that are not given take the defaults of the GAN.

    Args:
        recipe: name of the GAN, one of `variants.VARIANTS`.
        **given: settings, named after their flags.

    Raises:
        ConfigError: there is no such GAN, network or setting; a value is out of range; or a
            setting that this GAN or these networks do not use differs from its default.
    """
    if recipe not in VARIANTS:
        raise ConfigError(f"--recipe={recipe}: expected one of {', '.join(VARIANTS)}")
    variant = VARIANTS[recipe]
    model = given.get("model") or models_of(variant)[0]
    if model not in MODELS:
        raise ConfigError(f"--model={model}: expected one of {', '.join(MODELS)}")
    given |= {"model": model}
    types = GROUPS | {"own": variant.settings, "own_of_model": MODELS[model].settings}
    groups, used = {}, set(variant.lacks)
    for place, group in types.items():
        fields = dataclasses.fields(group)
        values = {
            field.name: given.get(field.name, variant.defaults.get(field.name, field.default))
            for field in fields
        }
        for field in fields:
            check(field, values[field.name])
        groups[place] = group(**values)
        used |= values.keys() - variant.lacks
    _refuse_unused(recipe, model, given, used - variant.lacks)
    config = Config(recipe=recipe, **groups)
    if not config.run.workdir:
        name = f"{recipe}_{model}_{config.data.dataset}"
        safe = "".join(letter if letter.isalnum() else "_" for letter in name)
        config = config.replace(workdir=f"runs/{safe}")
    optimization = config.optimization
    if optimization.lr_schedule != "constant" and not optimization.lr_decay_end:
        config = config.replace(lr_decay_end=config.run.steps)
    return config


def default(config: Config, name: str) -> Any:
    """Return the value that a setting of this GAN has if its flag is not given."""
    (field,) = (field for _, field in config._used() if field.name == name)
    return VARIANTS[config.recipe].defaults.get(name, field.default)


def _refuse_unused(recipe: str, model: str, given: dict[str, Any], used: set[str]) -> None:
    everything = catalog()
    for name, value in given.items():
        if name in used:
            continue
        if name not in everything:
            raise ConfigError(f"--{name}: there is no such setting")
        # Flag files of the first version name every flag, with the default that it had then.
        defaults = [(field.default, *field.metadata["former"]) for _, field in everything[name]]
        if value in itertools.chain(*defaults):
            continue
        owners = [owner for owner, _ in everything[name] if owner]
        goes_with = f"it goes with {' or '.join(owners)}" if owners else "leave it out"
        raise ConfigError(
            f"--{name}={value}: not used by --recipe={recipe} --model={model}; {goes_with}"
        )


@cache
def catalog() -> dict[str, list[tuple[str, dataclasses.Field]]]:
    """Return all settings by name, each with its owners and fields.

    An owner is `--recipe=NAME` or `--model=NAME`, or "" for a setting that every run has.
    """
    groups = [("", group) for group in GROUPS.values()]
    groups += [(f"--recipe={name}", one.settings) for name, one in VARIANTS.items()]
    groups += [(f"--model={name}", one.settings) for name, one in MODELS.items()]
    found: dict[str, list[tuple[str, dataclasses.Field]]] = {}
    for owner, group in groups:
        for field in dataclasses.fields(group):
            found.setdefault(field.name, []).append((owner, field))
    return found
