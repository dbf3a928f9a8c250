"""CoGAN (Liu and Tuzel 2016, arXiv:1606.07536): pairs of two domains, learned without any pair."""

import jax
import jax.numpy as jnp
import optax

from jaxgan import losses, monitor
from jaxgan._checks import check_batch, check_callable, check_integers, check_types
from jaxgan._handed import check_networks, check_optimizers, refuse_factories
from jaxgan.core import two_player
from jaxgan.latents import Latent
from jaxgan.recipes._gan import checked, upcast
from jaxgan.recipes._weights import Weight
from jaxgan.types import GAN, Batch, Network, Player, Variables

__all__ = ["cogan"]


def cogan(
    generator: Network,
    discriminator: Network,
    *,
    latent: Latent,
    g_optimizer: optax.GradientTransformation,
    d_optimizer: optax.GradientTransformation,
    loss: losses.AdversarialLoss | None = None,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
) -> GAN:
    """Make a coupled GAN: two GANs, one for each domain, whose networks share layers.

        (a, b) = G(z)
        D minimizes  loss.discriminator(D_a(x), D_a(a)) + loss.discriminator(D_b(y), D_b(b))
        G minimizes  loss.generator(D_a(x), D_a(a)) + loss.generator(D_b(y), D_b(b))

    in the mean over a batch.

    Nothing in the losses makes a and b correspond: that comes from the shared layers (section 3),
    so it is the networks that make this a CoGAN.

    D's metrics are those of `monitor.judgment` over both domains together; G's is the mean of both
    domains' `monitor.diversity`.

    Args:
        generator: called with z `[B, latent]`; gives a pair `[B, ...]`, `[B, ...]`, like x and y.
        discriminator: called with a pair of such examples; gives logits `[B, ...]` of each.
        latent: sampler of z.
        g_optimizer: optimizer of G.
        d_optimizer: optimizer of D.
        loss: the pair of losses; `losses.non_saturating()` if None.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average, as in `jaxgan.two_player`; None for none.

    Returns:
        The GAN, for batches of x of one domain and y of the other, in no relation to one another;
        `sample(state, key, n)` gives the pair (a, b), `[n, ...]` each.

    Raises:
        TypeError: a network is no `Network`, or an optimizer no optimizer.
        ValueError: when it is initialized: the pairs do not look like the data; or, then or in the
            first step, a batch is empty, has no y or not as many as x, or is not of floats.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda w, z: (z + w, z - w))
        >>> discriminator = nets.stateless(
        ...     lambda key, x, y: jnp.ones(2), lambda w, x, y: (x @ w, y @ w)
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.cogan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)), -jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> [samples.shape for samples in gan.sample(state, jax.random.key(1), 5)]
        [(5, 2), (5, 2)]
    """
    refuse_factories(latent=latent, loss=loss)
    check_networks(generator=generator, discriminator=discriminator)
    check_optimizers(g_optimizer=g_optimizer, d_optimizer=d_optimizer)
    loss = losses.non_saturating() if loss is None else loss
    check_types(losses.AdversarialLoss, loss=loss)
    check_callable("a function (key, n) -> z", latent=latent)

    def generate(variables: Variables, key: jax.Array, n: int, *, train: bool):
        latent_key, network_key = jax.random.split(key)
        z = latent(latent_key, n)
        fake, state = generator.apply(*variables, network_key, z, train=train)
        return jax.tree.map(upcast, fake), state

    def discriminate(variables: Variables, key: jax.Array, pair):
        logits, state = discriminator.apply(*variables, key, *pair, train=True)
        return jax.tree.map(upcast, logits), state

    def discriminate_both(variables: Variables, key: jax.Array, real, fake):
        real_key, fake_key = jax.random.split(key)
        of_real, state = discriminate(variables, real_key, real)
        of_fake, state = discriminate(variables._replace(state=state), fake_key, fake)
        return of_real, of_fake, state

    def d_loss(params, state, opponent, batch: Batch, key, step):
        del step
        fake_key, d_key = jax.random.split(key)
        fake, _ = generate(opponent, fake_key, len(batch.x), train=True)
        _check_made(fake, batch)
        of_real, of_fake, state = discriminate_both(Variables(params, state), d_key, batch, fake)
        value = _sum_of_means(loss.discriminator, of_real, of_fake)
        metrics = monitor.judgment(loss, jnp.concatenate(of_real), jnp.concatenate(of_fake))
        return value, (state, metrics)

    def g_loss(params, state, opponent, batch: Batch, key, step):
        del step
        fake_key, d_key = jax.random.split(key)
        fake, state = generate(Variables(params, state), fake_key, len(batch.x), train=True)
        _check_made(fake, batch)
        of_real, of_fake, _ = discriminate_both(opponent, d_key, batch, fake)
        metrics = {}
        if len(batch.x) > 1:  # a single example has no neighbor to differ from
            metrics["diversity"] = _sum_of_means(monitor.diversity, batch, fake) / 2
        return _sum_of_means(loss.generator, of_real, of_fake), (state, metrics)

    def g_init(key: jax.Array, batch: Batch) -> Variables:
        variables = Variables(*generator.init(key, latent(key, len(batch.x))))
        # Not in training mode: synchronized batch norm would ask for an axis, and none is mapped.
        fake, _ = jax.eval_shape(lambda v: generate(v, key, len(batch.x), train=False), variables)
        _check_made(fake, batch)
        return variables

    def d_init(key: jax.Array, batch: Batch) -> Variables:
        return Variables(*discriminator.init(key, *batch))

    def sample(variables: Variables, key: jax.Array, n: int, y=None):
        del y
        check_integers(n=n)
        fake, _ = generate(variables, key, n, train=False)
        return fake

    g, d = Player(g_init, g_loss, g_optimizer), Player(d_init, d_loss, d_optimizer)
    g, d = checked(g, _check_domains), checked(d, _check_domains)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _check_domains(batch: Batch, *, values: bool = False) -> None:
    if batch.y is None:
        raise ValueError("cogan needs examples of both domains, and this batch has y = None")
    check_batch(batch, pictures=True, values=values)


def _check_made(fake: tuple[jax.Array, jax.Array], batch: Batch) -> None:
    made, wanted = [part.shape for part in fake], [part.shape for part in batch]
    if made != wanted:
        raise ValueError(
            f"the generator makes pairs of {made[0][1:]} and {made[1][1:]}, the data are "
            f"{wanted[0][1:]} and {wanted[1][1:]}; expected the same shapes"
        )


def _sum_of_means(function, real, fake) -> jax.Array:
    """Over both domains."""
    (real_a, real_b), (fake_a, fake_b) = real, fake
    return jnp.mean(function(real_a, fake_a)) + jnp.mean(function(real_b, fake_b))
