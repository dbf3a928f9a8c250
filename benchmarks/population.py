"""K runs together against K runs in a row: python benchmarks/population.py --members=1,2,4,8.

Both train the same seeds on the same batches, in blocks of compiled steps with the data on the
device. Rounds alternate between the two, so that what else the machine does meets both alike.
Compilation is timed apart: in a row one program serves all runs, together there is one for each K.
"""

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags

import jaxgan
from jaxgan import Batch, latents, nets, population, recipes
from jaxgan.data import gather, load, order
from jaxgan.models import dcgan, mlp

_BATCH = 64

_GANS = flags.DEFINE_list("gans", ["toy", "dense", "dcgan"], "what to train")
_MEMBERS = flags.DEFINE_list("members", ["1", "2", "4", "8"], "numbers of runs")
_DEVICES = flags.DEFINE_integer("devices", 1, "CPU devices to split the members over", 1)
_STEPS = flags.DEFINE_integer("steps", 20, "updates of G and of D in one call", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 7, "calls that are timed", 1)
_WIDTH = flags.DEFINE_integer("dcgan_width", 8, "width of the DCGAN", 1)
_JSON = flags.DEFINE_string("json", None, "file to write the numbers to as well")


def _toy():
    """Networks for points in the plane, of the size of examples/own_loop.py."""
    generator = mlp.Generator(shape=(2,), widths=(128, 128), output="linear")
    return generator, mlp.Discriminator(widths=(128, 128))


def _dense():
    """The networks of the preset gan_digits."""
    return mlp.Generator(), mlp.Discriminator(dropout=0.3)


def _dcgan():
    settings: dict[str, Any] = {"image_size": 28, "width": _WIDTH.value}
    return dcgan.Generator(**settings), dcgan.Discriminator(**settings)


def _gan(name: str) -> jaxgan.GAN:
    generator, discriminator = {"toy": _toy, "dense": _dense, "dcgan": _dcgan}[name]()
    return recipes.gan(
        nets.from_linen(generator),
        nets.from_linen(discriminator),
        latent=latents.normal(100),
        g_optimizer=optax.adam(2e-4, b1=0.5),
        d_optimizer=optax.adam(4e-4, b1=0.5),
        ema_decay=0.998,
    )


def _compiled(gan: jaxgan.GAN, state, batch) -> tuple[Callable, float]:
    """The compiled steps, and the seconds that took."""
    start = time.perf_counter()
    step = jax.jit(gan.train_step).lower(state, batch).compile()
    return step, time.perf_counter() - start


def _seconds(function: Callable) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function())
    return time.perf_counter() - start


def measure(name: str, members: int) -> dict:
    """Time one GAN, so many times: milliseconds per step of all members."""
    one = jaxgan.scan(_gan(name), lambda x, index: Batch(gather(x, index)))
    devices = jax.devices() if _DEVICES.value > 1 else None
    many = population(lambda _: one, batch_axis=(None, 1), devices=devices)
    x = jnp.asarray(load("ring" if name == "toy" else "digits").x)
    index = np.stack(
        [
            order(len(x), _BATCH, seed=seed, first_step=0, steps=_STEPS.value)
            for seed in range(members)
        ],
        axis=1,
    )
    example = Batch(jnp.zeros((2, *x.shape[1:])))
    keys = jax.random.split(jax.random.key(0), members)
    states = [jax.jit(one.init)(key, example) for key in keys]
    state = jax.jit(many.init)(keys, example)
    alone, alone_compile = _compiled(one, states[0], (x, index[:, 0]))
    together, together_compile = _compiled(many, state, (x, index))

    def in_a_row():
        return [alone(state, (x, index[:, i]))[1] for i, state in enumerate(states)]

    def at_once():
        return together(state, (x, index))[1]

    # The same work, or there is nothing to compare; later steps amplify how each one rounds.
    expected = np.stack([metrics["d_loss"] for metrics in in_a_row()])
    np.testing.assert_allclose(at_once()["d_loss"][:, :5], expected[:, :5], atol=1e-3)
    times = [(_seconds(in_a_row), _seconds(at_once)) for _ in range(_ROUNDS.value)]
    row, once = (
        sorted(1e3 * t / _STEPS.value for t in column) for column in zip(*times, strict=True)
    )
    return {
        "gan": name,
        "members": members,
        "devices": _DEVICES.value,
        "in_a_row_ms": [row[0], statistics.median(row), row[-1]],
        "together_ms": [once[0], statistics.median(once), once[-1]],
        "speed_up": statistics.median(a / b for a, b in times),
        "compile_alone_s": alone_compile,
        "compile_together_s": together_compile,
    }


def main(argv: list[str]) -> None:
    """Print a table, and write the numbers if --json says where."""
    del argv
    jax.config.update("jax_num_cpu_devices", _DEVICES.value)
    print(f"{jax.devices()}, jax {jax.__version__}, batch {_BATCH}; milliseconds per step of all K")
    print(f"{'gan':6}{'K':>3}  {'in a row (min..max)':>26}  {'together (min..max)':>26}", end="")
    print("  faster  compile: one, K")
    rows = []
    for name in _GANS.value:
        for members in map(int, _MEMBERS.value):
            rows.append(measure(name, members))
            print(_line(**rows[-1]), flush=True)
    if _JSON.value:
        Path(_JSON.value).write_text(json.dumps(rows, indent=1) + "\n")


def _line(
    gan, members, in_a_row_ms, together_ms, speed_up, compile_alone_s, compile_together_s, **_
):
    def times(low, median, high):
        return f"{median:.1f} ({low:.1f}..{high:.1f})"

    return (
        f"{gan:6}{members:3}  {times(*in_a_row_ms):>26}  {times(*together_ms):>26}"
        f"  {speed_up:5.2f}x  {compile_alone_s:.1f} s, {compile_together_s:.1f} s"
    )


if __name__ == "__main__":
    app.run(main)
