"""What keeps a discriminator smooth: gradient penalties, and a bound on its weights.

Every penalty is `(critic, real, fake, key) -> [B]`, one value per example, unweighted. `critic`
maps a batch `[B, ...]` to logits whose first axis is B and must treat examples independently: with
batch norm the gradient of one example's logit is not defined by that example alone.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import lax
from jax.core import Tracer

__all__ = ["clip_weights", "dragan", "gradient_penalty", "lazy", "r1", "r1_r2", "r2"]

Critic = Callable[[jax.Array], jax.Array]
Penalty = Callable[[Critic, jax.Array, jax.Array, jax.Array], jax.Array]


def gradient_penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """WGAN-GP: the critic's gradient has norm 1 between the data (arXiv:1704.00028, equation 3).

        (||grad D(u real + (1 - u) fake)||_2 - 1)^2,    u ~ U[0, 1] per example

    Args:
        critic: `[B, ...] -> [B]`.
        real: `[B, ...]`.
        fake: `[B, ...]`.
        key: random key.

    Returns:
        `[B]`, >= 0. The paper's weight is 10.
    """
    u = jax.random.uniform(key, _one_per_example(real), real.dtype)
    return jnp.square(_norm(_gradient(critic, u * real + (1 - u) * fake)) - 1)


def dragan(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """DRAGAN: the gradient has norm 1 around the real data (arXiv:1705.07215, section 2.3).

        (||grad D(real + u noise)||_2 - 1)^2,    u ~ U[0, 1] per example,
        noise = std(real) / 2 * U[0, 1] per element, as in the authors' code

    Args:
        critic: `[B, ...] -> [B]`.
        real: `[B, ...]`.
        fake: not used.
        key: random key.

    Returns:
        `[B]`, >= 0. The paper's weight is 10.
    """
    del fake
    mix_key, noise_key = jax.random.split(key)
    u = jax.random.uniform(mix_key, _one_per_example(real), real.dtype)
    noise = jnp.std(real) / 2 * jax.random.uniform(noise_key, real.shape, real.dtype)
    return jnp.square(_norm(_gradient(critic, real + u * noise)) - 1)


def r1(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """Zero-centred penalty on real data (Mescheder et al. 2018, arXiv:1801.04406, equation 9).

        ||grad D(real)||_2^2 / 2

    Args:
        critic: `[B, ...] -> [B]`.
        real: `[B, ...]`.
        fake: not used.
        key: not used.

    Returns:
        `[B]`, >= 0. The weight is the paper's gamma (10 there).
    """
    del fake, key
    return _squared_norm(_gradient(critic, real)) / 2


def r2(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """Zero-centred penalty on generated data (Mescheder et al. 2018, arXiv:1801.04406, eq. 10).

        ||grad D(fake)||_2^2 / 2

    Args:
        critic: `[B, ...] -> [B]`.
        real: not used.
        fake: `[B, ...]`.
        key: not used.

    Returns:
        `[B]`, >= 0. The weight is the paper's gamma.
    """
    del real, key
    return _squared_norm(_gradient(critic, fake)) / 2


def r1_r2(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
    """R1 + R2, the regulariser of R3GAN (Huang et al. 2024, arXiv:2501.05441, section 2.2).

        (||grad D(real)||_2^2 + ||grad D(fake)||_2^2) / 2

    Args:
        critic: `[B, ...] -> [B]`.
        real: `[B, ...]`.
        fake: `[B, ...]`.
        key: not used.

    Returns:
        `[B]`, >= 0. The weight is the paper's gamma.
    """
    return r1(critic, real, fake, key) + r2(critic, real, fake, key)


def lazy(penalty: Penalty, *, every: int) -> Callable[..., jax.Array]:
    """Pay a penalty in every k-th step only, k times as much (arXiv:1912.04958, appendix B).

        k penalty(...)  if step mod k = 0,  else 0

    On average over the steps the gradient is that of `penalty`. It is computed only when it is due,
    except where `step` differs between the members of a `vmap`: JAX computes both branches then.

    Args:
        penalty: `(critic, real, fake, key) -> [B]`.
        every: k, at least 1.

    Returns:
        `(critic, real, fake, key, step) -> [B]`, where `step` (int32) counts D's updates.

    Raises:
        ValueError: `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"a penalty every {every} steps is not possible; expected at least 1")

    def lazily(critic, real, fake, key, step):
        if every == 1:
            return penalty(critic, real, fake, key)

        def nothing():
            # An empty sum rather than a constant: under shard_map it varies as the data do.
            return jnp.sum(real.reshape(len(real), -1)[:, :0], axis=1)

        return lax.cond(
            step % every == 0, lambda: every * penalty(critic, real, fake, key), nothing
        )

    return lazily


def clip_weights(limit: float | jax.Array) -> optax.GradientTransformation:
    """Keep every weight in [-limit, limit], as the first WGAN does (arXiv:1701.07875, algorithm 1).

        updates <- clip(params + updates, -limit, limit) - params

    Chain it after the optimiser: `optax.chain(optax.rmsprop(5e-5), clip_weights(0.01))`. The bound
    holds up to the rounding of `params + updates`.

    Args:
        limit: positive bound; the paper's is 0.01.

    Raises:
        ValueError: `limit` is not positive, or the transformation is used without parameters.
    """
    if not isinstance(limit, Tracer) and not limit > 0:
        raise ValueError(f"the weights cannot be clipped to {limit}; expected a positive limit")

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("clip_weights needs the parameters: call update(grads, state, params)")
        clipped = jax.tree.map(lambda p, u: jnp.clip(p + u, -limit, limit) - p, params, updates)
        return clipped, state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


def _gradient(critic: Critic, x: jax.Array) -> jax.Array:
    return jax.grad(lambda x: jnp.sum(critic(x).astype(jnp.float32)))(x)


def _squared_norm(gradient: jax.Array) -> jax.Array:
    """Over all axes but the first: taking only the channels is a known mistake."""
    return jnp.sum(jnp.square(gradient), axis=tuple(range(1, gradient.ndim)))


def _norm(gradient: jax.Array) -> jax.Array:
    # The square root has no derivative at 0, where a dead critic would turn everything into NaN.
    return jnp.sqrt(_squared_norm(gradient) + 1e-12)


def _one_per_example(x: jax.Array) -> tuple[int, ...]:
    return (x.shape[0],) + (1,) * (x.ndim - 1)
