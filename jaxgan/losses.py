"""Adversarial losses, in pairs that cannot be mismatched.

Each function returns an `AdversarialLoss`: what the generator and what the discriminator minimize,
both as functions of the logits of the real and of the fake examples, both without reduction. Below,
r and f are a pair of real and fake logits, and softplus(v) = log(1 + exp(v)), so that
-log sigmoid(v) = softplus(-v).
"""

import math
from typing import NamedTuple, Protocol

import jax
import jax.numpy as jnp

from jaxgan._checks import check_array, check_numbers, check_types

__all__ = [
    "AdversarialLoss",
    "PerExample",
    "accuracy",
    "boundary_seeking",
    "hinge",
    "least_squares",
    "minimax",
    "non_saturating",
    "relativistic_average",
    "relativistic_paired",
    "wasserstein",
]


class PerExample(Protocol):
    """One player's loss for each example, as a function of logits."""

    def __call__(self, real_logits: jax.Array, fake_logits: jax.Array, /) -> jax.Array:
        """Compute the loss, without reduction.

        Args:
            real_logits: `[B, ...]`.
            fake_logits: likewise.

        Returns:
            `[B, ...]`.
        """
        ...


class AdversarialLoss(NamedTuple):
    """What both players minimize.

    Attributes:
        generator: `(real_logits, fake_logits) -> loss per example`, all of one shape `[B, ...]`.
        discriminator: likewise.
        threshold: the logit at which the discriminator is undecided; None where only differences of
            logits mean anything.
    """

    generator: PerExample
    discriminator: PerExample
    threshold: float | None = 0.0


