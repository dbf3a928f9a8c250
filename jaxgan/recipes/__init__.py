"""GANs by name: each function makes one, as two losses on top of `jaxgan.two_player`."""

from jaxgan.recipes.gan import Seen, Term, gan, players
from jaxgan.recipes.progressive import Growth, grown, progressive
from jaxgan.recipes.r3gan import SETTINGS as R3GAN_SETTINGS
from jaxgan.recipes.r3gan import r3gan
from jaxgan.recipes.stylegan2 import stylegan2

__all__ = [
    "R3GAN_SETTINGS",
    "Growth",
    "Seen",
    "Term",
    "gan",
    "grown",
    "players",
    "progressive",
    "r3gan",
    "stylegan2",
]
