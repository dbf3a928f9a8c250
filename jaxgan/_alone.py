"""Contexts in which convolutions are traced in one form instead of in one for each platform."""

import jax

alone = jax.make_user_context(default_value=False)
"""`with alone(True):` is for programs in no compiled loop and without derivatives: on CPU, XLA's own
convolutions are as fast there as ours, and compiled in a fraction of the time. JAX compiles anew
what is called within."""

on_cpu = jax.make_user_context(default_value=False)
"""`with on_cpu(True):` is for programs that will run on CPU and nowhere else. They compute the same
without it, but the forms for other platforms, and their derivatives, take half of the tracing."""
