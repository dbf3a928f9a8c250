"""Checks of what recipes are handed."""

from types import FunctionType
from typing import Any

from jaxgan._checks import told
from jaxgan.types import Network

__all__ = ["check_networks", "check_optimizers", "refuse_factories"]

_FACTORIES = {
    "jaxgan.augment": "augment",
    "jaxgan.distortions": "distortions",
    "jaxgan.latents": "latents",
    "jaxgan.losses": "losses",
    "jaxgan.masks": "masks",
    "jaxgan.penalties": "penalties",
    "jaxgan._approximate": "penalties",
    "jaxgan.regularizers": "regularizers",
    "jaxgan.schedules": "schedules",
}
"""The modules of factories, and where these are public."""


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
            name = f"{_FACTORIES[value.__module__]}.{value.__qualname__}"
            if "<locals>" not in name:
                raise TypeError(
                    f"{keyword} is the function {name} itself; expected what it returns: "
                    f"call it, as in {keyword}={name}(...)"
                )


def check_networks(**handed: Any) -> None:
    """Refuse a module of another library, which has to be made a `Network` first.

    Args:
        **handed: networks, by their keywords.

    Raises:
        TypeError: one of them is none.
    """
    for keyword, value in handed.items():
        if not isinstance(value, Network):
            raise TypeError(
                f"{keyword} is {told(value)}; expected a Network: make it with jaxgan.nets, as in "
                f"{keyword}=nets.from_linen(module)"
            )


def check_optimizers(**handed: Any) -> None:
    """Refuse what is no optimizer, such as `optax.adam` without its learning rate.

    Args:
        **handed: optimizers, by their keywords.

    Raises:
        TypeError: one of them is none.
    """
    for keyword, value in handed.items():
        if not (
            callable(getattr(value, "init", None)) and callable(getattr(value, "update", None))
        ):
            raise TypeError(
                f"{keyword} is {told(value)}; expected an optimizer, as in "
                f"{keyword}=optax.adam(2e-4, b1=0.5)"
            )
