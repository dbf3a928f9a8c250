"""Trained generators as files that need nothing of how they were trained.

A file is a zip archive of three members, stored without compression:

    generator.json          what the generator expects and makes; see `Generator.about`
    generator.stablehlo     the program, as `jax.export` serializes it, for any batch size and for
                            CPU, CUDA and TPU: `(weights, inputs) -> outputs`
    weights.safetensors     its weights, by name

Whoever has JAX and safetensors alone can run it (`docs/export.md`). The weights are inputs of the
program rather than constants in it, so that it computes the same bits as the network that it comes
from, and XLA has no constants to fold.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax.interpreters import partial_eval

from jaxgan._checks import check_array, check_integers, check_labels, told
from jaxgan._generator_file import FORMAT, ExportError, read, write
from jaxgan._handed import check_networks
from jaxgan.latents import Latent, describe, described
from jaxgan.types import Network, Variables

__all__ = ["ExportError", "Generator", "load", "of_network", "save"]

PLATFORMS = ("cpu", "cuda", "tpu")
_LAST_SEED = 2**32 - 1


class Generator:
    """A trained generator, `(z, y) -> pictures`, wherever it comes from.

    Attributes:
        about: what it expects and makes, in JSON values:

            - `latent`: the distribution of z, see `jaxgan.latents.describe`; None if it takes no z.
            - `classes`: the names of the classes, if y is a label; else None.
            - `source`: the shape of the pictures y that others are made from, values in [-1, 1]; or
              None.
            - `shape`: of a sample; a list of them for a generator of several domains.
            - `range`: of the values of pictures, which a generator without a final tanh may exceed
              a little; None for what is no picture.
            - `random`: whether `seed` matters: noise in the layers, or dropout.
            - `notes`: what else was noted, such as the run and its step.
    """

    def __init__(self, about: dict[str, Any], apply: Callable[[dict[str, Any]], Any]):
        self.about = about
        self._apply = apply
        self._latent = None if about["latent"] is None else described(about["latent"])

    def __repr__(self) -> str:
        return f"<generator of {self.about['shape']} from {', '.join(self._inputs())}>"

    def latent(self, key: jax.Array, n: int) -> jax.Array:
        """Draw latents z `[n, dim]` of the distribution that it was trained with.

        Raises:
            ValueError: it takes none.
        """
        if self._latent is None:
            raise ValueError("the generator takes no latents; give it pictures: y=...")
        check_integers(n=n)
        return self._latent(key, n)

    def __call__(self, z: Any = None, y: Any = None, *, seed: int = 0) -> Any:
        """Generate samples.

        Args:
            z: latents `[B, dim]`, if it takes any.
            y: labels `[B]` or pictures `[B, H, W, C]` in [-1, 1], if it takes any.
            seed: of the randomness in the network, if there is some.

        Returns:
            `[B, ...]`, float; pictures are in [-1, 1]: `jaxgan.data.to_uint8` makes bytes of them.

        Raises:
            TypeError: z or y is no array, or seed no integer.
            ValueError: z or y is missing, too many, or of another shape or range.
        """
        given = {"z": z, "y": y}
        for name, value in given.items():
            if value is not None and name not in self._inputs():
                raise ValueError(f"{name} is given; the generator takes none, leave it out")
        for name, expected in self._inputs().items():
            if given[name] is None:
                raise ValueError(f"{name} is None; the generator expects {expected}")
        check_integers(0, seed=seed)
        if seed > _LAST_SEED:
            raise ValueError(f"seed is {seed}; expected at most {_LAST_SEED}")
        inputs: dict[str, Any] = {"seed": np.uint32(seed)}
        if z is not None:
            inputs["z"] = self._checked("z", z, self._latent_dim())
        if y is not None:
            inputs["y"] = self._condition(y)
        if z is not None and y is not None and len(z) != len(y):
            raise ValueError(f"z has {len(z)} rows and y {len(y)}; expected as many")
        return self._apply(inputs)

    def _inputs(self) -> dict[str, str]:
        """What it is called with, in words."""
        found, classes = {}, self.about["classes"]
        if self._latent is not None:
            kind = self.about["latent"]["distribution"]
            found["z"] = f"latents [B, {self._latent_dim()}] ({kind}): generator.latent(key, n)"
        if classes is not None:
            found["y"] = f"labels [B] from 0 to {len(classes) - 1}"
        elif self.about["source"] is not None:
            found["y"] = f"pictures [B, {', '.join(map(str, self.about['source']))}] in [-1, 1]"
        return found

    def _latent_dim(self) -> int:
        return jax.eval_shape(lambda: self.latent(jax.random.key(0), 1)).shape[1]

    def _checked(self, name: str, value: Any, *shape: int) -> Any:
        check_array(name, value, f"[B, {', '.join(map(str, shape))}]")
        return jnp.asarray(value, jnp.float32)

    def _condition(self, y: Any) -> Any:
        if self.about["classes"] is None:
            return self._checked("y", y, *self.about["source"])
        y = np.asarray(y)
        check_labels("y", y, len(self.about["classes"]))
        if y.min() < 0:
            raise ValueError(f"y has labels from {y.min()}; expected {self._inputs()['y']}")
        return jnp.asarray(y, jnp.int32)


def of_network(
    generator: Network,
    variables: Variables,
    *,
    latent: Latent | None = None,
    classes: Sequence[str] | None = None,
    source: Sequence[int] | None = None,
    notes: dict[str, Any] | None = None,
) -> Generator:
    """Make a `Generator` of a network and its variables, without a file.

    Args:
        generator: called with z, if there is a `latent`, and with y, if there are classes or a
            source; in evaluation mode.
        variables: of it, such as `state.ema`.
        latent: sampler of z, of `jaxgan.latents`; None if it takes no z.
        classes: names of the classes whose labels it takes.
        source: shape `[H, W, C]` of the pictures that it takes.
        notes: JSON values to keep with it.

    Returns:
        The generator.

    Raises:
        TypeError: `generator` is no `Network`, or `latent` not of `jaxgan.latents`.
        ValueError: it would be called with nothing, or with labels and pictures.

    Example:
        >>> from flax import linen
        >>> from jaxgan import export
        >>> network = nets.from_linen(linen.Dense(2))
        >>> variables = Variables(*network.init(jax.random.key(0), jnp.ones((1, 16))))
        >>> generator = export.of_network(network, variables, latent=latents.normal(16))
        >>> generator(generator.latent(jax.random.key(0), 4)).shape
        (4, 2)
    """
    function, weights, about = _parts(generator, variables, latent, classes, source, notes)
    compiled = jax.jit(function)
    return Generator(about, lambda inputs: compiled(weights, inputs))


def save(
    path: str | Path,
    generator: Network,
    variables: Variables,
    *,
    latent: Latent | None = None,
    classes: Sequence[str] | None = None,
    source: Sequence[int] | None = None,
    notes: dict[str, Any] | None = None,
    platforms: Sequence[str] = PLATFORMS,
) -> dict[str, Any]:
    """Write a generator to a file, from which `load` reads it without its code.

    Args:
        path: the file; an existing one is replaced when the new one is complete.
        generator: as in `of_network`, and all that follow.
        variables: as in `of_network`.
        latent: as in `of_network`.
        classes: as in `of_network`.
        source: as in `of_network`.
        notes: as in `of_network`.
        platforms: what it is to run on, of `"cpu"`, `"cuda"`, `"rocm"` and `"tpu"`.

    Returns:
        What the file says about it; see `Generator`.

    Raises:
        OSError: the file cannot be written.
        TypeError: as in `of_network`.
        ValueError: as in `of_network`, or there is no such platform; as an `ExportError`, the
            network cannot be exported.

    Example:
        >>> import tempfile
        >>> from flax import linen
        >>> from jaxgan import export
        >>> network = nets.from_linen(linen.Dense(2))
        >>> variables = Variables(*network.init(jax.random.key(0), jnp.ones((1, 16))))
        >>> with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        ...     about = export.save(file.name, network, variables, latent=latents.normal(16))
        ...     generator = export.load(file.name)
        >>> generator(generator.latent(jax.random.key(0), 4)).shape
        (4, 2)
    """
    unknown = sorted({*platforms} - {*PLATFORMS, "rocm"})
    if unknown or not platforms:
        raise ValueError(f"platforms={platforms!r}; expected some of {', '.join(PLATFORMS)}, rocm")
    function, weights, about = _parts(generator, variables, latent, classes, source, notes)
    shapes = _shapes(weights), shapes_of_inputs(about, jax.export.symbolic_shape("batch")[0])
    try:
        exported = jax.export.export(jax.jit(function), platforms=platforms)(*shapes)
        program = bytes(exported.serialize())
    except Exception as error:
        what = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]
        raise ExportError(
            f"the network cannot be exported for any batch size ({what}); in its code, write "
            f"x.shape[0] for len(x), and call nothing outside of JAX"
        ) from error
    write(Path(path), about, program, weights)
    return about


def load(path: str | Path) -> Generator:
    """Read a generator that `save` wrote.

    The program in it computes with arrays and can do nothing else: no code of the file is executed
    in Python, and a program that calls functions outside of XLA is refused.

    Args:
        path: the file.

    Returns:
        The generator.

    Raises:
        ExportError: it holds no generator, or is damaged.
        OSError: it cannot be read.

    Example:
        >>> from jaxgan import export
        >>> generator = export.load("generator.zip")  # doctest: +SKIP
    """
    if not isinstance(path, str | Path):
        raise TypeError(f"path is {told(path)}; expected the path of a file")
    about, program, weights = read(Path(path))
    compiled = jax.jit(program.call)
    weights = {name: jnp.asarray(value) for name, value in weights.items()}
    return Generator(about, lambda inputs: compiled(weights, inputs))


def named(tree: Any) -> dict[str, Any]:
    """Return the leaves of a tree by their paths, as `params.Dense_0.kernel`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in leaves}


