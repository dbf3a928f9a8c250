"""GAT: GANs with transformers, guided by noisy levels (Hyun et al. 2025, arXiv:2509.24935)."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan import latents, losses, monitor, penalties
from jaxgan._checks import check_array, check_batch, check_integers, check_numbers, check_types
from jaxgan._handed import check_networks, refuse_factories
from jaxgan.augment import Augmentation
from jaxgan.core import two_player
from jaxgan.recipes._gan import Seen, checked, players
from jaxgan.recipes._levels import alignment, level_consistency
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network, Player

__all__ = ["gat", "last_level", "noise_shares", "noised", "width_rate"]


def gat(
    generator: Network,
    discriminator: Network,
    *,
    shares: Sequence[float] | None = None,
    consistency_weight: float | jax.Array = 0.0,
    augment: Augmentation | None = None,
    d_steps: int = 1,
    ema_decay: Weight | None = 0.999,
    **settings,
) -> GAN:
    """Make a GAT: G makes an image in several levels, and D sees all of them behind noise.

    G gives levels x_1, ..., x_K of an image, of which the last is the sample. A real image is
    repeated K times. D sees all levels of an image together, the first almost hidden by noise
    (`noised`), the last almost clean: so it judges the layout by the early levels and details by
    the late ones, and G's early blocks are told what to do.

        D minimizes  mean softplus(D(N(G(z))) - D(N(x))) + gamma (R1 + R2)
        G minimizes  mean softplus(D(N(x)) - D(N(G(z))))

    Real and fake images have noise of their own. In `train_step` both players see the same real
    images and labels; in the authors' code they also share z, which is drawn anew here. Left out
    is the authors' term on the features of a pretrained network (REPA).

    A penalty is with respect to the levels, before augmentation and noise, which are the same
    wherever it asks D in a step; so it is with a real image, where the authors take the image
    before it is repeated.

    To train on the latents of an autoencoder, as the paper does, encode the images before and
    decode the samples after: `fit(gan, encode(x), ...)`, `decode(gan.sample(state, key, n))`.

    Args:
        generator: called with z `[B, latent]`, and with y if conditional; gives levels
            `[B, K, ...]` of examples like x. The paper's is `models.gat.Generator`.
        discriminator: called with levels `[B, K, ...]`, and with y if conditional; gives logits
            `[B, ...]`. The paper's is `models.gat.Discriminator`.
        shares: of the noise in each level, from the first to the last, K falling numbers in [0, 1);
            `noise_shares()` if None, four levels. With 0 in all, D sees them as they are.
        consistency_weight: of `level_consistency`, which G minimizes, too, as CAT's does
            (arXiv:2605.26449); 0 for GAT.
        augment: of `jaxgan.augment`, applied before the noise and to all levels alike.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`; by default the latent is normal with 64
            components, the loss `relativistic_paired`, the penalty
            `approximate_r1_r2(share=1.0)`, and its weight gamma 0.1. The paper's optimizers are
            `optax.adam(recipes.width_rate(width), b1=0.0, b2=0.99)` behind
            `optax.clip_by_global_norm(1.0)`.

    Returns:
        The GAN; `sample` gives the last level, `[n, ...]` like x.

    Raises:
        TypeError: as in `recipes.gan`.
        ValueError: as in `recipes.gan` and `noised`; when it is initialized, G does not make
            levels `[B, K, ...]` of examples like the data.

    Example:
        >>> generator = nets.stateless(
        ...     lambda key, z: jnp.ones((64, 4)), lambda w, z: (z @ w).reshape(-1, 4, 1, 1, 1)
        ... )
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones(()), lambda w, x: jnp.mean(w * x, axis=(1, 2, 3, 4))
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gat(generator, discriminator, **sgd)
        >>> batch = Batch(jnp.ones((4, 1, 1, 1)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> gan.sample(state, jax.random.key(1), 3).shape
        (3, 1, 1, 1)
    """
    refuse_factories(augment=augment)
    if augment is not None:
        check_types(Augmentation, augment=augment)
    shares = noise_shares() if shares is None else tuple(shares)
    _check_shares(shares)
    check_weights(consistency_weight=consistency_weight)
    defaults = {
        "latent": latents.normal(64),
        "loss": losses.relativistic_paired(),
        "penalty": penalties.approximate_r1_r2(share=1.0),
        "penalty_weight": 0.1,
        "g_term": partial(_of_samples, consistency_weight),
    }
    g, d, sample = players(
        generator, discriminator, augment=_noisy(augment, shares), **defaults | settings
    )
    return two_player(
        _of_levels(g, len(shares)),
        _of_levels(d, len(shares)),
        sample=lambda variables, key, n, y=None: sample(variables, key, n, y)[:, -1],
        d_steps=d_steps,
        ema_decay=ema_decay,
    )


def noise_shares(levels: int = 4) -> tuple[float, ...]:
    """Return the shares of noise in GAT's levels, from the first, the noisiest, to the last.

        t_k = 1 - (1/8)^(1 - k / (K - 1)) + 0.01,    k = 0, ..., K - 1

    Args:
        levels: their number K.

    Raises:
        ValueError: `levels` is below 1.

    Example:
        >>> [round(share, 3) for share in recipes.noise_shares()]
        [0.885, 0.76, 0.51, 0.01]
    """
    check_integers(levels=levels)
    last = levels - 1
    return tuple(1 - 0.125 ** ((last - k) / max(last, 1)) + 0.01 for k in range(levels))


def noised(key: jax.Array, x: jax.Array, shares: Sequence[float]) -> jax.Array:
    """Hide levels of images behind noise, the more the earlier they are.

        (1 - t_k) x_k + n_k,    n_k ~ N(0, t_k^2 I)
        n_k = r n_(k+1) + sqrt(t_k^2 - r^2 t_(k+1)^2) e,    r = (1 - t_k) / (1 - t_(k+1))

    So where a level adds nothing to the one before it, what is seen of the earlier one tells
    nothing that the later one does not.

    Args:
        key: random key.
        x: levels `[B, K, ...]`, from the first to the last.
        shares: t, K numbers in [0, 1), none greater than the one before.

    Returns:
        `[B, K, ...]`.

    Raises:
        ValueError: x is not floats `[B, K, ...]`, or `shares` are no such numbers.

    Example:
        >>> x = jnp.ones((10000, 2, 1))
        >>> seen = recipes.noised(jax.random.key(0), x, (0.5, 0.1))
        >>> print(seen.std(axis=0).ravel().round(1))
        [0.5 0.1]
    """
    check_array("x", x, "[B, K, ...]")
    _check_shares(shares, x.shape[1])
    if not any(shares):
        return x
    t, mixture = np.asarray(shares, np.float64), np.diag(np.asarray(shares, np.float64))
    for k in reversed(range(len(t) - 1)):
        r = (1 - t[k]) / (1 - t[k + 1])
        mixture[k, k] = np.sqrt(t[k] ** 2 - (r * t[k + 1]) ** 2)
        mixture[k] += r * mixture[k + 1]
    own = jax.random.normal(key, x.shape, x.dtype)
    noise = jnp.einsum("kj,bj...->bk...", mixture.astype(x.dtype), own, precision="highest")
    return jnp.asarray(1 - t, x.dtype).reshape(-1, *[1] * (x.ndim - 2)) * x + noise


def last_level(generator: Network) -> Network:
    """Make a generator of examples from one of levels: its samples are the last ones.

    Args:
        generator: gives levels `[B, K, ...]`.

    Returns:
        The network with the same variables; it gives `[B, ...]`.

    Raises:
        TypeError: `generator` is no `Network`.

    Example:
        >>> levels = nets.stateless(lambda key, z: (), lambda params, z: jnp.stack([0 * z, z], 1))
        >>> network = recipes.last_level(levels)
        >>> print(network.apply((), (), jax.random.key(0), jnp.ones((1, 2)), train=False)[0])
        [[1. 1.]]
    """
    check_networks(generator=generator)

    def apply(params, state, key, *inputs, train):
        levels, state = generator.apply(params, state, key, *inputs, train=train)
        return levels[:, -1], state

    return Network(generator.init, apply)


def width_rate(width: int, *, rate: float = 2e-4) -> float:
    """Return GAT's learning rate for networks of a width: rate * 768 / width.

    What a layer changes of its output in a step grows with the number of its inputs, which are all
    of one size after normalization. With this rule, what works for a small network works for a
    large one (arXiv:2509.24935).

    Args:
        width: channels of a token.
        rate: what 768 channels learn with.

    Raises:
        ValueError: `width` is below 1, or `rate` negative.

    Example:
        >>> [round(recipes.width_rate(width), 6) for width in (384, 768, 1024, 1152)]
        [0.0004, 0.0002, 0.00015, 0.000133]
    """
    check_integers(width=width)
    check_numbers("[0, inf)", rate=rate)
    return rate * 768 / width


def _of_levels(player: Player, levels: int) -> Player:
    """The player of levels, who is given batches of single examples."""

    def repeated(batch: Batch) -> Batch:
        x = jnp.asarray(batch.x)
        return batch._replace(x=jnp.broadcast_to(x[:, None], (len(x), levels, *x.shape[1:])))

    def init(key, batch):
        return player.init(key, repeated(batch))

    def loss(params, state, opponent, batch, key, step):
        return player.loss(params, state, opponent, repeated(batch), key, step)

    return checked(player._replace(init=init, loss=loss), check_batch)


def _noisy(augment: Augmentation | None, shares: tuple[float, ...]) -> Augmentation:
    """The augmentation, the same for all levels, and noise after it."""
    if augment is None:
        augment = Augmentation(
            lambda: (), lambda state, key, x: x, lambda state, real_logits, fake_logits: state
        )

    def apply(state, key, levels):
        change_key, noise_key = jax.random.split(key)
        change = partial(augment.apply, state, change_key)
        return noised(noise_key, jax.vmap(change, in_axes=1, out_axes=1)(levels), shares)

    return augment._replace(apply=apply)


def _of_samples(weight, seen: Seen):
    """The consistency of levels, and measures: of samples alone, as early levels are all alike."""
    real, fake = seen.batch.x[:, -1], seen.fake[:, -1]
    found = {"diversity": monitor.diversity(real, fake)} if len(fake) > 1 else {}
    if seen.fake.shape[1] < 2:
        return jnp.zeros(len(fake), fake.dtype), found
    found["level_direction"] = jnp.mean(alignment(lax.stop_gradient(seen.fake)).direction)
    return weight * level_consistency(seen.fake), found


def _check_shares(shares: Sequence[float], levels: int | None = None) -> None:
    for share in shares:
        check_numbers("[0, 1)", shares=share)
    falling = all(first >= second for first, second in pairwise(shares))
    if not shares or not falling or levels not in (None, len(shares)):
        wanted = (
            "at least one number" if levels is None else f"{levels} numbers, one for each level"
        )
        raise ValueError(
            f"shares is {tuple(shares)}; expected {wanted}, none greater than the one before"
        )
