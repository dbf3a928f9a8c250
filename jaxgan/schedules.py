"""Settings that change while a GAN trains, as functions of its step.

They are stated in images seen, as papers state them, so that they mean the same at every batch
size. R3GAN (Huang et al. 2024, arXiv:2501.05441, table 9) has one for the learning rate, the weight
of the penalty, Adam's beta2, the half-life of the running average, and the augmentation.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_integers, check_numbers

__all__ = ["Schedule", "cosine", "ema_decay", "linear", "power_ema", "warm_up"]

Schedule = Callable[[jax.Array], jax.Array]
"""Step (int32, from 0) -> value (float32)."""


def linear(
    start: float, end: float, images: float, *, batch_size: int, after: float = 0.0
) -> Schedule:
    """Go from `start` to `end` in a straight line, and stay there.

        v(t) = start + p (end - start),    p = (t - after) / T, in [0, 1]

    where t images were seen and T is `images`.

    With `after`, it is how pix2pix and CycleGAN train: half of the time at a constant rate, which
    falls to 0 in the other half.

    Args:
        start: value at step 0.
        end: value from `after + images` on.
        images: T, how many images it takes; with 0 the value is `end` at once.
        batch_size: images seen in each step.
        after: how many images it stays at `start` before.

    Raises:
        ValueError: a number is not finite, `images` or `after` is negative, or `batch_size` is
            below 1.

    Example:
        >>> rate = schedules.linear(1.0, 0.0, images=1000, batch_size=100)
        >>> [round(float(rate(step)), 3) for step in (0, 5, 10, 20)]
        [1.0, 0.5, 0.0, 0.0]
    """
    check_numbers("(-inf, inf)", start=start, end=end)
    progress = _progress(images, batch_size, after)
    return lambda step: start + progress(step) * (end - start)


def cosine(
    start: float, end: float, images: float, *, batch_size: int, after: float = 0.0
) -> Schedule:
    """Go from `start` to `end` along half a cosine wave, slowly at both ends, and stay there.

        v(t) = end + (1 + cos(pi p)) / 2 (start - end),    p as in `linear`

    Args:
        start: value at step 0.
        end: value from `after + images` on.
        images: T, how many images it takes: R3GAN's burn-in; with 0 the value is `end` at once.
        batch_size: images seen in each step.
        after: how many images it stays at `start` before.

    Raises:
        ValueError: a number is not finite, `images` or `after` is negative, or `batch_size` is
            below 1.

    Example:
        >>> rate = schedules.cosine(1.0, 0.0, images=1000, batch_size=100)
        >>> [round(float(rate(step)), 3) for step in (0, 2, 5, 10)]
        [1.0, 0.905, 0.5, 0.0]
    """
    check_numbers("(-inf, inf)", start=start, end=end)
    progress = _progress(images, batch_size, after)
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


def power_ema(sigma: float) -> Schedule:
    """Give the decay of a running average that reaches back by a share of the run so far.

        decay(t) = (1 - 1 / (t + 1))^(g + 1),    sigma^2 = (g + 1) / ((g + 2)^2 (g + 3))

    The power function averages of Karras et al. 2024, arXiv:2312.02696, section 3.1: after t + 1
    updates, the weight of update i is nearly proportional to i^g. It needs no length of the run,
    and the first average is a copy.

    Args:
        sigma: standard deviation of those weights over the updates, as a share of all updates so
            far, in (0, 0.3]; the paper's are 0.05 and 0.1.

    Returns:
        A schedule of G's step, with values in [0, 1).

    Raises:
        ValueError: `sigma` is out of range.

    Example:
        >>> decay = schedules.power_ema(0.1)  # g is 6.937
        >>> [round(float(decay(step)), 4) for step in (0, 9, 999)]
        [0.0, 0.4333, 0.9921]
    """
    exponent = power_of(sigma) + 1

    def decay(step):
        # By its logarithm: late in a run, 1 - 1 / t is nearly 1.
        return jnp.exp(exponent * jnp.log1p(-1 / (jnp.float32(step) + 1)))

    return decay


def warm_up(rate: float | Schedule, images: float, *, batch_size: int) -> Schedule:
    """Rise from nearly 0 to a rate in a straight line (Goyal et al. 2017, arXiv:1706.02677).

        v(t) = min((t + batch_size) / T, 1) rate(t),    t images seen, T = images

    Args:
        rate: a number, or a schedule, which goes on meanwhile.
        images: T, how many images it takes; with 0 it is `rate` at once.
        batch_size: images seen in each step. The first step already learns a little.

    Raises:
        ValueError: a number is not finite, `images` is negative, or `batch_size` is below 1.

    Example:
        >>> rate = schedules.warm_up(1.0, 400, batch_size=100)
        >>> [float(rate(step)) for step in (0, 1, 3, 10)]
        [0.25, 0.5, 1.0, 1.0]
    """
    if not callable(rate):
        check_numbers("(-inf, inf)", rate=rate)
    progress = _progress(images, batch_size, 0)
    return lambda step: progress(step + 1) * (rate(step) if callable(rate) else rate)


def power_of(sigma: float) -> float:
    """Return g of the power function average of a width, as in `power_ema`."""
    check_numbers("(0, 0.3]", sigma=sigma)
    # (g + 2)^2 (g + 3) = (g + 1) / sigma^2, of which the largest root falls as sigma grows.
    inverse = 1 / float(sigma) ** 2
    return float(np.roots([1, 7, 16 - inverse, 12 - inverse]).real.max())


def _progress(images: float, batch_size: int, after: float) -> Schedule:
    """The share of the images that has been seen since the first few, in [0, 1]."""
    check_numbers("[0, inf)", images=images, after=after)
    check_integers(batch_size=batch_size)
    if images == 0:
        return lambda step: jnp.where(jnp.float32(step) * batch_size >= after, 1.0, 0.0)
    # Divided first: the number of images seen would leave float32's integers behind.
    share, before = jnp.float32(batch_size / images), jnp.float32(after / images)
    return lambda step: jnp.clip(jnp.float32(step) * share - before, 0.0, 1.0)
