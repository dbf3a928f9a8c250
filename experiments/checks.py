"""What is refused before anything is compiled or written."""

import re
from pathlib import Path

from choices import SMOOTHED, UNANCHORED
from config import Config, ConfigError, load
from devices import devices_of_members, mode_and_devices
from members import is_population, members
from record import check_wandb
from targets import chosen_metrics, stop_rule

from jaxgan import data
from jaxgan.augment import POLICY


def check(config: Config) -> None:
    """Refuse settings that contradict each other or the files that are there.

    Raises:
        ConfigError: one line that names the flag.
    """
    check_wandb(config)
    check_settings(config)
    _check_workdir(config)


def check_settings(config: Config) -> None:
    """Refuse settings that contradict each other or the machine.

    Raises:
        ConfigError: one line that names the flag.
    """
    _check_evaluation(config)
    everyone = members(config)
    for member in everyone:
        _check_values(member)
    if is_population(config):
        devices_of_members(config, len(everyone))
        _check_microbatch(config, config.batch_size)
    else:
        _, devices = mode_and_devices(config)
        if config.batch_size % len(devices):
            raise ConfigError(
                f"--batch_size={config.batch_size}: expected a multiple of the {len(devices)} "
                f"devices"
            )
        _check_microbatch(config, config.batch_size // len(devices))


def _check_evaluation(config: Config) -> None:
    stop_rule(config.stop_when)
    chosen_metrics(config)
    if config.stop_when and not config.eval_every:
        raise ConfigError(f"--stop_when={config.stop_when}: nothing is measured; give --eval_every")
    if config.eval_every and is_population(config):
        raise ConfigError(
            "--eval_every: not with --seeds or --sweep; measure members afterwards, with "
            "evaluate.py --member"
        )


def _check_microbatch(config: Config, examples: int) -> None:
    if config.microbatch and examples % config.microbatch:
        raise ConfigError(
            f"--microbatch={config.microbatch}: expected a divisor of the {examples} examples "
            f"that a device is given"
        )


def _check_values(config: Config) -> None:
    if config.ema_decay >= 1:
        raise ConfigError(f"--ema_decay={config.ema_decay}: expected 0 <= decay < 1")
    if config.label_smoothing >= 1:
        raise ConfigError(f"--label_smoothing={config.label_smoothing}: expected 0 <= s < 1")
    if config.label_smoothing and config.loss not in SMOOTHED:
        raise ConfigError(f"--label_smoothing: --loss is one of {', '.join(SMOOTHED)} with it")
    _check_recipe(config)
    _check_augmentation(config)
    if config.penalty != "none" and config.model == "dcgan" and config.d_norm == "batch":
        raise ConfigError(
            f"--penalty={config.penalty}: no example has its own gradient with --d_norm=batch; "
            f"choose --d_norm=layer or --d_norm=none"
        )


def _check_recipe(config: Config) -> None:
    own = [name for name in (config.recipe, config.model) if name in ("progressive", "stylegan2")]
    if own and config.recipe != config.model:
        raise ConfigError(
            f"--recipe={config.recipe} --model={config.model}: "
            f"give both as {own[0]}, which goes with nothing else"
        )
    if config.recipe == "progressive" and (
        config.spectral_norm or config.g_spectral_norm or config.microbatch
    ):
        raise ConfigError(
            "--recipe=progressive: its weights are equalised and its batches whole; leave "
            "--spectral_norm, --g_spectral_norm and --microbatch out"
        )
    if config.attention and config.model not in ("resnet", "biggan"):
        raise ConfigError(f"--attention={config.attention}: --model is resnet or biggan with it")
    if config.widths and (
        config.model != "r3gan" or not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", config.widths)
    ):
        raise ConfigError(
            f"--widths={config.widths}: expected channels such as 48,24,8, and --model=r3gan"
        )
    moves = {"lr_end": 1.0, "penalty_weight_end": 1.0, "beta2_end": 0.0}
    for name, still in moves.items():
        if not config.burn_in and getattr(config, name) != still:
            raise ConfigError(
                f"--{name}={getattr(config, name)}: nothing moves with --burn_in=0; "
                f"give the number of images that it takes"
            )


def _check_augmentation(config: Config) -> None:
    if config.consistency and config.penalty_weight_end != 1:
        raise ConfigError(
            "--penalty_weight_end: not with --consistency, whose weight beside it stays the same"
        )
    if config.augment == "diffaugment":
        unknown = sorted(set(config.augment_policy.split(",")) - set(POLICY))
        if unknown:
            raise ConfigError(
                f"--augment_policy={config.augment_policy}: expected some of {','.join(POLICY)}, "
                f"separated by commas"
            )
    if (config.augment == "scheduled") != bool(config.augment_end):
        raise ConfigError(
            f"--augment={config.augment} --augment_end={config.augment_end}: "
            f"the probability that --augment=scheduled rises to is above 0, and for it alone"
        )
    if config.augment == "ada" and config.loss in UNANCHORED:
        raise ConfigError(
            f"--augment=ada: with --loss={config.loss} the sign of a logit says nothing; "
            f"choose another loss, or --augment=diffaugment"
        )


def _check_workdir(config: Config) -> None:
    workdir = Path(config.workdir)
    if workdir.exists() and not workdir.is_dir():
        raise ConfigError(f"--workdir={workdir}: it is a file; expected a directory")
    if (workdir / "flags.txt").exists():
        difference = load(workdir).difference(config)
        if difference:
            raise ConfigError(
                f"--workdir={workdir}: another run is kept here: {', '.join(difference)}; "
                f"choose another --workdir, or the same settings to go on"
            )
    elif workdir.exists() and any(workdir.iterdir()):
        raise ConfigError(f"--workdir={workdir}: it is not empty, and holds no run to go on with")


def check_against_data(config: Config, dataset: data.Dataset) -> None:
    """Refuse settings that the data set cannot serve.

    Raises:
        ConfigError: one line that names the flag.
    """
    if config.batch_size > len(dataset.x):
        raise ConfigError(
            f"--batch_size={config.batch_size}: --dataset={config.dataset} has only "
            f"{len(dataset.x)} examples"
        )
    if config.conditional and dataset.y is None:
        raise ConfigError(f"--conditional: --dataset={config.dataset} has no labels")
    for flag in ("augment", "consistency"):
        if getattr(config, flag) not in ("none", 0.0) and dataset.x.ndim != 4:
            raise ConfigError(f"--{flag}: --dataset={config.dataset} has points, not images")
    if config.flip and dataset.x.ndim != 4:
        raise ConfigError(f"--flip: --dataset={config.dataset} has points, not images")
