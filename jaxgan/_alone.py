"""Contexts in which convolutions are traced in one form, instead of in one for each platform."""

import jax

alone = jax.make_user_context(default_value=False)
"""`with alone(True):` is for programs in no compiled loop and without derivatives: there XLA's own
convolutions are as fast as ours on CPU, and compiled in a fraction of the time. JAX compiles anew
what is called within."""

on_cpu = jax.make_user_context(default_value=False)
"""`with on_cpu(True):` is for programs that run on CPU and nowhere else. They compute the same
without it; but forms for other platforms, with their derivatives, would be traced for nothing."""
