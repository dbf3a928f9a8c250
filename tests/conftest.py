"""Four CPU devices for every test, so that data parallelism is tested on any machine."""

import os

# Both must be set before jax initializes its backend.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)
# On few cores, collectives that were dispatched but not awaited can starve each other.
jax.config.update("jax_cpu_enable_async_dispatch", False)


@pytest.fixture(scope="session", autouse=True)
def compile_once(tmp_path_factory):
    """Keep compiled programs for the session: many tests train the same small networks."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
