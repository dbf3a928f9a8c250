"""Networks from other libraries: each function returns a `Network`, a pair of pure functions.

The libraries are imported where they are used, so that the engine needs none of them. In all of
them a network is called with its inputs and a keyword `train`, if it takes one. What can be done to
any network is here, too: `spectral_norm`, `part`, `remat`, `microbatch`, `pack`.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import convolution
from jaxgan._checks import check_callable, told
from jaxgan._network_transforms import microbatch, pack, part, remat, spectral_norm
from jaxgan.types import Network

__all__ = [
    "from_equinox",
    "from_haiku",
    "from_linen",
    "from_nnx",
    "microbatch",
    "pack",
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


def _network(init: Callable, apply: Callable, fast_convolutions: bool) -> Network:
    return Network(init, convolution.fast(apply) if fast_convolutions else apply)


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
