"""Networks of other libraries in the compiled loop: python benchmarks/own_networks.py.

A GAN of plain layers, as each library's users write them, trains at 32x32 on CPU: in a loop of
`jax.jit(train_step)`, and inside `jaxgan.scan`, each with fast convolutions and without. Rounds
alternate between the four, so that what else the machine does meets all alike.
"""

import functools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import app, flags
from flax import linen, nnx

import jaxgan
from jaxgan import Batch, latents, nets, recipes

_LIBRARIES = ("linen", "nnx", "haiku", "equinox")
_CHOSEN = flags.DEFINE_list("libraries", list(_LIBRARIES), "whose networks")
_BATCH = flags.DEFINE_integer("batch_size", 16, "examples per step", 1)
_WIDTH = flags.DEFINE_integer("width", 16, "channels at 16x16", 1)
_STEPS = flags.DEFINE_integer("steps", 2, "updates of G and of D in one call of the scan", 1)
_ROUNDS = flags.DEFINE_integer("rounds", 3, "calls that are timed", 1)
_JSON = flags.DEFINE_string("json", None, "file to write the numbers to as well")

_LATENT = 32


class LinenGenerator(linen.Module):
    """32x32 pictures from z."""

    @linen.compact
    def __call__(self, z):
        """Map `[B, latent]` to `[B, 32, 32, 3]`."""
        width = _WIDTH.value
        x = linen.relu(linen.Dense(8 * 8 * 2 * width)(z)).reshape(-1, 8, 8, 2 * width)
        x = linen.relu(linen.ConvTranspose(width, (4, 4), strides=(2, 2))(x))
        return jnp.tanh(linen.ConvTranspose(3, (4, 4), strides=(2, 2))(x))


class LinenDiscriminator(linen.Module):
    """A logit for each 32x32 picture."""

    @linen.compact
    def __call__(self, x):
        """Map `[B, 32, 32, 3]` to `[B]`."""
        x = linen.leaky_relu(linen.Conv(_WIDTH.value, (4, 4), strides=2)(x))
        x = linen.leaky_relu(linen.Conv(2 * _WIDTH.value, (4, 4), strides=2)(x))
        return linen.Dense(1)(x.reshape(len(x), -1))[:, 0]


class NnxGenerator(nnx.Module):
    """The same."""

    def __init__(self, rngs):
        width = _WIDTH.value
        self.dense = nnx.Linear(_LATENT, 8 * 8 * 2 * width, rngs=rngs)
        self.first = nnx.ConvTranspose(2 * width, width, (4, 4), strides=2, rngs=rngs)
        self.second = nnx.ConvTranspose(width, 3, (4, 4), strides=2, rngs=rngs)

    def __call__(self, z):
        """Map `[B, latent]` to `[B, 32, 32, 3]`."""
        x = nnx.relu(self.dense(z)).reshape(-1, 8, 8, 2 * _WIDTH.value)
        return jnp.tanh(self.second(nnx.relu(self.first(x))))


class NnxDiscriminator(nnx.Module):
    """The same."""

    def __init__(self, rngs):
        width = _WIDTH.value
        self.first = nnx.Conv(3, width, (4, 4), strides=2, rngs=rngs)
        self.second = nnx.Conv(width, 2 * width, (4, 4), strides=2, rngs=rngs)
        self.dense = nnx.Linear(8 * 8 * 2 * width, 1, rngs=rngs)

    def __call__(self, x):
        """Map `[B, 32, 32, 3]` to `[B]`."""
        x = nnx.leaky_relu(self.second(nnx.leaky_relu(self.first(x))))
        return self.dense(x.reshape(len(x), -1))[:, 0]


def _haiku_generator(z, train):
    del train
    width = _WIDTH.value
    x = jax.nn.relu(hk.Linear(8 * 8 * 2 * width)(z)).reshape(-1, 8, 8, 2 * width)
    x = jax.nn.relu(hk.Conv2DTranspose(width, 4, 2)(x))
    return jnp.tanh(hk.Conv2DTranspose(3, 4, 2)(x))


def _haiku_discriminator(x, train):
    del train
    x = jax.nn.leaky_relu(hk.Conv2D(_WIDTH.value, 4, 2)(x))
    x = jax.nn.leaky_relu(hk.Conv2D(2 * _WIDTH.value, 4, 2)(x))
    return hk.Linear(1)(x.reshape(len(x), -1))[:, 0]