def accuracy(
    loss: AdversarialLoss, real_logits: jax.Array, fake_logits: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Measure the shares of real and of fake examples that the discriminator classifies correctly.

    A logit counts as "real" above `loss.threshold`; where there is none, above the midpoint between
    the mean real and the mean fake logit of the batch. At equilibrium both shares are near 0.5.

    Args:
        loss: the pair that the discriminator is trained with.
        real_logits: `[B, ...]`.
        fake_logits: `[B, ...]`.

    Returns:
        Two scalars in [0, 1]: (accuracy on real, accuracy on fake).

    Raises:
        TypeError: `loss` is no pair of losses.
        ValueError: there are no logits.

    Example:
        >>> real, fake = jnp.array([2.0, 1.0, -1.0, 3.0]), jnp.array([-1.0, -2.0, 1.0, 1.0])
        >>> on_real, on_fake = losses.accuracy(losses.hinge(), real, fake)
        >>> float(on_real), float(on_fake)
        (0.75, 0.5)
    """
    check_types(AdversarialLoss, loss=loss)
    check_array("real_logits", real_logits, "[B, ...]", "numbers")
    check_array("fake_logits", fake_logits, "[B, ...]", "numbers")
    threshold = loss.threshold
    if threshold is None:
        threshold = (jnp.mean(real_logits) + jnp.mean(fake_logits)) / 2
    return jnp.mean(real_logits > threshold), jnp.mean(fake_logits < threshold)


def minimax(*, label_smoothing: float = 0.0) -> AdversarialLoss:
    """Make the original zero-sum losses (Goodfellow et al. 2014, arXiv:1406.2661, equation 1).

        D: -log sigmoid(r) - log(1 - sigmoid(f))        G: log(1 - sigmoid(f))

    G's gradient vanishes where D is confident; `non_saturating` is what the same paper trains with.

    Args:
        label_smoothing: s in [0, 1): D's target for real examples is 1 - s, for fake ones it stays
            0 (one-sided, Salimans et al. 2016, arXiv:1606.03498, section 3.4).

    Raises:
        ValueError: `label_smoothing` is outside [0, 1).

    Example:
        >>> loss = losses.minimax(label_smoothing=0.1)
        >>> value = loss.discriminator(jnp.array([2.0]), jnp.array([-1.0]))
        >>> print(f"{value[0]:.3f}")
        0.640
    """
    return AdversarialLoss(
        _checked(lambda r, f: -jax.nn.softplus(f)), *_cross_entropy(label_smoothing)
    )


def non_saturating(*, label_smoothing: float = 0.0) -> AdversarialLoss:
    """Make the usual losses of a GAN (Goodfellow et al. 2014, arXiv:1406.2661, section 3).

        D: -log sigmoid(r) - log(1 - sigmoid(f))        G: -log sigmoid(f)

    Args:
        label_smoothing: as in `minimax`.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1).

    Example:
        >>> loss = losses.non_saturating()
        >>> value = loss.generator(jnp.array([2.0]), jnp.array([-1.0]))
        >>> print(f"{value[0]:.3f}")
        1.313
    """
    return AdversarialLoss(
        _checked(lambda r, f: jax.nn.softplus(-f)), *_cross_entropy(label_smoothing)
    )


def least_squares(*, label_smoothing: float = 0.0) -> AdversarialLoss:
    """Make the losses of LSGAN, 0-1 coding (Mao et al. 2016, arXiv:1611.04076, equation 9).

        D: (r - 1)^2 / 2 + f^2 / 2        G: (f - 1)^2 / 2

    Args:
        label_smoothing: s in [0, 1): D's target for real examples is 1 - s instead of 1.

    Raises:
        ValueError: `label_smoothing` is outside [0, 1).

    Example:
        >>> loss = losses.least_squares()
        >>> print(loss.discriminator(jnp.array([1.0, 0.0]), jnp.array([0.0, 2.0])).round(3))
        [0.  2.5]
    """
    target = 1 - _smoothing(label_smoothing)
    return AdversarialLoss(
        _checked(lambda r, f: jnp.square(f - 1) / 2),
        _checked(lambda r, f: jnp.square(r - target) / 2 + jnp.square(f) / 2),
        threshold=target / 2,
    )


def hinge() -> AdversarialLoss:
    """Make the hinge losses (Lim and Ye 2017, arXiv:1705.02894; as in SNGAN, SAGAN and BigGAN).

    D: max(0, 1 - r) + max(0, 1 + f)        G: -f

    Example:
        >>> loss = losses.hinge()
        >>> print(loss.discriminator(jnp.array([1.5, 0.0]), jnp.array([-2.0, 0.5])).round(3))
        [0.  2.5]
        >>> print(loss.generator(jnp.array([1.5, 0.0]), jnp.array([-2.0, 0.5])).round(3))
        [ 2.  -0.5]
    """
    return AdversarialLoss(
        _checked(lambda r, f: -f),
        _checked(lambda r, f: jax.nn.relu(1 - r) + jax.nn.relu(1 + f)),
    )


def boundary_seeking() -> AdversarialLoss:
    """Make the losses of BGAN on continuous data (Hjelm et al. 2017, arXiv:1702.08431, section 3).

        D: -log sigmoid(r) - log(1 - sigmoid(f))
        G: (log sigmoid(f) - log(1 - sigmoid(f)))^2 / 2

    The two logarithms differ by the logit, so G minimizes f^2 / 2: it moves samples to where D
    is undecided instead of to where D is most certain that they are real.

    Example:
        >>> print(losses.boundary_seeking().generator(jnp.array([0.0]), jnp.array([2.0])).round(3))
        [2.]
    """
    return AdversarialLoss(
        _checked(lambda r, f: jnp.square(f) / 2), *_cross_entropy(label_smoothing=0.0)
    )


def wasserstein() -> AdversarialLoss:
    """Make the losses of WGAN (Arjovsky et al. 2017, arXiv:1701.07875, equation 2).

        D: f - r        G: -f

    It bounds the Wasserstein distance only if the critic is Lipschitz: combine it with
    `penalties.gradient_penalty` or `penalties.clip_weights`.

    Example:
        >>> loss = losses.wasserstein()
        >>> print(loss.discriminator(jnp.array([3.0]), jnp.array([1.0])).round(3))
        [-2.]
    """
    return AdversarialLoss(
        _checked(lambda r, f: -f),
        _checked(lambda r, f: f - r),
        threshold=None,
    )


def relativistic_paired() -> AdversarialLoss:
    """Make the losses of RpGAN (Jolicoeur-Martineau 2018, arXiv:1807.00734, sec. 4.1; as in R3GAN).

        D: softplus(-(r - f))        G: softplus(-(f - r))

    Pairs are positional: example i of the real against example i of the fake ones.

    Example:
        >>> loss = losses.relativistic_paired()
        >>> value = loss.discriminator(jnp.array([3.0]), jnp.array([1.0]))
        >>> print(f"{value[0]:.3f}")
        0.127
    """
    return AdversarialLoss(
        _checked(lambda r, f: jax.nn.softplus(r - f)),
        _checked(lambda r, f: jax.nn.softplus(f - r)),
        threshold=None,
    )


def relativistic_average() -> AdversarialLoss:
    """Make the losses of RaGAN (Jolicoeur-Martineau 2018, arXiv:1807.00734, section 4.2).

        D: softplus(-(r - mean f)) + softplus(f - mean r)
        G: softplus(-(f - mean r)) + softplus(r - mean f)

    The means are over the batch at hand: over each device's part of it under data parallelism.

    Example:
        >>> loss = losses.relativistic_average()
        >>> values = loss.generator(jnp.array([0.0, 2.0]), jnp.array([1.0, 1.0]))
        >>> [f"{value:.3f}" for value in values]
        ['1.006', '2.006']
    """

    def compare(winner, loser):
        return jax.nn.softplus(jnp.mean(loser, axis=0) - winner) + jax.nn.softplus(
            loser - jnp.mean(winner, axis=0)
        )

    return AdversarialLoss(
        _checked(lambda r, f: compare(f, r)),
        _checked(compare),
        threshold=None,
    )


def _cross_entropy(label_smoothing: float) -> tuple[PerExample, float]:
    """D's loss, and the logit it gives to what it cannot tell apart: sigmoid = (1 - s) / 2."""
    smoothing = _smoothing(label_smoothing)

    def discriminator(r, f):
        real = (1 - smoothing) * jax.nn.softplus(-r) + smoothing * jax.nn.softplus(r)
        return real + jax.nn.softplus(f)

    return _checked(discriminator), math.log((1 - smoothing) / (1 + smoothing))


def _smoothing(label_smoothing: float) -> float:
    check_numbers("[0, 1)", label_smoothing=label_smoothing)
    return label_smoothing


def _checked(loss: PerExample) -> PerExample:
    """Refuse logits that would broadcast: `[B]` against `[B, 1]` gives `[B, B]` and no error."""

    def checked(real_logits, fake_logits):
        check_array("real_logits", real_logits, "[B, ...]", "numbers")
        check_array("fake_logits", fake_logits, "[B, ...]", "numbers")
        if real_logits.shape != fake_logits.shape:
            raise ValueError(
                f"real logits have shape {real_logits.shape}, fake ones {fake_logits.shape}; "
                f"expected one shape"
            )
        return loss(real_logits, fake_logits)

    return checked
