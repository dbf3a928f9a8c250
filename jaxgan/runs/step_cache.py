"""Steps that are kept on disk as they were traced, so that the next start does not trace them.

Once its programs are compiled, most of a start is JAX tracing the steps in Python. What comes of
it, StableHLO, is a function of the settings, of this package and of JAX, and lies beside the
compiled programs under a name made of all of them.
"""

import contextlib
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from functools import cache, wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from jax import export

import jaxgan
from jaxgan._files import write_whole
from jaxgan.runs import program_cache
from jaxgan.types import Step

_TRACED_BY = ("jax", "jaxlib", "flax", "optax")
_NOT_TRACED = re.compile("cache|_dir$|_log|dump|profile")  # settings of JAX that change no program


def keep_traced(step: Step, about: str) -> Step:
    """Trace a step, or take what an earlier start traced of one that was built from the same.

    Both are the same program. Where no programs are kept, the step is traced as it is.

    Args:
        step: not yet compiled.
        about: all that it was built from, besides this package; it is part of the name of what is
            kept, beside the shapes that the step is called with.
    """
    name = getattr(step, "__name__", "step")

    @wraps(step)
    def traced(state, batch, *, axis_name: Any = None, norms: bool | jax.Array = True):
        directory = program_cache.directory()
        if directory is None or axis_name is not None or norms is not True:
            return step(state, batch, axis_name=axis_name, norms=norms)
        leaves, tree = jax.tree.flatten((state, batch))
        shapes = [str(jax.typeof(leaf)) for leaf in leaves]
        key = _sha256([about, str(tree), *shapes, *_surroundings()])
        path = directory / f"{name}_as_traced-{key}-cache"
        found = _read(path, key)
        if found is None:
            found = _trace(step, tree, leaves)
            if found is None:
                return step(state, batch)
            _write(path, key, *found)
        program, names = found
        outputs = program.call(*map(_plain, leaves))
        state_leaves, state_tree = jax.tree.flatten(state)
        outputs, metrics = outputs[: len(state_leaves)], outputs[len(state_leaves) :]
        outputs = [_like(*pair) for pair in zip(outputs, state_leaves, strict=True)]
        return jax.tree.unflatten(state_tree, outputs), dict(zip(names, metrics, strict=True))

    return traced


def _trace(step: Step, tree: Any, leaves: list[Any]) -> tuple[export.Exported, list[str]] | None:
    """Return the program and the names of its metrics; None if it cannot be kept."""
    names: list[str] = []

    def flat(*plain):
        typed = [_like(*pair) for pair in zip(plain, leaves, strict=True)]
        state, metrics = step(*jax.tree.unflatten(tree, typed))
        names[:] = sorted(metrics)
        return [*map(_plain, jax.tree.leaves(state)), *(metrics[name] for name in names)]

    shapes = [jax.eval_shape(_plain, leaf) for leaf in leaves]
    try:
        return export.export(jax.jit(flat))(*shapes), names
    except (NotImplementedError, ValueError) as error:  # such as a call back to Python
        logging.info("the steps are traced by every start: %s", error)
        return None


def _plain(leaf: Any) -> Any:
    """Return the words of a random key: what is kept has arrays of numbers only."""
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf


def _like(plain: Any, leaf: Any) -> Any:
    is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.wrap_key_data(plain, impl=jax.random.key_impl(leaf)) if is_key else plain


def _read(path: Path, key: str) -> tuple[export.Exported, list[str]] | None:
    try:
        head, content = zlib.decompress(path.read_bytes()).split(b"\n", 1)
        found = json.loads(head)
        if found["key"] == key:  # not another one that was renamed
            return export.deserialize(bytearray(content)), found["metrics"]
    except (OSError, ValueError, KeyError, zlib.error) as error:
        logging.info("%s: %s", path, error)
    return None


def _write(path: Path, key: str, program: export.Exported, names: list[str]) -> None:
    head = json.dumps({"key": key, "metrics": names}).encode()
    with contextlib.suppress(OSError):  # a full disk, say: the next start traces again
        write_whole(path, zlib.compress(head + b"\n" + program.serialize()))


def _surroundings() -> list[str]:
    """Return what a trace depends on besides the function: the code, and how JAX is set up."""
    settings = {
        name: getattr(jax.config, name, value)  # as the contexts have it that this is called in
        for name, value in jax.config.values.items()
        if not _NOT_TRACED.search(name)
    }
    versions = [version(name) for name in _TRACED_BY]
    return [_sources(), str(versions), str(sorted(settings.items())), jax.default_backend()]


@cache
def _sources() -> str:
    root = Path(jaxgan.__file__).parent
    paths = sorted(root.rglob("*.py"))
    return _sha256(f"{path.relative_to(root)}\n{path.read_text('utf-8')}" for path in paths)


def _sha256(texts: Iterable[str]) -> str:
    sha = hashlib.sha256()
    for text in texts:
        sha.update(f"{len(text)}\n{text}".encode())
    return sha.hexdigest()
