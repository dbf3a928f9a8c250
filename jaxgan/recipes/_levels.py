"""Whether the levels of an image agree (CAT, Hyun et al. 2026, arXiv:2605.26449).

An adversarial loss on every level makes each of them look real, but not like the same image: later
levels may overwrite what earlier ones have drawn.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan._checks import check_array

__all__ = ["Alignment", "alignment", "level_consistency"]


class Alignment(NamedTuple):
    """How levels x_1, ..., x_K approach the last one, each `[K - 1]`, of a level and the next.

    Attributes:
        distance: root mean square of x_K - x_k.
        change: root mean square of x_(k+1) - x_k.
        direction: mean cosine between x_(k+1) - x_k and x_K - x_k, 1 where every level goes
            straight to the last, and 0 where it does not move.
    """

    distance: jax.Array
    change: jax.Array
    direction: jax.Array


def alignment(levels: jax.Array) -> Alignment:
    """Measure whether levels go straight to the last one: CAT's three diagnostics.

    Args:
        levels: `[B, K, ...]`, such as G of `recipes.gat` gives, at least two.

    Returns:
        Three numbers for each level but the last.

    Raises:
        ValueError: `levels` is not floats `[B, K, ...]` with at least two levels.

    Example:
        >>> levels = jnp.array([[[0.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
        >>> for name, values in recipes.alignment(levels)._asdict().items():
        ...     print(name, values.round(2))
        distance [1.   0.71]
        change [0.71 0.71]
        direction [0.71 1.  ]
    """
    flat = _flat(levels)
    change, rest = flat[:, 1:] - flat[:, :-1], flat[:, -1:] - flat[:, :-1]
    lengths = jnp.linalg.norm(change, axis=-1) * jnp.linalg.norm(rest, axis=-1)
    cosine = jnp.sum(change * rest, axis=-1) / jnp.where(lengths == 0, 1, lengths)

    def size(x):
        return jnp.sqrt(jnp.mean(jnp.square(x), axis=(0, 2)))

    return Alignment(size(rest), size(change), jnp.mean(cosine, axis=0))


def level_consistency(levels: jax.Array) -> jax.Array:
    """Draw levels and the last one together, later levels more than earlier ones.

        1 / (K - 1) sum_k mean (x_k - x_K)^2 / (K - k),    k = 1, ..., K - 1

    The authors have published no code: these weights, and 0.1 for the whole, are those of a
    reimplementation by others. The last level has a gradient, too.

    Args:
        levels: `[B, K, ...]`, at least two.

    Returns:
        `[B]`, >= 0.

    Raises:
        ValueError: as in `alignment`.

    Example:
        >>> levels = jnp.array([[[0.0], [1.0], [3.0]]])
        >>> print(recipes.level_consistency(levels))  # (9 / 2 + 4) / 2
        [4.25]
    """
    flat = _flat(levels)
    rest = jnp.mean(jnp.square(flat[:, :-1] - flat[:, -1:]), axis=-1)
    return jnp.mean(rest / jnp.arange(flat.shape[1] - 1, 0, -1, dtype=rest.dtype), axis=1)


def _flat(levels: jax.Array) -> jax.Array:
    check_array("levels", levels, "[B, K, ...]")
    if levels.shape[1] < 2:
        raise ValueError(f"levels has shape {levels.shape}; expected at least two levels in axis 1")
    return levels.reshape(*levels.shape[:2], -1)
