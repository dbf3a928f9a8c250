"""What is refused before anything is compiled or written."""

from pathlib import Path

from config import SMOOTHED, Config, ConfigError, load
from devices import devices_of_members, mode_and_devices
from members import is_population, members
from record import check_wandb
from targets import chosen_metrics, stop_rule

from jaxgan import data


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
    if config.penalty != "none" and config.model == "dcgan" and config.d_norm == "batch":
        raise ConfigError(
            f"--penalty={config.penalty}: no example has its own gradient with --d_norm=batch; "
            f"choose --d_norm=layer or --d_norm=none"
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
    if config.flip and dataset.x.ndim != 4:
        raise ConfigError(f"--flip: --dataset={config.dataset} has points, not images")
