"""Settings that change while a GAN trains, as functions of its step.

They are stated in images seen, as papers state them, so that they mean the same at every batch
size. R3GAN (Huang et al. 2024, arXiv:2501.05441, table 9) has one for the learning rate, the weight
of the penalty, Adam's beta2, the half-life of the running average, and the augmentation.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgan._checks import check_integers, check_numbers

__all__ = ["Schedule", "cosine", "ema_decay", "linear"]

Schedule = Callable[[jax.Array], jax.Array]
"""Step (int32, from 0) -> value (float32)."""


def linear(start: float, end: float, images: float, *, batch_size: int) -> Schedule:
    """Go from `start` to `end` in a straight line, and stay there.

        v(t) = start + min(t / T, 1) (end - start),    t images seen, T = images

    Args:
        start: value at step 0.
        end: value from `images` on.
        images: T, how many images it takes; with 0 the value is `end` at once.
        batch_size: images seen in each step.

    Raises:
        ValueError: a number is not finite, `images` is negative, or `batch_size` is below 1.

    Example:
        >>> rate = schedules.linear(1.0, 0.0, images=1000, batch_size=100)
        >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 20)]
        [1.0, 0.5, 0.0, 0.0]
    """
    check_numbers("(-inf, inf)", start=start, end=end)
    progress = _progress(images, batch_size)
    return lambda step: start + progress(step) * (end - start)


def cosine(start: float, end: float, images: float, *, batch_size: int) -> Schedule:
    """Go from `start` to `end` along half a cosine wave, slowly at both ends, and stay there.

        v(t) = end + (1 + cos(pi min(t / T, 1))) / 2 (start - end),    t images seen, T = images

    Args:
        start: value at step 0.
        end: value from `images` on.
        images: T, how many images it takes: R3GAN's burn-in; with 0 the value is `end` at once.
        batch_size: images seen in each step.

    Raises:
        ValueError: a number is not finite, `images` is negative, or `batch_size` is below 1.

    Example:
        >>> rate = schedules.cosine(1.0, 0.0, images=1000, batch_size=100)
        >>> [round(float(rate(step)), 3) for step in (0, 2, 5, 10)]
        [1.0, 0.905, 0.5, 0.0]
    """
    check_numbers("(-inf, inf)", start=start, end=end)
    progress = _progress(images, batch_size)
    return lambda step: start + (1 - jnp.cos(jnp.pi * progress(step))) / 2 * (end - start)


def ema_decay(half_life: float | Schedule, *, batch_size: int) -> Schedule:
    """Give the decay of a running average that forgets half of itself in `half_life` images.

        decay(t) = 0.5^(batch_size / half_life(t)),    0 where the half-life is 0: a copy

    Args:
        half_life: images >= 0, or a schedule of them.
        batch_size: images seen in each step.

    Returns:
        A schedule with values in [0, 1).

    Raises:
        ValueError: `half_life` is negative or not finite, or `batch_size` is below 1.

    Example:
        >>> decay = schedules.ema_decay(1000, batch_size=100)
        >>> round(float(decay(0)) ** 10, 3)  # after 1000 images
        0.5
    """
    check_numbers("[0, inf)", half_life=0 if callable(half_life) else half_life)
    check_integers(batch_size=batch_size)

    def decay(step):
        images = jnp.float32(half_life(step) if callable(half_life) else half_life)
        return jnp.where(images > 0, 0.5 ** (batch_size / jnp.maximum(images, 1e-6)), 0.0)

    return decay


def _progress(images: float, batch_size: int) -> Schedule:
    """The share of the images that has been seen, in [0, 1]."""
    check_numbers("[0, inf)", images=images)
    check_integers(batch_size=batch_size)
    if images == 0:
        return lambda step: jnp.ones_like(step, jnp.float32)
    # Divided first: the number of images seen would leave float32's integers behind.
    share = batch_size / images
    return lambda step: jnp.minimum(jnp.float32(step) * jnp.float32(share), 1.0)
