"""Signals: the first one saves, the second one ends at once, at any time."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from jaxgan.runs import hosts

WAITING = """
import hashlib, signal, sys, time
for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
    signal.signal(number, signal.SIG_DFL)  # what is started in the background ignores some
from jaxgan.runs import hosts
{before}
with hosts.stop_signals() as stop:
    print("ready", flush=True)
    {busy}
    print("received", stop.received, flush=True)
"""
# What a compilation is to Python: one call that does not come back for a long time.
COMPILING = "hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"
STEPPING = "\n    while not stop():\n        time.sleep(0.01)"


@pytest.fixture
def start():
    with contextlib.ExitStack() as stack:

        def begin(busy, before=""):
            code = WAITING.format(busy=busy.strip(), before=before)
            process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield begin


def end(process):
    return process.communicate(timeout=30)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_received_and_said(start, number):
    process = start(STEPPING)
    process.send_signal(number)
    output, errors = end(process)
    assert output == f"received {int(number)}\n"
    assert errors.splitlines() == [
        "stopping after this call, and saving; a second signal ends the program at once"
    ]
    assert process.returncode == 0


@pytest.mark.parametrize(
    "numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGHUP)]
)
def test_a_second_one_ends_the_program_even_in_a_call_that_does_not_return(start, numbers):
    process = start(COMPILING)
    process.send_signal(numbers[0])
    assert process.stderr is not None
    assert process.stderr.readline().startswith("stopping")
    time.sleep(0.6)  # what comes at once is of the same event
    begin = time.monotonic()
    process.send_signal(numbers[1])
    end(process)
    assert process.returncode == 128 + numbers[1]
    assert time.monotonic() - begin < 20


def test_a_terminal_that_is_closed_sends_two_signals_and_means_one(start):
    process = start(STEPPING)
    process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("stopping")
    process.send_signal(signal.SIGHUP)
    assert end(process)[0] == f"received {int(signal.SIGHUP)}\n"


def test_what_nohup_ignores_is_ignored(start):
    ignore = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    process = start(STEPPING, before=ignore)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == f"received {int(signal.SIGTERM)}\n"


def test_afterwards_everything_is_as_before():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    threads = threading.active_count()
    with hosts.stop_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 10
        while not stop() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert stop.received == signal.SIGTERM
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert threading.active_count() == threads
    assert signal.set_wakeup_fd(-1) == -1


def test_in_another_thread_than_the_main_one_signals_are_left_alone():
    found = []

    def run():
        with hosts.stop_signals() as stop:
            found.append(stop())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [0]
