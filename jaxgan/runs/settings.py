"""The settings of a run in groups, by subject.

What only one GAN or one network knows is declared where that GAN or network is (`variants`,
`networks`). `config` puts the groups together and makes command-line flags of them.
"""

import dataclasses
import math
from typing import Any

from jax.core import Tracer


class ConfigError(ValueError):
    """The settings cannot be run; one line names the flag and what it takes."""


def setting(
    default: Any,
    text: str,
    *,
    identity: bool = True,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    sweepable: bool = False,
    repeated: bool = False,
    former: tuple[Any, ...] = (),
) -> Any:
    """Declare a field of a group of settings, which is a flag too.

    Args:
        default: its value where none is given.
        text: what `--help` says of it.
        identity: whether another value makes another run, which a workdir cannot go on with.
        low: the least number that is allowed.
        high: the greatest.
        choices: the words that are allowed, for a word.
        sweepable: whether a population may train with several values of it in one program: it is
            only a number in an update.
        repeated: whether the flag may be given several times, joined with commas.
        former: defaults that it once had: flag files of then name them for GANs that do not use it.
    """
    about = {"text": text, "identity": identity, "low": low, "high": high}
    about |= {"choices": choices, "sweepable": sweepable, "repeated": repeated, "former": former}
    return dataclasses.field(default=default, metadata=about)


def check(field: dataclasses.Field, value: Any) -> None:
    """Refuse a value that a setting cannot have.

    Raises:
        ConfigError: it is no finite number, out of range, or not one of the words.
    """
    if isinstance(value, Tracer):
        return
    name, about = field.name, field.metadata
    if about["choices"] and value not in about["choices"]:
        raise ConfigError(f"--{name}={value}: expected one of {', '.join(about['choices'])}")
    if isinstance(value, bool | str) or value is None:
        return
    low, high = about["low"], about["high"]
    if not math.isfinite(value):
        raise ConfigError(f"--{name}={value}: expected a finite number")
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"at least {low:g}" if high is None else f"a value from {low:g} to {high:g}"
        raise ConfigError(f"--{name}={value}: expected {bounds}")


_share: dict[str, Any] = {"low": 0.0, "high": 1.0}

