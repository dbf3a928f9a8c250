"""What the command line takes, and what it refuses."""

import dataclasses

import pytest
from absl import flags as absl_flags

from jaxgan.runs import flags
from jaxgan.runs.config import ConfigError, catalog, make
from jaxgan.runs.settings import GROUPS
from jaxgan.runs.variants import MODELS, VARIANTS, models_of

FLOATS = sorted(name for name, owners in catalog().items() if owners[0][1].type is float)


def parse(*arguments: str):
    values = absl_flags.FlagValues()
    flags.define_settings(values)
    values(["train", *arguments])
    return flags.from_flags(values)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", FLOATS)
def test_a_number_is_finite(name, value):
    with pytest.raises(absl_flags.IllegalFlagValueError, match="expected a finite number"):
        parse(f"--{name}={value}")
    owners = [owner for owner, _ in catalog()[name]]
    kind, _, of = owners[0].lstrip("-").partition("=")
    with pytest.raises(ConfigError, match=f"--{name}=-?(nan|inf): expected a finite number"):
        make(**({kind: of} if kind == "recipe" else {}), **{name: float(value)}) if (
            kind != "model"
        ) else make(recipe=_taking(of), model=of, **{name: float(value)})


def _taking(model: str) -> str:
    return next(name for name, variant in VARIANTS.items() if model in models_of(variant))


@pytest.mark.parametrize("recipe", VARIANTS)
def test_a_flag_of_another_gan_is_refused(recipe):
    """Each setting of each other GAN, in one line that names who it is for."""
    own = {field.name for field in dataclasses.fields(VARIANTS[recipe].settings)}
    for name, owners in catalog().items():
        whose = [owner for owner, _ in owners if owner.startswith("--recipe=")]
        if not whose or name in own or any(not owner.startswith("--recipe") for owner, _ in owners):
            continue
        field = owners[0][1]
        value = _another(field)
        if value is None:
            continue
        with pytest.raises(ConfigError, match=f"--{name}={value}: .*it goes with {whose[0]}"):
            make(recipe=recipe, **{name: value})
        make(recipe=recipe, **{name: field.default})  # as old flag files do


def _another(field: dataclasses.Field):
    """A value that is no default and was none; None if there is none."""
    if field.metadata["choices"]:
        return next(one for one in field.metadata["choices"] if one != field.default)
    if field.type is bool:
        return None if field.metadata["former"] else not field.default
    return type(field.default)(3) if field.type is not float else 0.625


@pytest.mark.parametrize("recipe", VARIANTS)
def test_a_flag_file_holds_what_the_gan_uses(recipe):
    config = make(recipe=recipe)
    named = {
        line.removeprefix("--").removeprefix("no").partition("=")[0]
        for line in config.to_flags().splitlines()
    }
    used = {"recipe"}
    for group in (
        *GROUPS.values(),
        VARIANTS[recipe].settings,
        MODELS[config.networks.model].settings,
    ):
        used |= {field.name for field in dataclasses.fields(group)}
    assert named == {name.removeprefix("no") for name in used - VARIANTS[recipe].lacks}
    assert parse(*config.to_flags().splitlines()) == config


def test_a_default_of_one_gan_does_not_lock_the_runs_of_another(monkeypatch):
    before = make(recipe="gan")
    cyclegan = VARIANTS["cyclegan"]
    changed = {**VARIANTS, "cyclegan": cyclegan._replace(defaults={"g_lr": 7.0})}
    monkeypatch.setattr("jaxgan.runs.config.VARIANTS", changed)
    assert before.difference(make(recipe="gan")) == {}
    assert make(recipe="cyclegan").optimization.g_lr == 7.0


@pytest.mark.parametrize("name", ["dcgan_digits", "cyclegan_digits"])
def test_a_preset_is_its_flag_file_and_flags_after_it_win(name):
    path = flags.presets()[name]
    for given in ([f"--preset={name}"], ["--preset", name], [f"-preset={name}"]):
        assert flags._with_presets(["train", *given, "--steps=7"]) == [
            "train",
            f"--flagfile={path}",
            "--steps=7",
        ]