def filled(like: Any, weights: dict[str, Any]) -> Any:
    """Return a tree with these leaves, which are given by their paths.

    Raises:
        ExportError: a leaf is missing or left over, or of another shape or type.
    """
    leaves = named(like)
    if leaves.keys() != weights.keys():
        odd = ", ".join(sorted(leaves.keys() ^ weights.keys())[:3])
        raise ExportError(f"the weights are of another network: {odd}")
    for name, leaf in leaves.items():
        given = weights[name]
        if given.shape != leaf.shape or given.dtype != leaf.dtype:
            raise ExportError(
                f"{name} is {given.dtype}{list(given.shape)}; "
                f"expected {leaf.dtype}{list(leaf.shape)}"
            )
    return jax.tree.unflatten(jax.tree.structure(like), [jnp.asarray(weights[n]) for n in leaves])


def _parts(
    generator: Network,
    variables: Variables,
    latent: Latent | None,
    classes: Sequence[str] | None,
    source: Sequence[int] | None,
    notes: dict[str, Any] | None,
) -> tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]:
    """Return the function `(weights, inputs) -> outputs`, the weights it uses, and what it is."""
    check_networks(generator=generator)
    if classes is not None and source is not None:
        raise ValueError("classes and source are given; expected labels or pictures, not both")
    if latent is None and source is None:
        raise ValueError("latent and source are None; expected latents or pictures to begin with")
    variables = Variables(*variables)
    weights, structure = named(variables), jax.tree.structure(variables)
    shapes = _shapes(weights)

    def function(weights, inputs):
        # What it does not use is not among its weights: an encoder that G's player has, say.
        leaves = [
            weights.get(name, jnp.zeros(leaf.shape, leaf.dtype)) for name, leaf in shapes.items()
        ]
        taken = [inputs[name] for name in ("z", "y") if name in inputs]
        key = jax.random.key(inputs["seed"])
        return generator.apply(*structure.unflatten(leaves), key, *taken, train=False)[0]

    about: dict[str, Any] = {
        "format": FORMAT,
        "latent": None if latent is None else describe(latent),
        "classes": None if classes is None else list(classes),
        "source": None if source is None else list(source),
    }
    traced = jax.jit(function).trace(shapes, shapes_of_inputs(about, 1))
    (is_used, used), _ = jax.tree.unflatten(traced.in_tree, _used(traced.jaxpr))
    outputs = traced.out_info
    about |= {
        "shape": jax.tree.map(lambda leaf: list(leaf.shape[1:]), outputs),
        "range": [-1, 1] if all(leaf.ndim == 4 for leaf in jax.tree.leaves(outputs)) else None,
        "random": used["seed"],
        "notes": notes or {},
    }
    about = json.loads(json.dumps(about))  # as it comes back from a file
    return function, {name: leaf for name, leaf in weights.items() if is_used[name]}, about


def _used(closed: Any) -> list[bool]:
    """Say of every input of a program whether an output depends on it."""
    return partial_eval.dce_jaxpr(closed.jaxpr, [True] * len(closed.jaxpr.outvars))[1]


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), leaf.dtype), tree)


def shapes_of_inputs(about: dict[str, Any], batch: Any) -> dict[str, jax.ShapeDtypeStruct]:
    """Return the shapes of z, y and the seed, for a batch of a number, or of a symbol for any."""
    shapes = {"seed": jax.ShapeDtypeStruct((), np.uint32)}
    if about["latent"] is not None:
        latent = described(about["latent"])
        dim = jax.eval_shape(lambda: latent(jax.random.key(0), 1)).shape[1]
        shapes["z"] = jax.ShapeDtypeStruct((batch, dim), np.float32)
    if about["classes"] is not None:
        shapes["y"] = jax.ShapeDtypeStruct((batch,), np.int32)
    elif about["source"] is not None:
        shapes["y"] = jax.ShapeDtypeStruct((batch, *about["source"]), np.float32)
    return shapes
