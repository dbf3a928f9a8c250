"""Progressive growing (Karras et al. 2017, arXiv:1710.10196): small images first, then larger ones.

One run and one state: the parameters of all resolutions are there from the start, and what a step
does follows from the step's number alone, so a checkpoint of any phase goes on like any other. Each
resolution is one branch of the same compiled program.
"""

from collections.abc import Callable, Collection
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan import losses, penalties
from jaxgan._checks import check_array, check_batch, check_callable, check_integers, check_types
from jaxgan._choice import one_of
from jaxgan._handed import check_optimizers
from jaxgan.core import two_player
from jaxgan.recipes._gan import players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.resample import box_downsample, nearest_upsample
from jaxgan.types import GAN, Batch, Loss, Network, Player, State

__all__ = ["Grown", "Growth", "grown", "progressive", "restarting"]

_GRADIENT_PENALTY = penalties.gradient_penalty()


class Growth(NamedTuple):
    """When a GAN grows, in updates of G.

    Every resolution but the first fades in over `fade_steps`; each then stays for `stable_steps`,
    the last one for ever.

    Attributes:
        resolutions: sides of the images, each twice the one before, the last that of the data.
        fade_steps: updates in which a new block fades in, at least 0.
        stable_steps: updates between two such times, at least 1.
    """

    resolutions: tuple[int, ...]
    fade_steps: int
    stable_steps: int

    @property
    def starts(self) -> tuple[int, ...]:
        """The first update at each resolution."""
        length = self.fade_steps + self.stable_steps
        return tuple(max(0, k * length - self.fade_steps) for k in range(len(self.resolutions)))

    def stage(self, step: jax.Array) -> jax.Array:
        """Which of the resolutions a step belongs to, int32."""
        return jnp.sum(step >= jnp.asarray(self.starts[1:], jnp.int32), dtype=jnp.int32)

    def alpha(self, stage: int, step: jax.Array) -> jax.Array:
        """Share of the newest block in a step: it rises in equal steps within (0, 1), then is 1."""
        if stage == 0:
            return jnp.ones(())
        return jnp.clip((step - self.starts[stage] + 1) / (self.fade_steps + 1), 0, 1)


