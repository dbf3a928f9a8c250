"""Small networks that several tests share."""

import contextlib
import math

import jax
import jax.numpy as jnp

from jaxgan import Network
from jaxgan.nets import stateless


def mlp(*shape, width=8, classes=3):
    """A smooth network with one hidden layer: any inputs `[B, ...]` -> `[B, *shape]`.

    Inputs are flattened and concatenated; integers are class labels.
    """

    def features(inputs):
        parts = [
            jax.nn.one_hot(leaf, classes) if jnp.issubdtype(leaf.dtype, jnp.integer) else leaf
            for leaf in inputs
        ]
        return jnp.concatenate([part.reshape(len(part), -1) for part in parts], axis=-1)

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
        return (hidden @ params["out"]).reshape(len(x), *shape)

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


@contextlib.contextmanager
def compilation(*, optimised):
    """Small tests compile for longer than they run, and XLA can do it in two thirds of the time."""
    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", not optimised)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", before)
