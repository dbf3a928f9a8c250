"""Terms on the discriminator's logits and on the parameters."""

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["Regularizer"]


class Regularizer(NamedTuple):
    """First version: see the brief of part D."""

    init: Callable[[], Any]
    apply: Callable[..., Any]
