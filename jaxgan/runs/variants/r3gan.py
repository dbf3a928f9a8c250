"""R3GAN (arXiv:2501.05441): the relativistic paired loss with R1 and R2, on plain ResNets."""

import dataclasses
import re
from typing import Any

from jaxgan.models import r3gan, sizes
from jaxgan.runs.networks import Maker, Model, Pair, blocks
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.variants import gan
from jaxgan.runs.variants.variant import Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class _ResNet:
    widths: str = setting(
        "",
        "channels from the coarsest stage to the finest, as 48,24,8; --width in all if empty",
        sizes=True,
    )
    blocks: int = blocks()


def _check(own: _ResNet) -> None:
    if own.widths and not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", own.widths):
        raise ConfigError(f"--widths={own.widths}: expected channels such as 48,24,8")


def _pair(maker: Maker) -> Pair:
    size, channels = maker.size_and_channels()
    doublings = sizes.stages_of(size).doublings
    own = maker.own
    widths = tuple(map(int, own.widths.split(","))) if own.widths else ()
    shared: dict[str, Any] = maker.common(
        image_size=size,
        widths=widths or (maker.shared.width,) * (doublings + 1),
        blocks=own.blocks,
        low_stages=doublings,  # all but the coarsest compute in --precision, as in the paper
    )
    return r3gan.Generator(channels=channels, **shared), r3gan.Discriminator(**shared)


VARIANT = Variant(
    gan.build,
    models=("r3gan",),
    model=("r3gan", Model(_ResNet, _pair, check=_check)),
    # Table 9, column StackedMNIST, which is for handwriting of 28 and 32 pixels.
    defaults={
        "loss": "relativistic_paired",
        "penalty": "r1_r2",
        "penalty_weight": 1.0,
        "penalty_weight_end": 0.1,
        "latent_dim": 64,
        "batch_size": 512,
        "width": 768,
        "g_lr": 2e-4,
        "d_lr": 2e-4,
        "beta1": 0.0,
        "beta2": 0.9,
        "beta2_end": 0.99,
        "burn_in": 2e6,
        "ema_half_life": 5e5,
    },
)
