"""What a feature network is: images in, numbers out that mean something."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.metrics.checks import MetricError

__all__ = ["FeatureNetwork", "pixels", "points", "stacked"]

_SIDE = 8


class FeatureNetwork(NamedTuple):
    """A fixed network in whose features images are compared.

    Attributes:
        name: part of the name of every number that is computed with it.
        width: number of features.
        apply: `images -> (features, logits)`, pure and compiled: uint8 `[B, H, W, C]` to float32
            `[B, width]` and `[B, K]`. Call it outside of `jax.jit`, which would copy its weights
            into the program.
        classes: how many classes of the data the logits tell apart; 0 if they are about others.
    """

    name: str
    width: int
    apply: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    classes: int = 0


def points() -> FeatureNetwork:
    """No network: points of the plane, float `[B, 2]`, are their own features.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics import points
        >>> features, logits = points().apply(jnp.array([[0.5, -0.5]]))
        >>> features.tolist(), logits.shape
        ([[0.5, -0.5]], (1, 0))
    """
    return FeatureNetwork("points", 2, lambda x: (x, jnp.zeros((len(x), 0))))


def pixels(channels: int) -> FeatureNetwork:
    """No network: means of pixels over an 8 x 8 grid, in [0, 1], which see layout and color only.

    For data that no better network knows.

    Args:
        channels: of the images.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics import pixels
        >>> features, _ = pixels(channels=3).apply(jnp.full((2, 32, 32, 3), 255, jnp.uint8))
        >>> features.shape, round(float(features.mean()), 3)
        ((2, 192), 1.0)
    """

    def apply(images):
        shape = (len(images), _SIDE, _SIDE, channels)
        small = jax.image.resize(images.astype(jnp.float32) / 255, shape, "linear")
        return small.reshape(len(images), -1), jnp.zeros((len(images), 0))

    return FeatureNetwork("pixels", _SIDE * _SIDE * channels, jax.jit(apply))


def stacked(network: FeatureNetwork) -> FeatureNetwork:
    """A network for three digits stacked as red, green and blue, of one that knows single digits.

    Its features are those of the three channels, side by side; its logits, of 1000 classes, are
    the sums logits_a + logits_b + logits_c, of which the largest is that of class 100 a + 10 b + c.
    Of 32 x 32 images, which are padded ones, the outer two pixels are cut off.

    Args:
        network: takes uint8 `[B, 28, 28, 1]` and tells ten classes apart.

    Returns:
        The network, called `stacked_` and the name of the other; its `apply` raises MetricError
        for images without three channels.

    Example:
        >>> from jaxgan.data import load
        >>> from jaxgan.metrics import classifiers, stacked
        >>> network = stacked(classifiers.load("digits"))
        >>> digits = load("digits", split="train[:3]")  # 7, 2 and 1
        >>> features, logits = network.apply(digits.x[..., 0].transpose(1, 2, 0)[None])
        >>> network.name, features.shape, int(logits.argmax())
        ('stacked_digits', (1, 192), 721)
    """

    def apply(images):
        if images.ndim != 4 or images.shape[-1] != 3:
            raise MetricError(f"images are {images.shape[1:]}; expected three stacked digits")
        if images.shape[1:3] == (32, 32):
            images = images[:, 2:30, 2:30]
        features, logits = zip(
            *(network.apply(images[..., i : i + 1]) for i in range(3)), strict=True
        )
        a, b, c = logits
        joint = a[:, :, None, None] + b[:, None, :, None] + c[:, None, None, :]
        return jnp.concatenate(features, axis=1), joint.reshape(len(images), -1)

    return FeatureNetwork(
        f"stacked_{network.name}", 3 * network.width, jax.jit(apply), network.classes**3
    )
