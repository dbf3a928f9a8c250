"""SGAN: a discriminator that is a classifier, and learns from few labels and many examples.

Odena 2016, arXiv:1606.01583; Salimans et al. 2016, arXiv:1606.03498, section 5.
"""

from functools import partial

import jax
import jax.numpy as jnp

from jaxgan import losses
from jaxgan._checks import check_array, check_types
from jaxgan._handed import check_networks, refuse_factories
from jaxgan.core import two_player
from jaxgan.recipes._acgan import check_labeled, classification
from jaxgan.recipes._gan import Seen, checked, players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Network

__all__ = ["sgan"]


def sgan(
    generator: Network,
    discriminator: Network,
    *,
    class_weight: float | jax.Array = 1.0,
    feature_matching: bool = False,
    loss: losses.AdversarialLoss | None = None,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a semi-supervised GAN: "fake" is one more class, whose logit is fixed to 0.

        logit that x is real = log sum_k exp(class_logits(x)_k)

        D minimizes  that of `recipes.gan` - class_weight mean over the labeled of log P(y | x)
        G minimizes  that of `recipes.gan`, or with feature matching |mean f(x) - mean f(G(z))|^2

    where P is the softmax of the K class logits. Because the logit of "fake" is fixed, the sigmoid
    of the logit above is what a softmax over K + 1 classes gives to the K real ones
    (arXiv:1606.03498, section 5). Examples whose `batch.y` is -1 are unlabeled; the adversarial
    losses look at all of them.

    D's further metric is `d_class_accuracy`, the accuracy on the labeled examples; G's, with
    feature matching, is `g_feature_distance`. D is the classifier: it is applied to new examples
    with `state.d`'s params and state.

    Args:
        generator: called with z `[B, latent]`; gives `[B, ...]`, like x.
        discriminator: called with x; gives class logits `[B, K]`, as `models.mlp.Encoder(K)` and
            `models.dcgan.Encoder(K)` do, or a pair of them and of features f(x) `[B, ...]`.
        class_weight: weight of the cross-entropy of the labels.
        feature_matching: whether G matches the mean features (arXiv:1606.03498, section 3.1)
            instead of minimizing its adversarial loss, which makes the better classifiers there.
        loss: the pair of losses; `losses.non_saturating()` if None.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`.

    Returns:
        The GAN.

    Raises:
        ValueError: as in `recipes.gan`; labels are missing or no integers `[B]`; in the first step,
            D does not give class logits, or no features though they are to be matched.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> classifier = nets.stateless(lambda key, x: jnp.ones((2, 3)), lambda w, x: x @ w)
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.sgan(generator, classifier, latent=latents.normal(2), **sgd)
        >>> batch = Batch(jnp.ones((4, 2)), jnp.array([0, 2, -1, -1]))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> "d_class_accuracy" in metrics
        True
    """
    refuse_factories(loss=loss)
    check_networks(discriminator=discriminator)
    check_weights(class_weight=class_weight)
    loss = losses.non_saturating() if loss is None else loss
    check_types(losses.AdversarialLoss, loss=loss)
    if feature_matching:
        loss = loss._replace(generator=lambda real, fake: jnp.zeros_like(fake))

    def d_term(seen: Seen):
        values, accuracy = classification(seen.real_heads[0], seen.batch.y)
        return class_weight * values, {"class_accuracy": accuracy}

    def match(seen: Seen):
        _, real = seen.real_heads
        _, fake = seen.fake_heads
        if isinstance(fake, tuple):
            raise ValueError("feature matching needs a D that gives (class logits, features)")
        distance = jnp.sum(jnp.square(jnp.mean(real, axis=0) - jnp.mean(fake, axis=0)))
        return distance, {"feature_distance": distance}

    g, d, sample = players(
        generator,
        _judging(discriminator),
        loss=loss,
        g_term=match if feature_matching else None,
        d_term=d_term,
        **settings,
    )
    check = partial(check_labeled, "sgan")
    g, d = checked(g, check), checked(d, check)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _judging(classifier: Network) -> Network:
    """Class logits, or a pair of them and of features, -> (logits, (class logits, features))."""

    def apply(params, state, key, x, *, train):
        outputs, state = classifier.apply(params, state, key, x, train=train)
        class_logits, features = outputs if isinstance(outputs, tuple) else (outputs, ())
        check_array("discriminator(x)", class_logits, "[B, K]")
        return (jax.nn.logsumexp(class_logits, axis=-1), (class_logits, features)), state

    return Network(classifier.init, apply)
