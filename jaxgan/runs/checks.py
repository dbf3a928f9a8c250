"""Checks of the settings before anything is compiled or written."""

import importlib.util
from pathlib import Path

from jaxgan.augment import POLICY
from jaxgan.data import Dataset
from jaxgan.runs import game, hosts
from jaxgan.runs.config import Config, catalog, default
from jaxgan.runs.devices import devices_of_members, mode_and_devices
from jaxgan.runs.flags import load
from jaxgan.runs.members import is_population, members, sweeps
from jaxgan.runs.memory import check_calls
from jaxgan.runs.paths import check_directory, check_input
from jaxgan.runs.settings import (
    APPROXIMATE,
    RATES,
    SMOOTHED,
    UNANCHORED,
    ConfigError,
    Optimization,
)
from jaxgan.runs.sources import check_sources
from jaxgan.runs.training.stopping import chosen_metrics, stop_rule
from jaxgan.runs.variants import MODELS, VARIANTS, models_of

_SAID_BEFORE = ("--split=train[:9000] (now train[:90%])", "--attention=14 (now 1/2)")
"""How presets said the same of the 10,000 digits of 28x28: their runs go on under the new words."""

LOCK = ".lock"
"""The file in a workdir that a run keeps locked."""

_OF_A_START = {LOCK, ".flags.txt"}  # what a process leaves that is killed as it begins


def check(config: Config) -> None:
    """Refuse settings that contradict each other or the existing files.

    Raises:
        ConfigError: one line that names the flag.
    """
    for name in "wandb", "mlflow":  # each an extra of that name
        if getattr(config.run, name) and importlib.util.find_spec(name) is None:
            raise ConfigError(f'--{name}: {name} is not installed; pip install "jaxgan[{name}]"')
    _check_paths(config)
    check_settings(config)
    if not _is_begun(config):
        _check_effects(config)
        check_sources(config)
    check_workdir(config)


