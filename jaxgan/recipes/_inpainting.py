"""From a picture with a hole to the whole picture: context encoders and CC-GAN."""

from functools import partial

import jax
import jax.numpy as jnp

from jaxgan._checks import check_array, check_batch, check_callable, told
from jaxgan._handed import check_networks, refuse_factories
from jaxgan.core import two_player
from jaxgan.masks import Mask
from jaxgan.recipes._acgan import check_labeled, classification
from jaxgan.recipes._gan import Seen, Term, checked, players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Metrics, Network, Player

__all__ = ["ccgan", "context_encoder", "masked"]


def masked(x: jax.Array, mask: jax.Array) -> jax.Array:
    """Cut a hole out of a picture and append the mask: what a generator that fills holes sees.

        concatenate(x (1 - m), m)

    Args:
        x: pictures `[B, H, W, C]` in [-1, 1].
        mask: `[B, H, W, 1]`, or one for all `[1, H, W, 1]`: 1 in the hole, 0 elsewhere.

    Returns:
        `[B, H, W, C + 1]`; the hole is 0, which is gray.

    Raises:
        ValueError: x or the mask has another shape.

    Example:
        >>> x, hole = jnp.full((1, 2, 2, 1), 0.5), jnp.array([[1, 0], [0, 0]]).reshape(1, 2, 2, 1)
        >>> print(recipes.masked(x, hole)[0, 0])
        [[0.  1. ]
         [0.5 0. ]]
    """
    check_array("x", x, "[B, H, W, C]")
    check_array("mask", mask, "[B, H, W, 1]", "numbers")
    if mask.shape not in ((len(x), *x.shape[1:3], 1), (1, *x.shape[1:3], 1)):
        raise ValueError(
            f"a mask {mask.shape} for pictures {x.shape}; expected [B, H, W, 1] of the same size"
        )
    mask = jnp.broadcast_to(mask, (*x.shape[:3], 1)).astype(x.dtype)
    return jnp.concatenate([jnp.where(mask > 0, 0, x), mask], axis=-1)


