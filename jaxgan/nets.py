"""Networks from elsewhere: each function returns a `Network`, a pair of pure functions.

The libraries are imported where they are used, so that the engine needs none of them. In all of
them a network is called with its inputs and a keyword `train`, if it takes one.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.types import Network

__all__ = [
    "from_equinox",
    "from_haiku",
    "from_linen",
    "from_nnx",
    "spectral_norm",
    "stateless",
]


def stateless(init: Callable[..., Any], apply: Callable[..., Any]) -> Network:
    """Make a network of two plain functions.

    Args:
        init: `(key, *inputs) -> params`.
        apply: `(params, *inputs) -> outputs`.
    """
    return Network(
        lambda key, *inputs: (init(key, *inputs), ()),
        lambda params, state, key, *inputs, train: (apply(params, *inputs), state),
    )


def from_linen(module: Any, *, rngs: Sequence[str] = ("dropout",)) -> Network:
    """Make a network of a `flax.linen` module.

    Its collection "params" is what is learnt; all its other collections, such as "batch_stats", are
    the state, which changes when `train` is True.

    Args:
        module: called as `module(*inputs, train=...)`, or without `train` if it takes none.
        rngs: names of the random streams that the module draws from when it is applied.
    """
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

    return Network(init, apply)


def from_nnx(make: Callable[..., Any]) -> Network:
    """Make a network of a `flax.nnx` module.

    `nnx.Param` variables are what is learnt, all others (`nnx.BatchStat`, ...) are the state.
    Random streams are seeded from the key of each call. `train` sets the module's train or eval
    mode.

    Args:
        make: `(nnx.Rngs) -> nnx.Module`; the module is called as `module(*inputs)`.
    """
    from flax import nnx

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

    return Network(init, apply)


def from_haiku(transformed: Any) -> Network:
    """Make a network of `hk.transform(f)` or `hk.transform_with_state(f)`.

    Args:
        transformed: of a function `f(*inputs, train)`.
    """
    import haiku as hk

    if isinstance(transformed, hk.Transformed):
        transformed = hk.with_empty_state(transformed)

    def init(key, *inputs):
        return transformed.init(key, *inputs, train=True)

    def apply(params, state, key, *inputs, train):
        outputs, new_state = transformed.apply(params, state, key, *inputs, train=train)
        return outputs, new_state if train else state

    return Network(init, apply)


def from_equinox(make: Callable[[jax.Array], Any]) -> Network:
    """Make a network of an Equinox module.

    Equinox modules see one example; this network maps them over the batch, under the axis name
    "batch", which is what `eqx.nn.BatchNorm` wants to be told. Floating arrays are what is learnt.
    `train=False` is `eqx.nn.inference_mode`.

    Args:
        make: `(key) -> module`, or `(key) -> (module, eqx.nn.State)` as from
            `eqx.nn.make_with_state(Module)`. The module is called with one example of each input,
            then the state if there is one, and with `key=` if its `__call__` takes one.
    """
    import equinox as eqx

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

    return Network(init, apply)


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
        ValueError: `iterations` is below 1.
    """
    if iterations < 1:
        raise ValueError(f"spectral_norm needs at least 1 iteration, got {iterations}")

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
            v = lax.stop_gradient(_unit(u @ matrix.T))
            return kernel / jnp.maximum(v @ matrix @ u, 1e-12).astype(kernel.dtype)

        absent = {"is_leaf": lambda leaf: leaf is None}
        if train:
            vectors = jax.tree.map(
                lambda u, kernel: u if u is None else follow(u, kernel), vectors, params, **absent
            )
        normalised = jax.tree.map(divide, vectors, params, **absent)
        outputs, inner = network.apply(normalised, inner, key, *inputs, train=train)
        return outputs, (inner, vectors)

    return Network(init, apply)


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
