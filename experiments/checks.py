"""What is refused before anything is compiled or written."""

import re
from pathlib import Path

from choices import (
    DENSE_OR_DCGAN,
    DRAWN_FROM_NOISE,
    INPAINTING,
    PICTURE_TO_PICTURE,
    SMOOTHED,
    UNANCHORED,
)
from conditions import NEEDS
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
    _check_game(config)
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


def _check_game(config: Config) -> None:
    """Refuse what the recipes beyond noise to image do not know."""
    recipe, model = config.recipe, config.model
    if recipe in DENSE_OR_DCGAN:
        _expect(model in ("mlp", "dcgan"), config, "mlp or dcgan")
    elif recipe == "srgan":
        _expect(model == "srgan", config, "srgan")
    elif recipe in PICTURE_TO_PICTURE:
        _expect(model in ("unet", "translator"), config, "unet or translator")
    elif model in ("unet", "translator", "srgan"):
        raise ConfigError(
            f"--model={model}: it makes no pictures of noise, as --recipe={recipe} asks"
        )
    if config.conditional != (recipe == "acgan") and recipe not in DRAWN_FROM_NOISE:
        given = "--conditional" if config.conditional else "--noconditional"
        wants = "has to be told" if recipe == "acgan" else "is not told"
        raise ConfigError(f"{given}: --recipe={recipe} {wants} the class to draw")
    if config.labelled and recipe not in ("sgan", "ccgan"):
        raise ConfigError(
            f"--labelled={config.labelled}: only SGAN and CCGAN learn from few labels"
        )
    if recipe in INPAINTING and not 0 < config.mask_share < 1:
        raise ConfigError(
            f"--mask_share={config.mask_share}: a mask that covers "
            f"{'all' if config.mask_share else 'nothing'}; expected 0 < share < 1"
        )
    if recipe in ("cogan", "bigan", "aae", "cyclegan"):
        _check_few(config)


def _expect(is_right: bool, config: Config, names: str) -> None:
    if not is_right:
        raise ConfigError(f"--recipe={config.recipe} --model={config.model}: expected {names}")


def _check_few(config: Config) -> None:
    """These recipes have losses of their own, with no place for some terms."""
    has_penalty = config.penalty != "none" and config.recipe != "bigan"
    extra = {
        "penalty": has_penalty,
        "augment": config.augment != "none",
        "consistency": bool(config.consistency),
        "lecam": bool(config.lecam),
        "one_batch": config.one_batch,
    }
    for name, is_on in extra.items():
        if is_on:
            raise ConfigError(
                f"--{name}: --recipe={config.recipe} has no place for it; leave it out"
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
    _check_y(config, dataset)
    is_picture = dataset.x.ndim == 4
    for flag in ("augment", "consistency"):
        if getattr(config, flag) not in ("none", 0.0) and not is_picture:
            raise ConfigError(f"--{flag}: --dataset={config.dataset} has no pictures")
    if config.flip and not is_picture:
        raise ConfigError(f"--flip: --dataset={config.dataset} has no pictures")


def _check_y(config: Config, dataset: data.Dataset) -> None:
    """Refuse data whose y is not what the recipe wants, naming both."""
    needs = "labels" if config.conditional else NEEDS.get(config.recipe, "")
    x, y = dataset.x, dataset.y
    has_pictures = y is not None and y.ndim > 1
    named = f"--recipe={config.recipe}, --dataset={config.dataset}"
    if needs == "labels" and (y is None or has_pictures):
        asks = "--conditional" if config.conditional else f"--recipe={config.recipe}"
        has = "pairs of pictures, no labels" if has_pictures else "no labels"
        raise ConfigError(f"{asks}: --dataset={config.dataset} has {has}")
    if config.labelled and config.labelled < len(dataset.class_names):
        raise ConfigError(
            f"--labelled={config.labelled}: --dataset={config.dataset} has "
            f"{len(dataset.class_names)} classes; expected a label for each of them at least"
        )
    if config.recipe in PICTURE_TO_PICTURE and x.ndim != 4:
        raise ConfigError(f"{named}: expected pictures, the data are {x.shape[1:]}")
    if needs in ("pairs", "domains") and not has_pictures:
        raise ConfigError(
            f"{named}: it has no second pictures; expected pairs or two domains, such as "
            f"{'outlines:digits' if needs == 'pairs' else 'unpaired:rotated:digits'}"
        )
    if needs == "pairs" and not dataset.paired:
        raise ConfigError(f"{named}: x and y do not belong together; expected pairs")
    if needs in ("pairs", "domains"):
        _check_sizes(config, named, x.shape[1:], y.shape[1:])  # pyright: ignore[reportOptionalMemberAccess]


def _check_sizes(config: Config, named: str, x: tuple[int, ...], y: tuple[int, ...]) -> None:
    grey = {1: "grey", 3: "colour"}
    if config.recipe == "srgan":
        scale = x[0] // y[0]
        if (scale * y[0], scale * y[1]) != x[:2] or scale not in (2, 4):
            raise ConfigError(
                f"{named}: pictures of {x[0]}x{x[1]} for {y[0]}x{y[1]}; expected 2 or 4 times the "
                f"size, as with halved:NAME"
            )
    elif x[:2] != y[:2]:
        raise ConfigError(
            f"{named}: pictures of {x[0]}x{x[1]} for {y[0]}x{y[1]}; expected one size"
        )
    same = config.recipe in ("srgan", "cogan")
    same = same or (config.recipe == "cyclegan" and config.identity_weight > 0)
    if same and x[2] != y[2]:
        hint = "; --identity_weight=0 is for such domains" if config.recipe == "cyclegan" else ""
        raise ConfigError(
            f"{named}: x is {grey[x[2]]} and y is {grey[y[2]]}; expected both alike{hint}"
        )
