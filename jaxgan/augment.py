"""Augmentation in front of the discriminator: what helps a GAN that has few pictures.

Augmented data teach a generator the augmentations. Here the discriminator never sees an unaugmented
picture, real or fake, and G's gradient comes back through the augmentation: so G has to match the
data before it, as long as the augmentation can be undone in distribution.

Pictures are `[B, H, W, C]` in [-1, 1], where 0 is the grey that fills gaps.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.types import Network, State

__all__ = [
    "POLICY",
    "Augmentation",
    "Transform",
    "adaptive",
    "before",
    "differentiable",
    "pipeline",
    "scheduled",
]

POLICY = ("color", "translation", "cutout")

Transform = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""`(key, x, p) -> x`: each of its changes is made to each picture with probability p."""


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


def before(discriminator: Network, augmentation: Augmentation) -> Network:
    """Let a network see its first input augmented, when it is called with `train=True`.

    A gradient with respect to that input is one with respect to the picture before augmentation.

    Args:
        discriminator: called with x `[B, H, W, C]`, and with anything else after it.
        augmentation: what happens to x.

    Returns:
        The network, with the same params and the state `{"network": ..., "augment": ...}`. It uses
        the state of the augmentation and leaves it as it is: `Augmentation.update` is for the
        training loop, which knows the logits of both sides.
    """

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
    """DiffAugment: every picture is changed, always (Zhao et al. 2020, arXiv:2006.10738).

        color        brightness + U[-1/2, 1/2], saturation * U[0, 2], contrast * U[1/2, 3/2]
        translation  by whole pixels, up to 1/8 of the side, the gap filled with 0
        cutout       a square of half the side becomes 0; it may reach over the edge

    Args:
        policy: which of `POLICY`, in this order.

    Raises:
        ValueError: there is no such policy; when applied, x is not `[B, H, W, C]`.
    """
    known = {"color": _color, "translation": _translation, "cutout": _cutout}
    if unknown := [name for name in policy if name not in known]:
        raise ValueError(f"there is no augmentation {unknown[0]!r}; expected some of {POLICY}")

    def apply(state, key, x):
        del state
        _check(x)
        for name, part_key in zip(policy, jax.random.split(key, len(policy) or 1), strict=False):
            x = known[name](part_key, x)
        return x

    return Augmentation(lambda: (), apply, lambda state, real_logits, fake_logits: state)


def adaptive(
    transform: Transform | None = None,
    *,
    batch_size: int,
    target: float = 0.6,
    images: float = 500_000,
    initial: float = 0.0,
    threshold: float = 0.0,
) -> Augmentation:
    """ADA: augment as much as D overfits (Karras et al. 2020, arXiv:2006.06676, section 3.1).

        p <- clip(p + sign(r - target) batch_size / images, 0, 1),    r = mean sign(D(x) - threshold)

    r is 0 as long as D cannot tell its pictures from G's, and 1 once it knows them by heart.

    Args:
        transform: `(key, x, p) -> x`; `pipeline()` if None.
        batch_size: real pictures in an update of D, on all devices together.
        target: of r, in (-1, 1).
        images: how many pictures D sees while p rises from 0 to 1.
        initial: p at the start, in [0, 1].
        threshold: the logit at which D is undecided, `losses.AdversarialLoss.threshold`. Losses
            that have none give logits of which r says nothing.

    Returns:
        The augmentation, whose state is p, float32.

    Raises:
        ValueError: `target`, `initial`, `images` or `batch_size` is out of range.
    """
    transform = pipeline() if transform is None else transform
    if not (-1 < target < 1 and 0 <= initial <= 1 and images > 0 and batch_size > 0):
        raise ValueError(
            f"target={target}, initial={initial}, images={images}, batch_size={batch_size}; "
            f"expected -1 < target < 1, 0 <= initial <= 1, and positive numbers of pictures"
        )

    def update(p, real_logits, fake_logits):
        del fake_logits
        overfitting = jnp.mean(jnp.sign(real_logits - threshold))
        step = jnp.sign(overfitting - target) * batch_size / images
        return lax.stop_gradient(jnp.clip(p + step, 0, 1).astype(p.dtype))

    return Augmentation(
        lambda: jnp.float32(initial), lambda p, key, x: transform(key, x, p), update
    )


