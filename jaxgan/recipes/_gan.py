"""From noise to pictures, with or without labels: GAN, DCGAN, CGAN, LSGAN, WGAN, WGAN-GP, ...

Which of them it is depends on the networks, the pair of losses and the penalty.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from jaxgan import losses, monitor, penalties
from jaxgan._checks import (
    check_batch,
    check_callable,
    check_integers,
    check_lengths,
    check_numbers,
    check_types,
    on_host,
)
from jaxgan._handed import check_networks, check_optimizers, refuse_factories
from jaxgan._network_transforms import join, pack, split
from jaxgan.augment import Adapted, Augmentation, before, paired
from jaxgan.core import two_player
from jaxgan.latents import Latent
from jaxgan.recipes._weights import Weight, check_weights, paying
from jaxgan.regularizers import Regularizer, normalize_gradient
from jaxgan.types import GAN, Batch, Metrics, Network, Player, Sample, Variables

__all__ = [
    "Seen",
    "Term",
    "check_alike",
    "checked",
    "gan",
    "players",
    "upcast",
]


class Seen(NamedTuple):
    """What a further term of a player's loss may look at.

    Attributes:
        batch: the batch.
        z: latents `[B, latent]` of the fake examples; `()` if there are none.
        fake: `[B, ...]`.
        real_heads: what D returned beside its logits of the real examples; `()` if nothing else.
        fake_heads: likewise of the fake ones.
    """

    batch: Batch
    z: Any
    fake: jax.Array
    real_heads: Any
    fake_heads: Any


class Term(Protocol):
    """A further term of a player's loss."""

    def __call__(self, seen: Seen, /) -> tuple[jax.Array, Metrics]:
        """Compute the term.

        Args:
            seen: the batch, the fake examples, and D's heads.

        Returns:
            Values, weighted already, whose mean is added to the loss; and metrics.
        """
        ...


