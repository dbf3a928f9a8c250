"""Train on the 2-D ring with the bare steps: one run under jit, then eight seeds under vmap."""

import jax
import jax.numpy as jnp
import optax

from jaxgan import Batch, latents, nets, recipes
from jaxgan.data import load
from jaxgan.data.toys import RING_SD, ring_modes
from jaxgan.models import mlp

x = jnp.asarray(load("ring").x)
gan = recipes.gan(
    nets.from_linen(mlp.Generator(shape=(2,), widths=(128, 128), output="linear")),
    nets.from_linen(mlp.Discriminator(widths=(128, 128))),
    latent=latents.normal(16),
    g_optimizer=optax.adam(5e-4, b1=0.5),
    d_optimizer=optax.adam(1e-3, b1=0.5),
    ema_decay=0.99,
)


def train(seed, steps):
    def step(state, key):
        index = jax.random.randint(key, (128,), 0, len(x))
        return gan.train_step(state, Batch(x[index]))

    key = jax.random.key(seed)
    state, metrics = jax.lax.scan(step, gan.init(key, Batch(x[:2])), jax.random.split(key, steps))
    samples = gan.sample(state, key, 1000)
    distance = jnp.linalg.norm(samples[:, None] - ring_modes(), axis=-1)
    modes = jnp.any(distance < 3 * RING_SD, axis=0).sum()
    return modes, metrics["d_loss"]


def main(steps=4000):
    modes, _ = jax.jit(train, static_argnums=1)(0, steps)
    print(f"one seed finds {modes} of 8 modes")
    seeds = jnp.arange(8)
    modes, _ = jax.jit(jax.vmap(train, in_axes=(0, None)), static_argnums=1)(seeds, steps)
    print(f"eight seeds find {modes} of 8 modes")
    return modes


if __name__ == "__main__":
    main()
