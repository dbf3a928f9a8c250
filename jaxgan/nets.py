"""Networks from other libraries: each function returns a `Network`, a pair of pure functions.

The libraries are imported where they are used, so that the engine needs none of them. In all of
them a network is called with its inputs and a keyword `train`, if it takes one.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import convolution
from jaxgan._checks import check_callable, check_integers, told
from jaxgan._convolution_on_cpu import OUTPUT
from jaxgan._handed import check_networks
from jaxgan.types import Network

__all__ = [
    "from_equinox",
    "from_haiku",
    "from_linen",
    "from_nnx",
    "microbatch",
    "part",
    "remat",
    "spectral_norm",
    "stateless",
]


def stateless(
    init: Callable[..., Any], apply: Callable[..., Any], *, fast_convolutions: bool = True
) -> Network:
    """Make a network of two plain functions.

    Args:
        init: `(key, *inputs) -> params`.
        apply: `(params, *inputs) -> outputs`.
        fast_convolutions: whether to make its convolutions fast on CPU (`convolution.fast`).

    Raises:
        TypeError: one of them is no function.

    Example:
        >>> line = nets.stateless(lambda key, x: {"a": 2.0}, lambda params, x: params["a"] * x)
        >>> params, state = line.init(jax.random.key(0), jnp.ones(3))
        >>> y, state = line.apply(params, state, jax.random.key(1), jnp.ones(3), train=True)
        >>> print(y)
        [2. 2. 2.]
    """
    check_callable("a function (key, *inputs) -> params", init=init)
    check_callable("a function (params, *inputs) -> outputs", apply=apply)
    return _network(
        lambda key, *inputs: (init(key, *inputs), ()),
        lambda params, state, key, *inputs, train: (apply(params, *inputs), state),
        fast_convolutions,
    )


def from_linen(
    module: Any, *, rngs: Sequence[str] = ("dropout",), fast_convolutions: bool = True
) -> Network:
    """Make a network of a `flax.linen` module.

    Its collection "params" is what is learned; all other collections, such as "batch_stats", are
    the state, which changes when `train` is True.

    Args:
        module: called as `module(*inputs, train=...)`, or without `train` if it takes none.
        rngs: names of the random streams that the module draws from when it is applied.
        fast_convolutions: whether to make its convolutions fast on CPU (`convolution.fast`).

    Raises:
        TypeError: `module` is no flax.linen module, such as its class.

    Example:
        >>> from flax import linen
        >>> network = nets.from_linen(linen.Dense(3))
        >>> params, state = network.init(jax.random.key(0), jnp.ones((2, 5)))
        >>> jax.tree.map(jnp.shape, params)
        {'bias': (3,), 'kernel': (5, 3)}
    """
    if isinstance(module, type) or not callable(getattr(module, "apply", None)):
        raise TypeError(
            f"module is {told(module)}; expected a flax.linen module, such as linen.Dense(3)"
        )
    takes_train = _takes(type(module).__call__, "train")

    def keys(key, *names):
        return dict(zip(names, jax.random.split(key, len(names)), strict=True)) if names else {}

    def init(key, *inputs):
        extra = {"train": True} if takes_train else {}
        state = dict(module.init(keys(key, "params", *rngs), *inputs, **extra))
        return state.pop("params", {}), state

    def apply(params, state, key, *inputs, train):
        extra = {"train": train} if takes_train else {}
        variables = {"params": params, **state}
        if not (train and state):
            return module.apply(variables, *inputs, rngs=keys(key, *rngs), **extra), state
        return module.apply(variables, *inputs, rngs=keys(key, *rngs), mutable=list(state), **extra)

    return _network(init, apply, fast_convolutions)


def from_nnx(make: Callable[..., Any], *, fast_convolutions: bool = True) -> Network:
    """Make a network of a `flax.nnx` module.

    `nnx.Param` variables are what is learned, all others (`nnx.BatchStat`, ...) are the state.
    Random streams are seeded from the key of each call. `train` sets the module's train or eval
    mode.

    Args:
        make: `(nnx.Rngs) -> nnx.Module`; the module is called as `module(*inputs)`.
        fast_convolutions: whether to make its convolutions fast on CPU (`convolution.fast`).

    Raises:
        TypeError: `make` is no function, such as a module that is made already.

    Example:
        >>> from flax import nnx
        >>> network = nets.from_nnx(lambda rngs: nnx.Linear(5, 3, rngs=rngs))
        >>> params, state = network.init(jax.random.key(0), jnp.ones((2, 5)))
        >>> jax.tree.map(jnp.shape, params)
        {'bias': (3,), 'kernel': (5, 3)}
    """
    from flax import nnx

    if isinstance(make, nnx.Module):
        raise TypeError(f"make is {told(make)}; expected a function (nnx.Rngs) -> nnx.Module")
    check_callable("a function (nnx.Rngs) -> nnx.Module", make=make)

    def split(model):
        return nnx.split(model, nnx.Param, nnx.RngState, ...)

    def init(key, *inputs):
        del inputs  # nnx modules know their shapes from their constructors
        _, params, _, state = split(make(nnx.Rngs(key)))
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def apply(params, state, key, *inputs, train):
        model = nnx.eval_shape(lambda: make(nnx.Rngs(0)))
        model.train() if train else model.eval()
        structure, *shapes = split(model)
        arrays = (params, _reseed(nnx.to_pure_dict(shapes[1]), key), state)
        for shape, values in zip(shapes, arrays, strict=True):
            nnx.replace_by_pure_dict(shape, values)
        model = nnx.merge(structure, *shapes)
        outputs = model(*inputs)
        if train:
            _, _, _, new_state = split(model)
            state = nnx.to_pure_dict(new_state)
        return outputs, state

    return _network(init, apply, fast_convolutions)


def from_haiku(transformed: Any, *, fast_convolutions: bool = True) -> Network:
    """Make a network of `hk.transform(f)` or `hk.transform_with_state(f)`.

    Args:
        transformed: of a function `f(*inputs, train)`.
        fast_convolutions: whether to make its convolutions fast on CPU (`convolution.fast`).

    Raises:
        TypeError: `transformed` is another thing, such as the function itself.

    Example:
        >>> import haiku as hk
        >>> network = nets.from_haiku(hk.transform(lambda x, train: hk.Linear(3)(x)))
        >>> params, state = network.init(jax.random.key(0), jnp.ones((2, 5)))
        >>> jax.tree.map(jnp.shape, params)
        {'linear': {'b': (3,), 'w': (5, 3)}}
    """
    import haiku as hk

    if isinstance(transformed, hk.Transformed):
        transformed = hk.with_empty_state(transformed)
    if not isinstance(transformed, hk.TransformedWithState):
        raise TypeError(f"transformed is {told(transformed)}; expected hk.transform(function)")

    def init(key, *inputs):
        return transformed.init(key, *inputs, train=True)

    def apply(params, state, key, *inputs, train):
        outputs, new_state = transformed.apply(params, state, key, *inputs, train=train)
        return outputs, new_state if train else state

    return _network(init, apply, fast_convolutions)


def from_equinox(make: Callable[[jax.Array], Any], *, fast_convolutions: bool = True) -> Network:
    """Make a network of an Equinox module.

    Equinox modules see one example; this network maps them over the batch, under the axis name
    "batch", which is what `eqx.nn.BatchNorm` wants to be told. Floating arrays are what is learned.
    `train=False` is `eqx.nn.inference_mode`.

    Args:
        make: `(key) -> module`, or `(key) -> (module, eqx.nn.State)` as from
            `eqx.nn.make_with_state(Module)`. The module is called with one example of each input,
            then the state if there is one, and with `key=` if its `__call__` takes one.
        fast_convolutions: whether to make its convolutions fast on CPU (`convolution.fast`).

    Raises:
        TypeError: `make` is no function, such as a module that is made already.

    Example:
        >>> import equinox as eqx
        >>> network = nets.from_equinox(lambda key: eqx.nn.Linear(5, 3, key=key))
        >>> params, state = network.init(jax.random.key(0), jnp.ones((2, 5)))
        >>> network.apply(params, state, jax.random.key(1), jnp.ones((2, 5)), train=True)[0].shape
        (2, 3)
    """
    import equinox as eqx

    if isinstance(make, eqx.Module):
        raise TypeError(f"make is {told(make)}; expected a function (key) -> module")
    check_callable("a function (key) -> module", make=make)

    def build(key):
        made = make(key)
        return made if isinstance(made, tuple) else (made, None)

    def init(key, *inputs):
        del inputs  # Equinox modules know their shapes from their constructors
        model, state = build(key)
        params, rest = eqx.partition(model, eqx.is_inexact_array)
        return params, (eqx.filter(rest, eqx.is_array), state)

    def apply(params, state, key, *inputs, train):
        buffers, state = state
        shapes, _ = eqx.filter_eval_shape(build, jax.random.key(0))
        static = eqx.filter(shapes, lambda leaf: not isinstance(leaf, jax.ShapeDtypeStruct))
        model = eqx.nn.inference_mode(eqx.combine(params, buffers, static), value=not train)
        keys = jax.random.split(key, jax.tree.leaves(inputs)[0].shape[0])
        takes_key = _takes(type(model).__call__, "key")

        def one(state, key, *example):
            extra = {"key": key} if takes_key else {}
            return (
                (model(*example, **extra), None)
                if state is None
                else model(*example, state, **extra)
            )

        outputs, new_state = jax.vmap(
            one,
            in_axes=(None, 0) + (0,) * len(inputs),
            out_axes=(0, None),
            axis_name="batch",
        )(state, keys, *inputs)
        return outputs, (buffers, new_state if train else state)

    return _network(init, apply, fast_convolutions)


def spectral_norm(network: Network, *, iterations: int = 1, min_ndim: int = 2) -> Network:
    """Divide every kernel by its largest singular value (Miyato et al. 2018, arXiv:1802.05957).

        W <- W / (u^T W v),    v = W^T u / |W^T u|,    u = W v / |W v|

    Every parameter of at least `min_ndim` axes is a kernel, taken as the matrix of its last axis
    (flax's outputs) against all others; biases and scales are left alone. u is kept in the state
    and follows W by power iteration in every call with `train=True`.

    Args:
        network: any network whose params are a pytree of arrays.
        iterations: power iterations per call, at least 1.
        min_ndim: least number of axes of a kernel.

    Returns:
        The network, with state `(state of the network, vectors u)` and the same params.

    Raises:
        TypeError: `network` is no `Network`.
        ValueError: `iterations` or `min_ndim` is below 1.

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
        leaves, structure = jax.tree.flatten(params)
        keys = jax.random.split(vector_key, max(len(leaves), 1))
        vectors = [
            _unit(jax.random.normal(key, leaf.shape[-1:])) if leaf.ndim >= min_ndim else None
            for key, leaf in zip(keys, leaves, strict=False)
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


def _vary_with(key: jax.Array, tree: Any) -> Any:
    """Make statistics formally differ between devices where the key does: add 0."""
    zero = 0 * jax.random.key_data(key).ravel()[0]
    return jax.tree.map(
        lambda leaf: (
            leaf + zero.astype(leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.inexact) else leaf
        ),
        tree,
    )


def _network(init: Callable, apply: Callable, fast_convolutions: bool) -> Network:
    return Network(init, convolution.fast(apply) if fast_convolutions else apply)


def _unit(vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), 1e-12)


def _takes(function: Callable[..., Any], name: str) -> bool:
    # By name only: `nn.Sequential` takes any keyword and hands it to a first layer that does not.
    return name in inspect.signature(function).parameters


def _reseed(streams: Any, key: jax.Array) -> Any:
    """Give each random stream of an nnx module its own key, and set its counter to 0."""
    leaves, structure = jax.tree.flatten(streams)
    fresh = [
        jax.random.fold_in(key, i)
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        else jnp.zeros(leaf.shape, leaf.dtype)
        for i, leaf in enumerate(leaves)
    ]
    return structure.unflatten(fresh)
