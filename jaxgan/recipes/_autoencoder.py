"""A generator and an encoder as one player: what BiGAN and the adversarial autoencoder share."""

from collections.abc import Callable
from typing import NamedTuple

import jax

from jaxgan._handed import check_networks
from jaxgan.latents import Latent
from jaxgan.recipes._gan import check_alike, upcast
from jaxgan.types import Batch, Network, Variables

__all__ = ["Autoencoder", "autoencoder"]


class Autoencoder(NamedTuple):
    """Two networks whose variables are dicts with the keys "generator" and "encoder".

    Attributes:
        init: `(key, batch) -> Variables`.
        encode: `(variables, key, x, train) -> (codes, E's state)`.
        decode: `(variables, key, z, train) -> (samples, G's state)`.
    """

    init: Callable[[jax.Array, Batch], Variables]
    encode: Callable[..., tuple[jax.Array, object]]
    decode: Callable[..., tuple[jax.Array, object]]


def autoencoder(
    generator: Network, encoder: Network, latent: Latent, *, per_latent: int = 1
) -> Autoencoder:
    """Join a generator and an encoder to one player.

    Args:
        generator: called with z `[B, latent]`; gives `[B, ...]`, like x.
        encoder: called with x `[B, ...]`; gives codes `[B, per_latent * latent]`.
        latent: sampler of z, of which only the shape matters here.
        per_latent: how many numbers the encoder gives for each one of z.

    Returns:
        Its `init` raises ValueError if samples are not like the data, or codes not like z.
    """
    check_networks(generator=generator, encoder=encoder)

    def run(network: Network, name: str, variables: Variables, key, inputs, train: bool):
        params, state = variables.params[name], variables.state[name]
        outputs, state = network.apply(params, state, key, inputs, train=train)
        return upcast(outputs), state

    def encode(variables: Variables, key: jax.Array, x: jax.Array, train: bool):
        return run(encoder, "encoder", variables, key, x, train)

    def decode(variables: Variables, key: jax.Array, z: jax.Array, train: bool):
        return run(generator, "generator", variables, key, z, train)

    def init(key: jax.Array, batch: Batch) -> Variables:
        z_key, g_key, e_key = jax.random.split(key, 3)
        z = latent(z_key, len(batch.x))
        g_params, g_state = generator.init(g_key, z)
        e_params, e_state = encoder.init(e_key, batch.x)
        variables = Variables(
            {"generator": g_params, "encoder": e_params},
            {"generator": g_state, "encoder": e_state},
        )
        # Not in training mode: synchronized batch norm would ask for an axis, and none is mapped.
        x, _ = jax.eval_shape(lambda v: decode(v, key, z, train=False), variables)
        code, _ = jax.eval_shape(lambda v: encode(v, key, batch.x, train=False), variables)
        check_alike("generator", x, batch.x)
        if code.shape != (len(z), per_latent * z.shape[1]):
            raise ValueError(
                f"the encoder gives codes of {code.shape[1:]}; expected "
                f"({per_latent * z.shape[1]},) for latents of {z.shape[1:]}"
            )
        return variables

    return Autoencoder(init, encode, decode)