def check_settings(config: Config) -> None:
    """Refuse settings that contradict each other or the machine.

    Raises:
        ConfigError: one line that names the flag.
    """
    _check_evaluation(config)
    check_calls(config)
    everyone = members(config)
    if is_population(config) and config.run.init_from:
        raise ConfigError("--init_from: it does not go with --seeds or --sweep; leave one out")
    for member in everyone:
        _check_values(member)
    batch_size = config.optimization.batch_size
    if is_population(config):
        devices_of_members(config.run, len(everyone))
        _check_parts(config, batch_size)
    else:
        _, devices = mode_and_devices(config.run)
        if batch_size % len(devices):
            raise ConfigError(
                f"--batch_size={batch_size}: expected a multiple of the {len(devices)} devices"
            )
        _check_parts(config, batch_size // len(devices))


def _is_begun(config: Config) -> bool:
    """Whether the run resumes: it may have been begun when settings were refused less often."""
    return (Path(config.run.workdir) / "flags.txt").exists()


def _check_evaluation(config: Config) -> None:
    evaluation = config.evaluation
    stop_rule(evaluation.stop_when)
    chosen_metrics(evaluation.eval_metrics)
    if evaluation.stop_when and not evaluation.eval_every:
        raise ConfigError(
            f"--stop_when={evaluation.stop_when}: nothing is measured; give --eval_every"
        )
    if not evaluation.eval_every:
        return
    if is_population(config):
        raise ConfigError(
            "--eval_every: it does not go with --seeds or --sweep; measure members afterwards with "
            "evaluate --member"
        )
    if not VARIANTS[config.recipe].is_distribution:
        raise ConfigError(
            f"--eval_every: samples of --recipe={config.recipe} are not compared with the data as "
            f"a distribution; leave it out and measure the run afterwards with evaluate"
        )


def _check_parts(config: Config, examples: int) -> None:
    microbatch = config.networks.microbatch
    if microbatch and examples % microbatch:
        raise ConfigError(
            f"--microbatch={microbatch}: expected a divisor of the {examples} examples of each "
            f"device"
        )
    packing, share = config.objective.packing, config.objective.penalty_share
    if examples % packing:
        raise ConfigError(
            f"--packing={packing}: expected a divisor of the {examples} examples of each device"
        )
    examples //= packing
    if examples > microbatch > 0 and examples % microbatch:
        raise ConfigError(
            f"--microbatch={microbatch}: expected a divisor of the {examples} packs of each device"
        )
    judged = max(1, round(share * examples))
    if config.objective.penalty in APPROXIMATE and judged > microbatch > 0 and judged % microbatch:
        raise ConfigError(
            f"--microbatch={microbatch}: expected a divisor of the {judged} examples that "
            f"--penalty_share={share} leaves"
        )


def _check_values(config: Config) -> None:
    _check_networks(config)
    _check_objective(config)
    _check_augmentation(config)
    _check_burn_in(config)
    _check_schedule(config.optimization)
    game.check(config)
    VARIANTS[config.recipe].check(config)


def _check_networks(config: Config) -> None:
    recipe, model = config.recipe, config.networks.model
    fitting = models_of(VARIANTS[recipe])
    if model not in fitting:
        raise ConfigError(f"--recipe={recipe} --model={model}: expected {' or '.join(fitting)}")
    MODELS[model].check(config.own_of_model)


def _check_objective(config: Config) -> None:
    objective, ema_decay = config.objective, config.optimization.ema_decay
    if ema_decay >= 1:
        raise ConfigError(f"--ema_decay={ema_decay}: expected 0 <= decay < 1")
    if config.optimization.ema_sigma and config.optimization.ema_half_life:
        raise ConfigError(
            f"--ema_sigma={config.optimization.ema_sigma}: it does not go with --ema_half_life; "
            f"leave one of them out (--ema_half_life=0)"
        )
    if objective.label_smoothing >= 1:
        raise ConfigError(f"--label_smoothing={objective.label_smoothing}: expected 0 <= s < 1")
    if objective.label_smoothing and objective.loss not in SMOOTHED:
        raise ConfigError(f"--label_smoothing: expected --loss to be one of {', '.join(SMOOTHED)}")
    norm = config.networks.d_norm
    if objective.penalty != "none" and config.networks.model == "dcgan" and norm == "batch":
        raise ConfigError(
            f"--penalty={objective.penalty}: with --d_norm=batch no example has a gradient of its "
            f"own; choose --d_norm=layer or --d_norm=none"
        )
    if objective.packing > 1 and objective.conditional:
        raise ConfigError(
            f"--packing={objective.packing}: a pack has several labels, so it does not go with "
            f"--conditional; leave one of them out"
        )
    if objective.consistency and objective.penalty_weight_end != 1:
        raise ConfigError(
            "--penalty_weight_end: it does not go with --consistency, whose weight is constant; "
            "leave one of them out"
        )


def _check_augmentation(config: Config) -> None:
    objective = config.objective
    if objective.augment == "diffaugment":
        unknown = sorted(set(objective.augment_policy.split(",")) - set(POLICY))
        if unknown:
            raise ConfigError(
                f"--augment_policy={objective.augment_policy}: expected some of "
                f"{','.join(POLICY)}, separated by commas"
            )
    if (objective.augment == "scheduled") != bool(objective.augment_end):
        raise ConfigError(
            f"--augment={objective.augment} --augment_end={objective.augment_end}: "
            f"expected --augment_end above 0 with --augment=scheduled, and only with it"
        )
    if objective.augment == "ada" and objective.loss in UNANCHORED:
        raise ConfigError(
            f"--augment=ada: with --loss={objective.loss} the sign of a logit has no meaning; "
            f"choose another loss, or --augment=diffaugment"
        )


def _check_burn_in(config: Config) -> None:
    moves = {
        "lr_end": (config.optimization.lr_end, 1.0),
        "penalty_weight_end": (config.objective.penalty_weight_end, 1.0),
        "beta2_end": (config.optimization.beta2_end, 0.0),
    }
    for name, (value, still) in moves.items():
        if not config.optimization.burn_in and value != still:
            raise ConfigError(
                f"--{name}={value}: it has no effect with --burn_in=0; give --burn_in a number of "
                f"images"
            )


def _check_schedule(optimization: Optimization) -> None:
    schedule, start = optimization.lr_schedule, optimization.lr_decay_start
    if schedule == "constant":
        return
    if optimization.lr_end != 1:
        raise ConfigError(
            f"--lr_schedule={schedule}: it does not go with --lr_end={optimization.lr_end}, which "
            f"moves the learning rates over --burn_in; leave one of them out"
        )
    if start >= optimization.lr_decay_end:
        raise ConfigError(
            f"--lr_decay_start={start}: expected a step before --lr_decay_end="
            f"{optimization.lr_decay_end}"
        )


def _check_effects(config: Config) -> None:
    """Refuse settings that are given and change nothing, given the others."""
    objective, optimization = config.objective, config.optimization
    penalty = ("--penalty=none", objective.penalty == "none")
    exact = (f"--penalty={objective.penalty}", objective.penalty not in APPROXIMATE)
    augment = f"--augment={objective.augment}"
    constant = ("--lr_schedule=constant", optimization.lr_schedule == "constant")
    optimizer = (f"--optimizer={optimization.optimizer}", optimization.optimizer != "adam")
    rule = (f"--rule={config.game.rule}", config.game.rule)
    instead = "ema_sigma" if optimization.ema_sigma else "ema_half_life"
    moved = (config.objective.augment == "scheduled", optimization.ema_half_life)
    still = optimization.lr_end == config.objective.penalty_weight_end == 1
    useless = {
        "init_from_partial": ("no --init_from", not config.run.init_from),
        "penalty_weight": penalty,
        "penalty_weight_end": penalty,
        "penalty_epsilon": exact,
        "penalty_share": exact,
        "penalty_every": (penalty[0], penalty[1] and not objective.consistency),
        "augment_policy": (augment, objective.augment != "diffaugment"),
        "augment_pairs": (augment, objective.augment == "none"),
        "ada_target": (augment, objective.augment != "ada"),
        "ada_images": (augment, objective.augment != "ada"),
        "lr_decay_start": constant,
        "lr_decay_end": constant,
        "beta1": optimizer,
        "beta2": optimizer,
        "beta2_end": optimizer,
        "momentum": (f"--optimizer={optimization.optimizer}", optimization.optimizer == "adam"),
        "consensus_weight": (rule[0], rule[1] != "consensus"),
        "symplectic_weight": (rule[0], rule[1] != "symplectic"),
        "unrolled_steps": (rule[0], rule[1] != "unrolled"),
        "unrolled_lr": (rule[0], rule[1] != "unrolled"),
        "ema_decay": (f"--{instead}", bool(optimization.ema_half_life or optimization.ema_sigma)),
        "burn_in": (
            "--lr_end=1 and nothing else that changes over it",
            still and not optimization.beta2_end and not any(moved),
        ),
    }
    values, swept = config.flat(), sweeps(config)
    for name, (reason, is_useless) in useless.items():
        if name not in values or name in swept:
            continue
        usual = default(config, name), catalog()[name][0][1].default
        if is_useless and values[name] not in usual:
            raise ConfigError(
                f"--{name}={values[name]}: it has no effect with {reason}; leave one of them out"
            )


def _check_paths(config: Config) -> None:
    if hosts.writes():
        check_directory("workdir", config.run.workdir)
    for name, directory in {
        "data_dir": config.data.data_dir,
        "manual_dir": config.data.manual_dir,
    }.items():
        if directory:
            check_input(name, directory, directory=True)
    weights = config.evaluation.inception_weights
    if weights and config.evaluation.eval_every:
        check_input("inception_weights", weights)


def check_workdir(config: Config) -> None:
    """Refuse a workdir that holds something else than this run.

    Raises:
        ConfigError: it does.
    """
    workdir = Path(config.run.workdir)
    if (workdir / "flags.txt").exists():
        difference = load(workdir).difference(config)
        if _is_of_digits(config):
            difference = {k: one for k, one in difference.items() if one not in _SAID_BEFORE}
        only_rates = difference.keys() <= {*RATES}
        if difference and not (only_rates and config.run.accept_rates):
            or_else = ", or add --accept_rates to change them from here on" if only_rates else ""
            raise ConfigError(
                f"--workdir={workdir}: it holds another run: {', '.join(difference.values())}; "
                f"choose another --workdir, or the same settings to resume{or_else}"
            )
    elif workdir.exists() and {path.name for path in workdir.iterdir()} - _OF_A_START:
        raise ConfigError(
            f"--workdir={workdir}: it is not empty and holds no run; choose another --workdir"
        )


def _is_of_digits(config: Config) -> bool:
    _, _, name = config.data.dataset.rpartition(":")
    return name == "digits" and not config.data.image_size


def check_against_data(config: Config, dataset: Dataset) -> None:
    """Refuse settings that do not fit the data set.

    Raises:
        ConfigError: one line that names the flag.
    """
    batch_size, name = config.optimization.batch_size, config.data.dataset
    most = len(dataset.x)
    if batch_size > most:
        raise ConfigError(
            f"--batch_size={batch_size}: --dataset={name} has {most} examples; give {most} or less"
        )
    variant = VARIANTS[config.recipe]
    _check_y(config, variant.y, dataset)
    try:
        variant.check_data(config.own, dataset)
    except ConfigError as error:
        raise ConfigError(f"--recipe={config.recipe}, --dataset={name}: {error}") from error
    if dataset.x.ndim == 4:
        if config.data.jitter and _differ(dataset):
            raise ConfigError(
                f"--jitter: expected pairs of one size, and those of --dataset={name} differ"
            )
        return
    on = {
        "augment": config.objective.augment != "none",
        "consistency": config.objective.consistency,
        "flip": config.data.flip,
        "jitter": config.data.jitter,
    }
    for flag, is_on in on.items():
        if is_on:
            raise ConfigError(f"--{flag}: expected pictures, and --dataset={name} has none")
    if config.evaluation.eval_every and dataset.x.ndim != 2:
        raise ConfigError(
            f"--eval_every: --dataset={name} has neither pictures nor points, and nothing else is "
            f"compared as a distribution; leave it out and measure the run with evaluate"
        )


def _differ(dataset: Dataset) -> bool:
    """Whether the pictures of a pair have different sizes."""
    y = dataset.y if dataset.has_pictures and dataset.paired else None
    return y is not None and y.shape[1:3] != dataset.x.shape[1:3]


def _check_y(config: Config, needs: str, dataset: Dataset) -> None:
    """Refuse data whose y is not what the GAN needs."""
    named = f"--recipe={config.recipe}, --dataset={config.data.dataset}"
    asks, advice = f"--recipe={config.recipe}", "choose another --recipe"
    if config.objective.conditional and needs not in ("labels", "sentences"):
        needs, asks, advice = "labels", "--conditional", "leave it out"
    if needs == "sentences" and not dataset.has_sentences:
        raise ConfigError(f"{named}: it has no sentences; expected data such as scenes")
    if needs == "labels" and (dataset.y is None or dataset.y.ndim > 1):
        has = "pairs of pictures, no labels" if dataset.has_pictures else "no labels"
        has = "sentences, no labels" if dataset.has_sentences else has
        raise ConfigError(f"{asks}: --dataset={config.data.dataset} has {has}")
    if needs == "labels" and len(dataset.class_names) == 1:
        raise ConfigError(
            f"{asks}: --dataset={config.data.dataset} has one class, {dataset.class_names[0]!r}, "
            f"and labels are to tell classes apart; {advice}"
        )
    if needs in ("pairs", "domains") and not dataset.has_pictures:
        raise ConfigError(
            f"{named}: it has no second pictures; expected pairs or two domains, such as "
            f"{'outlines:digits' if needs == 'pairs' else 'unpaired:rotated:digits'}"
        )
    if needs == "pairs" and not dataset.paired:
        raise ConfigError(f"{named}: x and y are not paired; expected pairs")
