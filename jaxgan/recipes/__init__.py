"""GANs by name: each function makes one, as two losses on top of `jaxgan.two_player`."""

from jaxgan.recipes.gan import gan, players

__all__ = ["gan", "players"]
