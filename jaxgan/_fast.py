"""`convolution.fast`: the convolutions of any function, in the forms that are fast on CPU.

The function is traced, and what was traced is computed again, equation by equation, with other
ones in place of the convolutions. ADR 7 says why.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.extend.core import primitives

from jaxgan._alone import alone
from jaxgan._checks import check_callable
from jaxgan._convolution_on_cpu import conv_on_cpu, conv_transpose_on_cpu, on_each_platform

Function = TypeVar("Function", bound=Callable[..., Any])

_HOLDERS = {
    primitives.call_p,
    primitives.closed_call_p,
    primitives.cond_p,
    primitives.custom_vjp_call_p,
    primitives.jit_p,
    primitives.remat_p,
    primitives.scan_p,
    primitives.while_p,
}
"""The primitives whose inner programs are changed, too."""

_UNNAMED = core.DebugInfo("fast", "an equation", None, None)


def fast(function: Function) -> Function:
    """Make the convolutions of a function fast on CPU, inside compiled loops too.

    XLA's CPU back end makes convolutions 4 to 100 times slower inside a loop, such as that of
    `jaxgan.scan`, if they are gradients or have channels first. The function that this returns
    computes the same, with every `lax.conv_general_dilated` in it, whichever library wrote it, in
    the forms of `conv` and `conv_transpose`. On GPU and TPU nothing changes.

    Convolutions stay as they are if they have groups, windows with gaps, steps that differ from
    axis to axis or are on both sides, or numbers that are not real. Derivatives that the function
    states by hand (`jax.custom_vjp`) stay in force.

    Args:
        function: any function of pytrees. Its `jax.Array` arguments are traced, also outside of
            `jax.jit`; it sees all others as they are.

    Returns:
        A function of the same arguments. `nets.from_linen` and its like have called this already.

    Raises:
        TypeError: it is no function.

    Example:
        >>> from flax import linen
        >>> layer, images = linen.Conv(16, (4, 4), strides=2), jnp.ones((2, 8, 8, 3))
        >>> variables = layer.init(jax.random.key(0), images)
        >>> jax.jit(convolution.fast(layer.apply))(variables, images).shape
        (2, 4, 4, 16)
    """
    check_callable("a function", function=function)

    @wraps(function)
    def run(*args, **kwargs):
        if jax.default_backend() != "cpu" or alone.value:
            return function(*args, **kwargs)
        leaves, structure = jax.tree.flatten((args, kwargs))
        arrays = {i: leaf for i, leaf in enumerate(leaves) if isinstance(leaf, jax.Array)}

        def of_arrays(arrays):
            given = [arrays.get(i, leaf) for i, leaf in enumerate(leaves)]
            args, kwargs = jax.tree.unflatten(structure, given)
            return function(*args, **kwargs)

        traced, shapes = jax.make_jaxpr(of_arrays, return_shape=True)(arrays)
        outputs = _evaluate(traced, *jax.tree.leaves(arrays))
        return jax.tree.unflatten(jax.tree.structure(shapes), outputs)

    return run  # pyright: ignore[reportReturnType] - it takes the same arguments


def _evaluate(traced: core.ClosedJaxpr, *arrays: Any) -> list[Any]:
    """Compute what was traced, equation by equation."""
    jaxpr = traced.jaxpr
    known = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*traced.consts, *arrays), strict=True))

    def read(atom):
        return atom.val if isinstance(atom, core.Literal) else known[atom]

    for equation in jaxpr.eqns:
        inputs = [atom for atom in equation.invars if not isinstance(atom, core.Literal)]
        inputs = list(dict.fromkeys(inputs))
        outputs = _changed(equation, inputs)(*map(read, inputs))
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _changed(equation: core.JaxprEqn, inputs: list) -> Callable[..., Sequence[Any]]:
    """What is computed in place of an equation, as a function of its distinct operands."""
    plain = _alone(equation, inputs)
    if not _has_convolutions(equation):
        return plain

    def on_operands(function):
        def on_inputs(*arrays):
            known = dict(zip(inputs, arrays, strict=True))
            return function(
                *(known.get(atom, getattr(atom, "val", None)) for atom in equation.invars)
            )

        return on_inputs

    if equation.primitive is primitives.conv_general_dilated_p:
        return on_each_platform(on_operands(partial(_convolve, equation.params)), plain)
    if equation.primitive is primitives.custom_vjp_call_p:
        own = jax.custom_vjp(on_operands(partial(_evaluate, equation.params["call_jaxpr"])))
        own.defvjp(fast(partial(jax.vjp, plain)), lambda pullback, given: fast(pullback)(given))
        return own
    changed = equation.replace(params=_map(_rewritten, equation.params))
    return _alone(changed, inputs)


def _alone(equation: core.JaxprEqn, inputs: list) -> Callable[..., Sequence[Any]]:
    """An equation as a function; it keeps its place in the source and the rest of its context."""
    jaxpr = core.Jaxpr((), inputs, equation.outvars, [equation], equation.effects, _UNNAMED)
    return core.jaxpr_as_fun(core.ClosedJaxpr(jaxpr, ()))


def _has_convolutions(equation: core.JaxprEqn) -> bool:
    """Whether it is, or holds, a convolution that can be changed.

    What depends on the platform already, as `convolution.conv` does, stays as it is.
    """
    if equation.primitive is primitives.conv_general_dilated_p:
        return _is_expressible(equation)
    if equation.primitive not in _HOLDERS or equation.params.get("branches_platforms"):
        return False
    inner = core.jaxprs_in_params(equation.params)
    return any(_has_convolutions(one) for jaxpr in inner for one in jaxpr.eqns)


def _map(change: Callable[[core.ClosedJaxpr], core.ClosedJaxpr], params: Any) -> Any:
    """Change the programs among the parameters of an equation."""
    match params:
        case dict():
            return {name: _map(change, value) for name, value in params.items()}
        case tuple():
            return tuple(_map(change, value) for value in params)
        case core.ClosedJaxpr():
            return change(params)
        case core.Jaxpr():
            return change(core.ClosedJaxpr(params, ())).jaxpr
    return params


def _rewritten(program: core.ClosedJaxpr) -> core.ClosedJaxpr:
    return jax.make_jaxpr(partial(_evaluate, program))(*program.in_avals)


def _is_expressible(equation: core.JaxprEqn) -> bool:
    """Whether `_convolve` can express a convolution."""
    params = equation.params
    avals: list[Any] = [atom.aval for atom in (*equation.invars, *equation.outvars)]
    x, kernel, y = avals
    steps, spread = set(params["window_strides"]), set(params["lhs_dilation"])
    return (
        params["feature_group_count"] == params["batch_group_count"] == 1
        and set(params["rhs_dilation"]) == {1}
        and max(len(steps), len(spread)) == 1
        and 1 in steps | spread
        and x.dtype == kernel.dtype == y.dtype
        and jnp.issubdtype(x.dtype, jnp.floating)
        and 0 not in (*x.shape, *kernel.shape, *y.shape)
    )


def _convolve(params: dict[str, Any], x: jax.Array, kernel: jax.Array) -> list[jax.Array]:
    """A convolution in any order of axes, in the order that is fast."""
    orders = params["dimension_numbers"]
    (batch, channels, *space), (outputs, inputs, *window) = orders.lhs_spec, orders.rhs_spec
    x = x.transpose(batch, *space, channels)
    kernel = kernel.transpose(*window, inputs, outputs)
    (step, *_), (spread, *_) = params["window_strides"], params["lhs_dilation"]
    if spread == 1:
        y = conv_on_cpu(x, kernel, stride=step, padding=params["padding"])
    else:
        y = conv_transpose_on_cpu(x, kernel, stride=spread, padding=params["padding"])
    batch, channels, *space = orders.out_spec
    return [y.transpose(np.argsort((batch, *space, channels)))]
