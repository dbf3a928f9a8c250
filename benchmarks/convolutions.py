"""Convolutions on CPU, forward and their gradients, inside `lax.scan`: XLA's own and jaxgan's.

Both are compiled with the options that runs are compiled with.

    python benchmarks/convolutions.py

Each number is the median of rounds that alternate between the two; see `docs/adr/0007`.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from absl import app, flags
from jax import lax

from jaxgan import convolution
from jaxgan.runs.devices import compiler_options

_BATCH = flags.DEFINE_integer("batch_size", 64, "images")
_ROUNDS = flags.DEFINE_integer("rounds", 5, "rounds, of which the medians are taken")
_LENGTH = 2  # convolutions in one loop


class Case(NamedTuple):
    """A convolution of square images."""

    side: int
    channels: int
    features: int
    window: int
    strides: int
    transposed: bool = False


CASES = (
    Case(32, 32, 32, 3, 1),
    Case(16, 64, 64, 3, 1),
    Case(16, 64, 128, 4, 2),
    Case(8, 128, 64, 4, 2, transposed=True),
    Case(64, 3, 64, 4, 2),
    Case(32, 32, 3, 7, 1),
)


def plain(x: jax.Array, kernel: jax.Array, case: Case) -> jax.Array:
    """Compute it as JAX users do, with gradients by autodiff."""
    convolve = lax.conv_transpose if case.transposed else lax.conv_general_dilated
    strides = (case.strides,) * 2
    return convolve(x, kernel, strides, "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def ours(x: jax.Array, kernel: jax.Array, case: Case) -> jax.Array:
    """Compute it as the layers of `jaxgan.models` do."""
    convolve = convolution.conv_transpose if case.transposed else convolution.conv
    return convolve(x, kernel, strides=case.strides)


def looped(function: Callable, *args: jax.Array) -> Callable[[], jax.Array]:
    """Compile a loop that calls a function again and again, on arguments that differ."""

    def body(total, scale):
        # A sum would be fused with the convolution, which no step does, and take most of the time.
        result = lax.optimization_barrier(function(*(scale * arg for arg in args)))
        return total + result.ravel()[0], None

    scales = 1 + jnp.arange(_LENGTH) / 8
    loop = jax.jit(
        lambda: lax.scan(body, jnp.zeros(()), scales)[0], compiler_options=compiler_options()
    )
    compiled = loop.lower().compile()
    return lambda: compiled().block_until_ready()


def passes(form: Callable, case: Case) -> dict[str, Callable[[], jax.Array]]:
    """The forward pass and both gradients of a convolution, in loops."""
    x_key, kernel_key, y_key = jax.random.split(jax.random.key(0), 3)
    x = jax.random.normal(x_key, (_BATCH.value, case.side, case.side, case.channels))
    kernel = jax.random.normal(kernel_key, (*[case.window] * 2, case.channels, case.features))
    apply = partial(form, case=case)
    y = jax.random.normal(y_key, jax.eval_shape(apply, x, kernel).shape)
    return {
        "forward": looped(apply, x, kernel),
        "x gradient": looped(lambda x, kernel, y: jax.vjp(apply, x, kernel)[1](y)[0], x, kernel, y),
        "kernel gradient": looped(
            lambda x, kernel, y: jax.vjp(apply, x, kernel)[1](y)[1], x, kernel, y
        ),
    }


def milliseconds(function: Callable[[], jax.Array]) -> float:
    """Time one convolution of a loop."""
    start = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - start) / _LENGTH


def main(argv: list[str]) -> None:
    """Print a Markdown table."""
    del argv
    print("| window, stride | from | to | | XLA, ms | jaxgan, ms | times as fast |")
    print("|---|---|---|---|--:|--:|--:|")
    for case in CASES:
        out = jax.eval_shape(
            partial(ours, case=case),
            jnp.zeros((1, case.side, case.side, case.channels)),
            jnp.zeros((case.window, case.window, case.channels, case.features)),
        ).shape
        kind = "transposed " * case.transposed
        what = f"{kind}{case.window}x{case.window}, {case.strides}"
        from_, to = f"{case.side}x{case.side}x{case.channels}", f"{out[1]}x{out[2]}x{out[3]}"
        forms = passes(plain, case), passes(ours, case)
        for name in forms[0]:
            times = [[milliseconds(form[name]) for form in forms] for _ in range(1 + _ROUNDS.value)]
            xla, jaxgan = (statistics.median(side) for side in zip(*times[1:], strict=True))
            ratio = f"{xla:.1f} | {jaxgan:.1f} | {xla / jaxgan:.1f}"
            print(f"| {what} | {from_} | {to} | {name} | {ratio} |", flush=True)


if __name__ == "__main__":
    app.run(main)