def context_encoder(
    generator: Network,
    discriminator: Network,
    *,
    mask: Mask,
    content_weight: float = 999.0,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a context encoder, which fills holes (Pathak et al. 2016, arXiv:1604.07379).

        f = x outside the hole, G(masked(x, m)) inside
        D minimizes  that of `recipes.gan`, on whole pictures x and f
        G minimizes  that of `recipes.gan` + content_weight mean (x - f)^2 over the hole

    The weights are the paper's 0.001 and 0.999. Its D judges what G makes everywhere;
    here, as in CC-GAN, it judges the completed picture, so that what G fills in has to fit. Masks
    are drawn anew in every step of either player; `batch.y` plays no part.

    G's further metric is `content`, the mean square over the hole, unweighted.

    Args:
        generator: called with `masked(x, m)` `[B, H, W, C + 1]`; gives `[B, H, W, C]`, of which
            only the hole is used.
        discriminator: called with pictures alone; gives logits `[B, ...]`.
        mask: of `jaxgan.masks`.
        content_weight: of the square error, the adversarial loss having 1.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`. The paper's optimizer is Adam, with a
            learning rate of 2e-3 for G and 2e-4 for D.

    Returns:
        The GAN. `sample(state, key, n, y)` takes y = `masked(x, m)` and gives completed pictures,
        which equal x bit for bit outside the hole.

    Raises:
        ValueError: when it is initialized: the data are no pictures, or G's output has not their
            shape.

    Example:
        >>> generator = nets.stateless(lambda key, y: jnp.zeros(()), lambda w, y: y[..., :-1] + w)
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones(()), lambda w, x: jnp.mean(w * x, axis=(1, 2, 3))
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.context_encoder(generator, discriminator, mask=masks.center(), **sgd)
        >>> x = jnp.ones((2, 4, 4, 1))
        >>> state = gan.init(jax.random.key(0), Batch(x))
        >>> state, metrics = jax.jit(gan.train_step)(state, Batch(x))
        >>> holes = recipes.masked(x, masks.center()(jax.random.key(1), 2, 4, 4))
        >>> filled = gan.sample(state, jax.random.key(2), 2, holes)
        >>> print(filled[0, 0].ravel())  # outside the hole
        [1. 1. 1. 1.]
    """
    check_weights(content_weight=content_weight)
    g, d, sample = _filling(
        generator, discriminator, mask=mask, g_term=_content(content_weight), **settings
    )
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def ccgan(
    generator: Network,
    discriminator: Network,
    *,
    mask: Mask,
    class_weight: float = 1.0,
    content_weight: float = 0.0,
    class_wise: bool = False,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a CC-GAN: filling holes teaches D to classify (Denton et al. 2016, arXiv:1611.06430).

        f = x outside the hole, G(masked(x, m)) inside
        D minimizes  that of `recipes.gan`, on whole pictures x and f
                     + class_weight mean of -log p_D(y | x) over the labeled x
        G minimizes  that of `recipes.gan` + content_weight mean (x - f)^2 over the hole

    `batch.y` are labels, -1 where there is none: most of the data may be unlabeled.
    Where a batch is cut over devices, the mean is that of the devices' means.

    The paper's G fills holes freely. With `class_wise`, an addition of ours, it is given a class to
    fill in, and minimizes class_weight mean -log p_D(y | f) too.

    Further metrics are D's `class_accuracy` on the labeled x of the batch, and G's `content`, the
    mean square over the hole, unweighted.

    Args:
        generator: called with `masked(x, m)` `[B, H, W, C + 1]`, and if `class_wise` with labels
            int32 `[B]`, too; gives `[B, H, W, C]`, of which only the hole is used.
        discriminator: called with pictures alone; gives a pair of logits `[B]` and of classes'
            logits `[B, K]`.
        mask: of `jaxgan.masks`.
        class_weight: of the cross-entropy, the adversarial loss having 1.
        content_weight: of the square error; the paper has none.
        class_wise: whether G is told the class. Its network has to know what to do with -1 if there
            are unlabeled examples; a one-hot code of it is 0.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`.

    Returns:
        The GAN. `sample(state, key, n, y)` takes y = `masked(x, m)`, or if `class_wise` a pair of
        that and of labels, and gives completed pictures.

    Raises:
        ValueError: when it is initialized: labels are missing or not one for each picture, or as in
            `context_encoder`; in the first step, D gives no class logits.

    Example:
        >>> generator = nets.stateless(lambda key, y: jnp.zeros(()), lambda w, y: y[..., :-1] + w)
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones(3),
        ...     lambda w, x: (jnp.mean(x, axis=(1, 2, 3)), jnp.mean(x, axis=(1, 2)) * w),
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.ccgan(generator, discriminator, mask=masks.random_box(), **sgd)
        >>> batch = Batch(jnp.ones((2, 4, 4, 1)), jnp.array([1, -1]))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> "d_class_accuracy" in metrics
        True
    """
    check_weights(class_weight=class_weight, content_weight=content_weight)
    content = _content(content_weight)

    def d_term(seen: Seen) -> tuple[jax.Array, Metrics]:
        values, accuracy = classification(seen.real_heads, seen.batch.y[1])
        return class_weight * values, {"class_accuracy": accuracy}

    def g_term(seen: Seen) -> tuple[jax.Array, Metrics]:
        values, metrics = content(seen)
        if class_wise:
            values += class_weight * classification(seen.fake_heads, seen.batch.y[1])[0]
        return values, metrics

    g, d, sample = _filling(
        generator,
        discriminator,
        mask=mask,
        class_wise=class_wise,
        g_term=g_term,
        d_term=d_term,
        **settings,
    )

    check = partial(check_labeled, "ccgan")
    g, d = checked(g, check), checked(d, check)
    return two_player(g, d, sample=sample, d_steps=d_steps, ema_decay=ema_decay)


def _filling(
    generator: Network,
    discriminator: Network,
    *,
    mask: Mask,
    class_wise: bool = False,
    **settings,
):
    """The players of `recipes.gan`, whose fake pictures are real ones outside a hole.

    What they take for the condition is a pair: the masked picture, and `batch.y` as it was.
    """
    refuse_factories(mask=mask)
    check_callable("one of jaxgan.masks", mask=mask)
    check_networks(generator=generator)

    def complete(params, state, key, y, train):
        inputs = y if class_wise else y[:1]
        filled, state = generator.apply(params, state, key, *inputs, train=train)
        known, hole = y[0][..., :-1], y[0][..., -1:]
        if filled.shape != known.shape:
            raise ValueError(
                f"the generator makes {filled.shape[1:]}, the data are {known.shape[1:]}; "
                f"expected the same shape"
            )
        return jnp.where(hole > 0, filled, known), state

    completing = Network(
        lambda key, y: generator.init(key, *(y if class_wise else y[:1])), complete
    )
    g, d, sample = players(
        completing, discriminator, latent=None, conditional=True, d_conditional=False, **settings
    )

    def hide(key: jax.Array, batch: Batch) -> Batch:
        holes = mask(key, *batch.x.shape[:3])
        return batch._replace(y=(masked(batch.x, holes), batch.y))

    def before(player: Player) -> Player:
        """The player, in front of pictures with holes."""

        def init(key: jax.Array, batch: Batch):
            mask_key, key = jax.random.split(key)
            return player.init(key, hide(mask_key, batch))

        def loss(params, state, opponent, batch, key, step):
            mask_key, key = jax.random.split(key)
            return player.loss(params, state, opponent, hide(mask_key, batch), key, step)

        return player._replace(init=init, loss=loss)

    def sample_filled(variables, key, n, y=None):
        if y is None:
            raise ValueError("inpainting needs pictures with holes: pass y = masked(x, mask)")
        if class_wise and not (isinstance(y, tuple) and len(y) == 2):
            raise TypeError(f"y is {told(y)}; expected a pair of masked(x, mask) and of labels [n]")
        given = y if class_wise else (y, None)
        check_array("y", given[0], "[n, H, W, C + 1]")
        return sample(variables, key, n, given)

    return checked(before(g), _check_pictures), checked(before(d), _check_pictures), sample_filled


def _check_pictures(batch: Batch, *, values: bool = False) -> None:
    check_batch(batch, values=values)
    check_array("batch.x", batch.x, "[B, H, W, C]")


def _content(weight: float) -> Term:
    """The square error over the hole, of each picture: outside, the two are the same."""

    def term(seen: Seen) -> tuple[jax.Array, Metrics]:
        hole = seen.batch.y[0][..., -1:]
        pixels = seen.fake.shape[-1] * jnp.sum(hole, axis=(1, 2, 3))
        values = jnp.sum(jnp.square(seen.batch.x - seen.fake), axis=(1, 2, 3)) / pixels
        return weight * values, {"content": jnp.mean(values)}

    return term
