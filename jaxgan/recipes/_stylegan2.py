"""StyleGAN2 (Karras et al. 2019, arXiv:1912.04958): the GAN whose generator is kept smooth too."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import penalties
from jaxgan._checks import check_array, check_integers, check_lengths, check_numbers
from jaxgan._choice import nothing, one_of
from jaxgan._handed import check_networks
from jaxgan.core import two_player
from jaxgan.latents import Latent
from jaxgan.recipes._gan import players
from jaxgan.recipes._weights import Weight, check_weights
from jaxgan.types import GAN, Batch, Network, Variables

__all__ = ["path_lengths", "stylegan2"]


def stylegan2(
    generator: Network,
    discriminator: Network,
    *,
    latent: Latent,
    layers: int,
    path_weight: float = 2.0,
    path_every: int = 4,
    path_decay: float = 0.01,
    conditional: bool = False,
    d_steps: int = 1,
    ema_decay: Weight | None = None,
    **settings,
) -> GAN:
    """Make a StyleGAN2: non-saturating loss, R1 for D and path lengths for G, both lazily.

        D minimizes  that of `recipes.gan` + gamma R1, in every 16th step
        G minimizes  that of `recipes.gan` + path_weight mean (length - a)^2, in every 4th

    where `path_lengths` measures how an image changes with its styles, and a is the running mean of
    these lengths: a step in w is to change the image by the same amount everywhere (section 3.2).
    They are taken over half a batch of new latents, as in the authors' code.

    G's further metrics are `path_length`, the running mean, and `path_penalty`, as it is weighted.

    Args:
        generator: `models.stylegan2.Generator`, or another network that is called with z, y (None
            without labels) and a shift of its styles `[B, layers, W]`, and has the same `averages`
            in its state.
        discriminator: called with x, and y if conditional; the paper's is in the same module.
        latent: sampler of z.
        layers: the number of styles of an image, `models.stylegan2.Generator.layers`; see
            `path_lengths`.
        path_weight: the paper's gamma_pl; 0 for no regularization.
        path_every: regularize G in every k-th of its steps, k times as much.
        path_decay: share of the new lengths in their running mean, which starts at the first ones.
        conditional: whether both networks see `batch.y`.
        d_steps: updates of D for each update of G.
        ema_decay: decay of G's running average; None for none.
        **settings: further keywords of `recipes.players`; by default the penalty is `r1` with
            weight 10 in every 16th step. The paper's optimizers are Adam(2e-3, b1=0, b2=0.99). Its
            correction for lazy terms is not for this recipe: there they are steps of their own,
            here parts of the others.

    Returns:
        The GAN; to sample with truncation, apply a generator with another `truncation` to the
        variables of this one.

    Raises:
        TypeError: as in `recipes.gan`.
        ValueError: `path_every` or `layers` is below 1, `path_weight` is negative, `path_decay` is
            not in [0, 1], or G's state has no averages; or as in `recipes.gan`.

    Example:
        >>> def init(key, z, y=None, shift=None):
        ...     averages = {"w": jnp.zeros(3), "path_length": jnp.zeros(())}
        ...     return jnp.ones((3, 4)), {"averages": averages}
        ...
        >>> def apply(params, state, key, z, y=None, shift=0.0, *, train):  # the style is z
        ...     return ((z[:, None] + shift)[:, 0] @ params).reshape(-1, 2, 2, 1), state
        ...
        >>> generator = Network(init, apply)
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones(()), lambda w, x: jnp.mean(w * x**2, axis=(1, 2, 3))
        ... )
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> settings = {"latent": latents.normal(3), "layers": 1}
        >>> gan = recipes.stylegan2(generator, discriminator, **settings, **sgd)
        >>> batch = Batch(jnp.ones((4, 2, 2, 1)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> "g_path_length" in metrics
        True
    """
    check_integers(path_every=path_every, layers=layers)
    check_weights(path_weight=path_weight)
    check_numbers("[0, 1]", path_decay=path_decay)
    settings = {"penalty": penalties.r1(), "penalty_every": 16} | settings
    g, d, sample = players(
        generator, discriminator, latent=latent, conditional=conditional, **settings
    )

    def g_loss(params, state, opponent, batch: Batch, key, step):
        base_key, latent_key, path_key = jax.random.split(key, 3)
        value, (state, metrics) = g.loss(params, state, opponent, batch, base_key, step)
        mean = lax.stop_gradient(_averages(state)["path_length"])

        def measure(params, state):
            n = max(1, len(batch.x) // 2)
            z, y = latent(latent_key, n), batch.y[:n] if conditional else None
            own = Variables(params, state)
            lengths = path_lengths(generator, own, path_key, z, y, layers=layers)
            # From 0 it would take hundreds of steps to rise, in which G would be made constant.
            share = jnp.where(step == 0, 1.0, path_decay).astype(mean.dtype)
            new = mean + share * (lax.stop_gradient(jnp.mean(lengths)) - mean)
            return path_every * jnp.mean(jnp.square(lengths - new)), new

        def wait(params, state):
            del params, state
            zero = nothing(batch.x, value.dtype)
            return zero, mean + zero

        state = lax.stop_gradient(state)
        due = (step % path_every == 0).astype(jnp.int32)
        penalty, mean = one_of(due, [wait, measure], params, state)
        metrics |= {"path_length": mean, "path_penalty": path_weight * penalty}
        state = {**state, "averages": {**state["averages"], "path_length": mean}}
        return value + path_weight * penalty, (state, metrics)

    return two_player(
        g._replace(loss=g_loss), d, sample=sample, d_steps=d_steps, ema_decay=ema_decay
    )


def path_lengths(
    generator: Network,
    variables: Variables,
    key: jax.Array,
    z: jax.Array,
    y: Any = None,
    *,
    layers: int,
) -> jax.Array:
    """Measure how an image changes with its styles in a random direction (arXiv:1912.04958, eq. 4).

        (mean over layers of |J_l^T noise|^2)^(1/2) / sqrt(H W),    noise ~ N(0, I) like the image

    where J_l is the Jacobian of the image with respect to the style of layer l, as in the authors'
    code. The paper writes |J_w^T noise|, with one w for all layers. To networks that broadcast the
    shift, as `models.stylegan2.Generator` does, `layers=1` is that.

    Args:
        generator: called with z, y and a shift of its styles; see `stylegan2`.
        variables: its variables.
        key: random key.
        z: latents `[B, latent]`.
        y: labels `[B]`, or None.
        layers: the number of styles of an image.

    Returns:
        `[B]`, >= 0.

    Raises:
        TypeError: `generator` is no `Network`.
        ValueError: z is not `[B, latent]`, y not as long, `layers` below 1, or the variables have
            no averages.

    Example:
        >>> def init(key, z, y=None, shift=None):
        ...     averages = {"w": jnp.zeros(3), "path_length": jnp.zeros(())}
        ...     return jnp.ones((3, 4)), {"averages": averages}
        ...
        >>> def apply(params, state, key, z, y=None, shift=0.0, *, train):  # the style is z
        ...     return ((z[:, None] + shift)[:, 0] @ params).reshape(-1, 2, 2, 1), state
        ...
        >>> generator = Network(init, apply)
        >>> z = jnp.zeros((5, 3))
        >>> variables = Variables(*generator.init(jax.random.key(0), z))
        >>> recipes.path_lengths(generator, variables, jax.random.key(1), z, layers=1).shape
        (5,)
    """
    check_networks(generator=generator)
    check_array("z", z, "[B, latent]")
    check_lengths("y", y, len(z), "z")
    check_integers(layers=layers)
    averages = _averages(variables.state)
    network_key, noise_key = jax.random.split(key)

    def project(shift):
        images, _ = generator.apply(*variables, network_key, z, y, shift, train=True)
        images = images.astype(shift.dtype)
        noise = jax.random.normal(noise_key, images.shape, images.dtype)
        return jnp.sum(images * noise) / jnp.sqrt(images.shape[1] * images.shape[2])

    # Zeros that vary over devices as z does: if they did not, under shard_map their gradient would
    # be the sum over all devices.
    still = 0 * z[:, :1, None] + jnp.zeros((layers, *averages["w"].shape), averages["w"].dtype)
    squares = jnp.sum(jnp.square(jax.grad(project)(still)), axis=2)
    return jnp.sqrt(jnp.mean(squares, axis=1) + 1e-12)


def _averages(state: Any) -> dict[str, jax.Array]:
    averages = state.get("averages") if isinstance(state, dict) else None
    if not (isinstance(averages, dict) and {"w", "path_length"} <= set(averages)):
        raise ValueError(
            "the state of the generator has no averages of w and path_length; expected those of "
            "models.stylegan2.Generator"
        )
    return averages
