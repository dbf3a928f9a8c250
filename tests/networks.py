"""Small networks that several tests share."""

import contextlib
import inspect
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan import Network
from jaxgan.nets import stateless
from jaxgan.resample import box_downsample, nearest_upsample


def mlp(*shape, width=8, classes=3):
    """A smooth network with one hidden layer: any inputs `[B, ...]` -> `[B, *shape]`.

    Inputs are flattened and concatenated; integers are class labels.
    """

    def features(inputs):
        parts = [
            jax.nn.one_hot(leaf, classes) if jnp.issubdtype(leaf.dtype, jnp.integer) else leaf
            for leaf in inputs
        ]
        return jnp.concatenate([part.reshape(part.shape[0], -1) for part in parts], axis=-1)

    def init(key, *inputs):
        x = features(inputs)
        size = math.prod(shape)
        # One draw for all: most of the time of a small test goes into compiling random numbers.
        columns = x.shape[-1]
        noise = jax.random.normal(key, (columns * width + width * size,))
        return {
            "in": noise[: columns * width].reshape(columns, width) / columns**0.5,
            "bias": jnp.zeros(width),
            "out": noise[columns * width :].reshape(width, size) / width**0.5,
        }

    def apply(params, *inputs):
        x = features(inputs)
        hidden = jnp.tanh(x @ params["in"] + params["bias"])
        return (hidden @ params["out"]).reshape(x.shape[0], *shape)

    return stateless(init, apply)


def counting(network):
    """The network, with a state that follows its inputs: a float average and an integer count."""

    def init(key, *inputs):
        params, _ = network.init(key, *inputs)
        return params, {"mean": jnp.zeros(()), "count": jnp.zeros((), jnp.int32)}

    def apply(params, state, key, *inputs, train):
        outputs, _ = network.apply(params, (), key, *inputs, train=train)
        if train:
            mean = 0.5 * state["mean"] + 0.5 * jnp.mean(inputs[0])
            state = {"mean": mean, "count": state["count"] + 1}
        return outputs, state

    return Network(init, apply)


def headed(*networks):
    """A network that gives a tuple: what each of these makes of the same inputs."""

    def init(key, *inputs):
        keys = jax.random.split(key, len(networks))
        parts = [network.init(k, *inputs) for network, k in zip(networks, keys, strict=True)]
        return tuple(zip(*parts, strict=True))

    def apply(params, state, key, *inputs, train):
        parts = zip(networks, params, state, strict=True)
        found = [
            network.apply(own, memory, key, *inputs, train=train) for network, own, memory in parts
        ]
        return tuple(zip(*found, strict=True))

    return Network(init, apply)


def without_first(network):
    """The network without its first input: a generator that makes its samples of y alone.

    With y in place of noise, a step is the same function of the batch on any number of devices.
    """
    return Network(
        lambda key, first, *inputs: network.init(key, *inputs),
        lambda params, state, key, first, *inputs, train: network.apply(
            params, state, key, *inputs, train=train
        ),
    )


def first_only(network):
    """The network with its first input only: a discriminator that does not look at y."""
    return Network(
        lambda key, first, *inputs: network.init(key, first),
        lambda params, state, key, first, *inputs, train: network.apply(
            params, state, key, first, train=train
        ),
    )


def growing(sides):
    """Linear networks that grow: `resolution -> Network`, for G and for D, `[B, side, side, 1]`."""

    def noise(key, shape, resolution):
        known = [side for side in sides if side <= resolution]
        values = jax.random.normal(key, (*shape, sum(side**2 for side in known)))
        ends = itertools.accumulate(side**2 for side in known[:-1])
        return dict(zip(map(str, known), jnp.split(values, list(ends), axis=-1), strict=True))

    def generator(resolution):
        """A picture for each side up to `resolution`, the last of which fades in."""

        def init(key, z, y=None, alpha=1.0):
            return noise(key, z.shape[-1:], resolution)

        def apply(params, z, y, alpha):
            def paint(side):
                return (z @ params[str(side)]).reshape(-1, side, side, 1)

            new = paint(resolution)
            if resolution == sides[0]:
                return new
            return (1 - alpha) * nearest_upsample(paint(resolution // 2)) + alpha * new

        return stateless(init, apply)

    def discriminator(resolution):
        def init(key, x, y=None, alpha=1.0):
            return noise(key, (), resolution)

        def apply(params, x, y, alpha):
            def score(x):
                return jnp.tanh(x.reshape(len(x), -1)) @ params[str(x.shape[1])]

            new = score(x)
            if resolution == sides[0]:
                return new
            return (1 - alpha) * score(box_downsample(x)) + alpha * new

        return stateless(init, apply)

    return generator, discriminator


def styled(network, w_dim=3):
    """The network behind a linear map to styles w, with the state that StyleGAN2's recipe reads."""

    def init(key, z, y=None, shift=None):
        map_key, network_key = jax.random.split(key)
        mapping = jax.random.normal(map_key, (z.shape[-1], w_dim))
        params, _ = network.init(network_key, z @ mapping)
        averages = {"w": jnp.zeros(w_dim), "path_length": jnp.zeros(())}
        return {"mapping": mapping, "synthesis": params}, {"averages": averages}

    def apply(params, state, key, z, y=None, shift=None, *, train):
        w = z @ params["mapping"]
        images, _ = network.apply(
            params["synthesis"], (), key, w if shift is None else w + shift[:, 0], train=train
        )
        if train:
            mean = 0.9 * state["averages"]["w"] + 0.1 * lax.stop_gradient(jnp.mean(w, axis=0))
            state = {"averages": {**state["averages"], "w": mean}}
        return images, state

    return Network(init, apply)


def shapes_of(module, *inputs, train=True):
    """Output and variables of a flax module, as shapes alone."""
    settings = {"train": train} if "train" in inspect.signature(module.__call__).parameters else {}
    return jax.eval_shape(lambda: module.init_with_output(jax.random.key(0), *inputs, **settings))


def drawn(shapes, deviation=0.3):
    """Variables of these shapes, drawn by NumPy: quicker than to compile the initializers."""
    random = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: random.normal(0, deviation, leaf.shape), shapes["params"])
    statistics = jax.tree.map(
        lambda leaf: random.uniform(0.5, 1.5, leaf.shape), shapes.get("batch_stats", {})
    )
    return jax.tree.map(jnp.float32, {"params": params, "batch_stats": statistics})


def variables_of(module, *inputs):
    return drawn(shapes_of(module, *inputs)[1])


def count(tree):
    """How many numbers a tree of arrays, or of their shapes, has."""
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


@contextlib.contextmanager
def compilation(*, optimized):
    """Small tests compile for longer than they run, and XLA can do it in two thirds of the time."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", not optimized)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
