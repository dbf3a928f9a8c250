"""Trained generators as ONNX files, for runtimes that know nothing of JAX.

jax2onnx translates one operation after the other, and knows most but not all of them. So a program
is first brought to what a runtime can use: nested functions are written out, of forms for several
platforms the general one is chosen, and what does not depend on the inputs is computed, such as the
noise of a seed. Needs `pip install "jaxgan[onnx]"`.
"""

import contextlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.interpreters import partial_eval

from jaxgan import export
from jaxgan._checks import check_integers
from jaxgan._files import write_whole
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
        import onnxruntime  # pyright: ignore[reportMissingImports]
        from jax2onnx import to_onnx  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError('ONNX needs jax2onnx: pip install "jaxgan[onnx]"') from error
    settings = {"latent": latent, "classes": classes, "source": source, "notes": notes}
    about = export.of_network(generator, variables, **settings).about
    (batch,) = jax.export.symbolic_shape("batch")
    shapes = export.shapes_of_inputs(about, batch)
    names = [name for name in ("z", "y") if name in shapes]

    def function(*inputs):
        key = jax.random.key(seed)
        return generator.apply(*variables, key, *inputs, train=False)[0]

    def one(*example):
        outputs = function(*(value[None] for value in example))
        return jax.tree.map(lambda leaf: leaf[0], outputs)

    # Noise for any number of examples is no constant; for one example it is.
    program = _Program(jax.vmap(one) if about["random"] else function, [shapes[n] for n in names])

    examples = _examples(shapes, names, latent, 3)
    wanted = jax.jit(jax.vmap(one))(*examples)
    outputs = ["samples", "samples_of_y"][: len(jax.tree.leaves(wanted))]
    try:
        with _quiet():
            model: Any = to_onnx(
                program,
                [shapes[name] for name in names],
                model_name="generator",
                input_names=names,
                output_names=outputs,
            )
            content = _with_metadata(model, about)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors; it warns of shapes that it finds out itself
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
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
    write_whole(Path(path), content)
    return about


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop warnings of shapes that the converter does not know, which runtimes find out."""
    logger = logging.getLogger("onnx_ir")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


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


class _Program:
    """A function that consists of operations alone which no other operations are in."""

    def __init__(self, function: Callable[..., Any], shapes: Sequence[jax.ShapeDtypeStruct]):
        closed = jax.make_jaxpr(function)(*shapes)
        needed = [True] * len(closed.jaxpr.outvars)
        self._jaxpr, self._used = partial_eval.dce_jaxpr(closed.jaxpr, needed)
        self._consts = closed.consts

    def __call__(self, *inputs: Any) -> tuple[Any, ...]:
        given = [value for value, is_used in zip(inputs, self._used, strict=True) if is_used]
        return tuple(_evaluate(self._jaxpr, self._consts, given))


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
    if name == "pad" and isinstance(given[0], Tracer):
        return [_padded(given[0], given[1], params["padding_config"])]
    params = eqn.primitive.get_bind_params(params)
    fixed = all(isinstance(size, int) for var in eqn.outvars for size in var.aval.shape)
    known = fixed and not any(isinstance(value, Tracer) for value in given)
    with jax.ensure_compile_time_eval() if known else contextlib.nullcontext():
        results = eqn.primitive.bind(*given, **params)
    return results if eqn.primitive.multiple_results else [results]


def _padded(x: Any, value: Any, config: Sequence[tuple[int, int, int]]) -> Any:
    """Pad or crop by other operations: jax2onnx's takes no batch of any size."""
    for axis, (low, high, interior) in enumerate(config):
        if interior:
            raise NotImplementedError("pad with zeros set in")
        if low < 0 or high < 0:
            x = lax.slice_in_dim(x, max(0, -low), x.shape[axis] - max(0, -high), axis=axis)
        sides = [
            jnp.broadcast_to(value, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
            for size in (max(0, low), max(0, high))
        ]
        parts = [part for part in (sides[0], x, sides[1]) if part.shape[axis] != 0]
        x = lax.concatenate(parts, axis) if len(parts) > 1 else x
    return x
