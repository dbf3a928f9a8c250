"""The settings of a run, grouped by subject.

Settings of a single GAN or network are declared next to that GAN or network (`variants`,
`networks`). `config` combines the groups, and `flags` turns them into command-line flags.
"""

import dataclasses
import math
import re
import unicodedata
from typing import Any

from jax.core import Tracer

# Numbers that no flag exceeds, whatever its own bounds are: devices count in 32 bits, and larger
# numbers are infinite in float32.
_MOST: dict[type, float] = {int: 2**31 - 1, float: 3e38}
_MOST_OF: dict[str, float] = {
    "seed": 2**32 - 1,  # keys of JAX have 32 bits: larger seeds would repeat smaller ones
    "seeds": 10_000,
    "steps_per_call": 100_000,
    "keep": 1_000_000,
}


class ConfigError(ValueError):
    """Settings that cannot be run; the message is one line that names the flag."""


Size = int | str
"""The side of squares, or HEIGHTxWIDTH; 0 is the size that the data have."""


def size_of(text: str) -> Size:
    """Read a size as it is written in flags; squares are one number however they are written.

    Raises:
        ValueError: it is none.
    """
    found = re.fullmatch(r"(\d{1,9})(?:x(\d{1,9}))?", text.strip())
    if found is None or (found[2] is not None and not (int(found[1]) and int(found[2]))):
        raise ValueError("expected a side such as 64, or HEIGHTxWIDTH such as 48x32")
    height, width = int(found[1]), int(found[2] or found[1])
    return height if height == width else f"{height}x{width}"


def sides(size: Size) -> tuple[int, int] | None:
    """Return height and width, or None for the size that the data have."""
    height, _, width = str(size).partition("x")
    return (int(height), int(width or height)) if int(height) else None


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
    path: bool = False,
    sizes: bool = False,
) -> Any:
    """Declare a field of a group of settings, which is also a flag.

    Args:
        default: value if the flag is not given.
        text: description in `--help`.
        identity: whether another value makes a different run, which cannot resume in the same
            workdir.
        low: smallest number that is allowed.
        high: largest number that is allowed.
        choices: allowed values of a string.
        sweepable: whether a population may train with several values of it in one program: it is
            only a number in an update.
        repeated: whether the flag may be given several times; the values are joined with commas.
        former: earlier defaults, which old flag files name even for GANs that do not use it.
        path: whether it is the path of a file or a directory.
        sizes: whether it is a size of arrays, so that a run may be too large because of it.
    """
    about = {"text": text, "identity": identity, "low": low, "high": high}
    about |= {"choices": choices, "sweepable": sweepable, "repeated": repeated}
    about |= {"former": former, "path": path, "sizes": sizes}
    return dataclasses.field(default=default, metadata=about)


def largest(name: str, kind: type) -> float:
    """Return the largest number that a flag can have, whatever its own bounds are."""
    return _MOST_OF.get(name, _MOST[kind])


def check(field: dataclasses.Field, value: Any) -> None:
    """Refuse a value that a setting cannot have.

    Raises:
        ConfigError: it is not finite, out of range, not one of the choices, or no plain text.
    """
    if isinstance(value, Tracer):
        return
    name, about = field.name, field.metadata
    if about["choices"] and value not in about["choices"]:
        raise ConfigError(f"--{name}={value}: expected one of {', '.join(about['choices'])}")
    if isinstance(value, str):
        try:
            check_text(value)
        except ValueError as error:
            raise ConfigError(f"--{name}={value!r}: {error}") from error
    if field.type == Size and isinstance(value, str):
        try:
            same = size_of(value)
        except ValueError as error:
            raise ConfigError(f"--{name}={value}: {error}") from error
        if same != value:  # two ways to write it would be two runs
            raise ConfigError(f"--{name}={value!r}: expected it as {same!r}")
    if isinstance(value, bool | str) or value is None:
        return
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"--{name}={value}: expected a finite number")
    low, high, most = about["low"], about["high"], largest(name, type(value))
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = f"at least {low:.10g}"
        bounds = bounds if high is None else f"a value from {low:.10g} to {high:.10g}"
        raise ConfigError(f"--{name}={value}: expected {bounds}")
    if abs(value) > most:
        raise ConfigError(f"--{name}={value}: expected at most {most}")


