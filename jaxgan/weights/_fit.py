"""Putting named arrays into a tree of variables, with an account of what does not fit."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import told

_SHOWN = 4


class Fitted(NamedTuple):
    """Variables that took what fits.

    Attributes:
        tree: the variables.
        misfits: what does not fit, a phrase each: the leaf, its shape there and here.
        taken: how many leaves were taken.
    """

    tree: Any
    misfits: list[str]
    taken: int

    def told(self) -> str:
        """Say what does not fit, in one line."""
        more = len(self.misfits) - _SHOWN
        some = "; ".join(self.misfits[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        return f"{len(self.misfits)} leaves do not fit: {some}"


def fit(like: Any, leaves: dict[str, Any]) -> Fitted:
    """Put arrays into a tree by the paths of its leaves.

    Parameters have to be there, and statistics of batches; other states (counters, anchors) stay as
    they are if they are not given. The vectors of `nets.spectral_norm` are computed from the
    kernels where they are not given.

    Args:
        like: `Variables`, whose leaves remain where nothing fits.
        leaves: arrays by paths, such as `params.Conv_0.kernel`.

    Returns:
        The variables, and what does not fit.

    Raises:
        TypeError: `leaves` is no dictionary.

    Example:
        >>> from jaxgan import weights
        >>> like = Variables({"kernel": jnp.zeros((2, 3)), "bias": jnp.zeros(3)})
        >>> given = {"params.kernel": np.ones((2, 3)), "params.bias": np.ones(4)}
        >>> weights.fit(like, given).told()
        '1 leaves do not fit: params.bias is [4] there and [3] here'
    """
    if not isinstance(leaves, dict):
        raise TypeError(f"leaves is {told(leaves)}; expected arrays by their paths")
    misfits, taken = [], set()

    def choose(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if not jnp.issubdtype(leaf.dtype, jnp.inexact):
            taken.add(name)  # a counter begins anew
            return leaf
        source = _source(name, leaves)
        if source is None:
            vector = _singular_vector(name, leaf, leaves)
            if vector is None and _is_needed(name):
                misfits.append(f"{name} {list(leaf.shape)} is not there")
            return leaf if vector is None else vector
        taken.add(source)
        array = leaves[source]
        if array.shape != leaf.shape:
            misfits.append(f"{name} is {list(array.shape)} there and {list(leaf.shape)} here")
            return leaf
        return jnp.asarray(np.asarray(array), leaf.dtype)

    tree = jax.tree_util.tree_map_with_path(choose, like)
    for name in sorted(leaves.keys() - taken):
        if _is_needed(name):
            misfits.append(f"{name} {list(leaves[name].shape)} is not here")
    return Fitted(tree, misfits, len(taken & leaves.keys()))


def _is_needed(name: str) -> bool:
    return name.startswith("params.") or "batch_stats." in name


def _source(name: str, leaves: dict[str, Any]) -> str | None:
    """Find a leaf: a state may have been wrapped into that of a regularizer or an augmentation."""
    if name in leaves:
        return name
    for start in ("batch_stats.", "averages."):
        _, found, end = name.partition(start)
        if found and f"state.{start}{end}" in leaves:
            return f"state.{start}{end}"
        others = [one for one in leaves if found and one.endswith(f".{start}{end}")]
        if len(others) == 1:
            return others[0]
    return None


def _singular_vector(name: str, leaf: Any, leaves: dict[str, Any]) -> jax.Array | None:
    """Return what power iteration would converge to for the kernel that this vector is of."""
    parts = name.split(".")
    for i in range(1, len(parts)):
        kernel = leaves.get(".".join(["params", *parts[i:]]))
        if parts[0] == "state" and kernel is not None and kernel.shape[-1:] == leaf.shape:
            matrix = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])
            return jnp.asarray(np.linalg.svd(matrix, full_matrices=False)[2][0], leaf.dtype)
    return None
