"""R1 and R2 by differences of logits instead of gradients; public as `jaxgan.penalties`."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp

from jaxgan._checks import check_array, check_numbers, check_one_shape

if TYPE_CHECKING:
    from jaxgan.penalties import Critic, Penalty

__all__ = ["approximate_r1", "approximate_r1_r2", "approximate_r2"]


def approximate_r1(*, epsilon: float | jax.Array = 0.01, share: float = 0.25) -> "Penalty":
    """Estimate R1 by the difference that a little noise makes, without a second derivative.

        B/K ((D(real + epsilon n) - D(real)) / epsilon)^2 / 2,    n ~ N(0, I),
        for the first K = share B examples, and 0 for the others

    The approximated R1 of Lin et al. 2025, arXiv:2501.08316. In expectation, its mean over the
    batch is that of `r1`, up to epsilon^2 (2 tr(H^2) + tr(H)^2) / 8 for a critic with Hessian H.
    Values of single examples scatter: for a linear critic, by sqrt(2) of their mean.

    The critic judges the K examples twice, with the same random key, so that an augmentation in it
    changes both in the same way. This is about the arithmetic of `r1` on K examples: the share is
    what saves time. Differences are taken in float32, but a critic that computes in bfloat16 has
    rounded its logits before, and slopes below rounding / epsilon are noise: take a larger epsilon.

    Args:
        epsilon: standard deviation of the noise, positive.
        share: of the examples that the critic judges again, in (0, 1]; at least one is.

    Returns:
        The penalty, >= 0. The weight is that of `r1`, gamma.

    Raises:
        ValueError: `epsilon` is not positive, or `share` not in (0, 1].

    Example:
        >>> penalty = penalties.approximate_r1(share=1.0)
        >>> x = jnp.zeros((10000, 2))
        >>> values = penalty(lambda x: x @ jnp.array([3.0, 4.0]), x, x, jax.random.key(0))
        >>> print(values.mean().round())  # r1 is 12.5
        13.0
    """
    estimate = _estimate(epsilon, share)

    def penalty(critic: "Critic", real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        del fake
        check_array("real", real, "[B, ...]")
        return estimate(critic, real, key)

    return penalty


def approximate_r2(*, epsilon: float | jax.Array = 0.01, share: float = 0.25) -> "Penalty":
    """Estimate R2 as `approximate_r1` estimates R1.

        B/K ((D(fake + epsilon n) - D(fake)) / epsilon)^2 / 2,    n ~ N(0, I),
        for the first K = share B examples, and 0 for the others

    Args:
        epsilon: standard deviation of the noise, positive.
        share: of the examples that the critic judges again, in (0, 1]; at least one is.

    Returns:
        The penalty, >= 0. The weight is that of `r2`, gamma.

    Raises:
        ValueError: `epsilon` is not positive, or `share` not in (0, 1].

    Example:
        >>> penalty = penalties.approximate_r2(share=0.5)
        >>> x = jnp.zeros((4, 2))
        >>> values = penalty(lambda x: x @ jnp.array([3.0, 4.0]), x, x, jax.random.key(0))
        >>> print(values > 0)
        [ True  True False False]
    """
    estimate = _estimate(epsilon, share)

    def penalty(critic: "Critic", real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        del real
        check_array("fake", fake, "[B, ...]")
        return estimate(critic, fake, key)

    return penalty


def approximate_r1_r2(*, epsilon: float | jax.Array = 0.01, share: float = 0.25) -> "Penalty":
    """Estimate R1 + R2 by `approximate_r1` and `approximate_r2`.

    GAT (arXiv:2509.24935) takes all examples and gamma 0.1; adversarial flows (arXiv:2511.22475)
    take a quarter of them and gamma 0.5.

    Args:
        epsilon: standard deviation of the noise, positive.
        share: of the examples that the critic judges again, in (0, 1]; at least one is.

    Returns:
        The penalty, >= 0. The weight is that of `r1_r2`, gamma.

    Raises:
        ValueError: `epsilon` is not positive, or `share` not in (0, 1].

    Example:
        >>> penalty = penalties.approximate_r1_r2(share=1.0)
        >>> x = jnp.zeros((10000, 2))
        >>> values = penalty(lambda x: x @ jnp.array([3.0, 4.0]), x, x, jax.random.key(0))
        >>> print(values.mean().round())  # r1_r2 is 25
        25.0
    """
    on_real = approximate_r1(epsilon=epsilon, share=share)
    on_fake = approximate_r2(epsilon=epsilon, share=share)

    def penalty(critic: "Critic", real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        check_one_shape(real=real, fake=fake)
        real_key, fake_key = jax.random.split(key)
        return on_real(critic, real, fake, real_key) + on_fake(critic, real, fake, fake_key)

    return penalty


def _estimate(epsilon: float | jax.Array, share: float) -> Callable[..., jax.Array]:
    check_numbers("(0, inf)", epsilon=epsilon)
    check_numbers("(0, 1]", share=share)

    def estimate(critic: "Critic", x: jax.Array, key: jax.Array) -> jax.Array:
        size, count = len(x), max(1, round(share * len(x)))
        x = _upcast(x[:count])  # in bfloat16, the sum would round the noise off
        noise = jax.random.normal(key, x.shape, x.dtype)
        slope = (_logits(critic, x + epsilon * noise) - _logits(critic, x)) / epsilon
        # Scaled so that the mean over B is the mean over K: who averages need not know the share.
        return jnp.pad(size / count * jnp.square(slope) / 2, (0, size - count))

    return estimate


def _logits(critic: "Critic", x: jax.Array) -> jax.Array:
    """One for each example: the sum of its logits, of which `r1` takes the gradient."""
    return jnp.sum(_upcast(critic(x)).reshape(len(x), -1), axis=1)


def _upcast(a: jax.Array) -> jax.Array:
    return a.astype(jnp.promote_types(a.dtype, jnp.float32))
