"""The last layers of discriminators that may have one of several."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array, lax

from jaxgan._checks import check_array
from jaxgan.models.layers import Module, at_least_float32

__all__ = ["Slice"]


class Slice(Module):
    """The last layer of a slicing adversarial network (SAN, arXiv:2301.12811).

        <h, stop(w)>,  <stop(h), w>,    |w| = 1

    The logit teaches h, and G, and leaves w as it is; the other one is for `recipes.slicing`, which
    turns w alone. There is no bias, and no scale but that of h.

    Attributes:
        dtype: type of the computation, at least float32.

    Raises:
        ValueError: when called, h is not floats `[B, N]`.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from jaxgan.models.heads import Slice
        >>> params = {"params": {"direction": jnp.array([3.0, 4.0])}}
        >>> logits, directions = Slice().apply(params, jnp.array([[5.0, 0.0], [0.0, 5.0]]))
        >>> print(logits.round(3), directions.round(3))
        [3. 4.] [3. 4.]
    """

    dtype: Any = None

    @nn.compact
    def __call__(self, h: Array) -> tuple[Array, Array]:
        """Map features `[B, N]` to two logits `[B]` of one value."""
        check_array("h", h, "[B, N]")
        h = h.astype(at_least_float32(self.dtype))
        # Of length 1, about: a step turns a short vector by much, and a long one by little.
        about_1 = nn.initializers.normal(h.shape[-1] ** -0.5)
        w = self.param("direction", about_1, h.shape[-1:], jnp.float32)
        w = (w / jnp.maximum(jnp.linalg.norm(w), 1e-12)).astype(h.dtype)
        return h @ lax.stop_gradient(w), lax.stop_gradient(h) @ w


def last_layers(h: Array, last: str, classes: int | None, **settings: Any) -> Any:
    """Map D's features `[B, N]` to logits `[B]`, with heads beside them where there are some.

    Args:
        h: the features.
        last: `"linear"`, or `"san"` for `Slice`.
        classes: number of classes to predict; None for none.
        **settings: of the dense layers.

    Returns:
        Logits; with `classes`, a pair of them and class logits `[B, classes]`; with `"san"`, the
        pair of `Slice`.

    Raises:
        ValueError: `last` is none of the two, or `"san"` is given with `classes`.
    """
    if last not in ("linear", "san"):
        raise ValueError(f'last is "linear" or "san", not {last!r}')
    if last == "san":
        if classes is not None:
            raise ValueError(f'last="san" does not go with classes={classes}; expected one of them')
        return Slice(dtype=settings["dtype"], name="slice")(h)
    logits = nn.Dense(1, **settings)(h).squeeze(-1)
    if classes is None:
        return logits
    return logits, nn.Dense(classes, name="classes", **settings)(h)
