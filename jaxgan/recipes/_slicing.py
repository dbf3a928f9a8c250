"""Slicing adversarial networks: D's last layer looks where real and fake features differ."""

import jax
import jax.numpy as jnp

from jaxgan._checks import check_one_shape
from jaxgan.recipes._gan import Seen
from jaxgan.types import Metrics

__all__ = ["slicing"]


def slicing(seen: Seen) -> tuple[jax.Array, Metrics]:
    """Turn D's last layer to the direction in which features differ most (SAN, arXiv:2301.12811).

        D minimizes  its loss of <h(x), w>, over h alone,  + mean <h(G(z)), w> - mean <h(x), w>,
                     over w alone, |w| = 1

    A discriminator that is trained by its loss alone need not point from fake to real features,
    where G's gradient is the one of a distance. Here w goes to the difference of their means; h and
    G have any loss. It is a `d_term` of `recipes.gan`, for a D that gives `heads.Slice` at its
    end, such as `mlp.Discriminator(last="san")`.

    Args:
        seen: of D, whose heads are <h, w> of each example, of which w alone learns.

    Returns:
        The second term, and as the metric `slice` how far apart the two means are along w.

    Raises:
        ValueError: D gives no such heads.

    Example:
        >>> generator = nets.stateless(lambda key, z: jnp.zeros(2), lambda shift, z: z + shift)
        >>> discriminator = nets.from_linen(models.mlp.Discriminator(widths=(8,), last="san"))
        >>> sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
        >>> gan = recipes.gan(
        ...     generator, discriminator, latent=latents.normal(2), d_term=recipes.slicing, **sgd
        ... )
        >>> batch = Batch(jnp.ones((4, 2)))
        >>> state, metrics = jax.jit(gan.train_step)(gan.init(jax.random.key(0), batch), batch)
        >>> "d_slice" in metrics
        True
    """
    real, fake = seen.real_heads, seen.fake_heads
    if not (getattr(real, "ndim", 0) == getattr(fake, "ndim", 0) == 1):
        raise ValueError(
            "D gives no directions [B] beside its logits; expected a D with last='san', or with "
            "heads.Slice at its end"
        )
    check_one_shape(real_heads=real, fake_heads=fake)
    values = fake - real
    return values, {"slice": -jnp.mean(values)}
