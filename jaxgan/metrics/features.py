"""Feature networks: the numbers that images are compared by."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan._checks import check_array, check_integers, check_types
from jaxgan.metrics.checks import MetricError

__all__ = ["FeatureNetwork", "pixels", "points", "stacked"]

_SIDE = 8


class FeatureNetwork(NamedTuple):
    """A fixed network whose features images are compared by.

    Attributes:
        name: part of the name of every number that is computed with it.
        width: number of features.
        apply: `images -> (features, logits)`, pure and compiled: uint8 `[B, H, W, C]` to float32
            `[B, width]` and `[B, K]`. Call it outside `jax.jit`, which would copy its weights into
            the program.
        classes: how many classes of the data the logits distinguish; 0 if they are for others.
    """

    name: str
    width: int
    apply: Callable[[jax.Array], tuple[jax.Array, jax.Array]]
    classes: int = 0


def points() -> FeatureNetwork:
    """Return the identity: points in the plane, float `[B, 2]`, are their own features.

    Its `apply` raises ValueError for other arrays.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics import points
        >>> features, logits = points().apply(jnp.array([[0.5, -0.5]]))
        >>> features.tolist(), logits.shape
        ([[0.5, -0.5]], (1, 0))
    """

    def apply(x):
        check_array("points", x, "[B, 2]")
        return x, jnp.zeros((len(x), 0))

    return FeatureNetwork("points", 2, apply)


def pixels(channels: int) -> FeatureNetwork:
    """Return the means of pixels over an 8 x 8 grid as features, in [0, 1].

    They see layout and color only, and are meant for data that no better network knows.

    Args:
        channels: of the images.

    Returns:
        The network. Its `apply` raises ValueError for images other than uint8
        `[B, H, W, channels]`.

    Raises:
        ValueError: if `channels` is below 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from jaxgan.metrics import pixels
        >>> features, _ = pixels(channels=3).apply(jnp.full((2, 32, 32, 3), 255, jnp.uint8))
        >>> features.shape, round(float(features.mean()), 3)
        ((2, 192), 1.0)
    """
    check_integers(channels=channels)

    def apply(images):
        check_array("images", images, f"[B, H, W, {channels}]", "uint8")
        shape = (len(images), _SIDE, _SIDE, channels)
        small = jax.image.resize(images.astype(jnp.float32) / 255, shape, "linear")
        return small.reshape(len(images), -1), jnp.zeros((len(images), 0))

    return FeatureNetwork("pixels", _SIDE * _SIDE * channels, jax.jit(apply))


def stacked(network: FeatureNetwork) -> FeatureNetwork:
    """Turn a network for digits into one for stacked digits, with one in each color channel.

    Its features are those of the three channels, concatenated. Its logits for the 1000 classes are
    the sums of the three channels' logits: that of class 100 a + 10 b + c is the sum of those of
    a, b and c. Images of 32 x 32 pixels are padded ones, and are cropped by two pixels on each
    side.

    Args:
        network: takes uint8 `[B, 28, 28, 1]` and distinguishes ten classes.

    Returns:
        The network, with `stacked_` before its name. Its `apply` raises a MetricError for images
        that do not have three channels.

    Raises:
        TypeError: if `network` is no `FeatureNetwork`.

    Example:
        >>> from jaxgan.data import load
        >>> from jaxgan.metrics import classifiers, stacked
        >>> network = stacked(classifiers.load("digits"))
        >>> digits = load("digits", split="train[:3]")  # 7, 2 and 1
        >>> features, logits = network.apply(digits.x[..., 0].transpose(1, 2, 0)[None])
        >>> network.name, features.shape, int(logits.argmax())
        ('stacked_digits', (1, 192), 721)
    """
    check_types(FeatureNetwork, network=network)

    def apply(images):
        if images.ndim != 4 or images.shape[-1] != 3:
            raise MetricError(
                f"images are {images.shape}; expected [B, H, W, 3], three stacked digits"
            )
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
