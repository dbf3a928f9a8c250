"""Several processes, on one machine or many, that train one model together.

They are started with the same command and find each other through `jax.distributed`; from then on
each of them runs the same program. If one of them notices something on its own (a missing file, a
signal), it has to tell the others, which would otherwise wait for it in a collective forever.
"""

import contextlib
import math
import os
import re
import signal
import socket
import sys
import threading
import time
import traceback
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import jax

from jaxgan.parallel import greatest
from jaxgan.runs.settings import ConfigError

T = TypeVar("T")

_LOST = re.compile("Gloo|NCCL|heartbeat|coordination service", re.IGNORECASE)
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_ONE_EVENT = 0.5  # seconds: a terminal that is closed sends a signal, and so does the shell in it
_STOPPING = "stopping after this call, and saving; a second signal ends the program at once"


class Others(NamedTuple):
    """How the processes of a run find each other, which is not one of its settings.

    Attributes:
        coordinator: HOST:PORT of process 0; "auto" where JAX knows it; "" for one process.
        num_processes: number of processes that train together.
        process_id: number of this process, from 0.
        init_timeout: seconds to wait for all processes.
        peer_timeout: seconds after which a process that is not heard of counts as lost.
    """

    coordinator: str = ""
    num_processes: int | None = None
    process_id: int | None = None
    init_timeout: int = 300
    peer_timeout: int = 100


def start(others: Others) -> None:
    """Connect to the other processes, if there are any; JAX must not have been used before.

    Raises:
        ConfigError: the flags contradict each other, or the other processes cannot be reached.
    """
    coordinator, count, index, timeout, peer_timeout = others
    if not coordinator:
        if count is not None or index is not None:
            raise ConfigError(
                "--num_processes, --process_id: expected --coordinator=HOST:PORT with them"
            )
        return
    bind = None
    if coordinator != "auto":
        bind = _check(coordinator, count, index)
    # We handle SIGTERM ourselves: JAX's handler would replace ours without telling us.
    jax.config.update("jax_enable_preemption_service", False)
    with _within(timeout, coordinator):
        try:
            jax.distributed.initialize(
                None if coordinator == "auto" else coordinator,
                count,
                index,
                initialization_timeout=timeout + 60,
                heartbeat_timeout_seconds=peer_timeout,
                coordinator_bind_address=bind,
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            other = "; or give HOST:PORT" if coordinator == "auto" else ""
            raise ConfigError(f"--coordinator={coordinator}: {reason}{other}") from error


def _check(coordinator: str, count: int | None, index: int | None) -> str | None:
    """Refuse what cannot work; return where process 0 listens, or None for all interfaces."""
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ConfigError(f"--coordinator={coordinator}: expected HOST:PORT, or auto")
    if count is None or index is None:
        raise ConfigError(
            f"--coordinator={coordinator}: expected --num_processes and --process_id with it"
        )
    if index >= count:
        raise ConfigError(f"--process_id={index}: expected 0 to {count - 1} (--num_processes)")
    alone = host in ("localhost", "::1", "[::1]") or host.startswith("127.")
    if index == 0:
        try:  # JAX would end in a segmentation fault
            socket.create_server((host.strip("[]") if alone else "", int(port))).close()
        except OSError as error:
            raise ConfigError(f"--coordinator={coordinator}: {error.strerror or error}") from error
    return coordinator if alone else None


@contextlib.contextmanager
def _within(seconds: int, coordinator: str) -> Iterator[None]:
    """End the process if this takes longer: JAX's own timeout aborts with a stack trace."""

    def give_up():
        print(
            f"error: --coordinator={coordinator}: not all processes met within {seconds} s "
            f"(--init_timeout)",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)  # a thread cannot interrupt the call that waits

    timer = threading.Timer(seconds, give_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def writes() -> bool:
    """Whether this process writes the files of the run."""
    return jax.process_index() == 0


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Continue once all processes have reached this point, and only if none of them failed.

    Raises:
        ConfigError: another process failed.
    """
    try:
        yield
    except Exception:
        int(greatest(1))
        raise
    if int(greatest(0)):
        raise ConfigError("another process failed; see its own error message")


def first_once(function: Callable[[], T]) -> T:
    """Call a function in process 0 first, so that the others find the files that it made."""
    result = None
    with together():
        if writes():
            result = function()
    with together():
        return function() if result is None else result


def check_same(text: str) -> None:
    """Refuse processes that were started with different flags.

    Raises:
        ConfigError: the text is not the same in all of them.
    """
    number = zlib.crc32(text.encode()) >> 1
    if int(greatest(int(greatest(number)) != number)):
        raise ConfigError("the processes have different flags; expected the same command for all")


@contextlib.contextmanager
def nobody_waits(*agreed: type[Exception]) -> Iterator[None]:
    """End a process that fails alone at once, so that the others fail too instead of waiting.

    Args:
        agreed: errors that all processes raise together, so that they can exit normally.
    """
    try:
        yield
    except agreed:
        raise
    except BaseException as error:
        if jax.process_count() == 1:
            raise
        if isinstance(error, jax.errors.JaxRuntimeError | ValueError) and _LOST.search(str(error)):
            reason = str(error).partition("\n")[0]
            print(
                f"error: another process was lost, or is not heard of any more ({reason}); start "
                f"all of them again with the same command to resume",
                file=sys.stderr,
            )
        else:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # a normal exit waits for the others


def settle(arrays: T) -> T:
    """Wait for arrays if several processes use CPUs: gloo deadlocks with calls in flight."""
    if jax.process_count() > 1 and jax.default_backend() == "cpu":
        jax.block_until_ready(arrays)
    return arrays


class Stop:
    """Whether to stop: the signal that any of the processes received.

    With several processes the answer is one call old, so that nobody waits for the steps that are
    still running.
    """

    def __init__(self):
        self.received = 0
        self._asked = None

    def __call__(self) -> int:
        """Return the signal, the same in all processes, or 0."""
        if jax.process_count() == 1:
            return self.received
        before, self._asked = self._asked, settle(greatest(self.received))
        return 0 if before is None else int(before)


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """Record SIGINT, SIGTERM and SIGHUP instead of ending at once; a second one does end at once.

    Python runs signal handlers between two of its own instructions, so not during a compilation,
    which may take minutes. The system's own handler also writes a byte to a socket, which a thread
    reads whatever the main thread does.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # signals are none of its business
        return
    # What was started with nohup goes on without its terminal.
    numbers = [n for n in _STOP_SIGNALS if signal.getsignal(n) != signal.SIG_IGN]
    ours, theirs = socket.socketpair()
    ours.setblocking(False)

    def listen():
        first = -math.inf
        while number := int.from_bytes(theirs.recv(1)):
            if number not in numbers or time.monotonic() < first + _ONE_EVENT:
                continue
            if stop.received:
                os._exit(128 + number)
            stop.received, first = number, time.monotonic()
            with contextlib.suppress(OSError):  # the terminal may be gone
                print(_STOPPING, file=sys.stderr, flush=True)

    listener = threading.Thread(target=listen, daemon=True, name="stop signals")
    listener.start()
    previous = {number: signal.signal(number, lambda *_: None) for number in numbers}
    wakeup = signal.set_wakeup_fd(ours.fileno(), warn_on_full_buffer=False)
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in previous.items():
            signal.signal(number, handler)
        ours.close()  # the thread reads the end
        listener.join()
        theirs.close()
