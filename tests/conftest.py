"""Four CPU devices for every test, so that data parallelism is tested on any machine."""

import os

# Both must be set before jax initialises its backend.
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_num_cpu_devices", 4)
# On few cores, collectives that were dispatched but not awaited can starve each other.
jax.config.update("jax_cpu_enable_async_dispatch", False)
