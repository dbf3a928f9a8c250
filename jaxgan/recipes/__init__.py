"""GANs by name: each function makes one, as two losses on top of `jaxgan.two_player`.

This is a flat namespace of functions and of the types that they take: `recipes.gan`,
`recipes.Codes`, ... What is here is public; the modules behind it are not (`docs/adr/0012`).
"""

from jaxgan.recipes._aae import aae
from jaxgan.recipes._acgan import acgan, classification
from jaxgan.recipes._bigan import bigan
from jaxgan.recipes._cogan import cogan
from jaxgan.recipes._cyclegan import CYCLEGAN_SETTINGS, Distance, Pool, cyclegan, exchange
from jaxgan.recipes._gan import Seen, Term, gan, players
from jaxgan.recipes._gat import gat, last_level, noise_shares, noised, width_rate
from jaxgan.recipes._infogan import Codes, infogan
from jaxgan.recipes._inpainting import ccgan, context_encoder, masked
from jaxgan.recipes._levels import Alignment, alignment, level_consistency
from jaxgan.recipes._pix2pix import pix2pix
from jaxgan.recipes._progressive import Grown, Growth, grown, progressive, restarting
from jaxgan.recipes._r3gan import R3GAN_SETTINGS, R3GANSettings, r3gan
from jaxgan.recipes._sgan import sgan
from jaxgan.recipes._slicing import slicing
from jaxgan.recipes._srgan import srgan
from jaxgan.recipes._stylegan2 import path_lengths, stylegan2
from jaxgan.recipes._text_to_image import text_to_image
from jaxgan.recipes._weights import Weight

__all__ = [
    "CYCLEGAN_SETTINGS",
    "R3GAN_SETTINGS",
    "Alignment",
    "Codes",
    "Distance",
    "Grown",
    "Growth",
    "Pool",
    "R3GANSettings",
    "Seen",
    "Term",
    "Weight",
    "aae",
    "acgan",
    "alignment",
    "bigan",
    "ccgan",
    "classification",
    "cogan",
    "context_encoder",
    "cyclegan",
    "exchange",
    "gan",
    "gat",
    "grown",
    "infogan",
    "last_level",
    "level_consistency",
    "masked",
    "noise_shares",
    "noised",
    "path_lengths",
    "pix2pix",
    "players",
    "progressive",
    "r3gan",
    "restarting",
    "sgan",
    "slicing",
    "srgan",
    "stylegan2",
    "text_to_image",
    "width_rate",
]