def check_text(value: str) -> None:
    """Refuse text that does not fit in a line of a flag file.

    Raises:
        ValueError: it has line breaks, other control characters, or bytes that are not UTF-8.
    """
    kinds = {unicodedata.category(letter) for letter in value}
    if kinds & {"Cc", "Zl", "Zp"}:
        raise ValueError("expected text without line breaks and other control characters")
    if "Cs" in kinds:
        raise ValueError("expected text in UTF-8")


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
"""Losses with targets, which label smoothing moves."""
UNANCHORED = ("wasserstein", "relativistic_paired", "relativistic_average")
"""Losses under which the sign of a logit has no meaning."""
APPROXIMATE = ("approximate_r1", "approximate_r2", "approximate_r1_r2")
"""Penalties that estimate gradients by differences, on a share of the batch."""
PENALTIES = ("none", "gradient_penalty", "dragan", "r1", "r2", "r1_r2", *APPROXIMATE)
RULES = (
    "alternating",
    "simultaneous",
    "extragradient",
    "consensus",
    "symplectic",
    "competitive",
    "unrolled",
)
AUGMENTS = ("none", "diffaugment", "ada", "scheduled")
METRICS = (
    "frechet_distance",
    "kernel_distance",
    "precision_recall",
    "density_coverage",
    "classifier_score",
    "modes",
)
RATES = ("g_lr", "d_lr")
"""What may be changed on the way of a run, if that is said."""
FEATURES = ("auto", "digits", "mnist", "fashion_mnist", "cifar10", "inception", "pixels")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """What the players minimize, and what the discriminator sees."""

    loss: str = setting("non_saturating", "pair of losses", choices=LOSSES)
    label_smoothing: float = setting(0.0, "D's target for real examples is 1 minus this", **_share)
    penalty: str = setting("none", "penalty that keeps D smooth", choices=PENALTIES)
    penalty_weight: float = setting(10.0, "weight of the penalty", low=0.0, sweepable=True)
    penalty_every: int = setting(1, "apply the penalty every k-th step, k times as much", low=1)
    penalty_weight_end: float = setting(
        1.0, "weight of the penalty after --burn_in, as a fraction of the initial one", low=0.0
    )
    penalty_epsilon: float = setting(
        0.01, "standard deviation of the noise of approximate penalties", low=1e-6
    )
    penalty_share: float = setting(
        0.25, "share of the batch that approximate penalties judge again", low=1e-6, high=1.0
    )
    clip_weights: float = setting(
        0.0, "clip D's weights to +-this; 0 for no clipping", low=0.0, sweepable=True
    )
    orthogonal: float = setting(
        0.0, "strength of BigGAN's orthogonal regularization of both players; 0 for none", low=0.0
    )
    consistency: float = setting(
        0.0, "weight of D's consistency under augmentation; 0 for none", low=0.0
    )
    lecam: float = setting(0.0, "weight of the LeCam regularizer; 0 for none", low=0.0)
    centering: float = setting(
        0.0, "weight of the term that keeps D's logits around 0; 0 for none", low=0.0
    )
    augment: str = setting(
        "none", "augmentation of the images that D sees, for small data sets", choices=AUGMENTS
    )
    augment_policy: str = setting(
        "color,translation,cutout", "what DiffAugment changes, separated by commas"
    )
    augment_end: float = setting(
        0.0, "probability of --augment=scheduled after --burn_in", **_share
    )
    augment_pairs: bool = setting(False, "change the i-th fake image exactly as the i-th real one")
    ada_target: float = setting(
        0.6, "how sure of real images D may be before ADA augments", **_share
    )
    ada_images: float = setting(500_000, "images over which ADA can go from 0 to 1", low=1.0)
    one_batch: bool = setting(False, "show D real and fake examples in one batch, not in two")
    packing: int = setting(
        1, "how many examples D judges together, all real or all fake, as in PacGAN", low=1
    )
    fake_gradient_norm: float = setting(
        0.0, "length of the gradient that D gives G at each fake example; 0 for its own", low=0.0
    )
    conditional: bool = setting(False, "show G and D the labels")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Networks:
    """The choice of networks, and the settings that all networks share."""

    model: str = setting("", "which networks; the first that goes with --recipe if empty")
    latent: str = setting("normal", "distribution of z", choices=("normal", "uniform"))
    latent_dim: int = setting(100, "dimension of z", low=1, sizes=True)
    width: int = setting(
        32,
        "channels of the convolution at the highest resolution, or units of a layer",
        low=1,
        sizes=True,
    )
    d_norm: str = setting("batch", "normalization in D", choices=("batch", "layer", "none"))
    spectral_norm: bool = setting(False, "divide D's kernels by their largest singular value")
    g_spectral_norm: bool = setting(False, "divide G's kernels by their largest singular value")
    sync_batch_norm: bool = setting(True, "compute batch statistics over all devices, not on each")
    precision: str = setting(
        "float32", "what the networks compute in", choices=("float32", "bfloat16")
    )
    remat: bool = setting(False, "recompute activations for the gradient, to save memory")
    microbatch: int = setting(
        0,
        "accumulate gradients over passes of this many examples, to save memory; 0 for one pass",
        low=0,
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
        "images over which settings move to their final values along half a cosine; 0 for never",
        low=0.0,
    )
    lr_end: float = setting(
        1.0, "both learning rates after --burn_in, as a fraction of the initial ones", low=0.0
    )
    warmup_steps: int = setting(
        0, "steps over which both learning rates rise from 0; 0 for none", low=0
    )
    lr_schedule: str = setting(
        "constant",
        "how both learning rates fall to 0 from --lr_decay_start to --lr_decay_end",
        choices=("constant", "linear", "cosine"),
    )
    lr_decay_start: int = setting(0, "step at which --lr_schedule begins to fall", low=0)
    lr_decay_end: int = setting(
        0, "step at which --lr_schedule arrives at 0; --steps of the first start if 0", low=0
    )
    clip_norm: float = setting(
        0.0, "shorten a player's gradient to at most this length; 0 for no clipping", low=0.0
    )
    beta2_end: float = setting(0.0, "beta2 after --burn_in; 0 for no change", **_share)
    ema_decay: float = setting(
        0.998, "decay of G's running average; 0 for no average", sweepable=True, **_share
    )
    ema_half_life: float = setting(
        0.0, "half-life of that average in images; 0 to use --ema_decay instead", low=0.0
    )
    ema_sigma: float = setting(
        0.0,
        "width of a power function average, as a share of the run so far, such as 0.1; 0 to use "
        "--ema_decay instead",
        low=0.0,
        high=0.3,
    )
    batch_size: int = setting(64, "examples per update, over all devices", low=1)
    freeze_d: int = setting(
        0, "layers of D, from the data on, that do not learn, as in FreezeD", low=0
    )
    d_steps: int = setting(1, "updates of D per update of G", low=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Game:
    """How the two players move."""

    rule: str = setting(
        "alternating",
        "who moves when, and by what: the players take turns, or move together by a rule of "
        "jaxgan.rules",
        choices=RULES,
    )
    consensus_weight: float = setting(
        10.0, "weight of the gradient that --rule=consensus adds", low=0.0, sweepable=True
    )
    symplectic_weight: float = setting(
        1.0, "weight of the turn that --rule=symplectic adds", low=0.0, sweepable=True
    )
    unrolled_steps: int = setting(5, "steps of D that --rule=unrolled lets G see", low=1)
    unrolled_lr: float = setting(
        1e-4, "learning rate of these steps, which are SGD's", low=0.0, sweepable=True
    )
    optimistic: bool = setting(
        False, "let both optimizers take each step twice, and the one before back"
    )
    lookahead: int = setting(
        0, "steps after which both players go half of the way back; 0 for never", low=0
    )
    momentum: float = setting(
        0.0,
        "of --optimizer=sgd and rmsprop; below 0 for negative momentum",
        low=-1.0,
        high=1.0,
        sweepable=True,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The training data."""

    dataset: str = setting(
        "digits",
        "digits, emoji, photos, scenes, notes, solids, ring, grid, any TFDS name, folder:PATH, "
        "or pairs made from them, such as outlines:digits",
    )
    split: str = setting("train", "split of the data set")
    image_size: int | str = setting(
        0,
        "resize images to this side, or to HEIGHTxWIDTH; 0 to keep their own size. Most networks "
        "need sides such as 28, 32, 48, 64, 96, 128, 192, 256 or 512: multiples of one power of "
        "two, the shorter one 3 to 7 times that, as 48x32",
        low=0,
        sizes=True,
    )
    flip: bool = setting(False, "also train on every image mirrored")
    jitter: int = setting(
        0,
        "enlarge every image by this many pixels and train on a random part of its old size: the "
        "random jitter of image-to-image translation",
        low=0,
        high=1024,
    )
    data_dir: str = setting(
        "",
        "directory of prepared TFDS data sets; TFDS's default if empty",
        identity=False,
        path=True,
    )
    manual_dir: str = setting(
        "", "directory of manually downloaded files", identity=False, path=True
    )
    cache_dir: str = setting(
        "", "directory of decoded data; the user's cache if empty", identity=False, path=True
    )
    device_data_gb: float = setting(
        4.0, "keep data on the device up to this many GB", identity=False, low=0.0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """How long to train, where to keep the run, and on which devices."""

    workdir: str = setting(
        "",
        "directory of the run; runs/RECIPE_MODEL_DATASET if empty",
        identity=False,
        path=True,
    )
    steps: int = setting(2400, "updates of G", identity=False, low=1)
    steps_per_call: int = setting(20, "updates of G in one compiled call", identity=False, low=1)
    seed: int = setting(0, "seed of everything random", low=0, high=2**32 - 1)
    seeds: int = setting(1, "train this many seeds together, starting at --seed", low=1)
    sweep: str = setting(
        "",
        "train all these values of a setting together, as d_lr=1e-4,2e-4; to combine several "
        "settings, write d_lr=1e-4,2e-4,g_lr=1e-4,2e-4 or give the flag several times",
        repeated=True,
    )
    parallel: str = setting(
        "auto",
        "auto is jit on one device, pmap on several; shard_optimizer is for networks whose state "
        "is too large for a device: it splits Adam's moments and the running average",
        choices=("auto", "jit", "pmap", "shard_map", "shard_optimizer"),
    )
    num_devices: int = setting(
        0, "devices that each process uses; 0 for all", identity=False, low=0
    )
    shard_data: bool = setting(
        False, "shard the data set over the devices instead of copying it to each"
    )
    log_every: int = setting(100, "steps between two lines of metrics", identity=False, low=1)
    sample_every: int = setting(100, "steps between two pictures", identity=False, low=1)
    checkpoint_every: int = setting(400, "steps between two checkpoints", identity=False, low=1)
    keep: int = setting(2, "checkpoints to keep", identity=False, low=1)
    compilation_cache: str = setting(
        "",
        "directory of compiled programs, of which it keeps the last 1 GB; the user's cache if "
        "empty, no cache if none",
        identity=False,
        path=True,
    )
    wandb: bool = setting(False, "also log to Weights & Biases", identity=False)
    mlflow: bool = setting(
        False,
        "also log to MLflow: to MLFLOW_TRACKING_URI, or mlruns in the workdir",
        identity=False,
    )
    max_skipped: int = setting(
        20,
        "updates in a row that may be skipped because a loss or a gradient is not finite; then the "
        "run goes back to its newest checkpoint and takes the data in a new order",
        identity=False,
        low=1,
    )
    max_rollbacks: int = setting(
        3, "how often it goes back before it stops with an error", identity=False, low=0
    )
    init_from: str = setting(
        "",
        "begin with the weights of another run (its workdir) or of a file (safetensors of "
        "jaxgan-export, or a PyTorch state dict); give the flag several times for G and D, and "
        "PART=FILE for one of several networks, such as to_x",
        identity=False,
        path=True,
        repeated=True,
    )
    init_from_partial: bool = setting(
        False, "begin leaves anew that do not fit --init_from, instead of refusing", identity=False
    )
    accept_data: bool = setting(
        False, "resume although the data are not those that the run was begun with", identity=False
    )
    accept_rates: bool = setting(
        False,
        "resume although --g_lr or --d_lr are not those of the run so far; changes.jsonl notes it",
        identity=False,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Evaluation during training."""

    eval_every: int = setting(
        0,
        "steps between two evaluations, of which the best is kept; 0 for none",
        identity=False,
        low=0,
    )
    eval_samples: int = setting(
        2000,
        "samples per evaluation; at most half as many as the data have examples",
        identity=False,
        low=2,
    )
    eval_metrics: str = setting(
        "",
        f"metrics to measure, of {', '.join(METRICS)}, separated by commas; the first decides "
        "which step is the best; a fast selection if empty",
        identity=False,
    )
    features: str = setting(
        "auto", "network in whose features images are compared", identity=False, choices=FEATURES
    )
    inception_weights: str = setting(
        "", "weights file of the FID Inception network", identity=False, path=True
    )
    stop_when: str = setting(
        "",
        "stop when an evaluation reaches fid<5 or modes>8, or after patience=N of them without a "
        "better one",
        identity=False,
    )


GROUPS: dict[str, type] = {
    "run": Run,
    "data": Data,
    "objective": Objective,
    "networks": Networks,
    "optimization": Optimization,
    "game": Game,
    "evaluation": Evaluation,
}
"""The groups of settings that every run has, by their attribute of `config.Config`."""
