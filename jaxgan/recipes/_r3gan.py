"""R3GAN: a loss with guarantees, and no tricks (Huang et al. 2024, arXiv:2501.05441)."""

from functools import partial
from typing import NamedTuple

import optax

from jaxgan import augment, distortions, latents, losses, penalties
from jaxgan._checks import check_types
from jaxgan.latents import Latent
from jaxgan.recipes._gan import gan
from jaxgan.schedules import Schedule, cosine, ema_decay
from jaxgan.types import GAN, Network

__all__ = ["R3GAN_SETTINGS", "R3GANSettings", "r3gan"]

Range = tuple[float, float]
"""The first and the last value of something that goes from one to the other in the burn-in."""


class R3GANSettings(NamedTuple):
    """What R3GAN is trained with: a column of table 9.

    Attributes:
        image_size: height and width of the images.
        widths: channels of the stages of `models.r3gan`, from low to high resolution.
        images: how many are seen in all.
        burn_in: in how many of them whatever has a range goes from its first to its last value.
        batch_size: images in a step, over all devices.
        gamma: weight of both penalties.
        ema_half_life: images in which the running average forgets half of itself; 0 is a copy.
        learning_rate: of both players.
        beta2: of Adam.
        augmentation: the probability of each distortion.
        group_size: channels of a group in the 3x3 convolutions.
    """

    image_size: int
    widths: tuple[int, ...]
    images: float
    burn_in: float
    batch_size: int
    gamma: Range
    ema_half_life: Range
    learning_rate: Range = (2e-4, 5e-5)
    beta2: Range = (0.9, 0.99)
    augmentation: Range = (0.0, 0.0)
    group_size: int = 16


R3GAN_SETTINGS = {
    "stacked_mnist": R3GANSettings(
        32, (768,) * 4, 10e6, 2e6, 512, (1.0, 0.1), (0, 0.5e6), learning_rate=(2e-4, 2e-4)
    ),
    "cifar10": R3GANSettings(
        32, (768,) * 4, 250e6, 20e6, 512, (0.05, 0.005), (0, 5e6), augmentation=(0, 0.55)
    ),
    "ffhq_64": R3GANSettings(
        64, (*(768,) * 4, 384), 100e6, 20e6, 256, (2.0, 0.2), (0, 0.5e6), augmentation=(0, 0.3)
    ),
    "ffhq_256": R3GANSettings(
        256,
        (*(768,) * 4, 384, 192, 96),
        200e6,
        20e6,
        256,
        (150.0, 15.0),
        (0, 0.5e6),
        augmentation=(0, 0.3),
    ),
    "imagenet_32": R3GANSettings(
        32,
        (1536,) * 4,
        1000e6,
        200e6,
        4096,
        (0.5, 0.05),
        (0, 50e6),
        augmentation=(0, 0.5),
        group_size=32,
    ),
    "imagenet_64": R3GANSettings(
        64,
        (1536,) * 5,
        1000e6,
        200e6,
        4096,
        (1.0, 0.1),
        (0, 50e6),
        augmentation=(0, 0.4),
        group_size=32,
    ),
}
"""The settings of the paper, by data set. All but StackedMNIST also mirror half of the images."""


def r3gan(
    generator: Network,
    discriminator: Network,
    settings: R3GANSettings,
    *,
    latent: Latent | None = None,
    conditional: bool = False,
) -> GAN:
    """Make R3GAN: the paired relativistic loss, with both zero-centerd penalties in every step.

        D minimizes  mean softplus(D(G(z)) - D(x))
                     + gamma / 2 mean (||grad D(x)||^2 + ||grad D(G(z))||^2)
        G minimizes  mean softplus(D(x) - D(G(z)))

    Both learn by Adam with beta1 = 0, one step of D and one of G in turn. The learning rate, gamma,
    beta2, the half-life of the running average and the probability of augmentation each go along
    half a cosine from their first to their last value, and stay there. D is augmented where
    `settings.augmentation` is not 0. In `train_step` both players see the same real images, where
    the authors' code draws new ones for G.

    Args:
        generator: called with z `[B, latent]`, and with y if conditional; gives `[B, H, W, C]`.
        discriminator: called with x `[B, H, W, C]`, and with y if conditional; gives logits `[B]`.
        settings: one of `R3GAN_SETTINGS`, or a variant made by its `_replace`. The fields of the
            architecture and the number of images are not used here.
        latent: sampler of z; standard normal with 64 components if None.
        conditional: whether both networks see `batch.y`.

    Returns:
        The GAN; `sample(state, key, n, y)` takes y `[n]` if conditional.

    Raises:
        TypeError: `settings` are no `R3GANSettings`; or as `recipes.gan`.
        ValueError: as `recipes.gan`, and if the burn-in is negative or the batch size below 1.

    Example:
        >>> generator = nets.stateless(
        ...     lambda key, z: jnp.ones((64, 1)), lambda w, z: (z @ w).reshape(-1, 1, 1, 1)
        ... )
        >>> discriminator = nets.stateless(
        ...     lambda key, x: jnp.ones(()), lambda w, x: jnp.mean(w * x, axis=(1, 2, 3))
        ... )
        >>> settings = recipes.R3GAN_SETTINGS["stacked_mnist"]._replace(batch_size=4, burn_in=1000)
        >>> gan = recipes.r3gan(generator, discriminator, settings)
        >>> batch = Batch(jnp.ones((4, 1, 1, 1)))
        >>> state = gan.init(jax.random.key(0), batch)
        >>> state, metrics = jax.jit(gan.train_step)(state, batch)
        >>> int(state.g.step)
        1
    """
    check_types(R3GANSettings, settings=settings)

    def along(values: Range) -> Schedule:
        return cosine(*values, settings.burn_in, batch_size=settings.batch_size)

    adam = partial(
        optax.inject_hyperparams(optax.adam, static_args=("b1", "eps", "eps_root")),
        learning_rate=along(settings.learning_rate),
        b1=0.0,
        b2=along(settings.beta2),
    )
    augmented = augment.scheduled(along(settings.augmentation), distortions.pipeline(color=0.5))
    return gan(
        generator,
        discriminator,
        latent=latents.normal(64) if latent is None else latent,
        g_optimizer=adam(),
        d_optimizer=adam(),
        loss=losses.relativistic_paired(),
        penalty=penalties.r1_r2(),
        penalty_weight=along(settings.gamma),
        augment=augmented if any(settings.augmentation) else None,
        conditional=conditional,
        ema_decay=ema_decay(along(settings.ema_half_life), batch_size=settings.batch_size),
    )
