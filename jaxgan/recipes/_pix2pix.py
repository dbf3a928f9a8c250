"""pix2pix (Isola et al. 2016, arXiv:1611.07004): pictures made from others."""

import jax
import jax.numpy as jnp

from jaxgan._checks import check_batch
from jaxgan.core import two_player
from jaxgan.recipes._gan import Seen, checked, players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network

__all__ = ["pix2pix"]


def pix2pix(
    generator: Network,
    discriminator: Network,
    *,
    content_weight: float | jax.Array = 100.0,
    d_conditional: bool = True,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a pix2pix: x is made from y so that it is near the right answer and looks like one.

        D minimizes  that of `recipes.gan`, of the pairs (x, y) and (G(y), y)
        G minimizes  that of `recipes.gan` + content_weight mean |x - G(y)|

    Where several answers are right, the second term alone yields the median of each pixel, which is
    blurred; D penalizes that, because real pictures are not.

    `batch.x` is the picture to be made, `batch.y` the one it is made from, example by example. G's
    further metric is `content`, its mean |x - G(y)|. `sample(state, key, n, y)` translates y.

    Args:
        generator: called with y `[B, H, W, C']`; gives `[B, H, W, C]`, like x. Its noise, if any,
            is its own: the paper's `models.unet` has dropout.
        discriminator: called with x and y, or with x alone; gives logits `[B, ...]`. The paper's is
            `models.patch`.
        content_weight: the paper's lambda; 0 for the adversarial loss alone.
        d_conditional: whether D sees y. If not, it cannot tell whether G(y) is related to y.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`. The paper has the default loss and
            Adam(2e-4, b1=0.5) for both, and halves D's loss, which Adam does not notice.

    Returns:
        The GAN.

    Raises:
        ValueError: when it is initialized: y is missing or of another height or width than x; or as
            in `recipes.gan`.

    Example:
        >>> generator = nets.stateless(lambda key, y: jnp.zeros(()), lambda w, y: y + w)
        >>> discriminator = nets.stateless(
        ...     lambda key, x, y: jnp.ones(()), lambda w, x, y: jnp.mean(w * x * y, axis=(1, 2, 3))
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.pix2pix(generator, discriminator, **sgd)
        >>> pairs = Batch(jnp.ones((2, 4, 4, 1)), jnp.zeros((2, 4, 4, 1)))
        >>> state = gan.init(jax.random.key(0), pairs)
        >>> state, metrics = jax.jit(gan.train_step)(state, pairs)
        >>> float(metrics["g_content"])
        1.0
        >>> gan.sample(state, jax.random.key(1), 2, pairs.y).shape
        (2, 4, 4, 1)
    """
    check_weights(content_weight=content_weight)

    def content(seen: Seen):
        axes = tuple(range(1, seen.fake.ndim))
        distance = jnp.mean(jnp.abs(seen.batch.x - seen.fake), axis=axes)
        return content_weight * distance, {"content": jnp.mean(distance)}

    g, d, sample = players(
        generator,
        discriminator,
        latent=None,
        conditional=True,
        d_conditional=d_conditional,
        g_term=content,
        **settings,
    )

    g, d = checked(g, _check_pairs), checked(d, _check_pairs)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _check_pairs(batch: Batch, *, values: bool = False) -> None:
    if batch.y is None:
        raise ValueError("pix2pix needs pairs: y, which x is to be made from, is None")
    check_batch(batch, pictures=True, values=values)
    if batch.x.shape[:-1] != batch.y.shape[:-1]:
        raise ValueError(
            f"pix2pix needs pairs of one height and width; "
            f"x is {batch.x.shape}, y is {batch.y.shape}"
        )