LOSSES = (
    "non_saturating",
    "minimax",
    "least_squares",
    "hinge",
    "wasserstein",
    "relativistic_paired",
    "relativistic_average",
    "boundary_seeking",
)
SMOOTHED = ("non_saturating", "minimax", "least_squares")
"""Losses that have targets, which label smoothing moves."""
UNANCHORED = ("wasserstein", "relativistic_paired", "relativistic_average")
"""Losses under which the sign of a logit says nothing."""
PENALTIES = ("none", "gradient_penalty", "dragan", "r1", "r2", "r1_r2")
AUGMENTS = ("none", "diffaugment", "ada", "scheduled")
METRICS = (
    "frechet_distance",
    "kernel_distance",
    "precision_recall",
    "density_coverage",
    "classifier_score",
    "modes",
)
FEATURES = ("auto", "digits", "mnist", "fashion_mnist", "inception", "pixels")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """What the players minimize, and what the discriminator sees."""

    loss: str = setting("non_saturating", "pair of losses", choices=LOSSES)
    label_smoothing: float = setting(0.0, "D's target for real examples is 1 minus this", **_share)
    penalty: str = setting("none", "what keeps D smooth", choices=PENALTIES)
    penalty_weight: float = setting(10.0, "weight of the penalty", low=0.0, sweepable=True)
    penalty_every: int = setting(1, "pay the penalty every k-th step, k times as much", low=1)
    penalty_weight_end: float = setting(
        1.0, "weight of the penalty after --burn_in, as a share of the first", low=0.0
    )
    clip_weights: float = setting(
        0.0, "keep D's weights within +-this; 0 to leave them alone", low=0.0, sweepable=True
    )
    orthogonal: float = setting(
        0.0, "strength of BigGAN's orthogonal regularization of both players; 0 for none", low=0.0
    )
    consistency: float = setting(
        0.0, "weight of D's consistency under augmentation; 0 for none", low=0.0
    )
    lecam: float = setting(0.0, "weight of the LeCam regularizer; 0 for none", low=0.0)
    augment: str = setting(
        "none", "how the images that D sees are changed, to make do with few", choices=AUGMENTS
    )
    augment_policy: str = setting(
        "color,translation,cutout", "what DiffAugment changes, separated by commas"
    )
    augment_end: float = setting(
        0.0, "probability of --augment=scheduled after --burn_in", **_share
    )
    ada_target: float = setting(
        0.6, "how sure of real images D may be before ADA augments", **_share
    )
    ada_images: float = setting(500_000, "images over which ADA can go from 0 to 1", low=1.0)
    one_batch: bool = setting(False, "show D real and fake examples in one batch, not in two")
    conditional: bool = setting(False, "show the players the labels")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Networks:
    """The networks: those of `--model`, and what all of them have."""

    model: str = setting("", "which networks; the first that goes with --recipe if empty")
    latent: str = setting("normal", "distribution of z", choices=("normal", "uniform"))
    latent_dim: int = setting(100, "components of z", low=1)
    width: int = setting(
        32, "channels of the convolution with the largest images, or units of a layer", low=1
    )
    d_norm: str = setting("batch", "normalization in D", choices=("batch", "layer", "none"))
    spectral_norm: bool = setting(False, "divide D's kernels by their largest singular value")
    g_spectral_norm: bool = setting(False, "divide G's kernels by their largest singular value")
    sync_batch_norm: bool = setting(True, "take batch statistics over all devices, not over each")
    precision: str = setting(
        "float32", "what the networks compute in", choices=("float32", "bfloat16")
    )
    remat: bool = setting(False, "compute activations again for the gradient, to save memory")
    microbatch: int = setting(
        0, "examples that pass a network at once, to save memory; 0 for all", low=0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimization:
    """How the players learn, and on how many examples."""

    optimizer: str = setting("adam", "of both players", choices=("adam", "rmsprop", "sgd"))
    g_lr: float = setting(5e-4, "learning rate of G", low=0.0, sweepable=True)
    d_lr: float = setting(1e-3, "learning rate of D", low=0.0, sweepable=True)
    beta1: float = setting(0.5, "Adam's decay of the mean", sweepable=True, **_share)
    beta2: float = setting(0.999, "Adam's decay of the variance", sweepable=True, **_share)
    burn_in: float = setting(
        0.0,
        "images over which settings move to their ends along half a cosine; 0 for never",
        low=0.0,
    )
    lr_end: float = setting(
        1.0, "both learning rates after --burn_in, as a share of the first", low=0.0
    )
    beta2_end: float = setting(0.0, "beta2 after --burn_in; 0 for the same", **_share)
    ema_decay: float = setting(
        0.998, "decay of G's running average; 0 for no average", sweepable=True, **_share
    )
    ema_half_life: float = setting(
        0.0, "half-life in images, in place of --ema_decay; 0 for --ema_decay", low=0.0
    )
    batch_size: int = setting(64, "examples per update, over all devices", low=1)
    d_steps: int = setting(1, "updates of D per update of G", low=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """What is learned from."""

    dataset: str = setting(
        "digits",
        "digits, emoji, photos, notes, solids, ring, grid, any TFDS name, folder:PATH, "
        "or pairs made of them, as outlines:digits",
    )
    split: str = setting("train", "split of the data set")
    image_size: int = setting(0, "height and width to bring images to; 0 to keep theirs", low=0)
    flip: bool = setting(False, "let every image also occur mirrored")
    data_dir: str = setting(
        "", "where prepared TFDS data sets lie; TFDS's default if empty", identity=False
    )
    manual_dir: str = setting("", "where files that you downloaded yourself lie", identity=False)
    device_data_gb: float = setting(
        4.0, "keep data on the device up to this many GB", identity=False, low=0.0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """How long a run is, where it is kept, and on what it runs."""

    workdir: str = setting(
        "",
        "where the run is kept; runs/RECIPE_MODEL_DATASET if empty",
        identity=False,
    )
    steps: int = setting(2400, "updates of G", identity=False, low=1)
    steps_per_call: int = setting(20, "updates of G in one compiled call", identity=False, low=1)
    seed: int = setting(0, "everything random follows from it", low=0)
    seeds: int = setting(1, "train this many together, from --seed on", low=1)
    sweep: str = setting(
        "",
        "train one for each value together, as d_lr=1e-4,2e-4; for every combination of several "
        "settings, as d_lr=1e-4,2e-4,g_lr=1e-4,2e-4, or give the flag several times",
        repeated=True,
    )
    parallel: str = setting(
        "auto",
        "auto is jit on one device, pmap on several",
        choices=("auto", "jit", "pmap", "shard_map"),
    )
    num_devices: int = setting(
        0, "devices to use, of each process; 0 for all", identity=False, low=0
    )
    shard_data: bool = setting(
        False, "divide the data set over the devices instead of copying it to each"
    )
    log_every: int = setting(100, "steps between two lines of metrics", identity=False, low=1)
    sample_every: int = setting(100, "steps between two pictures", identity=False, low=1)
    checkpoint_every: int = setting(400, "steps between two checkpoints", identity=False, low=1)
    keep: int = setting(2, "checkpoints to keep", identity=False, low=1)
    compilation_cache: str = setting(
        "", "where compiled programs are kept; the user's cache if empty, or none", identity=False
    )
    wandb: bool = setting(False, "log to Weights & Biases too", identity=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """What is measured while a run trains."""

    eval_every: int = setting(
        0,
        "steps between two evaluations, of which the best is kept; 0 for none",
        identity=False,
        low=0,
    )
    eval_samples: int = setting(2000, "samples of an evaluation", identity=False, low=2)
    eval_metrics: str = setting(
        "",
        f"what is measured, of {', '.join(METRICS)}, separated by commas; the first decides which "
        "step is the best; a fast choice if empty",
        identity=False,
    )
    features: str = setting(
        "auto", "network in whose features images are compared", identity=False, choices=FEATURES
    )
    inception_weights: str = setting(
        "", "file of the FID Inception network's weights", identity=False
    )
    stop_when: str = setting(
        "",
        "end at an evaluation: fid<5, modes>8, or patience=N without a better one",
        identity=False,
    )


GROUPS: dict[str, type] = {
    "run": Run,
    "data": Data,
    "objective": Objective,
    "networks": Networks,
    "optimization": Optimization,
    "evaluation": Evaluation,
}
"""The groups that every run has, by the attribute of `config.Config` that holds them."""
