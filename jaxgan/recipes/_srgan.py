"""SRGAN (Ledig et al. 2016, arXiv:1609.04802): from few pixels to many."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan._checks import check_batch, check_callable
from jaxgan.core import two_player
from jaxgan.recipes._gan import Seen, checked, players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Metrics, Network

__all__ = ["srgan"]


def srgan(
    generator: Network,
    discriminator: Network,
    *,
    features: Callable[[jax.Array], jax.Array] | None = None,
    content_weight: float = 1000.0,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make an SRGAN: G enlarges pictures so that D cannot tell them from large ones.

        D minimizes  that of `recipes.gan`, on x and G(y)
        G minimizes  that of `recipes.gan` + content_weight mean (features(x) - features(G(y)))^2

    `batch.x` are the pictures and `batch.y` the same ones, smaller. The paper weighs the
    adversarial loss with 0.001 (equation 3), and has two contents: the square error of pixels,
    which blurs what cannot be known, and that of the features of a VGG network (section 2.2.1). It
    starts from a G trained with the first alone; for that, pass a `loss` whose generator's is 0.

    G's further metrics are `content`, unweighted, and `psnr`, the peak signal-to-noise ratio
    between x and G(y), in dB.

    Args:
        generator: called with y `[B, h, w, C]`; gives `[B, H, W, C]`, like x. The paper's is
            `models.srgan.Generator`.
        discriminator: called with pictures `[B, H, W, C]` alone; gives logits `[B, ...]`.
        features: `(x) -> [B, ...]`, a function of pictures that does not learn, such as a layer of
            a classifier; pixels if None. The paper multiplies its features by 1 / 12.75.
        content_weight: of the content, the adversarial loss having 1.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`. The paper's optimizers are Adam(1e-4,
            b1=0.9), 1e-5 in the second half.

    Returns:
        The GAN; `sample(state, key, n, y)` takes y `[n, h, w, C]`.

    Raises:
        ValueError: when it is initialized: small pictures are missing, are not smaller by a whole
            number, or have other channels than the large ones.

    Example:
        >>> generator = nets.stateless(
        ...     lambda key, y: jnp.zeros(()), lambda shift, y: resample.nearest_upsample(y) + shift
        ... )
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones(()), lambda w, x: jnp.mean(w * x, axis=(1, 2, 3))
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.srgan(generator, discriminator, **sgd)
        >>> batch = Batch(jnp.ones((2, 8, 8, 1)), jnp.full((2, 4, 4, 1), 0.8))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> round(float(metrics["g_psnr"]), 2)
        20.0
        >>> gan.sample(state, jax.random.key(1), 2, batch.y).shape
        (2, 8, 8, 1)
    """
    check_weights(content_weight=content_weight)
    if features is not None:
        check_callable("a function of pictures", features=features)

    def content(seen: Seen) -> tuple[jax.Array, Metrics]:
        real, fake = seen.batch.x, seen.fake
        metrics = {"psnr": jnp.mean(_psnr(real, fake))}
        if features is not None:
            real, fake = features(real), features(fake)
        error = jnp.mean(jnp.square(real - fake))
        return content_weight * error, metrics | {"content": error}

    g, d, sample = players(
        generator,
        discriminator,
        latent=None,
        conditional=True,
        d_conditional=False,
        g_term=content,
        **settings,
    )

    g, d = checked(g, _check_sizes), checked(d, _check_sizes)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _psnr(x: jax.Array, other: jax.Array) -> jax.Array:
    """`metrics.pictures.psnr` of pictures in [-1, 1], `[B]`; 126 dB where they are equal."""
    error = jnp.mean(jnp.square(x - other), axis=(1, 2, 3))
    return 10 * jnp.log10(4 / jnp.maximum(error, 1e-12))


def _check_sizes(batch: Batch, *, values: bool = False) -> None:
    x, y = batch.x, batch.y
    if y is None or np.ndim(y) != 4 or np.ndim(x) != 4:
        found = f"x {np.shape(x)} and y {'missing' if y is None else np.shape(y)}"
        raise ValueError(f"SRGAN needs pictures x and smaller ones y, [B, h, w, C]; found {found}")
    check_batch(batch, pictures=True, values=values)
    (height, width, channels), (low, narrow, low_channels) = x.shape[1:], y.shape[1:]
    factor = height // low
    if factor < 2 or (height, width) != (factor * low, factor * narrow):
        raise ValueError(
            f"pictures of {height}x{width} are not a multiple of small ones of {low}x{narrow}; "
            f"expected both sides times 2, 4, ..."
        )
    if channels != low_channels:
        raise ValueError(
            f"pictures have {channels} channels and small ones {low_channels}; expected both gray "
            f"or both colored"
        )