class EquinoxGenerator(eqx.Module):
    """The same, of one example, with channels first."""

    dense: eqx.nn.Linear
    first: eqx.nn.ConvTranspose2d
    second: eqx.nn.ConvTranspose2d

    def __init__(self, key):
        keys, width = jax.random.split(key, 3), _WIDTH.value
        self.dense = eqx.nn.Linear(_LATENT, 8 * 8 * 2 * width, key=keys[0])
        self.first = eqx.nn.ConvTranspose2d(2 * width, width, 4, 2, padding=1, key=keys[1])
        self.second = eqx.nn.ConvTranspose2d(width, 3, 4, 2, padding=1, key=keys[2])

    def __call__(self, z):
        """Map `[latent]` to `[32, 32, 3]`."""
        x = jax.nn.relu(self.dense(z)).reshape(-1, 8, 8)
        return jnp.moveaxis(jnp.tanh(self.second(jax.nn.relu(self.first(x)))), 0, -1)


class EquinoxDiscriminator(eqx.Module):
    """The same, of one example, with channels first."""

    first: eqx.nn.Conv2d
    second: eqx.nn.Conv2d
    dense: eqx.nn.Linear

    def __init__(self, key):
        keys, width = jax.random.split(key, 3), _WIDTH.value
        self.first = eqx.nn.Conv2d(3, width, 4, 2, 1, key=keys[0])
        self.second = eqx.nn.Conv2d(width, 2 * width, 4, 2, 1, key=keys[1])
        self.dense = eqx.nn.Linear(8 * 8 * 2 * width, 1, key=keys[2])

    def __call__(self, x):
        """Map `[32, 32, 3]` to `[]`."""
        x = jax.nn.leaky_relu(self.first(jnp.moveaxis(x, -1, 0)))
        return self.dense(jax.nn.leaky_relu(self.second(x)).ravel())[0]


def _pair(library: str, fast: bool) -> tuple[jaxgan.Network, jaxgan.Network]:
    adapt, generator, discriminator = {
        "linen": (nets.from_linen, LinenGenerator(), LinenDiscriminator()),
        "nnx": (nets.from_nnx, NnxGenerator, NnxDiscriminator),
        "haiku": (
            nets.from_haiku,
            hk.transform(_haiku_generator),
            hk.transform(_haiku_discriminator),
        ),
        "equinox": (nets.from_equinox, EquinoxGenerator, EquinoxDiscriminator),
    }[library]
    return tuple(adapt(one, fast_convolutions=fast) for one in (generator, discriminator))


def _ways(library: str) -> dict[str, Callable[[], Any]]:
    """Each way to make `_STEPS` steps, compiled."""
    x = np.random.default_rng(0).uniform(-1, 1, (_BATCH.value, 32, 32, 3)).astype(np.float32)
    batch = Batch(jnp.asarray(x))
    batches = jax.tree.map(lambda leaf: jnp.stack([leaf] * _STEPS.value), batch)
    ways = {}
    for fast in (False, True):
        generator, discriminator = _pair(library, fast)
        gan = recipes.gan(
            generator,
            discriminator,
            latent=latents.normal(_LATENT),
            g_optimizer=optax.adam(2e-4, b1=0.5),
            d_optimizer=optax.adam(2e-4, b1=0.5),
        )
        state = gan.init(jax.random.key(0), batch)
        one = jaxgan.jit(gan, donate=False)
        many = jaxgan.jit(jaxgan.scan(gan), donate=False)

        def loop(state=state, step=one.train_step):
            for _ in range(_STEPS.value):
                state, _ = step(state, batch)
            return state

        name = "fast" if fast else "plain"
        ways[f"{name}, loop of jit"] = loop
        ways[f"{name}, scan"] = functools.partial(many.train_step, state, batches)
    return ways


def _measure(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the median milliseconds per step of each way."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        jax.block_until_ready(way())  # compiles
    for _ in range(_ROUNDS.value):
        for name, way in ways.items():
            start = time.perf_counter()
            jax.block_until_ready(way())
            times[name].append(1e3 * (time.perf_counter() - start) / _STEPS.value)
    return {name: statistics.median(values) for name, values in times.items()}


def main(_) -> None:
    """Print a table."""
    results = {}
    for library in _CHOSEN.value:
        results[library] = found = _measure(_ways(library))
        told = ", ".join(f"{name} {value:.1f}" for name, value in found.items())
        ratio = found["plain, scan"] / found["fast, scan"]
        print(f"{library}: ms per step: {told}; in the scan {ratio:.1f} times as fast", flush=True)
    if _JSON.value:
        Path(_JSON.value).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    app.run(main)
