"""What keeps a discriminator smooth: gradient penalties, and a bound on its weights.

Each factory returns a `Penalty`: one value per example, not weighted yet. The critic must treat
examples independently: with batch norm, the gradient of one example's logit is not defined by that
example alone. For the same reason a penalty may ask it about the first examples of a batch only.
"""

from collections.abc import Callable
from typing import Protocol

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan._approximate import approximate_r1, approximate_r1_r2, approximate_r2
from jaxgan._checks import (
    check_array,
    check_callable,
    check_integers,
    check_numbers,
    check_one_shape,
    told,
)
from jaxgan._choice import nothing
from jaxgan._handed import refuse_factories
from jaxgan.augment import Augmentation
from jaxgan.distortions import Change

__all__ = [
    "Critic",
    "LazyPenalty",
    "Penalty",
    "approximate_r1",
    "approximate_r1_r2",
    "approximate_r2",
    "clip_weights",
    "combine",
    "consistency",
    "dragan",
    "gradient_penalty",
    "lazy",
    "r1",
    "r1_r2",
    "r2",
]

Critic = Callable[[jax.Array], jax.Array]
"""`(x) -> logits`: examples `[B, ...]` to logits whose first axis is B.

Those of recipes also take the first examples of a batch alone, with their labels."""


class Penalty(Protocol):
    """What a discriminator pays for its shape, one value per example."""

    def __call__(
        self, critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array, /
    ) -> jax.Array:
        """Compute the penalty.

        Args:
            critic: the discriminator.
            real: `[B, ...]`.
            fake: `[B, ...]`.
            key: random key.

        Returns:
            `[B]`, without the weight.
        """
        ...


class LazyPenalty(Protocol):
    """A penalty that knows the step: that of `lazy`."""

    def __call__(
        self, critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array, step: jax.Array, /
    ) -> jax.Array:
        """Compute the penalty in a step, int32; the rest is as in `Penalty`."""
        ...


def gradient_penalty(*, target: float | jax.Array = 1.0) -> Penalty:
    """Keep the length of the critic's gradient at 1 between real and fake examples (WGAN-GP).

        (||grad D(u real + (1 - u) fake)||_2 - target)^2,    u ~ U[0, 1] per example

    Gulrajani et al. 2017, arXiv:1704.00028, equation 3.

    Args:
        target: the length that costs nothing, at least 0; the paper's is 1.

    Returns:
        The penalty, >= 0. The paper's weight is 10. It raises ValueError where real and fake differ
        in shape.

    Raises:
        ValueError: `target` is negative or not finite.

    Example:
        >>> penalty = penalties.gradient_penalty()
        >>> x = jnp.ones((3, 2))
        >>> print(penalty(lambda x: x @ jnp.array([3.0, 4.0]), x, -x, jax.random.key(0)).round(3))
        [16. 16. 16.]
    """
    check_numbers("[0, inf)", target=target)

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        check_one_shape(real=real, fake=fake)
        u = jax.random.uniform(key, _one_per_example(real), real.dtype)
        return jnp.square(_norm(_gradient(critic, u * real + (1 - u) * fake)) - target)

    return penalty


def dragan(*, target: float | jax.Array = 1.0, scale: float | jax.Array = 0.5) -> Penalty:
    """Keep the length of the critic's gradient at 1 around the real data (DRAGAN).

        (||grad D(real + u noise)||_2 - target)^2,    u ~ U[0, 1] per example,
        noise = scale std(real) U[0, 1] per element, as in the authors' code

    Kodali et al. 2017, arXiv:1705.07215, section 2.3. Fake examples are not used.

    Args:
        target: the length that costs nothing, at least 0; the paper's k, which is 1 there.
        scale: largest perturbation, in standard deviations of the batch, at least 0.

    Returns:
        The penalty, >= 0. The paper's weight is 10.

    Raises:
        ValueError: `target` or `scale` is negative or not finite.

    Example:
        >>> penalty = penalties.dragan(target=5.0)
        >>> x = jnp.ones((3, 2))
        >>> print(penalty(lambda x: x @ jnp.array([3.0, 4.0]), x, -x, jax.random.key(0)).round(3))
        [0. 0. 0.]
    """
    check_numbers("[0, inf)", target=target, scale=scale)

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        del fake
        mix_key, noise_key = jax.random.split(key)
        u = jax.random.uniform(mix_key, _one_per_example(real), real.dtype)
        noise = scale * jnp.std(real) * jax.random.uniform(noise_key, real.shape, real.dtype)
        return jnp.square(_norm(_gradient(critic, real + u * noise)) - target)

    return penalty


