"""BiGAN (arXiv:1605.09782) and ALI (arXiv:1606.00704): a GAN that learns its own inverse."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan import losses, monitor, penalties
from jaxgan._checks import check_batch, check_callable, check_integers, check_types
from jaxgan._handed import check_networks, check_optimizers, refuse_factories
from jaxgan.core import two_player
from jaxgan.latents import Latent
from jaxgan.recipes._autoencoder import autoencoder
from jaxgan.recipes._gan import check_alike, checked
from jaxgan.recipes._weights import Weight, check_weights, paying
from jaxgan.types import GAN, Batch, Network, Player, Variables

__all__ = ["bigan"]


def bigan(
    generator: Network,
    encoder: Network,
    discriminator: Network,
    *,
    latent: Latent,
    g_optimizer: optax.GradientTransformation,
    d_optimizer: optax.GradientTransformation,
    loss: losses.AdversarialLoss | None = None,
    stochastic: bool = False,
    penalty: penalties.Penalty | None = None,
    penalty_weight: Weight = 10.0,
    penalty_every: int = 1,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
) -> GAN:
    """Make a BiGAN: D tells pairs (x, E(x)) from pairs (G(z), z); G and E make them alike.

        D minimizes        mean loss.discriminator(r, f),    r = D(x, E(x)),  f = D(G(z), z)
        G and E minimize   mean loss.generator(r, f) + mean loss.generator(2t - f, 2t - r)

    where t is the loss's threshold, or 0. The first term is G's, as in any GAN; the second is the
    same from the other side: with logits reflected about the threshold and roles exchanged, E wants
    its pairs to be taken for generated ones. For the non-saturating loss the two are -log f and
    -log(1 - r) in probabilities: D's own loss with labels exchanged (arXiv:1605.09782, section
    3.4). Once the pairs cannot be told apart, E inverts G (theorem 2), though no term asks for it.

    The variables of the two are dicts with the keys "generator" and "encoder". To encode with their
    average, or with `state.g` if the GAN keeps none:

        params, network_state = state.ema
        z, _ = encoder.apply(params["encoder"], network_state["encoder"], key, x, train=False)

    D's metrics are those of `monitor.judgment` and the weighted penalty; G's are
    `monitor.diversity` and `latent_error`, the mean of |E(G(z)) - z| by the networks as they are
    used after training.

    Args:
        generator: called with z `[B, latent]`; gives `[B, ...]`, like x.
        encoder: called with x `[B, ...]`; gives codes `[B, latent]`, or `[B, 2 latent]` if
            stochastic.
        discriminator: called with x `[B, ...]` and z `[B, latent]`; gives logits `[B]`.
        latent: sampler of z.
        g_optimizer: optimizer of G and E. The papers take Adam(2e-4, b1=0.5) for all three.
        d_optimizer: optimizer of D.
        loss: the pair of losses; `losses.non_saturating()` if None.
        stochastic: whether E gives means and logarithms of standard deviations, side by side, of
            normal codes, as in ALI (arXiv:1606.00704, section 2.1).
        penalty: of `penalties`, or None; taken with respect to x and z together.
        penalty_weight: its weight, or a function of D's step.
        penalty_every: pay it in every k-th step, k times as much.
        d_steps: updates of D for each update of G and E.
        ema_decay: decay of their running average; None for none.

    Returns:
        The GAN; `sample(state, key, n)` gives G(z).

    Raises:
        TypeError: a network is no `Network`, an optimizer no optimizer, a number no number.
        ValueError: `penalty_weight` is negative or not finite, `penalty_every` below 1; when it is
            initialized: samples are not like the data, or codes not like z; or, then or in a step,
            the batch is empty or x is not of floats.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> encoder = generator  # of points; both map two numbers to two
        >>> discriminator = nets.stateless(
        ...     lambda key, x, z: jnp.ones(2), lambda w, x, z: (x + z) @ w
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.bigan(generator, encoder, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> params, network_state = state.g.params["encoder"], state.g.state["encoder"]
        >>> z, _ = encoder.apply(params, network_state, jax.random.key(1), batch.x, train=False)
        >>> z.shape
        (4, 2)
    """
    refuse_factories(latent=latent, loss=loss, penalty=penalty)
    check_networks(discriminator=discriminator)
    check_optimizers(g_optimizer=g_optimizer, d_optimizer=d_optimizer)
    loss = losses.non_saturating() if loss is None else loss
    check_types(losses.AdversarialLoss, loss=loss)
    check_callable("a function (key, n) -> z", latent=latent)
    if penalty is not None:
        check_callable("one of jaxgan.penalties", penalty=penalty)
    middle = 2 * (loss.threshold or 0.0)
    check_integers(penalty_every=penalty_every)
    check_weights(penalty_weight=penalty_weight)
    pay = None if penalty is None else paying(penalty, penalty_weight, penalty_every)
    numbers = 2 if stochastic else 1
    init, encode, decode = autoencoder(generator, encoder, latent, per_latent=numbers)

    def make_pairs(variables: Variables, key: jax.Array, x: jax.Array):
        """(x, E(x)) and (G(z), z), and the states that G and E come to."""
        z_key, g_key, e_key, noise_key = jax.random.split(key, 4)
        z = latent(z_key, len(x))
        fake, g_state = decode(variables, g_key, z, train=True)
        check_alike("generator", fake, x)
        code, e_state = encode(variables, e_key, x, train=True)
        if stochastic:
            mean, log_std = jnp.split(code, 2, axis=1)
            code = mean + jnp.exp(log_std) * jax.random.normal(noise_key, mean.shape)
        return (x, code), (fake, z), {"generator": g_state, "encoder": e_state}

    def discriminate(variables: Variables, key: jax.Array, real: tuple, fake: tuple):
        """Logits of both, and D's state."""
        (params, state), (real_key, fake_key) = variables, jax.random.split(key)
        r, state = discriminator.apply(params, state, real_key, *real, train=True)
        f, state = discriminator.apply(params, state, fake_key, *fake, train=True)
        return r, f, state

    def d_loss(params, state, opponent, batch, key, step):
        pairs_key, d_key, penalty_key = jax.random.split(key, 3)
        own = Variables(params, state)
        real, fake, _ = make_pairs(opponent, pairs_key, batch.x)
        r, f, state = discriminate(own, d_key, real, fake)
        value, metrics = jnp.mean(loss.discriminator(r, f)), monitor.judgment(loss, r, f)
        if pay is not None:

            def critic_of(params):
                of = own._replace(params=params)

                def critic(joined):
                    x, z = joined[:, : -real[1].shape[1]], joined[:, -real[1].shape[1] :]
                    x = x.reshape(-1, *batch.x.shape[1:])
                    return discriminator.apply(*of, d_key, x, z, train=True)[0]

                return critic

            pairs = _joined(*real), _joined(*fake)
            metrics["penalty"] = pay(params, critic_of, *pairs, penalty_key, step)
            value += metrics["penalty"]
        return value, (state, metrics)

    def g_loss(params, state, opponent, batch, key, step):
        del step
        pairs_key, d_key, again_key = jax.random.split(key, 3)
        own = Variables(params, state)
        real, fake, state = make_pairs(own, pairs_key, batch.x)
        r, f, _ = discriminate(opponent, d_key, real, fake)
        value = jnp.mean(loss.generator(r, f)) + jnp.mean(loss.generator(middle - f, middle - r))
        x, z = lax.stop_gradient(fake)
        code, _ = encode(own, again_key, x, train=False)
        metrics = {"latent_error": jnp.mean(jnp.abs(code[:, : z.shape[1]] - z))}
        if len(x) > 1:  # a single example has no neighbor to differ from
            metrics["diversity"] = monitor.diversity(batch.x, x)
        return value, (state, metrics)

    def d_init(key: jax.Array, batch: Batch) -> Variables:
        z_key, network_key = jax.random.split(key)
        return Variables(*discriminator.init(network_key, batch.x, latent(z_key, len(batch.x))))

    def sample(variables: Variables, key: jax.Array, n: int, y: Any = None):
        del y
        check_integers(n=n)
        z_key, network_key = jax.random.split(key)
        return decode(variables, network_key, latent(z_key, n), train=False)[0]

    g, d = Player(init, g_loss, g_optimizer), Player(d_init, d_loss, d_optimizer)
    g, d = checked(g, check_batch), checked(d, check_batch)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _joined(x: jax.Array, z: jax.Array) -> jax.Array:
    """A pair as one vector, `[B, N + latent]`: what a penalty takes the gradient of."""
    return jnp.concatenate([x.reshape(len(x), -1), z], axis=1)
