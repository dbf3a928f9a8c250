"""Text to image (Reed et al. 2016, arXiv:1605.05396): pictures of what sentences say."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan import losses
from jaxgan._checks import check_array, check_callable, check_numbers
from jaxgan._handed import check_networks, refuse_factories
from jaxgan.core import two_player
from jaxgan.recipes._gan import Seen, checked, players, upcast
from jaxgan.recipes._weights import Weight
from jaxgan.types import GAN, Batch, Network

__all__ = ["text_to_image"]


def text_to_image(
    generator: Network,
    discriminator: Network,
    *,
    wrong_share: float | jax.Array = 0.5,
    encoder: Callable[[Any], Any] | None = None,
    loss: losses.AdversarialLoss | None = None,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a GAN-CLS: G draws what a text says, and D also tells right texts from wrong ones.

        D minimizes  mean [ (1 - w) L(D(x, t), D(G(z, t), t)) + w L(D(x, t), D(x, t')) ]
        G minimizes  that of `recipes.gan`

    where L is `loss.discriminator`, t the text of x and t' that of its neighbor in the batch. Of
    the default loss, with w = 1/2, this is algorithm 1 of the paper,

        -log s(D(x, t)) - [log (1 - s(D(x, t'))) + log (1 - s(D(G(z, t), t)))] / 2

    with s the sigmoid. Without the wrong texts, D only learns to mind the text as far as fake
    pictures do not show it. A neighbor with the same text is left out: it would not be wrong.

    D's further metric is `wrong_accuracy`, on real pictures with wrong texts.

    Args:
        generator: called with z `[B, latent]` and the text; gives `[B, ...]`, like x.
        discriminator: called with x `[B, ...]` and the text; gives logits `[B, ...]`. For
            sentences as numbers of words, `models.text` has both.
        wrong_share: w, the share of the wrong texts in what D is to reject; the paper's is 1/2.
        encoder: an encoder of your own, which is not trained: a function of `batch.y` that gives
            the text as both networks get it, `[B, ...]`. None if they get `batch.y` itself.
        loss: the pair of losses; `losses.non_saturating()` if None.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`.

    Returns:
        The GAN; `sample(state, key, n, y)` takes the texts to draw, `[n, ...]`, as `batch.y`.

    Raises:
        TypeError: as in `recipes.gan`, or `encoder` is no function.
        ValueError: as in `recipes.gan`; `wrong_share` is not in [0, 1); y is missing, or not
            `[B, L, ...]`.

    Example:
        >>> generator = nets.stateless(
        ...     lambda key, z, y: jnp.zeros((3, 2)), lambda table, z, y: z + table[y].sum(axis=1)
        ... )
        >>> discriminator = nets.stateless(
        ...     lambda key, x, y: jnp.zeros((3, 2)),
        ...     lambda table, x, y: jnp.sum(x * table[y].sum(axis=1), axis=-1),
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.text_to_image(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((2, 2)), jnp.array([[0, 1], [0, 2]]))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> "d_wrong_accuracy" in metrics
        True
        >>> gan.sample(state, jax.random.key(1), 1, jnp.array([[0, 2]])).shape
        (1, 2)
    """
    refuse_factories(loss=loss)
    check_networks(generator=generator, discriminator=discriminator)
    check_numbers("[0, 1)", wrong_share=wrong_share)
    if encoder is not None:
        check_callable("a function of batch.y", encoder=encoder)
        generator, discriminator = (_told(one, encoder) for one in (generator, discriminator))
    loss = losses.non_saturating() if loss is None else loss

    def d_term(seen: Seen):
        (real, wrong), (fake, _) = seen.real_heads, seen.fake_heads
        y = seen.batch.y
        differs = jnp.any((y != _wrong(y)).reshape(len(y), -1), axis=1)
        differs = differs.reshape(-1, *[1] * (real.ndim - 1))
        more = loss.discriminator(real, wrong) - loss.discriminator(real, fake)
        accuracy = losses.accuracy(loss, real, wrong)[1]
        return wrong_share * jnp.where(differs, more, 0), {"wrong_accuracy": accuracy}

    g, d, sample = players(
        generator,
        _beside_wrong(discriminator),
        loss=loss,
        conditional=True,
        d_term=d_term,
        **settings,
    )
    g, d = checked(g, _check_texts), checked(d, _check_texts)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _wrong(y: Any) -> Any:
    """Give every example the text of its neighbor."""
    return jnp.roll(y, 1, axis=0)


def _beside_wrong(discriminator: Network) -> Network:
    """Make D return its logits beside those of the same pictures with wrong texts, as heads.

    Both passes begin at one state and have one key, so a compiler computes what does not depend on
    the text once, and what nobody looks at not at all.
    """

    def apply(params, state, key, x, y, *, train):
        right, after = discriminator.apply(params, state, key, x, y, train=train)
        wrong, _ = discriminator.apply(params, state, key, x, _wrong(y), train=train)
        return (right, (upcast(right), upcast(wrong))), after

    return Network(discriminator.init, apply)


def _told(network: Network, encoder: Callable[[Any], Any]) -> Network:
    """Give a network what the encoder makes of its last input."""

    def init(key, x, y):
        return network.init(key, x, encoder(y))

    def apply(params, state, key, x, y, *, train):
        return network.apply(params, state, key, x, encoder(y), train=train)

    return Network(init, apply)


def _check_texts(batch: Batch, *, values: bool = False) -> None:
    del values
    if batch.y is None:
        raise ValueError("text_to_image needs texts: y, which x is to show, is None")
    check_array("batch.y", batch.y, "[B, L, ...]", "numbers")