def r1() -> Penalty:
    """Pull the critic's gradient on real data to zero.

        ||grad D(real)||_2^2 / 2

    Mescheder et al. 2018, arXiv:1801.04406, equation 9.

    Returns:
        The penalty, >= 0. The weight is the paper's gamma (10 there).

    Example:
        >>> x = jnp.array([[1.0], [3.0]])
        >>> print(penalties.r1()(lambda x: x[:, 0] ** 2, x, 0 * x, jax.random.key(0)).round(3))
        [ 2. 18.]
    """

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        del fake, key
        check_array("real", real, "[B, ...]")
        return _squared_norm(_gradient(critic, real)) / 2

    return penalty


def r2() -> Penalty:
    """Pull the critic's gradient on generated data to zero.

        ||grad D(fake)||_2^2 / 2

    Mescheder et al. 2018, arXiv:1801.04406, equation 10.

    Returns:
        The penalty, >= 0. The weight is the paper's gamma.

    Example:
        >>> x = jnp.array([[1.0], [3.0]])
        >>> print(penalties.r2()(lambda x: x[:, 0] ** 2, x, 2 * x, jax.random.key(0)).round(3))
        [ 8. 72.]
    """

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        del real, key
        check_array("fake", fake, "[B, ...]")
        return _squared_norm(_gradient(critic, fake)) / 2

    return penalty


def r1_r2() -> Penalty:
    """Pull the critic's gradient to zero on real and on generated data: R1 + R2, as in R3GAN.

        (||grad D(real)||_2^2 + ||grad D(fake)||_2^2) / 2

    Huang et al. 2024, arXiv:2501.05441, section 2.2.

    Returns:
        The penalty, >= 0. The weight is the paper's gamma.

    Example:
        >>> x = jnp.array([[1.0], [3.0]])
        >>> print(penalties.r1_r2()(lambda x: x[:, 0] ** 2, x, 2 * x, jax.random.key(0)).round())
        [10. 90.]
    """
    on_real, on_fake = r1(), r2()

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        check_one_shape(real=real, fake=fake)
        return on_real(critic, real, fake, key) + on_fake(critic, real, fake, key)

    return penalty


def consistency(change: Augmentation | Change, *, fake_weight: float = 0.0) -> Penalty:
    """Make D judge a changed picture as it judges the picture itself (CR-GAN, arXiv:1910.12027).

        (D(x) - D(T(x)))^2 + fake_weight (D(G(z)) - D(T(G(z))))^2

    With `fake_weight=1` this is balanced consistency (bCR, arXiv:2002.04724); without that term, G
    may draw traces of the changes.

    Args:
        change: T, an augmentation in its first state or `(key, x) -> x`.
        fake_weight: weight of the generated pictures beside the real ones, at least 0.

    Returns:
        The penalty, >= 0. The papers' weight is 10.

    Raises:
        TypeError: `change` is a factory of `jaxgan.augment` or `jaxgan.distortions` itself.
        ValueError: `fake_weight` is negative or not finite.

    Example:
        >>> penalty = penalties.consistency(lambda key, x: -x)
        >>> x = jnp.array([[1.0], [3.0]])
        >>> print(penalty(lambda x: x[:, 0], x, x, jax.random.key(0)).round(3))
        [ 4. 36.]
    """
    refuse_factories(change=change)
    if not isinstance(change, Augmentation):
        check_callable("an augmentation or a function (key, x) -> x", change=change)
    check_numbers("[0, inf)", fake_weight=fake_weight)

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        check_one_shape(real=real, fake=fake)

        def squared_change(key, x):
            if isinstance(change, Augmentation):
                changed = change.apply(change.init(), key, x)
            else:
                changed = change(key, x)
            difference = jnp.square(critic(x) - critic(changed))
            return jnp.mean(difference.reshape(len(x), -1), axis=1)

        real_key, fake_key = jax.random.split(key)
        value = squared_change(real_key, real)
        return value + fake_weight * squared_change(fake_key, fake) if fake_weight else value

    return penalty