def progressive(
    generator: Callable[[int], Network],
    discriminator: Callable[[int], Network],
    *,
    growth: Growth,
    g_optimizer: optax.GradientTransformation,
    d_optimizer: optax.GradientTransformation,
    loss: losses.AdversarialLoss | None = None,
    penalty: penalties.Penalty | None = _GRADIENT_PENALTY,
    drift: float = 0.001,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a GAN that grows.

    At every resolution R it is the GAN of `recipes.gan` on images of R pixels a side. Real images
    are brought to that by means of squares and, while a block fades in, fade with it:

        x <- (1 - alpha) up(down(x)) + alpha x

    The optimizers start afresh whenever layers are added (`restarting`), as in the authors' code.
    Samples have the full size at any time.

    Args:
        generator: `resolution -> Network` called with z `[B, latent]`, y (None without labels) and
            alpha; gives `[B, R, R, C]`. The networks of all resolutions share the parameters of the
            last. `models.progressive` has such networks.
        discriminator: `resolution -> Network` called with x `[B, R, R, C]`, y and alpha.
        growth: the resolutions, and when each begins.
        g_optimizer: optimizer of G; the paper's is Adam(1e-3, b1=0, b2=0.99) for both.
        d_optimizer: optimizer of D.
        loss: the pair of losses; `losses.wasserstein()` if None, as in the paper.
        penalty: of `penalties`, or None; the paper's is `gradient_penalty` with the weight 10.
        drift: weight of the paper's term that keeps D's logits of real images near 0, mean D(x)^2.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none. The paper's is 0.999.
        **settings: further keywords of `recipes.players`, `latent` among them.

    Returns:
        The GAN.

    Raises:
        TypeError: `growth` is no `Growth`; or as `recipes.gan`.
        ValueError: the growth is impossible; or as `recipes.gan`, when it is initialized, or first
            stepped with pictures of another size.

    Example:
        >>> def generator(resolution):  # one gray level for each picture
        ...     return nets.stateless(
        ...         lambda key, z, y=None, alpha=1.0: jnp.ones(2),
        ...         lambda w, z, y, alpha: jnp.ones((1, resolution, resolution, 1))
        ...         * (z @ w).reshape(-1, 1, 1, 1),
        ...     )
        ...
        >>> def discriminator(resolution):
        ...     return nets.stateless(
        ...         lambda key, x, y=None, alpha=1.0: jnp.ones(()),
        ...         lambda w, x, y, alpha: w * jnp.mean(x, axis=(1, 2, 3)),
        ...     )
        ...
        >>> growth = recipes.Growth(resolutions=(4, 8), fade_steps=100, stable_steps=100)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.progressive(
        ...     generator, discriminator, growth=growth, latent=latents.normal(2), **sgd
        ... )
        >>> batch = Batch(jnp.ones((2, 8, 8, 1)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> gan.sample(state, jax.random.key(1), 3).shape
        (3, 8, 8, 1)
    """
    _check(growth)
    networks = {"generator": generator, "discriminator": discriminator}
    check_callable("a function resolution -> Network", **networks)
    check_optimizers(g_optimizer=g_optimizer, d_optimizer=d_optimizer)
    check_weights(drift=drift)
    check_integers(d_steps=d_steps)
    settings |= {
        "loss": _with_drift(losses.wasserstein() if loss is None else loss, drift),
        "penalty": penalty,
        "g_optimizer": restarting(g_optimizer, growth.starts[1:]),
        "d_optimizer": restarting(d_optimizer, [d_steps * start for start in growth.starts[1:]]),
    }
    whole = _faded(discriminator(growth.resolutions[-1]), 1.0)
    whole_g, whole_d, sample = players(grown(generator, growth), whole, **settings)

    def now(k: int, step: jax.Array, batch: Batch) -> tuple[Player, Player, Batch]:
        """The GAN of a resolution, and what it sees of the data, at a step of G."""
        side = growth.resolutions[-1]
        check_batch(batch)
        check_array("batch.x", batch.x, f"[B, {side}, W, C]")
        alpha = growth.alpha(k, step)
        d_network = _faded(discriminator(growth.resolutions[k]), alpha)
        g, d, _ = players(_stage(generator, growth, k), d_network, **settings)
        return g, d, batch._replace(x=_real(batch.x, growth, k, alpha))

    def g_loss(k, params, state, opponent, batch, key, step):
        g, _, batch = now(k, state.step, batch)
        return g.loss(params, state, opponent, batch, key, step)

    def d_loss(k, params, state, opponent, batch, key, step):
        _, d, batch = now(k, opponent.state.step, batch)
        return d.loss(params, state, opponent, batch, key, step)

    def at_any(loss: Callable, updates: int) -> Loss:
        """The loss of the resolution that a step belongs to, for a player of so many a step."""
        losses = [partial(loss, k) for k in range(len(growth.resolutions))]

        def chosen(params, state, opponent, batch, key, step):
            stage = growth.stage(step // updates)
            return one_of(stage, losses, params, state, opponent, batch, key, step)

        return chosen

    return two_player(
        whole_g._replace(loss=at_any(g_loss, 1)),
        whole_d._replace(loss=at_any(d_loss, d_steps)),
        sample=sample,
        d_steps=d_steps,
        ema_decay=ema_decay,
    )


class Grown(NamedTuple):
    """State of a growing generator: that of its network, and how many updates it has had."""

    network: State
    step: jax.Array


def grown(generator: Callable[[int], Network], growth: Growth) -> Network:
    """Make the generator as far as it has grown, with images of the full size, to sample from.

    Args:
        generator: as for `progressive`.
        growth: likewise.

    Returns:
        Called with z `[B, latent]`, and y; gives `[B, H, W, C]`, with equal squares for pixels
        while the resolution is smaller. Its state is `Grown`.

    Raises:
        ValueError: the growth is impossible.

    Example:
        >>> def generator(side):  # a picture whose pixels are its side
        ...     return nets.stateless(
        ...         lambda key, z, y=None, alpha=1.0: (),
        ...         lambda params, z, y, alpha: jnp.full((1, side, side, 1), side),
        ...     )
        ...
        >>> growth = recipes.Growth(resolutions=(4, 8), fade_steps=0, stable_steps=10)
        >>> network, z = recipes.grown(generator, growth), jnp.zeros((1, 2))
        >>> params, state = network.init(jax.random.key(0), z)
        >>> for step in (0, 10):
        ...     state = state._replace(step=jnp.int32(step))
        ...     x, _ = network.apply(params, state, jax.random.key(1), z, train=False)
        ...     print(step, x.shape, int(x.max()))
        ...
        0 (1, 8, 8, 1) 4
        10 (1, 8, 8, 1) 8
    """
    _check(growth)
    check_callable("a function resolution -> Network", generator=generator)

    def init(key, *inputs):
        params, state = generator(growth.resolutions[-1]).init(key, *inputs)
        return params, Grown(state, jnp.zeros((), jnp.int32))

    def apply(params, state, key, *inputs, train):
        def paint(k):
            images, new = _stage(generator, growth, k).apply(
                params, state, key, *inputs, train=train
            )
            return nearest_upsample(images, growth.resolutions[-1] // growth.resolutions[k]), new

        stages = [partial(paint, k) for k in range(len(growth.resolutions))]
        return lax.switch(growth.stage(state.step), stages)

    return Network(init, apply)


def restarting(
    optimizer: optax.GradientTransformation, at_steps: Collection[int]
) -> optax.GradientTransformation:
    """Let an optimizer forget everything at certain steps: its state is reset before them.

    Args:
        optimizer: any; its schedules begin anew too.
        at_steps: which of its updates, counted from 0.

    Raises:
        TypeError: `optimizer` is none.
        ValueError: one of `at_steps` is negative; when it is used without parameters.

    Example:
        >>> optimizer = recipes.restarting(optax.sgd(1.0, momentum=0.5), at_steps=[2])
        >>> params = jnp.zeros(())
        >>> state, found = optimizer.init(params), []
        >>> for _ in range(4):
        ...     update, state = optimizer.update(jnp.ones(()), state, params)
        ...     found.append(float(update))
        ...
        >>> found  # the momentum begins anew at step 2
        [-1.0, -1.5, -1.0, -1.5]
    """
    check_optimizers(optimizer=optimizer)
    for step in at_steps:
        check_integers(0, at_steps=step)

    def init(params):
        return _Restarting(jnp.zeros((), jnp.int32), optimizer.init(params))

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("restarting needs the parameters: call update(grads, state, params)")
        anew = jnp.any(state.step == jnp.asarray(list(at_steps), jnp.int32))
        inner = lax.cond(anew, lambda: optimizer.init(params), lambda: state.inner)
        updates, inner = optimizer.update(updates, inner, params)
        return updates, _Restarting(state.step + 1, inner)

    return optax.GradientTransformation(init, update)


class _Restarting(NamedTuple):
    step: jax.Array
    inner: optax.OptState


def _stage(generator: Callable[[int], Network], growth: Growth, k: int) -> Network:
    """The generator at one resolution, with the state of the grown one."""
    resolution = growth.resolutions[k]

    def apply(params, state, key, *inputs, train):
        network = _faded(generator(resolution), growth.alpha(k, state.step))
        images, inner = network.apply(params, state.network, key, *inputs, train=train)
        return images, Grown(inner, state.step + int(train))

    return Network(generator(resolution).init, apply)


def _faded(network: Network, alpha: jax.Array | float) -> Network:
    def apply(params, state, key, x, y=None, *, train):
        return network.apply(params, state, key, x, y, alpha, train=train)

    return Network(network.init, apply)


def _real(x: jax.Array, growth: Growth, k: int, alpha: jax.Array) -> jax.Array:
    x = box_downsample(x, growth.resolutions[-1] // growth.resolutions[k])
    return x if k == 0 else (1 - alpha) * nearest_upsample(box_downsample(x)) + alpha * x


def _with_drift(loss: losses.AdversarialLoss, weight: float) -> losses.AdversarialLoss:
    def discriminator(real_logits, fake_logits):
        drift = weight * jnp.square(real_logits)
        return loss.discriminator(real_logits, fake_logits) + drift

    return loss._replace(discriminator=discriminator)


def _check(growth: Growth) -> None:
    check_types(Growth, growth=growth)
    sides, fade_steps, stable_steps = growth
    for side in sides:
        check_integers(**{"growth.resolutions": side})
    if not sides or any(2 * small != large for small, large in pairwise(sides)):
        raise ValueError(f"growth.resolutions is {sides}; expected that each is twice the last")
    check_integers(0, fade_steps=fade_steps)
    check_integers(1, stable_steps=stable_steps)
