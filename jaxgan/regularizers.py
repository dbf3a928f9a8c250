"""What keeps training steady beside penalties: terms on D's logits, and on the weights.

`lecam` and `centering` return a `Regularizer`, a term of D's loss that may remember; `orthogonal`
is a transformation of the gradients, and `normalize_gradient` changes those of single examples.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan._checks import check_array, check_numbers, check_one_shape, check_types, told
from jaxgan._handed import refuse_factories
from jaxgan.types import State

__all__ = ["Regularizer", "centering", "combine", "lecam", "normalize_gradient", "orthogonal"]


class Regularizer(NamedTuple):
    """A term of D's loss on its logits, with whatever it remembers of the training.

    Attributes:
        init: `() -> state`.
        apply: `(state, real_logits, fake_logits, step) -> (per example, state)`, where the logits
            and the terms are all `[B, ...]` and `step` counts D's updates.
    """

    init: Callable[[], State]
    apply: Callable[[State, jax.Array, jax.Array, jax.Array], tuple[jax.Array, State]]


def centering() -> Regularizer:
    """Keep the logits of real and fake examples on two sides of 0 (arXiv:2511.22475).

        (r + f)^2

    A relativistic loss only looks at their difference, and leaves the level free to drift. The
    paper's weight is 0.01.

    Returns:
        The regularizer, whose state is `()`. It raises ValueError where the logits differ in shape.

    Example:
        >>> centering = regularizers.centering()
        >>> real, fake = jnp.array([1.0, 3.0]), jnp.array([-1.0, 1.0])
        >>> print(centering.apply(centering.init(), real, fake, jnp.int32(0))[0])
        [ 0. 16.]
    """

    def apply(state, real_logits, fake_logits, step):
        del step
        check_one_shape(real_logits=real_logits, fake_logits=fake_logits)
        return jnp.square(real_logits + fake_logits), state

    return Regularizer(lambda: (), apply)


def combine(*terms: tuple[Regularizer, float | jax.Array]) -> Regularizer:
    """Add up several regularizers, each with its own weight and memory.

        sum_i weight_i regularizer_i

    Args:
        *terms: pairs of a regularizer and its weight.

    Returns:
        The regularizer, weighted already; its state is a tuple of theirs.

    Raises:
        TypeError: a term is no pair, or its regularizer none, such as the factory `lecam` itself.
        ValueError: there are no terms, or a weight is not finite.

    Example:
        >>> both = regularizers.combine(
        ...     (regularizers.centering(), 0.5), (regularizers.lecam(), 1.0)
        ... )
        >>> real, fake = jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0])
        >>> print(both.apply(both.init(), real, fake, jnp.int32(0))[0])
        [ 5.5 17.5]
    """
    if not terms:
        raise ValueError("terms is empty; expected a pair of a regularizer and its weight")
    for term in terms:
        # A regularizer is itself a tuple of two.
        if isinstance(term, Regularizer) or not (isinstance(term, tuple) and len(term) == 2):
            raise TypeError(
                f"a term is {told(term)}; expected a pair of a regularizer and its weight"
            )
        refuse_factories(regularizer=term[0])
        check_types(Regularizer, regularizer=term[0])
        check_numbers("(-inf, inf)", weight=term[1])

    def apply(states, real_logits, fake_logits, step):
        parts = [
            (weight, *one.apply(state, real_logits, fake_logits, step))
            for (one, weight), state in zip(terms, states, strict=True)
        ]
        value = jnp.sum(jnp.stack([weight * value for weight, value, _ in parts]), axis=0)
        return value, tuple(state for *_, state in parts)

    return Regularizer(lambda: tuple(one.init() for one, _ in terms), apply)


def lecam(*, decay: float = 0.99, one_sided: bool = True) -> Regularizer:
    """Draw D's logits toward those of the other side (LeCam, Tseng et al. 2021, arXiv:2104.03310).

        max(r - a_f, 0)^2 + max(a_r - f, 0)^2    or, if not one_sided,    (r - a_f)^2 + (f - a_r)^2

    where a_r, a_f are running means of the real and fake logits r and f. It keeps D from becoming
    overconfident, which happens quickly when data are few.

    Args:
        decay: of the running means, per update of D, in [0, 1). They start at the first batch's.
        one_sided: whether logits on the wrong side of the other mean pay nothing, as in the
            authors' code. The paper's formula draws those back, too.

    Returns:
        The regularizer, whose state is `{"real": a_r, "fake": a_f}`. It raises ValueError where the
        logits differ in shape.

    Raises:
        ValueError: `decay` is out of range.

    Example:
        >>> lecam = regularizers.lecam()
        >>> real, fake = jnp.array([1.0, 3.0]), jnp.array([0.0, 0.0])
        >>> values, anchors = lecam.apply(lecam.init(), real, fake, jnp.int32(0))
        >>> print(values, anchors["real"])
        [ 5. 13.] 2.0
    """
    check_numbers("[0, 1)", decay=decay)

    def apply(anchors, real_logits, fake_logits, step):
        check_one_shape(real_logits=real_logits, fake_logits=fake_logits)
        now = lax.stop_gradient({"real": jnp.mean(real_logits), "fake": jnp.mean(fake_logits)})
        decay_now = jnp.where(step == 0, 0.0, decay)
        anchors = jax.tree.map(
            lambda old, new: (decay_now * old + (1 - decay_now) * new).astype(old.dtype),
            anchors,
            now,
        )
        gaps = real_logits - anchors["fake"], anchors["real"] - fake_logits
        to_fake, to_real = map(jax.nn.relu, gaps) if one_sided else gaps
        return jnp.square(to_fake) + jnp.square(to_real), anchors

    return Regularizer(lambda: {"real": jnp.zeros(()), "fake": jnp.zeros(())}, apply)


def normalize_gradient(x: jax.Array, norm: float | jax.Array = 1.0) -> jax.Array:
    """Give x back; on the way back, the gradient of each example gets a length.

        g_i <- norm g_i / |g_i|_2

    At G's output, it makes what D wants of a sample a direction alone, so that other terms of G's
    loss weigh the same beside any D, and whatever its scale. Adversarial flows (arXiv:2511.22475)
    divide by a running mean of the lengths instead, one number for all examples.

    Args:
        x: `[B, ...]`, floats.
        norm: the length of each example's gradient, positive. Gradients of 0 stay 0.

    Returns:
        x.

    Raises:
        ValueError: `norm` is not positive, or x not `[B, ...]`.

    Example:
        >>> def loss(x):
        ...     x = regularizers.normalize_gradient(x, norm=10.0)
        ...     return jnp.sum(x * jnp.array([3.0, 4.0]))
        ...
        >>> print(jnp.rint(jax.grad(loss)(jnp.ones((2, 2)))))
        [[6. 8.]
         [6. 8.]]
    """
    check_array("x", x, "[B, ...]")
    check_numbers("(0, inf)", norm=norm)
    return _normalized(x, jnp.asarray(norm, x.dtype))


@jax.custom_vjp
def _normalized(x: jax.Array, norm: jax.Array) -> jax.Array:
    del norm
    return x


def _backward(norm: jax.Array, gradient: jax.Array) -> tuple[jax.Array, jax.Array]:
    axes = tuple(range(1, gradient.ndim))
    # Divided by the largest entry first: squares of a saturated D's gradients are 0 in float32.
    largest = jnp.max(jnp.abs(gradient), axis=axes, keepdims=True)
    scaled = gradient / jnp.where(largest > 0, largest, 1)
    squares = jnp.sum(jnp.square(scaled), axis=axes, keepdims=True)
    length = jnp.sqrt(jnp.where(largest > 0, squares, 1))
    return norm * scaled / length, jnp.zeros_like(norm)


_normalized.defvjp(lambda x, norm: (x, norm), _backward)


def orthogonal(strength: float | jax.Array = 1e-4) -> optax.GradientTransformation:
    """Keep the filters of each layer orthogonal (BigGAN, arXiv:1809.11096, equation 3).

        ||W^T W * (1 - I)||_F^2,    of which  2 W (W^T W * (1 - I))  is half the gradient

    As in the authors' code, it is this half that is added: for the whole gradient, double
    `strength`. The lengths of the filters are left free. W is a kernel taken as the matrix of its
    last axis (flax's outputs) against all others; embeddings (`nn.Embed`) and parameters of one
    axis are left alone. Chain it before the optimizer: `optax.chain(orthogonal(1e-4),
    optax.adam(2e-4))`.

    Args:
        strength: what half the gradient is multiplied with; the authors' is 1e-4.

    Returns:
        A transformation that adds `strength` times that half to the gradients. It raises
        ValueError where it is used without parameters.

    Raises:
        ValueError: `strength` is negative or not finite.

    Example:
        >>> optimizer = optax.chain(regularizers.orthogonal(0.2), optax.sgd(1.0))
        >>> kernel = jnp.array([[1.0, 0.5], [0.0, 1.0]])  # two filters that are not orthogonal
        >>> updates, _ = optimizer.update(jnp.zeros((2, 2)), optimizer.init(kernel), kernel)
        >>> print(updates.round(2))
        [[-0.09999999 -0.19999999]
         [-0.19999999 -0.        ]]
    """
    check_numbers("[0, inf)", strength=strength)

    def add(path, update, kernel):
        if kernel.ndim < 2 or "embedding" in jax.tree_util.keystr(path):
            return update
        matrix = kernel.reshape(-1, kernel.shape[-1])
        products = matrix.T @ matrix
        between = products - jnp.diag(jnp.diag(products))
        return update + strength * 2 * (matrix @ between).reshape(kernel.shape)

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("orthogonal needs the parameters: call update(grads, state, params)")
        return jax.tree_util.tree_map_with_path(add, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)