def combine(*terms: tuple[Penalty, float | jax.Array]) -> Penalty:
    """Add up several penalties, each with its own weight and its own random key.

        sum_i weight_i penalty_i

    Args:
        *terms: pairs of a penalty and its weight.

    Returns:
        The penalty, weighted already: `recipes.gan` takes it with `penalty_weight=1`.

    Raises:
        TypeError: a term is no pair, or its penalty a factory such as `r1` itself.
        ValueError: there are no terms, or a weight is not finite.

    Example:
        >>> both = penalties.combine((penalties.r1(), 1.0), (penalties.gradient_penalty(), 10.0))
        >>> x = jnp.ones((2, 1))
        >>> value, _ = both(lambda x: 3 * x[:, 0], x, x, jax.random.key(0))
        >>> print(f"{value:.2f}")
        44.50
    """
    if not terms:
        raise ValueError("terms is empty; expected at least one pair of a penalty and its weight")
    for term in terms:
        if not (isinstance(term, tuple) and len(term) == 2):
            raise TypeError(f"a term is {told(term)}; expected a pair of a penalty and its weight")
        refuse_factories(penalty=term[0])
        check_numbers("(-inf, inf)", weight=term[1])

    def combined(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        keys = jax.random.split(key, len(terms))
        parts = [
            weight * term(critic, real, fake, term_key)
            for (term, weight), term_key in zip(terms, keys, strict=True)
        ]
        return jnp.sum(jnp.stack(parts), axis=0)

    return combined


def lazy(penalty: Penalty, *, every: int) -> LazyPenalty:
    """Pay a penalty in every k-th step only, k times as much (arXiv:1912.04958, appendix B).

        k penalty(...)  if step mod k = 0,  else 0

    Averaged over the steps, the gradient is that of `penalty`. It is computed only when it is due,
    except where `step` differs between the members of a `vmap`: JAX computes both branches then.

    Args:
        penalty: the penalty.
        every: k, at least 1.

    Returns:
        `(critic, real, fake, key, step) -> [B]`, where `step` (int32) counts D's updates.

    Raises:
        TypeError: `penalty` is a factory such as `r1` itself.
        ValueError: `every` is below 1.

    Example:
        >>> penalty = penalties.lazy(penalties.r1(), every=16)
        >>> x = jnp.ones((1, 1))
        >>> for step in (0, 1, 16):
        ...     print(step, penalty(lambda x: x[:, 0], x, x, jax.random.key(0), step))
        ...
        0 [8.]
        1 [0.]
        16 [8.]
    """
    refuse_factories(penalty=penalty)
    check_callable("one of jaxgan.penalties", penalty=penalty)
    check_integers(every=every)

    def lazily(critic, real, fake, key, step):
        if every == 1:
            return penalty(critic, real, fake, key)

        def wait():
            return jnp.broadcast_to(nothing(real), len(real))

        return lax.cond(step % every == 0, lambda: every * penalty(critic, real, fake, key), wait)

    return lazily


def clip_weights(limit: float | jax.Array) -> optax.GradientTransformation:
    """Keep every weight in [-limit, limit], as the first WGAN does (arXiv:1701.07875, algorithm 1).

        updates <- clip(params + updates, -limit, limit) - params

    Chain it after the optimizer: `optax.chain(optax.rmsprop(5e-5), clip_weights(0.01))`. The bound
    holds up to the rounding of `params + updates`.

    Args:
        limit: positive bound; the paper's is 0.01.

    Returns:
        The transformation. It raises ValueError where it is used without parameters.

    Raises:
        ValueError: `limit` is not positive.

    Example:
        >>> optimizer = optax.chain(optax.sgd(1.0), penalties.clip_weights(0.01))
        >>> params = jnp.zeros(2)
        >>> updates, _ = optimizer.update(jnp.array([-1.0, 0.005]), optimizer.init(params), params)
        >>> print(optax.apply_updates(params, updates).round(3))
        [ 0.01  -0.005]
    """
    check_numbers("(0, inf)", limit=limit)

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