def scheduled(
    probability: float | Callable[[jax.Array], jax.Array], transform: Transform | None = None
) -> Augmentation:
    """Augment by plan instead of by what D does, as R3GAN does (arXiv:2501.05441).

    Args:
        probability: p in [0, 1], or a function of D's step, such as an optax schedule.
        transform: `(key, x, p) -> x`; `pipeline()` if None.

    Returns:
        The augmentation, whose state is D's step, int32.
    """
    transform = pipeline() if transform is None else transform

    def apply(step, key, x):
        return transform(key, x, probability(step) if callable(probability) else probability)

    return Augmentation(
        lambda: jnp.int32(0), apply, lambda step, real_logits, fake_logits: step + 1
    )


def pipeline(
    *, blit: float = 1.0, geometry: float = 1.0, color: float = 1.0, cutout: float = 1.0
) -> Transform:
    """ADA's changes, each made with probability p (arXiv:2006.06676, appendix B).

        blit      flip left to right, quarter turns, translation by whole pixels up to 1/8
        geometry  scale 2^N(0, 0.2^2), rotation, one side against the other 2^N(0, 0.2^2),
                  rotation again, translation by N(0, (1/8)^2) of the side
        color     brightness + N(0, 0.2^2), contrast * 2^N(0, 0.5^2), negative of the luma, rotation
                  of the hue, saturation * 2^N(0, 1); on grey pictures the first three
        cutout    a rectangle of half the sides becomes 0

    All of blit and geometry is one affine map, sampled once: bilinearly, with the picture mirrored
    at its edges (the paper filters at twice the resolution instead). All of color is another. At
    p = 0 every picture stays as it is, to the last bit.

    Args:
        blit: factor on p for this group, in [0, 1]; 0 leaves it out. R3GAN has color=0.5.
        geometry: likewise.
        color: likewise.
        cutout: likewise.

    Returns:
        `(key, x, p) -> x` for p in [0, 1], a number or a scalar array. It raises ValueError where x
        is not `[B, H, W, C]`.

    Raises:
        ValueError: a factor is outside [0, 1].
    """
    factors = {"blit": blit, "geometry": geometry, "color": color, "cutout": cutout}
    for name, factor in factors.items():
        if not 0 <= factor <= 1:
            raise ValueError(f"{name}={factor}; a factor on a probability is in [0, 1]")

    def transform(key, x, p):
        _check(x)
        warp_key, color_key, cutout_key = jax.random.split(key, 3)
        if blit or geometry:
            x = _resample(x, _affine(warp_key, x.shape, blit * p, geometry * p))
        if color:
            matrix, offset = _color_map(color_key, len(x), x.shape[-1], color * p)
            x = (jnp.einsum("bhwc,bcd->bhwd", x, matrix, precision="highest") + offset).astype(
                x.dtype
            )
        if cutout:
            gate_key, cutout_key = jax.random.split(cutout_key)
            chosen = jax.random.uniform(gate_key, (len(x), 1, 1, 1)) < cutout * p
            x = jnp.where(chosen, _cutout(cutout_key, x), x)
        return x

    return transform


def _color(key: jax.Array, x: jax.Array) -> jax.Array:
    brightness, saturation, contrast = jax.random.uniform(key, (3, len(x), 1, 1, 1), x.dtype)
    x = x + (brightness - 0.5)
    grey = jnp.mean(x, axis=3, keepdims=True)
    x = grey + 2 * saturation * (x - grey)
    mean = jnp.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + (contrast + 0.5) * (x - mean)


