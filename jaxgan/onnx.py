"""Trained generators as ONNX files, for runtimes that know nothing of JAX.

jax2onnx translates one operation after the other, and knows most but not all of them. So a program
is first brought to what a runtime can use: nested functions are written out, of forms for several
platforms the general one is chosen, and what does not depend on the inputs is computed, such as the
noise of a seed. Needs `pip install "jaxgan[onnx]"`.
"""

import contextlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.interpreters import partial_eval

from jaxgan import export
from jaxgan._checks import check_integers
from jaxgan.latents import Latent
from jaxgan.types import Network, Variables

__all__ = ["save"]

_TOLERANCE = 1e-4
# Operations that hold a program, and the name of their parameter that it is.
_NESTED = {
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "jit": "jaxpr",
    "remat2": "jaxpr",
}


def save(
    path: str | Path,
    generator: Network,
    variables: Variables,
    *,
    latent: Latent | None = None,
    classes: Sequence[str] | None = None,
    source: Sequence[int] | None = None,
    notes: dict[str, Any] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Write a generator as an ONNX file, with inputs `z` and `y` and an output `samples`.

    The file is run with ONNX Runtime before it is written, and refused if its samples differ by
    more than 1e-4 from those of the network.

    Args:
        path: the file.
        generator: as in `export.save`, and all that follow but the seed.
        variables: as in `export.save`.
        latent: as in `export.save`.
        classes: as in `export.save`.
        source: as in `export.save`.
        notes: as in `export.save`.
        seed: of noise and dropout in the network, which are the same for every example.

    Returns:
        What the file says about it in its metadata, under the key "jaxgan"; see `export.Generator`.

    Raises:
        ExportError: the network cannot be expressed in ONNX.
        ImportError: jax2onnx or onnxruntime is not installed.
        OSError: the file cannot be written.
        TypeError: as in `export.save`.
        ValueError: as in `export.save`.

    Example:
        >>> from jaxgan import onnx
        >>> onnx.save("g.onnx", network, variables, latent=latents.normal(16))  # doctest: +SKIP
    """
    check_integers(0, seed=seed)
    try:
        import onnxruntime
        from jax2onnx import to_onnx
    except ImportError as error:
        raise ImportError('ONNX needs jax2onnx: pip install "jaxgan[onnx]"') from error
    settings = {"latent": latent, "classes": classes, "source": source, "notes": notes}
    about = export.of_network(generator, variables, **settings).about
    shapes = export.shapes_of_inputs(about, "B")
    names = [name for name in ("z", "y") if name in shapes]

    def function(*inputs):
        key = jax.random.key(seed)
        return generator.apply(*variables, key, *inputs, train=False)[0]

    def one(*example):
        outputs = function(*(value[None] for value in example))
        return jax.tree.map(lambda leaf: leaf[0], outputs)

    def written_out(*inputs):
        # Noise for any number of examples is no constant; for one example it is.
        return jax.tree.unflatten(
            structure, _flat(jax.vmap(one) if about["random"] else function, *inputs)
        )

    examples = _examples(shapes, names, latent, 3)
    wanted = jax.jit(jax.vmap(one))(*examples)
    structure = jax.tree.structure(wanted)
    outputs = ["samples", "samples_of_y"][: structure.num_leaves]
    try:
        model: Any = to_onnx(
            written_out,
            [jax.ShapeDtypeStruct(shapes[name].shape, shapes[name].dtype) for name in names],
            model_name="generator",
            input_names=names,
            output_names=outputs,
        )
        content = _with_metadata(model, about)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        feeds = {name: np.asarray(value) for name, value in zip(names, examples, strict=True)}
        made = session.run(None, feeds)
    except Exception as error:
        what = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise export.ExportError(
            f"the network cannot be expressed in ONNX ({what}); expected another format"
        ) from error
    for found, leaf in zip(made, jax.tree.leaves(wanted), strict=True):
        apart = float(np.max(np.abs(found - np.asarray(leaf))))
        if found.shape != leaf.shape or not apart <= _TOLERANCE:
            raise export.ExportError(
                f"the network cannot be expressed in ONNX (its samples differ by {apart:.1g}); "
                f"expected another format"
            )
    export.write_file(Path(path), content)
    return about


def _examples(shapes: dict[str, Any], names: list[str], latent: Any, n: int) -> list[Any]:
    """Return inputs to try a generator with."""
    found = {"z": latent(jax.random.key(0), n)} if latent is not None else {}
    y = shapes.get("y")
    if y is not None and len(y.shape) > 1:
        found["y"] = jax.random.uniform(jax.random.key(1), (n, *y.shape[1:]), minval=-1.0)
    elif y is not None:
        found["y"] = jnp.zeros(n, y.dtype)
    return [found[name] for name in names]


def _with_metadata(model: Any, about: dict[str, Any]) -> bytes:
    entry = model.metadata_props.add()
    entry.key, entry.value = "jaxgan", json.dumps(about)
    return model.SerializeToString()


def _flat(function: Callable[..., Any], *inputs: Any) -> list[Any]:
    """Compute a function of tracers with operations alone that no other operations are in."""
    closed = jax.make_jaxpr(function)(*(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs))
    needed = [True] * len(closed.jaxpr.outvars)
    jaxpr, used = partial_eval.dce_jaxpr(closed.jaxpr, needed)
    given = [value for value, is_used in zip(inputs, used, strict=True) if is_used]
    return _evaluate(jaxpr, closed.consts, given)


def _evaluate(jaxpr: Any, consts: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*consts, *inputs], strict=True))

    def read(var):
        return var.val if hasattr(var, "val") else values[var]

    for eqn in jaxpr.eqns:
        values |= zip(eqn.outvars, _step(eqn, list(map(read, eqn.invars))), strict=True)
    return list(map(read, jaxpr.outvars))


def _step(eqn: Any, given: list[Any]) -> Sequence[Any]:
    """Compute the results of one operation, at once if they do not depend on the inputs."""
    name, params = eqn.primitive.name, eqn.params
    if name == "platform_index":  # the form for platforms that are not named
        return [np.int32(params["platforms"].index(None))]
    if name == "cond" and not isinstance(given[0], Tracer):
        branch = params["branches"][int(np.clip(given[0], 0, len(params["branches"]) - 1))]
        return _evaluate(branch.jaxpr, branch.consts, given[1:])
    if name in _NESTED:
        inner = params[_NESTED[name]]
        return _evaluate(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), given)
    if name == "name":
        return given
    params = eqn.primitive.get_bind_params(params)
    fixed = all(isinstance(size, int) for var in eqn.outvars for size in var.aval.shape)
    known = fixed and not any(isinstance(value, Tracer) for value in given)
    with jax.ensure_compile_time_eval() if known else contextlib.nullcontext():
        results = eqn.primitive.bind(*given, **params)
    return results if eqn.primitive.multiple_results else [results]
