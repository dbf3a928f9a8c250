"""The adversarial autoencoder (Makhzani et al. 2015, arXiv:1511.05644)."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan import losses, monitor
from jaxgan._checks import check_batch, check_callable, check_integers, check_types
from jaxgan._handed import check_networks, check_optimizers, refuse_factories
from jaxgan.core import two_player
from jaxgan.latents import Latent
from jaxgan.recipes._autoencoder import autoencoder
from jaxgan.recipes._gan import check_alike, checked
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network, Player, Variables

__all__ = ["aae"]


def aae(
    encoder: Network,
    decoder: Network,
    discriminator: Network,
    *,
    latent: Latent,
    g_optimizer: optax.GradientTransformation,
    d_optimizer: optax.GradientTransformation,
    loss: losses.AdversarialLoss | None = None,
    reconstruction_weight: float | jax.Array = 10.0,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
) -> GAN:
    """Make an adversarial autoencoder: its codes, taken together, are distributed like a prior.

        D minimizes             mean loss.discriminator(D(z), D(E(x))),    z from the prior
        E and G, the decoder,   mean loss.generator(D(z), D(E(x)))
        minimize                + reconstruction_weight * mean (G(E(x)) - x)^2

    D tells latents of the prior from codes; it never sees the data. So the decoder, which learns
    from the reconstructions alone, can be sampled from, and the prior need only be drawn from: it
    has no density in the loss, as in a variational autoencoder's. The paper alternates between
    the two terms; here one update follows their sum. The encoder is the deterministic one of the
    paper's experiments (section 2).

    The variables of the two are dicts with the keys "generator" (the decoder) and "encoder". To
    encode and reconstruct with their average, or with `state.g` if the GAN keeps none:

        params, network_state = state.ema
        z, _ = encoder.apply(params["encoder"], network_state["encoder"], key, x, train=False)
        x, _ = decoder.apply(params["generator"], network_state["generator"], key, z, train=False)

    D's metrics are those of `monitor.judgment`; G's are `reconstruction_error`, the unweighted
    mean square, and `diversity`, that of the codes as a share of the prior's.

    Args:
        encoder: called with x `[B, ...]`; gives codes `[B, latent]`.
        decoder: called with z `[B, latent]`; gives `[B, ...]`, like x.
        discriminator: called with z `[B, latent]`; gives logits `[B]`.
        latent: sampler of the prior.
        g_optimizer: optimizer of encoder and decoder.
        d_optimizer: optimizer of D.
        loss: the pair of losses; `losses.non_saturating()` if None.
        reconstruction_weight: weight of the reconstructions' error against the adversarial term.
        d_steps: updates of D for each update of encoder and decoder.
        ema_decay: decay of their running average; None for none.

    Returns:
        The GAN; `sample(state, key, n)` decodes latents of the prior.

    Raises:
        TypeError: a network is no `Network`, an optimizer no optimizer, a number no number.
        ValueError: `reconstruction_weight` is negative or not finite; when it is initialized: codes
            are not like latents, or reconstructions are not like the data; or, then or in the first
            step, the batch is empty or x is not of floats.

    Example:
        >>> decoder = encoder = nets.stateless(lambda key, x: jnp.eye(2), lambda w, x: x @ w)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.aae(encoder, decoder, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> float(metrics["g_reconstruction_error"])
        0.0
    """
    refuse_factories(latent=latent, loss=loss)
    check_networks(discriminator=discriminator)
    check_optimizers(g_optimizer=g_optimizer, d_optimizer=d_optimizer)
    loss = losses.non_saturating() if loss is None else loss
    check_types(losses.AdversarialLoss, loss=loss)
    check_callable("a function (key, n) -> z", latent=latent)
    check_networks(decoder=decoder)
    check_weights(reconstruction_weight=reconstruction_weight)
    init, encode, decode = autoencoder(decoder, encoder, latent)

    def discriminate(variables: Variables, key: jax.Array, z: jax.Array, code: jax.Array):
        """Logits of prior and codes, and D's state."""
        (params, state), (prior_key, code_key) = variables, jax.random.split(key)
        r, state = discriminator.apply(params, state, prior_key, z, train=True)
        f, state = discriminator.apply(params, state, code_key, code, train=True)
        return r, f, state

    def d_loss(params, state, opponent, batch, key, step):
        del step
        prior_key, encode_key, d_key = jax.random.split(key, 3)
        z = latent(prior_key, len(batch.x))
        code, _ = encode(opponent, encode_key, batch.x, train=True)
        r, f, state = discriminate(Variables(params, state), d_key, z, code)
        return jnp.mean(loss.discriminator(r, f)), (state, monitor.judgment(loss, r, f))

    def g_loss(params, state, opponent, batch, key, step):
        del step
        prior_key, encode_key, decode_key, d_key = jax.random.split(key, 4)
        own, z = Variables(params, state), latent(prior_key, len(batch.x))
        code, e_state = encode(own, encode_key, batch.x, train=True)
        x, g_state = decode(own, decode_key, code, train=True)
        check_alike("decoder", x, batch.x)
        r, f, _ = discriminate(opponent, d_key, z, code)
        error = jnp.mean(jnp.square(x - batch.x))
        value = jnp.mean(loss.generator(r, f)) + reconstruction_weight * error
        metrics = {"reconstruction_error": error}
        if len(z) > 1:  # a single example has no neighbor to differ from
            metrics["diversity"] = monitor.diversity(z, code)
        return value, ({"generator": g_state, "encoder": e_state}, metrics)

    def d_init(key: jax.Array, batch: Batch) -> Variables:
        prior_key, network_key = jax.random.split(key)
        return Variables(*discriminator.init(network_key, latent(prior_key, len(batch.x))))

    def sample(variables: Variables, key: jax.Array, n: int, y: Any = None):
        del y
        check_integers(n=n)
        prior_key, network_key = jax.random.split(key)
        return decode(variables, network_key, latent(prior_key, n), train=False)[0]

    g, d = Player(init, g_loss, g_optimizer), Player(d_init, d_loss, d_optimizer)
    g, d = checked(g, check_batch), checked(d, check_batch)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)
