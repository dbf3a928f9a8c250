"""How errors are told: one line, and an exit status for each kind."""

import pytest

from jaxgan.checkpoint import CheckpointError
from jaxgan.data import DataError
from jaxgan.metrics import MetricError
from jaxgan.runs.commands import entry
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training.loop import DivergedError


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (ConfigError("--g_lr=x: no"), 2, "--g_lr=x: no"),
        (DataError("split=x: no"), 2, "--split=x: no"),
        (DivergedError("the run diverged"), 1, "the run diverged"),
        (CheckpointError("no checkpoint"), 1, "no checkpoint"),
        (MetricError("samples are NaN"), 1, "samples are NaN"),
        (
            OSError(28, "No space left on device", "/x"),
            1,
            "[Errno 28] No space left on device: '/x'",
        ),
        (MemoryError("1 TB"), 1, "out of memory: MemoryError: 1 TB; choose smaller networks"),
        (RuntimeError("RESOURCE_EXHAUSTED: 1 TB"), 1, "out of memory: RuntimeError: RESOURCE"),
        (TypeError("no"), 70, "TypeError: no (a bug? run again with --debug for the traceback"),
    ],
)
def test_the_kind_of_an_error_is_its_status(error, status, text):
    found, told = entry.answer(error)
    assert found == status
    assert told.startswith(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\t three", "one two three"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("\udcff", "\\udcff"),
        ("übel", "übel"),
        ("x" * 1000, "x" * 300 + "... (1000 characters)"),
    ],
)
def test_a_message_is_one_line_whatever_it_quotes(text, line):
    assert entry.in_one_line(text) == line
