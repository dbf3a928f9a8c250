"""The settings of a run: one dataclass, from which the flags are made and to which they return."""

import dataclasses
from pathlib import Path
from typing import Any

from absl import flags, logging
from choices import AUGMENTS, FEATURES, LOSSES, METRICS, MODELS, PENALTIES, RECIPES


class ConfigError(ValueError):
    """The settings cannot be run; one line names the flag and what it takes."""


def _flag(default: Any, text: str, *, run: bool = True, **checks: Any) -> Any:
    """A setting. `run`: whether another value makes another run; `checks` are absl's."""
    return dataclasses.field(default=default, metadata={"help": text, "run": run, "checks": checks})


_positive: dict[str, Any] = {"lower_bound": 1}
_share: dict[str, Any] = {"lower_bound": 0.0, "upper_bound": 1.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that a run depends on."""

    recipe: str = _flag("gan", "which game is played", enum_values=list(RECIPES))
    model: str = _flag("dcgan", "networks", enum_values=list(MODELS))
    loss: str = _flag("non_saturating", "pair of losses", enum_values=list(LOSSES))
    label_smoothing: float = _flag(0.0, "D's target for real examples is 1 minus this", **_share)
    penalty: str = _flag("none", "what keeps D smooth", enum_values=list(PENALTIES))
    penalty_weight: float = _flag(10.0, "weight of the penalty", lower_bound=0.0)
    penalty_every: int = _flag(1, "pay the penalty every k-th step, k times as much", **_positive)
    clip_weights: float = _flag(0.0, "keep D's weights within +-this; 0 for no", lower_bound=0.0)
    spectral_norm: bool = _flag(False, "divide D's kernels by their largest singular value")
    g_spectral_norm: bool = _flag(False, "divide G's kernels by their largest singular value")
    orthogonal: float = _flag(
        0.0, "strength of BigGAN's orthogonal regularisation of both; 0 for no", lower_bound=0.0
    )
    consistency: float = _flag(
        0.0, "weight of D's consistency under augmentation; 0 for no", lower_bound=0.0
    )
    lecam: float = _flag(0.0, "weight of the LeCam regulariser; 0 for no", lower_bound=0.0)
    augment: str = _flag(
        "none", "what D sees is changed, to make do with few images", enum_values=list(AUGMENTS)
    )
    augment_policy: str = _flag(
        "color,translation,cutout", "what DiffAugment changes, separated by commas"
    )
    ada_target: float = _flag(0.6, "how sure of real images D may be before ADA augments", **_share)
    ada_images: float = _flag(500_000, "images over which ADA can go from 0 to 1", lower_bound=1.0)
    one_batch: bool = _flag(False, "show D real and fake examples in one batch, not in two")
    conditional: bool = _flag(False, "show both players the labels")
    class_weight: float = _flag(1.0, "ACGAN, CCGAN: weight of the classes", lower_bound=0.0)
    labelled: int = _flag(
        0,
        "SGAN, CCGAN: examples that keep their labels, alike of each class; 0 for all",
        lower_bound=0,
    )
    feature_matching: bool = _flag(
        False, "SGAN: let G match the mean of D's features, and not fool D"
    )
    code_categories: int = _flag(10, "InfoGAN: values of its categorical code", **_positive)
    code_continuous: int = _flag(2, "InfoGAN: how many continuous codes", lower_bound=0)
    code_weight: float = _flag(1.0, "InfoGAN: weight of the information", lower_bound=0.0)
    stochastic: bool = _flag(False, "BiGAN: let the encoder draw its latents, as ALI does")
    content_weight: float = _flag(
        100.0, "pix2pix, inpainting, SRGAN, AAE: weight of being like the target", lower_bound=0.0
    )
    cycle_weight: float = _flag(10.0, "CycleGAN: weight of there and back", lower_bound=0.0)
    cycle_distance: str = _flag("l1", "CycleGAN: how far back is off", enum_values=["l1", "l2"])
    identity_weight: float = _flag(
        5.0, "CycleGAN: weight of leaving the target alone", lower_bound=0.0
    )
    pool_size: int = _flag(
        50, "CycleGAN: past pictures that D sees again; 0 for none", lower_bound=0
    )
    mask: str = _flag("center", "inpainting: where the hole is", enum_values=["center", "box"])
    mask_share: float = _flag(0.5, "inpainting: side of the hole, as a share", **_share)

    dataset: str = _flag(
        "digits",
        "digits, emoji, photos, notes, solids, ring, grid, any TFDS name, folder:PATH, "
        "or pairs made of them, as outlines:digits",
    )
    split: str = _flag("train", "split of the data set")
    image_size: int = _flag(0, "height and width to bring images to; 0 for as they are")
    flip: bool = _flag(False, "let every image also occur mirrored")
    data_dir: str = _flag(
        "", "where prepared TFDS data sets lie; TFDS's default if empty", run=False
    )
    manual_dir: str = _flag("", "where files that you downloaded yourself lie", run=False)
    device_data_gb: float = _flag(
        4.0, "keep data on the device up to this many GB", run=False, lower_bound=0.0
    )

    latent: str = _flag("normal", "distribution of z", enum_values=["normal", "uniform"])
    latent_dim: int = _flag(100, "components of z", **_positive)
    width: int = _flag(
        32, "channels of the widest-image convolution, or units per layer", **_positive
    )
    widths: str = _flag(
        "",
        "R3GAN's channels, from the coarsest stage to the finest, as 48,24,8; --width for all if "
        "empty",
    )
    blocks: int = _flag(
        2,
        "residual blocks of each stage of R3GAN, and in all of a translator or SRGAN",
        **_positive,
    )
    stages: int = _flag(2, "how often a U-Net halves its pictures", **_positive)
    patch_layers: int = _flag(2, "strided convolutions of a PatchGAN's D", **_positive)
    phase_shuffle: int = _flag(2, "WaveGAN: shifts of D's features, in samples", lower_bound=0)
    upsample: str = _flag(
        "transposed",
        "how the DCGAN generator doubles the image",
        enum_values=["transposed", "nearest", "bilinear", "pixel_shuffle"],
    )
    attention: int = _flag(
        0, "side of the feature maps with self-attention; 0 for none", lower_bound=0
    )
    mixing: float = _flag(0.9, "share of StyleGAN's images with two styles", **_share)
    path_weight: float = _flag(2.0, "weight of StyleGAN2's path lengths", lower_bound=0.0)
    path_every: int = _flag(4, "pay it in every k-th step, k times as much", **_positive)
    stable_steps: int = _flag(600, "progressive: updates of G at each resolution", **_positive)
    fade_steps: int = _flag(300, "progressive: updates of G while one fades in", **_positive)
    d_norm: str = _flag("batch", "normalisation in D", enum_values=["batch", "layer", "none"])
    dropout: float = _flag(0.0, "dropout in the dense D", lower_bound=0.0, upper_bound=0.99)

    optimizer: str = _flag("adam", "for both", enum_values=["adam", "rmsprop", "sgd"])
    g_lr: float = _flag(5e-4, "learning rate of G", lower_bound=0.0)
    d_lr: float = _flag(1e-3, "learning rate of D", lower_bound=0.0)
    beta1: float = _flag(0.5, "Adam's decay of the mean", **_share)
    beta2: float = _flag(0.999, "Adam's decay of the variance", **_share)
    burn_in: float = _flag(
        0.0,
        "images over which the settings below move to their ends, along a cosine; 0 for never",
        lower_bound=0.0,
    )
    lr_end: float = _flag(1.0, "both learning rates after that, as a share", lower_bound=0.0)
    penalty_weight_end: float = _flag(
        1.0, "weight of the penalty after that, as a share", lower_bound=0.0
    )
    augment_end: float = _flag(0.0, "probability of --augment=scheduled after that", **_share)
    beta2_end: float = _flag(0.0, "beta2 after that; 0 for the same", **_share)
    ema_half_life: float = _flag(
        0.0, "images in place of --ema_decay, from 0 on; 0 for --ema_decay", lower_bound=0.0
    )
    batch_size: int = _flag(64, "examples per update, over all devices", **_positive)
    d_steps: int = _flag(1, "updates of D per update of G", **_positive)
    ema_decay: float = _flag(0.998, "decay of G's running average; 0 for none", **_share)
    seed: int = _flag(0, "everything random follows from it", lower_bound=0)
    seeds: int = _flag(1, "train this many together, from --seed on", **_positive)
    sweep: str = _flag(
        "",
        "train one for each value together, as d_lr=1e-4,2e-4; for every combination of several "
        "settings, as d_lr=1e-4,2e-4,g_lr=1e-4,2e-4, or give the flag several times",
        multi_string=True,
    )
    precision: str = _flag("float32", "of computation", enum_values=["float32", "bfloat16"])

    remat: bool = _flag(False, "compute activations again for the gradient, to save memory")
    microbatch: int = _flag(
        0, "examples that pass a network at once, to save memory; 0 for all", lower_bound=0
    )
    compilation_cache: str = _flag(
        "", "where compiled programs are kept; the user's cache if empty, or none", run=False
    )

    workdir: str = _flag("runs/dcgan_digits", "where the run is kept", run=False)
    steps: int = _flag(2400, "updates of G", run=False, **_positive)
    steps_per_call: int = _flag(20, "updates of G in one compiled call", run=False, **_positive)
    parallel: str = _flag(
        "auto",
        "auto is jit on one device, pmap on several",
        enum_values=["auto", "jit", "pmap", "shard_map"],
    )
    num_devices: int = _flag(
        0, "devices to use, of each process; 0 for all", run=False, lower_bound=0
    )
    shard_data: bool = _flag(
        False, "divide the data set over the devices instead of copying it to each"
    )
    sync_batch_norm: bool = _flag(True, "batch statistics over all devices, not over each one")
    log_every: int = _flag(100, "steps between two lines of metrics", run=False, **_positive)
    sample_every: int = _flag(100, "steps between two pictures", run=False, **_positive)
    checkpoint_every: int = _flag(400, "steps between two checkpoints", run=False, **_positive)
    keep: int = _flag(2, "checkpoints to keep", run=False, **_positive)
    eval_every: int = _flag(
        0,
        "steps between two evaluations, of which the best is kept; 0 for none",
        run=False,
        lower_bound=0,
    )
    eval_samples: int = _flag(2000, "samples of an evaluation", run=False, lower_bound=2)
    eval_metrics: str = _flag(
        "",
        f"what is measured, of {', '.join(METRICS)}, separated by commas; a fast choice if empty",
        run=False,
    )
    features: str = _flag(
        "auto",
        "network in whose features images are compared",
        run=False,
        enum_values=list(FEATURES),
    )
    inception_weights: str = _flag("", "file of the FID Inception network's weights", run=False)
    stop_when: str = _flag(
        "", "end at an evaluation: fid<5, modes>8, or patience=N without a better one", run=False
    )
    wandb: bool = _flag(False, "log to Weights & Biases too", run=False)

    def difference(self, other: "Config") -> list[str]:
        """The settings that make `other` another run, as `--name=this (other)`."""
        return [
            f"--{field.name}={getattr(self, field.name)} (now {getattr(other, field.name)})"
            for field in dataclasses.fields(self)
            if field.metadata["run"] and getattr(self, field.name) != getattr(other, field.name)
        ]

    def to_flags(self) -> str:
        """A flag file with every setting."""
        lines = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type is bool:
                lines.append(f"--{'' if value else 'no'}{field.name}")
            else:
                lines.append(f"--{field.name}={value}")
        return "\n".join(lines) + "\n"


_DEFINE: dict[Any, Any] = {
    str: flags.DEFINE_string,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    bool: flags.DEFINE_bool,
    "enum": flags.DEFINE_enum,
    "multi_string": flags.DEFINE_multi_string,
}


def define_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
    """Define a flag for every setting."""
    for field in dataclasses.fields(Config):
        checks = dict(field.metadata["checks"])
        several = checks.pop("multi_string", False)
        kind = "multi_string" if several else "enum" if "enum_values" in checks else field.type
        define = _DEFINE[kind]
        text = field.metadata["help"]
        define(field.name, field.default, help=text, flag_values=flag_values, **checks)


def from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> Config:
    """The settings that the flags give."""

    def value(name: str) -> Any:
        given = getattr(flag_values, name)
        return ",".join(filter(None, given)) if isinstance(given, list) else given

    return Config(**{field.name: value(field.name) for field in dataclasses.fields(Config)})


def load(workdir: str | Path) -> Config:
    """The settings of a run that was started in `workdir`.

    Raises:
        ConfigError: there is no run, or its settings are not this program's.
    """
    path = Path(workdir) / "flags.txt"
    if not path.is_file():
        raise ConfigError(f"--workdir={workdir}: there is no run here (no flags.txt)")
    values = flags.FlagValues()
    define_flags(values)
    try:
        values(["flags.txt", *path.read_text().splitlines()])
    except flags.Error as error:
        raise ConfigError(f"{path}: {error}") from error
    return from_flags(values)


def parse_flags(argv: list[str]) -> list[str]:
    """Parse the command line like `absl.app.run`, but answer a mistake in one line."""
    logging.set_verbosity(logging.WARNING)  # Orbax tells some thirty lines about each checkpoint
    try:
        rest = flags.FLAGS(argv)
    except flags.Error as error:
        message = " ".join(str(error).removeprefix("ERROR:: ").split())
        if isinstance(error, flags.CantOpenFlagFileError):
            presets = sorted(path.stem for path in Path(__file__).parent.glob("presets/*.flags"))
            message += f"; the presets are {', '.join(presets)}"
        raise SystemExit(f"error: {message}") from None
    if len(rest) > 1:
        raise SystemExit(f"error: {rest[1]} is not a flag; flags start with --")
    return rest
