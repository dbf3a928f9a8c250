"""Many steps in one call."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.core import NORMS
from jaxgan.types import GAN, Batch, Metrics

__all__ = ["map_steps", "scan"]


def scan(gan: GAN, load: Callable[[Any, Any], Batch] | None = None) -> GAN:
    """Run several steps in one call, with `lax.scan`.

    Without `load`, a step's batch has one more axis in front: K batches for K steps. With `load`,
    it is a pair `(source, items)`: step k trains on `load(source, items[k])`, inside the compiled
    program. With the data set itself as the source and indices as the items, whole epochs run
    without the host:

        steps = jaxgan.jit(jaxgan.scan(gan, lambda x, index: Batch(gather(x, index))))
        state, metrics = steps.train_step(state, (x, order(len(x), 64, ...)))

    A third part, `(source, items, count)`, makes only the first `count` steps, so that a run whose
    last call is shorter compiles nothing anew; the metrics after them are 0.

    The lengths of gradients and updates (`jaxgan.two_player`) are measured once in each call, in
    its last step; all entries of these metrics have that value, so their mean has it too.

    Args:
        gan: the GAN, not yet compiled.
        load: `(source, item) -> Batch`.

    Returns:
        The GAN; metrics come stacked, `[K]` each.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> steps = jaxgan.jit(jaxgan.scan(gan, lambda x, index: Batch(x[index])))
        >>> state = steps.init(jax.random.key(0), batch)
        >>> data, order = jnp.ones((100, 2)), jnp.arange(40).reshape(10, 4)  # 4 a step
        >>> state, metrics = steps.train_step(state, (data, order))
        >>> int(state.g.step), metrics["d_loss"].shape
        (10, (10,))
    """

    def many(step):
        @wraps(step)  # so that compilers and profilers call it by a name that the user knows
        def steps(state, batch, *, axis_name=None, norms=True):
            source, items, *count = (None, batch) if load is None else batch
            length = len(jax.tree.leaves(items)[0])
            last = (count[0] if count else length) - 1

            def body(state, numbered):
                i, item = numbered
                one = item if load is None else load(source, item)
                return step(state, one, axis_name=axis_name, norms=norms & (i == last))

            run = partial(_scan_first, *count) if count else lax.scan
            state, metrics = run(body, state, (jnp.arange(length), items))
            return state, _everywhere(metrics, last)

        return steps

    return map_steps(gan, many)


def _everywhere(metrics: Metrics, last: int | jax.Array) -> Metrics:
    """Give the norms of the last step to all steps up to it."""

    def spread(values):
        made = jnp.arange(len(values)) <= last
        made = made.reshape(-1, *[1] * (values.ndim - 1))
        return jnp.where(made, values[last], 0)

    return {name: spread(leaf) if name in NORMS else leaf for name, leaf in metrics.items()}


def _scan_first(count: jax.Array, body: Callable, state: Any, items: Any) -> tuple[Any, Any]:
    """`lax.scan` over the first `count` items, a number that the program does not depend on."""

    def item(i):
        return jax.tree.map(lambda leaf: leaf[i], items)

    body = jax.jit(body, inline=True)  # traced once, though it is asked for its shapes first
    length = len(jax.tree.leaves(items)[0])
    _, metrics = jax.eval_shape(body, state, item(0))
    history = jax.tree.map(lambda one: jnp.zeros((length, *one.shape), one.dtype), metrics)

    def advance(i, carry):
        state, history = carry
        state, metrics = body(state, item(i))
        return state, jax.tree.map(lambda past, now: past.at[i].set(now), history, metrics)

    return lax.fori_loop(0, count, advance, (state, history))


def map_steps(gan: GAN, transform: Callable[[Callable], Callable]) -> GAN:
    """Apply a transform to each of the three steps."""
    return gan._replace(
        d_step=transform(gan.d_step),
        g_step=transform(gan.g_step),
        train_step=transform(gan.train_step),
    )
