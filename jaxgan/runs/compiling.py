"""Words on the terminal while XLA compiles, so that nobody thinks that a command hangs."""

import contextlib
import re
import sys
import threading
from collections.abc import Iterator

import jax
from tqdm import tqdm

from jaxgan.runs import hosts

_PATIENCE = 2.0  # seconds, in which most programs are compiled, or read from the disk
_EVENT = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Say which program is being compiled, and how long it took, if it takes long."""
    waiting: dict[tuple[int, str], threading.Timer] = {}

    def begin(event: str, _: float, **facts) -> None:
        if event == _EVENT:
            name = facts.get("fun_name", "a program")
            timer = threading.Timer(_PATIENCE, _say, [f"compiling {_plain(name)} ..."])
            timer.daemon = True  # Ctrl-C does not wait for it
            waiting[threading.get_ident(), name] = timer
            timer.start()

    def end(event: str, seconds: float, **facts) -> None:
        if event == _EVENT:
            name = facts.get("fun_name", "a program")
            timer = waiting.pop((threading.get_ident(), name), None)
            if timer is not None and not timer.is_alive():
                _say(f"compiled {_plain(name)} in {seconds:.0f} s")
            elif timer is not None:
                timer.cancel()

    jax.monitoring.register_scalar_listener(begin)
    jax.monitoring.register_event_duration_secs_listener(end)
    try:
        yield
    finally:
        jax.monitoring.unregister_scalar_listener(begin)
        jax.monitoring.unregister_event_duration_listener(end)
        for timer in waiting.values():
            timer.cancel()


def _plain(name: str) -> str:
    """Return the name of a function, which JAX gives as jit(function)."""
    return re.sub(r"^\w+\((.*)\)$", r"\1", name)


def _say(text: str) -> None:
    if hosts.writes():
        with contextlib.suppress(OSError):
            tqdm.write(text, file=sys.stderr)
