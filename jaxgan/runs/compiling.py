"""Words on the terminal while XLA compiles, so that nobody thinks that a command hangs."""

import contextlib
import re
import sys
import threading
from collections.abc import Iterator

import jax

from jaxgan.runs import hosts

_PATIENCE = 2.0  # seconds; most programs are compiled, or read from the disk, in less
_EVENT = "/jax/core/compile/backend_compile_duration"


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Say which program is being compiled, and how long that took, if it takes long."""
    waiting: dict[tuple[int, str], threading.Timer] = {}
    said = set()

    def begin(event: str, value: float | int, **facts: str | int) -> None:
        del value
        if event != _EVENT:
            return
        name = _plain(facts)

        def say():
            said.add(key)
            _say(f"compiling {name} ...")

        key = threading.get_ident(), name
        waiting[key] = timer = threading.Timer(_PATIENCE, say)
        timer.daemon = True  # a second Ctrl-C does not wait for it
        timer.start()

    def end(event: str, duration_secs: float, **facts: str | int) -> None:
        key = threading.get_ident(), _plain(facts)
        if event != _EVENT or key not in waiting:
            return
        waiting.pop(key).cancel()
        if key in said:
            said.remove(key)
            _say(f"compiled {_plain(facts)} in {duration_secs:.0f} s")

    jax.monitoring.register_scalar_listener(begin)
    jax.monitoring.register_event_duration_secs_listener(end)
    try:
        yield
    finally:
        jax.monitoring.unregister_scalar_listener(begin)
        jax.monitoring.unregister_event_duration_listener(end)


def _plain(facts: dict[str, str | int]) -> str:
    """Return the name of the function that is compiled, which JAX gives as jit(function)."""
    return re.sub(r"^\w+\((.*)\)$", r"\1", str(facts.get("fun_name", "a program")))


def _say(text: str) -> None:
    from tqdm import tqdm

    if hosts.writes():
        with contextlib.suppress(OSError):
            tqdm.write(text, file=sys.stderr)