def _translation(key: jax.Array, x: jax.Array) -> jax.Array:
    n, height, width, _ = x.shape
    u, v = jax.random.uniform(key, (2, n))
    x = jnp.einsum("bij,bjwc->biwc", _shift(u, height, x.dtype), x, precision="highest")
    return jnp.einsum("bij,bhjc->bhic", _shift(v, width, x.dtype), x, precision="highest")


def _shift(u: jax.Array, side: int, dtype) -> jax.Array:
    """`[B]` in [0, 1) -> `[B, side, side]`: matrices that shift by up to an eighth of the side.

    On CPU the gradient of a product with them takes a fraction of what a gather's does.
    """
    most = round(side / 8)
    shift = jnp.floor(u * (2 * most + 1)).astype(jnp.int32) - most
    rows, columns = jnp.arange(side)[:, None], jnp.arange(side)
    return (rows - columns == shift[:, None, None]).astype(dtype)


def _cutout(key: jax.Array, x: jax.Array) -> jax.Array:
    n, height, width, _ = x.shape
    u, v = jax.random.uniform(key, (2, n))
    inside = _middle(u, height)[:, :, None] & _middle(v, width)[:, None, :]
    return jnp.where(inside[..., None], 0, x)


def _middle(u: jax.Array, side: int) -> jax.Array:
    """`[B]` in [0, 1) -> `[B, side]`: a stretch of half the side around a pixel drawn by u."""
    first = jnp.floor(u * (side + 1 - side // 2 % 2)).astype(jnp.int32) - side // 4
    place = jnp.arange(side) - first[:, None]
    return (place >= 0) & (place < side // 2)


def _affine(key: jax.Array, shape: tuple[int, ...], p_blit, p_geometry) -> jax.Array:
    """`[B, 3, 3]`: from where in the new picture to where in the old; (column, row, 1), centred."""
    n, height, width, _ = shape
    gate_key, uniform_key, normal_key = jax.random.split(key, 3)
    gates = iter(jax.random.uniform(gate_key, (8, n)))
    uniform = iter(jax.random.uniform(uniform_key, (6, n)))
    normal = iter(jax.random.normal(normal_key, (4, n)))

    def sometimes(p, value, otherwise=0.0):
        return jnp.where(next(gates) < p, value, otherwise)

    def translate(p, right, down):
        chosen = sometimes(p, 1.0)
        return _matrix(1, 0, -right * chosen, 0, 1, -down * chosen)

    def rotate(p, angle):
        angle = sometimes(p, angle)
        return _turn(jnp.cos(angle), jnp.sin(angle))

    flip = sometimes(p_blit, 1 - 2 * jnp.floor(2 * next(uniform)), 1.0)
    quarter = jnp.pi / 2 * sometimes(p_blit, jnp.floor(4 * next(uniform)))
    eighth = (jnp.round((next(uniform) - 0.5) / 4 * side) for side in (width, height))
    scale = jnp.exp2(0.2 * sometimes(p_geometry, next(normal)))
    stretch = jnp.exp2(0.2 * sometimes(p_geometry, next(normal)))
    # Two rotations, of which at least one is made with probability p.
    p_rotation = 1 - jnp.sqrt(1 - p_geometry)
    angles = (2 * jnp.pi * (next(uniform) - 0.5) for _ in range(2))
    fraction = (next(normal) / 8 * side for side in (width, height))

    back = [
        _matrix(flip, 0, 0, 0, 1, 0),
        _turn(jnp.round(jnp.cos(quarter)), jnp.round(jnp.sin(quarter))),
        translate(p_blit, *eighth),
        _matrix(1 / scale, 0, 0, 0, 1 / scale, 0),
        rotate(p_rotation, next(angles)),
        _matrix(1 / stretch, 0, 0, 0, stretch, 0),
        rotate(p_rotation, next(angles)),
        translate(p_geometry, *fraction),
    ]
    return reduce(partial(jnp.matmul, precision="highest"), back)


def _turn(cosine, sine) -> jax.Array:
    return _matrix(cosine, -sine, 0, sine, cosine, 0)


def _matrix(a, b, c, d, e, f) -> jax.Array:
    """The first two rows of affine maps, numbers or `[B]` -> `[B, 3, 3]`."""
    entries = jnp.broadcast_arrays(*map(jnp.float32, (a, b, c, d, e, f, 0, 0, 1)))
    return jnp.stack(entries, axis=-1).reshape(*entries[0].shape, 3, 3)


def _resample(x: jax.Array, to_source: jax.Array) -> jax.Array:
    """Bilinear samples of x `[B, H, W, C]` at affinely mapped places, mirrored at the edges."""
    n, height, width, channels = x.shape
    row, column = jnp.meshgrid(
        jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij"
    )
    places = jnp.stack([column.ravel(), row.ravel(), jnp.ones(row.size)])
    source = jnp.matmul(to_source, places, precision="highest")
    left, right_share = _mirrored(source[:, 0] + (width - 1) / 2, width)
    top, bottom_share = _mirrored(source[:, 1] + (height - 1) / 2, height)

    # The four neighbours of a place lie side by side, so that they are gathered at once: the
    # gradient of a gather is slow on CPU.
    rows = jnp.concatenate([x[:, :-1], x[:, 1:]], axis=-1)
    corners = jnp.concatenate([rows[:, :, :-1], rows[:, :, 1:]], axis=-1)
    index = (top * (width - 1) + left)[..., None]
    found = jnp.take_along_axis(corners.reshape(n, -1, 4 * channels), index, axis=1)
    top_left, bottom_left, top_right, bottom_right = jnp.split(found, 4, axis=-1)
    right, bottom = right_share[..., None], bottom_share[..., None]
    above = (1 - right) * top_left + right * top_right
    below = (1 - right) * bottom_left + right * bottom_right
    return ((1 - bottom) * above + bottom * below).reshape(x.shape).astype(x.dtype)


def _mirrored(place: jax.Array, side: int) -> tuple[jax.Array, jax.Array]:
    """The neighbour before a place on an axis that is mirrored at its ends, and the other's share."""
    last = side - 1
    place = last - jnp.abs(place % (2 * last) - last)
    first = jnp.minimum(jnp.floor(place), last - 1)
    return first.astype(jnp.int32), place - first


def _color_map(key: jax.Array, n: int, channels: int, p) -> tuple[jax.Array, jax.Array]:
    """An affine map of colours: matrix `[B, C, C]` and offset `[B, 1, 1, 1]`."""
    gate_key, uniform_key, normal_key = jax.random.split(key, 3)
    gates = iter(jax.random.uniform(gate_key, (5, n, 1, 1)) < p)
    uniform = jax.random.uniform(uniform_key, (2, n, 1, 1))
    normal = jax.random.normal(normal_key, (3, n, 1, 1))

    brightness = jnp.where(next(gates), 0.2 * normal[0], 0)
    contrast = jnp.exp2(jnp.where(next(gates), 0.5 * normal[1], 0))
    negative = jnp.where(next(gates), jnp.floor(2 * uniform[0]), 0)
    identity, grey = jnp.eye(channels), jnp.full((channels, channels), 1 / channels)
    matrix = contrast * (identity - 2 * negative * grey)
    offset = brightness * contrast * (1 - 2 * negative)
    if channels == 3:
        angle = jnp.where(next(gates), 2 * jnp.pi * (uniform[1] - 0.5), 0)
        saturation = jnp.exp2(jnp.where(next(gates), normal[2], 0))
        # Rodrigues' rotation about the axis of greys; its cross product is antisymmetric.
        cross = jnp.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / jnp.sqrt(3)
        across = jnp.cos(angle) * (identity - grey) + jnp.sin(angle) * cross
        matrix = matrix @ (grey + saturation * across)
    return matrix, offset[..., None]


def _check(x: jax.Array) -> None:
    if x.ndim != 4:
        raise ValueError(f"only pictures [B, H, W, C] can be augmented, not {x.shape}")
