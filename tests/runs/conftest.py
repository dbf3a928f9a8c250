"""Most of these tests are about files and flags: what they compile need not run fast."""

import logging
import re

import jax
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache
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


@pytest.fixture
def no_cache_yet():
    """No directory of compiled programs, as a process begins; afterwards that of the session."""
    names = (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
        "jax_persistent_cache_enable_xla_caches",
    )
    before = {name: jax.config.values[name] for name in names}
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()  # the folder that was used first would stay
    jax.clear_caches()
    yield
    for name, value in before.items():
        jax.config.update(name, value)
    reset_cache()
