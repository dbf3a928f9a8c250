"""One check of what recipes are handed."""

from types import FunctionType
from typing import Any

__all__ = ["refuse_factories"]

_FACTORIES = (
    "jaxgan.augment",
    "jaxgan.distortions",
    "jaxgan.latents",
    "jaxgan.losses",
    "jaxgan.masks",
    "jaxgan.penalties",
    "jaxgan.regularizers",
    "jaxgan.schedules",
)


def refuse_factories(**handed: Any) -> None:
    """Refuse a factory that is handed over instead of what it returns.

    Args:
        **handed: what a recipe was given, by its keyword.

    Raises:
        TypeError: one of them is a function of `jaxgan.losses`, `penalties`, ... itself.
    """
    for keyword, value in handed.items():
        # What the factories return is a local function or a tuple, never a function of the module.
        if isinstance(value, FunctionType) and value.__module__ in _FACTORIES:
            name = f"{value.__module__.removeprefix('jaxgan.')}.{value.__qualname__}"
            if "<locals>" not in name:
                raise TypeError(
                    f"{keyword} is the function {name} itself; expected what it returns: "
                    f"call it, as in {keyword}={name}(...)"
                )
