"""CoGAN on small pictures: one z is the same picture in both domains, though no pair was seen."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation

import jaxgan
from jaxgan import Batch, latents, nets
from jaxgan.models.cogan import DenseDiscriminator, DenseGenerator
from jaxgan.recipes import cogan

KEY = jax.random.key(0, impl="unsafe_rbg")  # its random numbers are compiled quickly
STEPS, SIZE, SEEDS = 450, 32, 3
SIDE = np.arange(8)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def make(shared=None, shape=(8, 8, 1)):
    return cogan(
        nets.from_linen(DenseGenerator(shape, (32,), 4, shared=shared)),
        nets.from_linen(DenseDiscriminator((32,), 4, shared=shared)),
        latent=latents.normal(4),
        g_optimizer=optax.adam(3e-3, b1=0.5),
        d_optimizer=optax.adam(3e-3, b1=0.5),
        ema_decay=0.98,
    )


def spots(rng, *shape):
    """One bright spot on black, anywhere."""
    at = rng.uniform(1, 6, (*shape, 2, 1))
    rows, columns = np.moveaxis(np.exp(-np.square(SIDE - at) / 1.5), -2, 0)
    return np.float32(2 * rows[..., :, None] * columns[..., None, :] - 1)[..., None]


def likeness(a, b):
    """How much nearer pictures are to their partners than to others: 1 for the same, 0 for any."""
    others = np.mean(np.square(a - np.roll(b, 1, axis=0)))
    return 1 - np.mean(np.square(a - b)) / others


@functools.cache
def pairs(shared):
    """Of each seed, pictures of spots, and of their negatives; `[SEEDS, 300, 8, 8, 1]` each."""
    rng = np.random.default_rng(0)
    batches = Batch(jnp.asarray(spots(rng, STEPS, SIZE)), jnp.asarray(-spots(rng, STEPS, SIZE)))

    def train(key):
        gan = make(shared)
        state = gan.init(key, jax.tree.map(lambda leaf: leaf[0], batches))
        state, _ = jaxgan.scan(gan).train_step(state, batches)
        return gan.sample(state, key, 300)

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(train))(jax.random.split(KEY, SEEDS)))


def likenesses(shared):
    a, b = pairs(shared)
    return np.array([likeness(*pair) for pair in zip(a, -b, strict=True)])


def test_domains_that_share_layers_make_pairs():
    # 0.72, 0.18, 0.93: after so few steps the second seed's pictures hardly differ yet.
    assert likenesses(None).mean() > 0.4


@pytest.mark.slow  # trains and compiles for itself
def test_domains_that_share_none_do_not():
    assert likenesses(0).max() < 0.15  # 0.00, 0.00, 0.07


def test_errors():
    x = jnp.zeros((2, 8, 8, 1))
    with pytest.raises(ValueError, match="examples of both domains"):
        make().init(KEY, Batch(x))
    with pytest.raises(ValueError, match="expected the same shapes"):
        jax.eval_shape(make().init, KEY, Batch(x, jnp.zeros((2, 4, 4, 1))))
    with pytest.raises(ValueError, match="expected 0 to 2 hidden layers"):
        jax.eval_shape(make(shared=3).init, KEY, Batch(x, x))
