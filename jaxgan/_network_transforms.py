"""What is done to networks, whichever library they come from: `Network -> Network`."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan._checks import check_integers, told
from jaxgan._convolution_on_cpu import OUTPUT
from jaxgan._handed import check_networks
from jaxgan.types import Network

__all__ = ["join", "microbatch", "pack", "part", "remat", "spectral_norm", "split"]


def spectral_norm(
    network: Network, *, iterations: int = 1, min_ndim: int = 2, exclude: Sequence[str] = ()
) -> Network:
    """Divide every kernel by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

        W <- W / (u^T W v),    v = W^T u / |W^T u|,    u = W v / |W v|

    Every parameter of at least `min_ndim` axes is a kernel, taken as the matrix of its last axis
    (flax's outputs) against all others; biases and scales are left alone. u is kept in the state
    and follows W by power iteration in every call with `train=True`.

    Args:
        network: any network whose params are a pytree of arrays.
        iterations: power iterations per call, at least 1.
        min_ndim: least number of axes of a kernel.
        exclude: names of modules or parameters that are left alone, such as `("embedding",)`:
            normalizing the embedding that BigGAN's blocks share "seems to randomly cripple G", as
            the authors' code says.

    Returns:
        The network, with state `(state of the network, vectors u)` and the same params.

    Raises:
        TypeError: `network` is no `Network`.
        ValueError: `iterations` or `min_ndim` is below 1; when the network is initialized: it has
            no module and no parameter of a name that is excluded.

    Example:
        >>> kernel = jnp.diag(jnp.array([4.0, 1.0]))
        >>> linear = nets.stateless(lambda key, x: kernel, lambda kernel, x: x @ kernel)
        >>> network = nets.spectral_norm(linear, iterations=20)
        >>> params, state = network.init(jax.random.key(0), jnp.eye(2))
        >>> y, state = network.apply(params, state, jax.random.key(1), jnp.eye(2), train=True)
        >>> print(y.round(3))
        [[1.   0.  ]
         [0.   0.25]]
    """
    check_networks(network=network)
    check_integers(iterations=iterations, min_ndim=min_ndim)

    def init(key, *inputs):
        network_key, vector_key = jax.random.split(key)
        params, state = network.init(network_key, *inputs)
        leaves, structure = jax.tree_util.tree_flatten_with_path(params)
        names = [{str(getattr(entry, "key", entry)) for entry in path} for path, _ in leaves]
        if absent := set(exclude).difference(*[()], *names):
            raise ValueError(
                f"exclude has {min(absent)!r}; expected names of modules or parameters"
            )
        keys = jax.random.split(vector_key, max(len(leaves), 1))
        vectors = [
            _unit(jax.random.normal(key, leaf.shape[-1:]))
            if leaf.ndim >= min_ndim and not own.intersection(exclude)
            else None
            for key, (_, leaf), own in zip(keys, leaves, names, strict=False)
        ]
        return params, (state, structure.unflatten(vectors))

    def apply(params, state, key, *inputs, train):
        inner, vectors = state

        def follow(u, kernel):
            matrix = lax.stop_gradient(kernel).reshape(-1, kernel.shape[-1]).astype(u.dtype)
            for _ in range(iterations):
                u = _unit(_unit(u @ matrix.T) @ matrix)
            return u

        def divide(u, kernel):
            if u is None:
                return kernel
            matrix = kernel.reshape(-1, kernel.shape[-1])
            u = _unit(u)  # in a running average of states it is shorter
            v = lax.stop_gradient(_unit(u @ matrix.T))
            return kernel / jnp.maximum(v @ matrix @ u, 1e-12).astype(kernel.dtype)

        absent = {"is_leaf": lambda leaf: leaf is None}
        if train:
            vectors = jax.tree.map(
                lambda u, kernel: u if u is None else follow(u, kernel), vectors, params, **absent
            )
        normalized = jax.tree.map(divide, vectors, params, **absent)
        outputs, inner = network.apply(normalized, inner, key, *inputs, train=train)
        return outputs, (inner, vectors)

    return Network(init, apply)


def part(network: Network, name: str) -> Network:
    """Let a network find its variables among those of a player that owns several.

    Args:
        network: one of the player's networks.
        name: its key in the player's params and state, which are dicts.

    Returns:
        A network of the player's whole variables, such as `state.ema`. It raises ValueError for
        variables without that key.

    Raises:
        TypeError: `network` is no `Network`.

    Example:
        >>> scale = nets.stateless(lambda key, x: jnp.float32(2), lambda params, x: params * x)
        >>> owned = nets.part(scale, "generator")
        >>> params, state = {"generator": jnp.float32(3), "encoder": None}, {"generator": ()}
        >>> float(owned.apply(params, state, jax.random.key(0), 1.0, train=False)[0])
        3.0
    """
    check_networks(network=network)

    def init(key, *inputs):
        params, state = network.init(key, *inputs)
        return {name: params}, {name: state}

    def apply(params, state, key, *inputs, train):
        if not isinstance(params, dict) or name not in params:
            found = sorted(params) if isinstance(params, dict) else told(params)
            raise ValueError(f"params are of {found}; expected a dict with the key name={name!r}")
        outputs, own = network.apply(params[name], state[name], key, *inputs, train=train)
        return outputs, {**state, name: own}

    return Network(init, apply)


def remat(network: Network) -> Network:
    """Keep less for the gradient: only what convolutions and matrix products give.

    Normalizations and activations are computed again when the gradient needs them
    (arXiv:1604.06174): less memory for little time. Outputs and gradients are the same. On CPU, XLA
    undoes it: there `microbatch` is what saves memory.

    Args:
        network: the network.

    Raises:
        TypeError: `network` is no `Network`.

    Example:
        >>> square = nets.stateless(lambda key, x: jnp.float32(3), lambda w, x: jnp.tanh(w * x))
        >>> network = nets.remat(square)
        >>> params, state = network.init(jax.random.key(0), 1.0)
        >>> def output(w):
        ...     return network.apply(w, state, jax.random.key(0), 1.0, train=True)[0]
        ...
        >>> print(jax.grad(output)(params).round(4))
        0.0099
    """
    check_networks(network=network)
    policies = jax.checkpoint_policies
    keep = policies.save_from_both_policies(
        policies.dots_saveable, policies.save_only_these_names(OUTPUT)
    )

    def apply(params, state, key, *inputs, train):
        def run(params, state, key, *inputs):
            return network.apply(params, state, key, *inputs, train=train)

        return jax.checkpoint(run, policy=keep)(params, state, key, *inputs)

    return Network(network.init, apply)


def microbatch(network: Network, size: int) -> Network:
    """Let a batch through the network in parts, one after the other; add up their gradients.

    Between the parts only inputs and outputs are kept, and each is computed again for its gradient:
    the memory of `size` examples for a third more time. To losses and penalties the batch is whole,
    so for a network that treats examples independently nothing changes but rounding, also with
    losses that compare examples with one another. Batch statistics are those of the parts.

    Args:
        network: the network.
        size: examples in a part.

    Returns:
        The network. In training it raises ValueError for batches that are not a multiple of `size`.

    Raises:
        TypeError: `network` is no `Network`.
        ValueError: `size` is below 1.

    Example:
        >>> from flax import linen
        >>> network = nets.microbatch(nets.from_linen(linen.Dense(3)), 4)
        >>> params, state = network.init(jax.random.key(0), jnp.ones((16, 5)))
        >>> network.apply(params, state, jax.random.key(1), jnp.ones((16, 5)), train=True)[0].shape
        (16, 3)
    """
    check_networks(network=network)
    check_integers(size=size)

    def apply(params, state, key, *inputs, train):
        examples = len(jax.tree.leaves(inputs)[0])
        if not train or examples <= size:
            return network.apply(params, state, key, *inputs, train=train)
        if examples % size:
            raise ValueError(
                f"a batch of {examples} does not divide into parts of {size}; "
                f"expected a multiple of {size}"
            )
        parts = examples // size
        split = jax.tree.map(lambda leaf: leaf.reshape(parts, size, *leaf.shape[1:]), inputs)

        @jax.checkpoint
        def one(state, part):
            key, inputs = part
            outputs, state = network.apply(params, state, key, *inputs, train=True)
            return _vary_with(key, state), outputs

        # Whether the statistics differ between devices has to be the same before and after.
        parts_in = (jax.random.split(key, parts), split)
        state, outputs = lax.scan(one, _vary_with(key, state), parts_in)
        return jax.tree.map(lambda leaf: leaf.reshape(examples, *leaf.shape[2:]), outputs), state

    return Network(network.init, apply)


def pack(network: Network, size: int) -> Network:
    """Show a discriminator several examples at once (PacGAN, Lin et al. 2018, arXiv:1712.04086).

        D(x_1, ..., x_m), D(x_{m+1}, ..., x_{2m}), ...

    The examples of a pack are neighbors in the batch, all real or all fake, joined along the last
    axis: pictures `[B, H, W, C]` become `[B/m, H, W, m C]`. A pack of samples that are too much
    alike is seen to be fake, though each of them could be real: that is what keeps modes.

    Args:
        network: called with x `[B/m, ..., m C]` and nothing else; gives one logit for each pack.
        size: m, examples in a pack. 1 changes nothing.

    Returns:
        The network, called with x `[B, ..., C]`. It raises ValueError for batches that are not a
        multiple of `size`, except where it is initialized, and for x without a last axis to join.

    Raises:
        TypeError: `network` is no `Network`.
        ValueError: `size` is below 1.

    Example:
        >>> from flax import linen
        >>> network = nets.pack(nets.from_linen(linen.Dense(1)), 2)
        >>> params, state = network.init(jax.random.key(0), jnp.ones((8, 5)))
        >>> network.apply(params, state, jax.random.key(1), jnp.ones((8, 5)), train=True)[0].shape
        (4, 1)
    """
    check_networks(network=network)
    check_integers(size=size)

    def init(key, x):
        # Only shapes matter, and a run begins with fewer examples than a pack has.
        return network.init(key, jnp.concatenate([x] * size, axis=-1))

    def apply(params, state, key, x, *, train):
        return network.apply(params, state, key, join(x, size), train=train)

    return network if size == 1 else Network(init, apply)


def join(x: jax.Array, size: int) -> jax.Array:
    """Join neighbors along the last axis: `[B, ..., C]` to `[B/m, ..., m C]`."""
    if size == 1:
        return x
    if x.ndim < 2 or len(x) % size:
        raise ValueError(
            f"x has shape {x.shape} and does not divide into packs of {size}; expected "
            f"[B, ..., C] with B a multiple of {size}"
        )
    packs = jnp.moveaxis(x.reshape(-1, size, *x.shape[1:]), 1, -2)
    return packs.reshape(*packs.shape[:-2], size * x.shape[-1])


def split(packs: jax.Array, size: int) -> jax.Array:
    """Undo `join`: `[B/m, ..., m C]` to `[B, ..., C]`."""
    if size == 1:
        return packs
    x = jnp.moveaxis(packs.reshape(*packs.shape[:-1], size, -1), -2, 1)
    return x.reshape(-1, *x.shape[2:])


def _vary_with(key: jax.Array, tree: Any) -> Any:
    """Make statistics formally differ between devices where the key does: add 0."""
    zero = 0 * jax.random.key_data(key).ravel()[0]
    return jax.tree.map(
        lambda leaf: (
            leaf + zero.astype(leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf
        ),
        tree,
    )


def _unit(vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), 1e-12)
