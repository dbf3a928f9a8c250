"""Layers that stay as they are while the others learn.

FreezeD (Mo et al. 2020, arXiv:2002.10964) fine-tunes a GAN on few images with the discriminator's
lower layers, those nearest to the image, frozen: what an edge looks like does not change.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax

from jaxgan._checks import check_callable, told
from jaxgan._handed import check_optimizers

__all__ = ["freeze", "layers"]


def layers(init: Callable[..., Any], *inputs: Any) -> list[tuple[str, ...]]:
    """List the layers of a network from its input on: the keys of its params, in their order.

    A key without a kernel, such as that of a normalization, belongs to the layer before it.

    Args:
        init: `(key, *inputs) -> (params, state)`, as `network.init` or a player's.
        *inputs: examples, of which only shapes and dtypes matter.

    Returns:
        A tuple of keys for each layer.

    Raises:
        TypeError: `init` is no function.
        ValueError: the params are no dictionary.

    Example:
        >>> from jaxgan import freezing
        >>> from jaxgan.models import dcgan
        >>> network = nets.from_linen(dcgan.Discriminator(image_size=28, width=8))
        >>> freezing.layers(network.init, jnp.zeros((2, 28, 28, 1)))
        [('Conv_0',), ('Conv_1', 'BatchNorm_0'), ('Dense_0',)]
    """
    check_callable("a function (key, *inputs) -> (params, state)", init=init)
    found: list[tuple[str, ...]] = []

    def trace(key):
        params = init(key, *inputs)[0]
        if not isinstance(params, dict):
            raise ValueError(f"params are {told(params)}; expected a dictionary of layers")
        # The order is that of their creation only here: JAX sorts the keys of what it returns.
        for name, value in params.items():
            is_kernel = any(leaf.ndim > 1 for leaf in jax.tree.leaves(value))
            if is_kernel or not found:
                found.append((name,))
            else:
                found[-1] += (name,)
        return params

    jax.eval_shape(trace, jax.random.key(0))
    return found


def freeze(
    optimizer: optax.GradientTransformation, names: Sequence[str]
) -> optax.GradientTransformation:
    """Make an optimizer that leaves some layers as they are, and keeps no state for them.

    Args:
        optimizer: of all other layers.
        names: keys of the params that are frozen.

    Returns:
        The optimizer. It raises ValueError for params without one of the keys.

    Raises:
        TypeError: `optimizer` is none.
        ValueError: there are no names.

    Example:
        >>> from jaxgan import freezing
        >>> params = {"lower": jnp.ones(2), "upper": jnp.ones(2)}
        >>> optimizer = freezing.freeze(optax.sgd(0.5), ["lower"])
        >>> updates, _ = optimizer.update(params, optimizer.init(params), params)
        >>> {name: update.tolist() for name, update in updates.items()}
        {'lower': [0.0, 0.0], 'upper': [-0.5, -0.5]}
    """
    check_optimizers(optimizer=optimizer)
    if isinstance(names, str) or not names:
        raise ValueError(f"names is {names!r}; expected keys of the params, such as ['Conv_0']")

    def labels(params):
        missing = [name for name in names if name not in params]
        if missing:
            raise ValueError(f"names has {missing[0]!r}; expected keys of {sorted(params)}")
        return {
            name: jax.tree.map(
                lambda _, still=name in names: "frozen" if still else "learns", value
            )
            for name, value in params.items()
        }

    return optax.multi_transform({"learns": optimizer, "frozen": optax.set_to_zero()}, labels)
