"""ACGAN (Odena et al. 2016, arXiv:1610.09585): a discriminator that also names the class."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxgan._checks import check_labels
from jaxgan.core import two_player
from jaxgan.recipes._gan import Seen, checked, players, upcast
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network

__all__ = ["acgan", "classification"]


def acgan(
    generator: Network,
    discriminator: Network,
    *,
    class_weight: float | jax.Array = 1.0,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make an ACGAN: G is given the class, and D has to predict it.

        D minimizes  that of `recipes.gan` - class_weight mean [log P(y | x) + log P(y | G(z, y))]
        G minimizes  that of `recipes.gan` - class_weight mean log P(y | G(z, y))

    where P is the softmax of D's class logits (section 4): both want the fake examples to be
    recognized. Labels of -1 are unknown; G is given them unchanged.

    Further metrics are `d_class_accuracy`, on real examples, and `g_class_accuracy`, on fake ones.

    Args:
        generator: called with z `[B, latent]` and y int32 `[B]`; gives `[B, ...]`, like x.
        discriminator: called with x alone; gives logits `[B]` and class logits `[B, K]`, as
            `models.mlp.Discriminator(classes=K)` and `models.dcgan.Discriminator(classes=K)` do.
        class_weight: weight of the cross-entropies; 1 in the paper.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`.

    Returns:
        The GAN; `sample(state, key, n, y)` takes the classes to draw, `[n]`.

    Raises:
        ValueError: as in `recipes.gan`; y is not integers `[B]`; in the first step, D gives no
            class logits.

    Example:
        >>> generator = nets.stateless(
        ...     lambda key, z, y: jnp.zeros((3, 2)), lambda table, z, y: z + table[y]
        ... )
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones((2, 4)), lambda w, x: ((x @ w)[:, 0], (x @ w)[:, 1:])
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.acgan(generator, discriminator, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)), jnp.array([0, 1, 2, -1]))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> "d_class_accuracy" in metrics
        True
    """
    check_weights(class_weight=class_weight)

    def d_term(seen: Seen):
        of_real, accuracy = classification(seen.real_heads, seen.batch.y)
        of_fake, _ = classification(seen.fake_heads, seen.batch.y)
        return class_weight * (of_real + of_fake), {"class_accuracy": accuracy}

    def g_term(seen: Seen):
        of_fake, accuracy = classification(seen.fake_heads, seen.batch.y)
        return class_weight * of_fake, {"class_accuracy": accuracy}

    g, d, sample = players(
        generator,
        discriminator,
        conditional=True,
        d_conditional=False,
        g_term=g_term,
        d_term=d_term,
        **settings,
    )
    check = partial(check_labeled, "acgan")
    g, d = checked(g, check), checked(d, check)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def classification(class_logits: Any, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Compute cross-entropy and accuracy over the examples that have a label.

        -log softmax(class_logits)[y] / share of labeled examples,    0 where y = -1

    so that the mean over the batch is the mean over the labeled examples.

    Args:
        class_logits: `[B, K]`.
        y: int32 `[B]`, in 0..K-1, or -1 where there is no label.

    Returns:
        Values `[B]` >= 0, and the share of labeled examples whose highest logit is that of their
        label; both 0 if no example is labeled.

    Raises:
        ValueError: the class logits are not `[B, K]`, or y is not integers `[B]`, or, where NumPy
            holds it, not from -1 to K-1.

    Example:
        >>> class_logits = jnp.array([[2.0, 0.0], [0.0, 2.0], [5.0, 5.0]])
        >>> values, accuracy = recipes.classification(class_logits, jnp.array([0, 0, -1]))
        >>> print(values.round(3), accuracy)
        [0.19000001 3.19       0.        ] 0.5
    """
    shape = getattr(class_logits, "shape", None)
    check_labels("y", y, shape[-1] if shape else None)
    if shape is None or shape[:-1] != y.shape:
        raise ValueError(
            f"class logits {'are missing' if shape is None else f'have shape {shape}'} for labels "
            f"of shape {y.shape}; expected [B, K], beside the logits that D gives"
        )
    labeled = y >= 0
    share = jnp.maximum(jnp.mean(labeled), 1 / len(y))
    class_logits = upcast(class_logits)
    values = optax.softmax_cross_entropy_with_integer_labels(class_logits, jnp.maximum(y, 0))
    right = jnp.argmax(class_logits, axis=-1) == y
    return jnp.where(labeled, values, 0) / share, jnp.mean(right) / share


def check_labeled(recipe: str, batch: Batch, *, values: bool = False) -> None:
    """Check that a batch has labels; their values are looked at where the classes are known."""
    del values
    if batch.y is None:
        raise ValueError(
            f"{recipe} needs labels, -1 where there is none; this batch has none (y is None)"
        )
    check_labels("batch.y", batch.y)
