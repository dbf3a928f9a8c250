"""Trained generators as ONNX files, for runtimes that know nothing of JAX.

jax2onnx translates one operation after the other, and knows most but not all of them. So a program
is first brought to what a runtime can use: nested functions are written out, of forms for several
platforms the general one is chosen, and what does not depend on the inputs is computed, such as the
noise of a seed. Needs `pip install "jaxgan[onnx]"`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxgan import export
from jaxgan.latents import Latent
from jaxgan.types import Network, Variables

_NESTED = {
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "remat2": "jaxpr",
}


def flat(function: Any, *inputs: Any) -> Any:
    """Compute a function of tracers with plain operations on arrays alone."""
    closed = jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs))
    return _evaluate(closed.jaxpr, closed.consts, inputs)


def _evaluate(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))

    def read(var):
        return var.val if isinstance(var, core.Literal) else values[var]

    for eqn in _needed(jaxpr):
        name, given = eqn.primitive.name, list(map(read, eqn.invars))
        if name == "platform_index":
            results = [np.int32(_general(eqn.params["platforms"]))]
        elif name == "cond" and not isinstance(given[0], jax.core.Tracer):
            branch = eqn.params["branches"][int(np.clip(given[0], 0, len(eqn.params["branches"]) - 1))]
            results = _evaluate(branch.jaxpr, branch.consts, given[1:])
        elif name in _NESTED:
            inner = eqn.params[_NESTED[name]]
            consts = getattr(inner, "consts", ())
            results = _evaluate(getattr(inner, "jaxpr", inner), consts, given)
        elif name == "name":
            results = given
        else:
            subfuns, params = eqn.primitive.get_bind_params(eqn.params)
            constant = not any(isinstance(value, jax.core.Tracer) for value in given)
            with jax.ensure_compile_time_eval() if constant and _is_fixed(eqn) else _nothing():
                results = eqn.primitive.bind(*subfuns, *given, **params)
            results = results if eqn.primitive.multiple_results else [results]
        values.update(zip(eqn.outvars, results, strict=True))
    return list(map(read, jaxpr.outvars))
