"""Most of these tests are about files and flags: what they compile need not run fast."""

import logging
import re

import jax
import pytest
from networks import compilation

COMPILED = re.compile(r"Compiling jit\((\w+)\)")


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    with compilation(optimized=False):
        yield


@pytest.fixture
def as_users_run_it():
    with compilation(optimized=True):
        yield


@pytest.fixture
def compiled(caplog):
    """The names of the functions that are compiled, in order."""
    caplog.set_level(logging.WARNING, logger="jax")
    with jax.log_compiles():
        yield lambda: COMPILED.findall("\n".join(record.getMessage() for record in caplog.records))