def gan(
    generator: Network,
    discriminator: Network,
    *,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a GAN: the generator learns p(x) (arXiv:1406.2661), or p(x | y) (arXiv:1411.1784).

    Args:
        generator: called with z `[B, latent]`, and with y if conditional; gives `[B, ...]`, like x.
        discriminator: called with x `[B, ...]`, and with y if conditional; gives logits `[B, ...]`.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average, as in `jaxgan.two_player`; None for none.
        **settings: what the two minimize and how they learn: the keywords of `players`.

    Returns:
        The GAN; `sample(state, key, n, y)` takes y `[n, ...]` if conditional.

    Raises:
        TypeError: as in `players`.
        ValueError: as in `players`; when it is initialized, first stepped or sampled from: the
            batch is empty, x is not of floats, labels are missing or are not as many as x or `n`,
            or G's output does not look like the data. Values are looked at when it is initialized:
            x is not finite, or its pictures are far from [-1, 1].

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> gan = recipes.gan(
        ...     generator,
        ...     discriminator,
        ...     latent=latents.normal(2),
        ...     g_optimizer=optax.adam(1e-3, b1=0.5),
        ...     d_optimizer=optax.adam(1e-3, b1=0.5),
        ...     loss=losses.hinge(),
        ...     penalty=penalties.r1(),
        ... )
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> gan.sample(state, jax.random.key(1), 5).shape
        (5, 2)
    """
    g, d, sample = players(generator, discriminator, **settings)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def players(
    generator: Network,
    discriminator: Network,
    *,
    latent: Latent | None,
    g_optimizer: optax.GradientTransformation,
    d_optimizer: optax.GradientTransformation,
    loss: losses.AdversarialLoss | None = None,
    penalty: penalties.Penalty | None = None,
    penalty_weight: Weight = 10.0,
    penalty_every: int = 1,
    regularizer: Regularizer | None = None,
    regularizer_weight: float | jax.Array = 1.0,
    augment: Augmentation | None = None,
    augment_pairs: bool = False,
    conditional: bool = False,
    d_conditional: bool | None = None,
    one_batch: bool = False,
    packing: int = 1,
    fake_gradient_norm: float | jax.Array | None = None,
    g_term: Term | None = None,
    d_term: Term | None = None,
) -> tuple[Player, Player, Sample]:
    """Make the two players of `gan`, for recipes that add to what one of them wants.

        D minimizes  mean loss.discriminator(D(T(x)), D(T(G(z)))) + weight * mean penalty
                     + regularizer_weight * mean regularizer + mean d_term
        G minimizes  mean loss.generator(D(T(x)), D(T(G(z)))) + mean g_term

    where T is the augmentation, if there is one. Networks may compute in bfloat16; samples, logits,
    losses and penalties are float32 (or float64, where the networks are).

    D's metrics are those of `monitor.judgment` (its accuracy on real and on fake examples is near
    0.5 each at equilibrium), the weighted penalty and regularizer, and the strength of an
    augmentation that has one; G's is `monitor.diversity`.

    Args:
        generator: called with z `[B, latent]`, and with y if conditional; gives `[B, ...]`, like x.
        discriminator: called with x `[B, ...]`, and with y if conditional; gives logits `[B, ...]`,
            or a pair of them and of heads `[B, ...]` that the terms want.
        latent: sampler of z; None for a generator that is called with y alone.
        g_optimizer: optimizer of G; its learning rate is often the smaller one.
        d_optimizer: optimizer of D; chain `penalties.clip_weights` after it for the first WGAN.
        loss: the pair of losses; `losses.non_saturating()` if None.
        penalty: of `penalties`, or None.
        penalty_weight: its weight, or a function of D's step.
        penalty_every: pay it in every k-th step, k times as much.
        regularizer: of `jaxgan.regularizers`: a term on D's logits, or None.
        regularizer_weight: its weight.
        augment: of `jaxgan.augment`: how images are changed before D sees them in training, real
            and fake ones alike, so that few images last longer; None for not at all. Penalties are
            taken with respect to the images before.
        augment_pairs: whether the i-th fake image is changed exactly as the i-th real one, for both
            players, which suits losses that compare the two. D's own noise, such as dropout, is the
            same for both then, if it sees them in two batches.
        conditional: whether both networks see `batch.y`.
        d_conditional: whether D sees it, where that is not the same.
        one_batch: whether D sees real and fake examples in one batch of 2B instead of two of B when
            it is trained. Without batch norm this is only a matter of speed; with it, the
            statistics of one batch mix both, while G's loss, which always takes two passes, is
            judged by those of the fake examples alone.
        packing: how many examples D judges together, with one logit (`nets.pack`); D is called with
            x `[B/m, ..., m C]` then. The pack is the example of losses, penalties and regularizers;
            an augmentation changes each image by itself. G is as without.
        fake_gradient_norm: length of the gradient that G gets from D at each fake example
            (`regularizers.normalize_gradient`); `g_term` keeps its own. None leaves it as it is.
        g_term: what else G minimizes, a function of `Seen`.
        d_term: what else D minimizes.

    Returns:
        Generator, discriminator, and `sample` for `jaxgan.two_player`.

    Raises:
        TypeError: a factory such as `penalties.r1` is given instead of what it returns, a network
            is no `Network`, an optimizer no optimizer, or a number no number.
        ValueError: a weight is negative or not finite, `penalty_every` is below 1, or
            `augment_pairs` is given without `augment`, or `packing` with a D that sees labels or
            gives heads to a term; the batch does not divide into packs; the rest is as in `gan`.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.stateless(lambda key, x: jnp.ones(2), lambda w, x: x @ w)
        >>> def nearby(seen):
        ...     return 0.1 * jnp.sum(seen.fake**2, axis=1), {}
        ...
        >>> g, d, sample = recipes.players(
        ...     generator,
        ...     discriminator,
        ...     latent=latents.normal(2),
        ...     g_optimizer=optax.sgd(0.1),
        ...     d_optimizer=optax.sgd(0.1),
        ...     g_term=nearby,
        ... )
        >>> gan = jaxgan.two_player(g, d, sample=sample)
    """
    refuse_factories(latent=latent, loss=loss, penalty=penalty, penalty_weight=penalty_weight)
    refuse_factories(regularizer=regularizer, augment=augment)
    check_networks(generator=generator, discriminator=discriminator)
    check_optimizers(g_optimizer=g_optimizer, d_optimizer=d_optimizer)
    check_integers(penalty_every=penalty_every, packing=packing)
    check_weights(penalty_weight=penalty_weight, regularizer_weight=regularizer_weight)
    if fake_gradient_norm is not None:
        check_numbers("(0, inf)", fake_gradient_norm=fake_gradient_norm)
    if augment_pairs and augment is None:
        raise ValueError("augment_pairs is True and augment is None; expected an augmentation")
    d_conditional = conditional if d_conditional is None else d_conditional
    if packing > 1 and d_conditional:
        raise ValueError(
            f"packing={packing} and D sees the labels, of which a pack has {packing}; expected "
            f"packing=1, or d_conditional=False"
        )
    of_both = discriminator = pack(discriminator, packing)
    if augment is not None:
        check_types(Augmentation, augment=augment)
        of_both = before(discriminator, paired(augment) if augment_pairs else augment)
        discriminator = before(discriminator, augment)
    loss = losses.non_saturating() if loss is None else loss
    check_types(losses.AdversarialLoss, loss=loss)
    if latent is not None:
        check_callable("a function (key, n) -> z", latent=latent)
    if penalty is not None:
        check_callable("one of jaxgan.penalties", penalty=penalty)
    if regularizer is not None:
        check_types(Regularizer, regularizer=regularizer)
    pay = None if penalty is None else paying(penalty, penalty_weight, penalty_every)

    def condition(batch: Batch, sees_it: bool) -> tuple:
        if sees_it and batch.y is None:
            raise ValueError("a conditional GAN needs labels, and this batch has none (y is None)")
        return (batch.y,) if sees_it else ()

    def generate(variables: Variables, key: jax.Array, n: int, y: tuple, *, train: bool):
        """Samples, their latents, and G's state."""
        latent_key, network_key = jax.random.split(key)
        z = () if latent is None else (latent(latent_key, n),)
        check_lengths("latent(key, n)", z, n, "n")
        samples, state = generator.apply(*variables, network_key, *z, *y, train=train)
        return upcast(samples), z[0] if z else (), state

    def discriminate(variables: Variables, key: jax.Array, x, y: tuple, network=discriminator):
        """Logits and heads, and D's state."""
        outputs, state = network.apply(*variables, key, x, *y, train=True)
        logits, heads = outputs if isinstance(outputs, tuple) else (outputs, ())
        of_examples = any(jnp.shape(one) != logits.shape for one in jax.tree.leaves(heads))
        if packing > 1 and of_examples and (g_term or d_term):
            raise ValueError(
                f"packing={packing} and D gives heads, which are of single examples; expected "
                f"packing=1, or a D that gives logits alone"
            )
        return (upcast(logits), heads), state

    def discriminate_both(variables: Variables, key: jax.Array, real, fake, y: tuple):
        real_key, fake_key = (key, key) if augment_pairs else jax.random.split(key)
        of_real, state = discriminate(variables, real_key, real, y)
        of_fake, state = discriminate(variables._replace(state=state), fake_key, fake, y)
        return of_real, of_fake, state

    def discriminate_together(variables: Variables, key: jax.Array, real, fake, y: tuple):
        both, both_y = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), (real, y), (fake, y))
        found, state = discriminate(variables, key, both, both_y, of_both)
        of_real = jax.tree.map(lambda leaf: leaf[: len(leaf) // 2], found)
        return of_real, jax.tree.map(lambda leaf: leaf[len(leaf) // 2 :], found), state

    def with_memory(network_state, memory):
        """D's state: the network's alone, if no regularizer remembers anything beside it."""
        return network_state if regularizer is None else (network_state, memory)

    def and_memory(state):
        return (state, ()) if regularizer is None else state

    def d_loss(params, state, opponent, batch, key, step):
        fake_key, d_key, penalty_key = jax.random.split(key, 3)
        network_state, memory = and_memory(state)
        own, y = Variables(params, network_state), condition(batch, d_conditional)
        fake, z, _ = generate(
            opponent, fake_key, len(batch.x), condition(batch, conditional), train=True
        )
        check_alike("generator", fake, batch.x)
        discriminate_all = discriminate_together if one_batch else discriminate_both
        of_real, of_fake, network_state = discriminate_all(own, d_key, batch.x, fake, y)
        (real_logits, real_heads), (fake_logits, fake_heads) = of_real, of_fake
        value = jnp.mean(loss.discriminator(real_logits, fake_logits))
        metrics = monitor.judgment(loss, real_logits, fake_logits)
        if pay is not None:

            def critic_of(params):
                of = own._replace(params=params)

                def critic(packs):
                    first = jax.tree.map(lambda leaf: leaf[: len(packs)], y)
                    return discriminate(of, d_key, split(packs, packing), first)[0][0]

                return critic

            real_packs, fake_packs = join(batch.x, packing), join(fake, packing)
            metrics["penalty"] = pay(params, critic_of, real_packs, fake_packs, penalty_key, step)
            value += metrics["penalty"]
        if augment is not None:
            seen = augment.update(network_state["augment"], real_logits, fake_logits)
            network_state = {**network_state, "augment": seen}
            strength = seen.p if isinstance(seen, Adapted) else seen
            if isinstance(strength, jax.Array) and jnp.issubdtype(strength.dtype, jnp.inexact):
                metrics["augment"] = strength
        if regularizer is not None:
            per_example, memory = regularizer.apply(memory, real_logits, fake_logits, step)
            metrics["regularizer"] = regularizer_weight * jnp.mean(per_example)
            value += metrics["regularizer"]
        if d_term is not None:
            more, found = d_term(Seen(batch, z, fake, real_heads, fake_heads))
            value, metrics = value + jnp.mean(more), metrics | found
        return value, (with_memory(network_state, memory), metrics)

    def g_loss(params, state, opponent, batch, key, step):
        del step
        fake_key, d_key = jax.random.split(key)
        fake, z, state = generate(
            Variables(params, state),
            fake_key,
            len(batch.x),
            condition(batch, conditional),
            train=True,
        )
        check_alike("generator", fake, batch.x)
        # Where the loss does not look at the real logits, XLA removes their forward pass.
        opposed = opponent._replace(state=and_memory(opponent.state)[0])
        y = condition(batch, d_conditional)
        judged = fake
        if fake_gradient_norm is not None:  # of one example's loss, of which the mean is taken
            judged = normalize_gradient(fake, fake_gradient_norm / len(fake))
        of_real, of_fake, _ = discriminate_both(opposed, d_key, batch.x, judged, y)
        (real_logits, real_heads), (fake_logits, fake_heads) = of_real, of_fake
        value = jnp.mean(loss.generator(real_logits, fake_logits))
        # A single example has no neighbor to differ from.
        metrics = {"diversity": monitor.diversity(batch.x, fake)} if len(fake) > 1 else {}
        if g_term is not None:
            more, found = g_term(Seen(batch, z, fake, real_heads, fake_heads))
            value, metrics = value + jnp.mean(more), metrics | found
        return value, (state, metrics)

    def g_init(key: jax.Array, batch: Batch) -> Variables:
        network_key, latent_key = jax.random.split(key)
        z = () if latent is None else (latent(latent_key, len(batch.x)),)
        y = on_host(condition(batch, conditional))
        variables = Variables(*generator.init(network_key, *z, *y))
        # Not in training mode: synchronized batch norm would ask for an axis, and none is mapped.
        fake, *_ = jax.eval_shape(
            lambda v: generate(v, key, len(batch.x), y, train=False), variables
        )
        check_alike("generator", fake, batch.x)
        return variables

    def d_init(key: jax.Array, batch: Batch) -> Variables:
        params, network_state = discriminator.init(key, batch.x, *condition(batch, d_conditional))
        return Variables(
            params, with_memory(network_state, () if regularizer is None else regularizer.init())
        )

    def sample(variables: Variables, key: jax.Array, n: int, y=None):
        check_integers(n=n)
        given = on_host(condition(Batch(None, y), conditional))
        check_lengths("y", given, n, "n")
        return generate(variables, key, n, given, train=False)[0]

    g, d = Player(g_init, g_loss, g_optimizer), Player(d_init, d_loss, d_optimizer)
    return checked(g, check_batch), checked(d, check_batch), sample


def checked(player: Player, check: Callable[..., None]) -> Player:
    """The player, in front of whom every batch is checked.

    Args:
        player: who then sees the batch.
        check: `(batch, values=False)`, with `values` where the player is initialized.
    """

    def init(key: jax.Array, batch: Batch) -> Variables:
        check(batch, values=True)
        return player.init(key, batch)

    def loss(params, state, opponent, batch, key, step):
        check(batch)
        return player.loss(params, state, opponent, batch, key, step)

    return player._replace(init=init, loss=loss)


def check_alike(network: str, made: jax.Array, x: jax.Array) -> None:
    """Check that what a network makes looks like the data."""
    if made.shape != x.shape:
        raise ValueError(
            f"the {network} makes {made.shape[1:]}, the data are {x.shape[1:]}; "
            f"expected the same shape"
        )


def upcast(a: jax.Array) -> jax.Array:
    """Bring samples, logits or codes to float32, or more, before they go into a loss."""
    return a.astype(jnp.promote_types(a.dtype, jnp.float32))
