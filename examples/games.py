"""Draw how two players move by each rule: a bilinear game, the Dirac-GAN, and a GAN on the ring.

Writes games.png, or the file that is named; `docs/games.md` explains it.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import Batch, Network, latents, nets, optimizers, recipes, rules
from jaxgan.data import load
from jaxgan.data.toys import RING_SD, ring_modes
from jaxgan.models import mlp

RATE, STEPS = 0.3, 60
"""Of the two small games."""
RINGS = 6000
"""Steps of each GAN on the ring."""


def same(gan):
    return gan


# Of each way to play: what is made of the GAN, what of both optimizers, and SGD's momentum.
WAYS = {
    "alternating": (same, same, None),
    "simultaneous": (rules.simultaneous, same, None),
    "extragradient": (rules.extragradient, same, None),
    "optimistic": (rules.simultaneous, optimizers.optimistic, None),
    "consensus": (lambda gan: rules.consensus(gan, 1.0), same, None),
    "symplectic": (lambda gan: rules.symplectic(gan, 1.0), same, None),
    "competitive": (lambda gan: rules.competitive(gan, RATE), same, None),
    "unrolled, 5 steps": (lambda gan: rules.unrolled(gan, 5, 0.05), same, None),
    "lookahead, every 5": (rules.simultaneous, optimizers.lookahead, None),
    "negative momentum": (same, same, -0.5),
}


def dirac(optimizer):
    """All data are 0, G draws g, and D(x) = d x."""
    generator = Network(
        lambda key, z: (jnp.ones(()), ()),
        lambda g, state, key, z, *, train: (jnp.broadcast_to(g, (len(z), 1)), state),
    )
    discriminator = Network(
        lambda key, x: (jnp.ones(()), ()),
        lambda d, state, key, x, *, train: (d * x[:, 0], state),
    )
    latent = latents.normal(1)
    return recipes.gan(
        generator, discriminator, latent=latent, g_optimizer=optimizer, d_optimizer=optimizer
    )


def path(gan, steps):
    """Both players' only parameters after 0, 1, 2, ... steps, `[steps + 1, 2]`."""
    batch = Batch(jnp.zeros((1, 1)))

    def step(state, _):
        moved, _ = gan.train_step(state, batch)
        return moved, jnp.stack([state.g.params, state.d.params])

    _, found = jax.lax.scan(step, gan.init(jax.random.key(0), batch), length=steps + 1)
    return np.asarray(found)


def ring(rule, change, momentum, steps, seeds=3):
    """Train small GANs on eight Gaussians; return 1,000 samples of each, `[seeds, 1000, 2]`."""
    x = jnp.asarray(load("ring").x)
    beta1 = 0.5 if momentum is None else momentum
    gan = rule(
        recipes.gan(
            nets.from_linen(mlp.Generator(shape=(2,), widths=(64, 64), output="linear")),
            nets.from_linen(mlp.Discriminator(widths=(64, 64))),
            latent=latents.normal(16),
            g_optimizer=change(optax.adam(1e-3, b1=beta1)),
            d_optimizer=change(optax.adam(1e-3, b1=beta1)),
        )
    )

    def step(state, key):
        return gan.train_step(state, Batch(x[jax.random.randint(key, (256,), 0, len(x))]))[0], None

    @jax.jit
    @jax.vmap
    def train(key):
        state = gan.init(key, Batch(x[:2]))
        state, _ = jax.lax.scan(step, state, jax.random.split(key, steps))
        return gan.sample(state, key, 1000)

    return np.asarray(train(jax.random.split(jax.random.key(0), seeds)))


def found(samples):
    """How many of the eight modes have samples, and the share of samples that are in one."""
    distance = np.linalg.norm(samples[:, None] - ring_modes(), axis=-1)
    near = distance < 3 * RING_SD
    return near.any(axis=0).sum(), near.any(axis=1).mean()


def draw(out, steps):
    """A row for each way to play: bilinear, Dirac, ring."""
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(len(WAYS), 3, figsize=(8.4, 2.8 * len(WAYS)), layout="constrained")
    for (name, way), row in zip(WAYS.items(), grid, strict=True):
        rule, change, momentum = way
        for game, axes in zip((rules.bilinear, dirac), row, strict=False):
            title = f"{game.__name__}, {name}"
            points = path(rule(game(change(optax.sgd(RATE, momentum=momentum)))), STEPS)
            axes.plot(*points.T, ".-", linewidth=0.7, markersize=3)
            axes.plot(*points[0], "ko")
            axes.plot(0, 0, "k+")
            axes.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[0], yticks=[0])
            axes.set_title(f"{title}: |w| {np.linalg.norm(points[-1]):.2g}", fontsize=8)
        row[0].set_ylabel("d")
        row[2].set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal", xticks=[], yticks=[])
        if name == "competitive":
            row[2].set_title("ring: not with Adam", fontsize=8)
            continue
        samples = ring(rule, change, momentum, steps)
        modes, shares = zip(*map(found, samples), strict=True)
        told = f"modes {', '.join(map(str, modes))}; {np.mean(shares):.0%} in one"
        row[2].scatter(*ring_modes().T, s=60, facecolors="none", edgecolors="k", linewidths=0.5)
        row[2].scatter(*samples[0].T, s=1)
        row[2].set_title(f"ring: {told}", fontsize=8)
        print(f"{name:20} {told}", flush=True)
    figure.savefig(out, dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    draw(sys.argv[1] if len(sys.argv) > 1 else "games.png", RINGS)
