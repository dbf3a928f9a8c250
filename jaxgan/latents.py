"""Where samples begin: distributions of the latent z, and ways to walk between its points.

A sampler is a `Latent`: `(key, n) -> z` with z of shape `[n, dim]`, float32.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_array, check_integers, check_numbers, told
from jaxgan._handed import refuse_factories

__all__ = [
    "Latent",
    "categorical",
    "concatenate",
    "describe",
    "described",
    "normal",
    "slerp",
    "truncated",
    "uniform",
]


class Latent(Protocol):
    """A sampler of latents."""

    def __call__(self, key: jax.Array, n: int, /) -> jax.Array:
        """Draw latents.

        Args:
            key: random key.
            n: how many.

        Returns:
            `[n, dim]`, float32.
        """
        ...


@dataclasses.dataclass(frozen=True, eq=False)  # samplers are static arguments: told by identity
class _Told:
    """A sampler that can say what it is."""

    draw: Callable[[jax.Array, int], jax.Array]
    about: dict[str, Any]

    def __call__(self, key: jax.Array, n: int, /) -> jax.Array:
        return self.draw(key, n)


def normal(dim: int) -> Latent:
    """Sample from the standard normal: z ~ N(0, I).

    Args:
        dim: number of components.

    Returns:
        `(key, n) -> [n, dim]`.

    Raises:
        ValueError: `dim` is below 1.

    Example:
        >>> latents.normal(16)(jax.random.key(0), 3).shape
        (3, 16)
    """
    check_integers(dim=dim)
    about = {"distribution": "normal", "dim": dim}
    return _Told(lambda key, n: jax.random.normal(key, (n, dim)), about)


def uniform(dim: int) -> Latent:
    """Sample from the cube: z ~ U[-1, 1)^dim, as in DCGAN (arXiv:1511.06434, section 3).

    Args:
        dim: number of components.

    Returns:
        `(key, n) -> [n, dim]`, in [-1, 1).

    Raises:
        ValueError: `dim` is below 1.

    Example:
        >>> z = latents.uniform(2)(jax.random.key(0), 1000)
        >>> bool((jnp.abs(z) <= 1).all())
        True
    """
    check_integers(dim=dim)
    about = {"distribution": "uniform", "dim": dim}
    return _Told(lambda key, n: jax.random.uniform(key, (n, dim), minval=-1.0, maxval=1.0), about)


def truncated(dim: int, threshold: float) -> Latent:
    """Sample from a truncated normal (the truncation trick, BigGAN, arXiv:1809.11096, section 3.1).

    Components beyond the threshold are drawn again. This trades variety for quality when sampling:
    the smaller the threshold, the more typical the samples.

    Args:
        dim: number of components.
        threshold: largest magnitude of a component, positive.

    Returns:
        `(key, n) -> [n, dim]`, in [-threshold, threshold].

    Raises:
        ValueError: `dim` is below 1, or `threshold` is not positive.

    Example:
        >>> z = latents.truncated(2, threshold=0.5)(jax.random.key(0), 1000)
        >>> bool((jnp.abs(z) <= 0.5).all())
        True
    """
    check_integers(dim=dim)
    check_numbers("(0, inf)", threshold=threshold)
    about = {"distribution": "truncated", "dim": dim, "threshold": threshold}
    return _Told(
        lambda key, n: jax.random.truncated_normal(key, -threshold, threshold, (n, dim)), about
    )


def categorical(categories: int) -> Latent:
    """Sample one of several, one-hot: the discrete code of InfoGAN (arXiv:1606.03657, section 7.1).

    Args:
        categories: how many there are; each is equally likely.

    Returns:
        `(key, n) -> [n, categories]`, rows with a single 1.

    Raises:
        ValueError: `categories` is below 1.

    Example:
        >>> latents.categorical(3)(jax.random.key(0), 2).sum(axis=1).tolist()
        [1.0, 1.0]
    """
    check_integers(categories=categories)
    about = {"distribution": "categorical", "categories": categories}
    return _Told(
        lambda key, n: jax.nn.one_hot(jax.random.randint(key, (n,), 0, categories), categories),
        about,
    )


def concatenate(*latents: Latent) -> Latent:
    """Sample independent parts, side by side: for example noise and a code.

    Args:
        *latents: samplers of `[n, dim_i]`.

    Returns:
        `(key, n) -> [n, sum of dim_i]`.

    Raises:
        TypeError: one of them is a factory such as `normal` itself.
        ValueError: there are none.

    Example:
        >>> latent = latents.concatenate(latents.normal(4), latents.categorical(10))
        >>> latent(jax.random.key(0), 2).shape
        (2, 14)
    """
    if not latents:
        raise ValueError("latents is empty; expected at least one sampler")
    for latent in latents:
        refuse_factories(latent=latent)

    def sample(key: jax.Array, n: int) -> jax.Array:
        keys = jax.random.split(key, len(latents))
        return jnp.concatenate([latent(k, n) for latent, k in zip(latents, keys, strict=True)], -1)

    if not all(isinstance(latent, _Told) for latent in latents):
        return sample
    return _Told(sample, {"distribution": "concatenate", "parts": list(map(describe, latents))})


def describe(latent: Latent) -> dict[str, Any]:
    """Say what a sampler of this module is, in JSON values, for `described`.

    Args:
        latent: of this module.

    Returns:
        Its distribution and its settings.

    Raises:
        TypeError: it is a function of your own, or a factory such as `normal` itself.

    Example:
        >>> latents.describe(latents.truncated(16, threshold=0.5))
        {'distribution': 'truncated', 'dim': 16, 'threshold': 0.5}
    """
    refuse_factories(latent=latent)
    if not isinstance(latent, _Told):
        raise TypeError(
            f"latent is {told(latent)}; expected a sampler of jaxgan.latents, which says what it is"
        )
    return latent.about


def described(about: dict[str, Any]) -> Latent:
    """Make the sampler that a description is of.

    Args:
        about: what `describe` returned.

    Returns:
        `(key, n) -> [n, dim]`.

    Raises:
        ValueError: it describes no sampler of this module.

    Example:
        >>> latents.described({"distribution": "normal", "dim": 16})(jax.random.key(0), 3).shape
        (3, 16)
    """
    match about:
        case {"distribution": "concatenate", "parts": list(parts)}:
            return concatenate(*map(described, parts))
        case {"distribution": "categorical", "categories": int(categories)}:
            return categorical(categories)
        case {"distribution": "truncated", "dim": int(dim), "threshold": float(threshold)}:
            return truncated(dim, threshold)
        case {"distribution": "normal" | "uniform" as name, "dim": int(dim)}:
            return normal(dim) if name == "normal" else uniform(dim)
    raise ValueError(
        f"about is {about!r:.200}; expected what latents.describe returned, such as "
        f"{{'distribution': 'normal', 'dim': 100}}"
    )


def slerp(start: jax.Array, end: jax.Array, t: jax.Array | float) -> jax.Array:
    """Walk along the great circle between two latents (White 2016, arXiv:1609.04468).

        sin((1 - t) a) / sin(a) start + sin(t a) / sin(a) end,    a = angle between start and end

    Normal latents in high dimension lie near a sphere; a straight line between two of them leaves
    it, and shows pictures that no sample would show. Parallel latents are joined by that line.

    Args:
        start: `[..., dim]`.
        end: `[..., dim]`.
        t: in [0, 1], broadcast against `[..., 1]`.

    Returns:
        `[..., dim]`; `start` at t = 0 and `end` at t = 1.

    Raises:
        ValueError: start and end differ in dim, or are no arrays of floats.

    Example:
        >>> start, end = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
        >>> print(latents.slerp(start, end, 0.5).round(3))
        [0.707 0.707]
    """
    for name, point in ("start", start), ("end", end):
        check_array(name, point, "[...]")
    if start.shape[-1:] != end.shape[-1:]:
        raise ValueError(f"start has shape {start.shape}, end {end.shape}; expected one dim")
    if not isinstance(t, jax.Array | np.ndarray):
        check_numbers("(-inf, inf)", t=t)
    lengths = jnp.linalg.norm(start, axis=-1) * jnp.linalg.norm(end, axis=-1)
    cosine = jnp.sum(start * end, axis=-1) / jnp.maximum(lengths, 1e-12)
    angle = jnp.arccos(jnp.clip(cosine, -1.0, 1.0))[..., None]
    sine = jnp.sin(angle)
    straight = sine < 1e-4
    safe = jnp.where(straight, 1.0, sine)
    from_start = jnp.where(straight, 1 - t, jnp.sin((1 - t) * angle) / safe)
    from_end = jnp.where(straight, t, jnp.sin(t * angle) / safe)
    return from_start * start + from_end * end
