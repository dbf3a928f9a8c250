"""Augmentation in front of the discriminator, for GANs that have few pictures.

Augmented data teach a generator the augmentations. Here the discriminator never sees an unaugmented
picture, real or fake, and G's gradient flows back through the augmentation. So G has to match the
unaugmented data, as long as the augmentation is invertible as a map of distributions.

Pictures are `[B, H, W, C]` in [-1, 1], where 0 is the gray that fills gaps.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import distortions
from jaxgan._checks import check_array, check_integers, check_numbers, check_types
from jaxgan._handed import check_networks, refuse_factories
from jaxgan.distortions import Distortion
from jaxgan.schedules import Schedule
from jaxgan.types import Network, State

__all__ = [
    "POLICY",
    "Adapted",
    "Augmentation",
    "adaptive",
    "before",
    "differentiable",
    "paired",
    "scheduled",
]

POLICY = ("color", "translation", "cutout")


class Augmentation(NamedTuple):
    """Random changes of pictures, with whatever they remember of the training.

    Attributes:
        init: `() -> state`; `()` if nothing is remembered.
        apply: `(state, key, x) -> x`, both `[B, H, W, C]`, differentiable in x.
        update: `(state, real_logits, fake_logits) -> state`, after each update of D.
    """

    init: Callable[[], State]
    apply: Callable[[State, jax.Array, jax.Array], jax.Array]
    update: Callable[[State, jax.Array, jax.Array], State]


class Adapted(NamedTuple):
    """What ADA remembers.

    Attributes:
        p: the probability of each change, float32; above 1 it is as 1.
        signs: sum of r over the updates since p changed last.
        updates: how many these are, int32.
    """

    p: jax.Array
    signs: jax.Array
    updates: jax.Array


def before(discriminator: Network, augmentation: Augmentation) -> Network:
    """Augment a network's first input when it is called with `train=True`.

    A gradient with respect to that input is one with respect to the picture before augmentation.

    Args:
        discriminator: called with x `[B, H, W, C]`, and with anything else after it.
        augmentation: what happens to x.

    Returns:
        The network, with the same params and the state `{"network": ..., "augment": ...}`. It uses
        the state of the augmentation and leaves it as it is: `Augmentation.update` is for the
        training loop, which knows the logits of both sides.

    Raises:
        TypeError: `discriminator` is no `Network`, or `augmentation` no `Augmentation`.

    Example:
        >>> mean = nets.stateless(lambda key, x: (), lambda params, x: jnp.mean(x, axis=(1, 2, 3)))
        >>> network = augment.before(mean, augment.differentiable(("color",)))
        >>> x = jnp.zeros((1, 4, 4, 1))
        >>> params, state = network.init(jax.random.key(0), x)
        >>> training, _ = network.apply(params, state, jax.random.key(1), x, train=True)
        >>> sampling, _ = network.apply(params, state, jax.random.key(1), x, train=False)
        >>> bool(training[0] == 0), bool(sampling[0] == 0)
        (False, True)
    """
    check_networks(discriminator=discriminator)
    refuse_factories(augmentation=augmentation)
    check_types(Augmentation, augmentation=augmentation)

    def init(key, x, *inputs):
        params, state = discriminator.init(key, x, *inputs)
        return params, {"network": state, "augment": augmentation.init()}

    def apply(params, state, key, x, *inputs, train):
        if train:
            augment_key, key = jax.random.split(key)
            x = augmentation.apply(state["augment"], augment_key, x)
        outputs, inner = discriminator.apply(params, state["network"], key, x, *inputs, train=train)
        return outputs, {**state, "network": inner}

    return Network(init, apply)


def differentiable(policy: tuple[str, ...] = POLICY) -> Augmentation:
    """Change every picture in every step (DiffAugment, Zhao et al. 2020, arXiv:2006.10738).

        color        brightness + U[-1/2, 1/2], saturation * U[0, 2], contrast * U[1/2, 3/2]
        translation  by whole pixels, up to 1/8 of the side, the gap filled with 0
        cutout       a square of half the side becomes 0; it may reach over the edge

    Args:
        policy: some of `POLICY`, applied in the order given.

    Raises:
        ValueError: there is no such policy; when applied, x is not `[B, H, W, C]`.

    Example:
        >>> augmentation = augment.differentiable(("color", "cutout"))
        >>> x = jnp.zeros((2, 8, 8, 3))
        >>> jax.jit(augmentation.apply)(augmentation.init(), jax.random.key(0), x).shape
        (2, 8, 8, 3)
    """
    if unknown := [name for name in policy if name not in POLICY]:
        raise ValueError(f"there is no augmentation {unknown[0]!r}; expected some of {POLICY}")
    changes = [getattr(distortions, name)() for name in policy]

    def apply(state, key, x):
        del state
        check_array("x", x, "[B, H, W, C]")
        for change, change_key in zip(changes, jax.random.split(key, len(changes)), strict=True):
            x = change(change_key, x)
        return x

    return Augmentation(lambda: (), apply, lambda state, real_logits, fake_logits: state)


def adaptive(
    distort: Distortion | None = None,
    *,
    batch_size: int,
    target: float = 0.6,
    images: float = 500_000,
    initial: float = 0.0,
    threshold: float = 0.0,
    every: int = 4,
) -> Augmentation:
    """Augment as much as D overfits (ADA, Karras et al. 2020, arXiv:2006.06676, section 3.1).

        p <- max(p + sign(r - target) every batch_size / images, 0)
        r = mean sign(D(x) - threshold)

    over the real pictures of so many updates of D. r is 0 as long as D cannot tell the data from
    G's samples, and 1 once D has memorized the data. As in the authors' code p may exceed 1, where
    it changes as much as at 1, and takes a while to fall again.

    Args:
        distort: `(key, x, p) -> x`; `distortions.pipeline()` if None.
        batch_size: real pictures in an update of D, on all devices together.
        target: of r, in (-1, 1).
        images: how many pictures D sees while p rises from 0 to 1.
        initial: p at the start, in [0, 1].
        threshold: the logit at which D is undecided, `losses.AdversarialLoss.threshold`. For losses
            that have none, r has no meaning.
        every: updates of D from one change of p to the next; of a few pictures, r is often on the
            wrong side of the target.

    Returns:
        The augmentation, whose state is `Adapted`.

    Raises:
        ValueError: `target`, `initial`, `images`, `batch_size` or `every` is out of range.

    Example:
        >>> augmentation = augment.adaptive(batch_size=64, images=640, every=1)
        >>> sure = jnp.ones(64)  # D takes all real pictures for real
        >>> print(augmentation.update(augmentation.init(), sure, -sure).p)
        0.1
    """
    distort = distortions.pipeline() if distort is None else distort
    refuse_factories(distort=distort)
    check_integers(batch_size=batch_size, every=every)
    check_numbers("(-1, 1)", target=target)
    check_numbers("(0, inf)", images=images)
    check_numbers("[0, 1]", initial=initial)
    check_numbers("(-inf, inf)", threshold=threshold)

    def update(state, real_logits, fake_logits):
        del fake_logits
        signs = state.signs + jnp.mean(jnp.sign(real_logits - threshold))
        updates = state.updates + 1
        is_due = updates == every
        step = jnp.sign(signs / every - target) * every * batch_size / images
        p = jnp.where(is_due, jnp.maximum(state.p + step, 0), state.p)
        signs, updates = (jnp.where(is_due, 0, value) for value in (signs, updates))
        new = Adapted(p, signs, updates)
        return jax.tree.map(lambda a, b: lax.stop_gradient(a.astype(b.dtype)), new, state)

    return Augmentation(
        lambda: Adapted(jnp.float32(initial), jnp.float32(0), jnp.int32(0)),
        lambda state, key, x: distort(key, x, jnp.minimum(state.p, 1)),
        update,
    )


def scheduled(probability: float | Schedule, distort: Distortion | None = None) -> Augmentation:
    """Augment on a schedule instead of by how much D overfits, as R3GAN does (arXiv:2501.05441).

    Args:
        probability: p in [0, 1], or a function of D's step, such as an optax schedule.
        distort: `(key, x, p) -> x`; `distortions.pipeline()` if None.

    Returns:
        The augmentation, whose state is D's step, int32.

    Raises:
        ValueError: `probability` is a number outside [0, 1].

    Example:
        >>> probability = schedules.linear(0.0, 0.5, 1000, batch_size=10)
        >>> rising = augment.scheduled(probability, distortions.pipeline(geometry=0.0, color=0.0))
        >>> x = jnp.ones((1, 8, 8, 1))
        >>> changed = jax.jit(rising.apply)(rising.init(), jax.random.key(0), x)
        >>> bool((changed == x).all())  # p is 0 in step 0
        True
    """
    distort = distortions.pipeline() if distort is None else distort
    refuse_factories(probability=probability, distort=distort)
    if not callable(probability):
        check_numbers("[0, 1]", probability=probability)

    def apply(step, key, x):
        return distort(key, x, probability(step) if callable(probability) else probability)

    return Augmentation(
        lambda: jnp.int32(0), apply, lambda step, real_logits, fake_logits: step + 1
    )


def paired(augmentation: Augmentation) -> Augmentation:
    """Change the second half of a batch exactly as the first: the i-th fake as the i-th real.

    It is for real and fake examples in one batch; `recipes.players(augment_pairs=True)` uses it.

    Args:
        augmentation: what happens to each half.

    Returns:
        The augmentation, with the same state. When applied to a batch of an odd size, it raises
        ValueError.

    Raises:
        TypeError: `augmentation` is no `Augmentation`.

    Example:
        >>> augmentation = augment.paired(augment.differentiable())
        >>> x = jnp.ones((3, 8, 8, 1))
        >>> y = augmentation.apply((), jax.random.key(0), jnp.concatenate([x, x]))
        >>> bool((y[:3] == y[3:]).all()), bool((y[0] == y[1]).all())
        (True, False)
    """
    refuse_factories(augmentation=augmentation)
    check_types(Augmentation, augmentation=augmentation)

    def apply(state, key, x):
        if len(x) % 2:
            raise ValueError(f"a batch of {len(x)} does not divide into pairs; expected two halves")
        halves = [augmentation.apply(state, key, half) for half in jnp.split(x, 2)]
        return jnp.concatenate(halves)

    return augmentation._replace(apply=apply)
