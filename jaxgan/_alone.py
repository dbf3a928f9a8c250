"""Contexts in which it is known, while a function is traced, where and how its program will run."""

import jax

alone = jax.make_user_context(default_value=False)
"""`with alone(True):` traces what is called within for a program that runs alone: in no compiled
loop, and without derivatives. There XLA's own convolutions are as fast as ours on CPU, and compiled
in a fraction of the time. JAX compiles it anew."""

on_cpu = jax.make_user_context(default_value=False)
"""`with on_cpu(True):` traces what is called within for CPUs only. A choice between platforms that
is left to XLA is traced and differentiated in all its branches: with second derivatives, that takes
three times as long."""
