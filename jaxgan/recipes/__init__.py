"""GANs by name: each function makes one, as two losses on top of `jaxgan.two_player`."""

from jaxgan.recipes.gan import gan, players
from jaxgan.recipes.progressive import Growth, grown, progressive

__all__ = ["Growth", "gan", "grown", "players", "progressive"]
