"""GANs by name: each function makes one, as two losses on top of `jaxgan.two_player`."""

from jaxgan.recipes.aae import aae
from jaxgan.recipes.acgan import acgan
from jaxgan.recipes.bigan import bigan
from jaxgan.recipes.cogan import cogan
from jaxgan.recipes.cyclegan import CYCLEGAN_SETTINGS, cyclegan
from jaxgan.recipes.gan import Seen, Term, gan, players
from jaxgan.recipes.infogan import Codes, infogan
from jaxgan.recipes.inpainting import ccgan, context_encoder, masked
from jaxgan.recipes.pix2pix import pix2pix
from jaxgan.recipes.progressive import Growth, grown, progressive
from jaxgan.recipes.r3gan import SETTINGS as R3GAN_SETTINGS
from jaxgan.recipes.r3gan import r3gan
from jaxgan.recipes.sgan import sgan
from jaxgan.recipes.srgan import srgan
from jaxgan.recipes.stylegan2 import stylegan2

__all__ = [
    "CYCLEGAN_SETTINGS",
    "R3GAN_SETTINGS",
    "Codes",
    "Growth",
    "Seen",
    "Term",
    "aae",
    "acgan",
    "bigan",
    "ccgan",
    "cogan",
    "context_encoder",
    "cyclegan",
    "gan",
    "grown",
    "infogan",
    "masked",
    "pix2pix",
    "players",
    "progressive",
    "r3gan",
    "sgan",
    "srgan",
    "stylegan2",
]
