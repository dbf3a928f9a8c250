"""pix2pix: near the right answer, and as sharp as one."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, first_only, mlp

import jaxgan
from jaxgan import Batch, losses, nets
from jaxgan.models import patch, unet
from jaxgan.nets import stateless
from jaxgan.recipes import pix2pix

KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


# y says which half of a small picture has stripes, and not in which of three phases they are. The
# median of the three is no stripes at all.

STEPS, BATCH, SEEDS, SIDE = 400, 32, 3, 6


def pictures(n):
    """x and y `[n, SIDE, SIDE, 1]`, and the three right answers to each y `[3, n, SIDE, SIDE]`."""
    random = np.random.default_rng(0)
    is_top, phase = random.integers(0, 2, (n, 1, 1)), random.integers(0, 3, n)
    row, column = np.mgrid[:SIDE, :SIDE]
    inside = (row < SIDE // 2) == is_top
    answers = np.stack([np.where(inside & ((column + k) % 3 == 0), 1, -1) for k in range(3)])
    y = np.where(inside, 1, -1) + 0.3 * random.normal(size=inside.shape)
    x = answers[phase, np.arange(n)]
    return np.float32(x[..., None]), np.float32(y[..., None]), answers


@functools.cache
def translated():
    """Samples `[SEEDS, 256, SIDE, SIDE]` with both terms of G's loss, and with either alone."""
    x, y, _ = pictures(STEPS * BATCH)
    batches = Batch(*(leaf.reshape(STEPS, BATCH, *leaf.shape[1:]) for leaf in (x, y)))
    _, source, _ = pictures(256)

    def train(key, adversarial_weight, content_weight):
        plain = losses.non_saturating()
        loss = plain._replace(generator=lambda r, f: adversarial_weight * plain.generator(r, f))
        gan = pix2pix(
            mlp(SIDE, SIDE, 1, width=32),
            mlp(width=32),
            content_weight=content_weight,
            loss=loss,
            g_optimizer=optax.adam(4e-3, b1=0.5),
            d_optimizer=optax.adam(4e-3, b1=0.5),
        )
        state = gan.init(key, Batch(batches.x[0], batches.y[0]))
        state, _ = jaxgan.scan(gan).train_step(state, batches)
        return gan.sample(state, key, len(source), source)[..., 0]

    weights = jnp.array([[1.0, 10.0], [0.0, 10.0], [1.0, 0.0]])
    seeds = jax.vmap(train, in_axes=(0, None, None))
    runs = jax.jit(lambda keys: jax.vmap(lambda w: seeds(keys, *w))(weights))
    made = np.asarray(runs(jax.random.split(KEY, SEEDS)))
    return dict(zip(("both", "content", "adversarial"), made, strict=True))


def distance_to_an_answer(made):
    _, _, answers = pictures(256)
    distances = np.abs(made[:, None] - answers).mean(axis=(3, 4))
    return distances.min(axis=1).mean(axis=1)


def edges(made):
    return np.abs(np.diff(made, axis=-1)).mean(axis=(-3, -2, -1))


# In the comments, what 8 seeds gave.


def test_the_adversarial_term_makes_a_right_answer_where_content_takes_the_median_of_them():
    assert distance_to_an_answer(translated()["both"]).max() < 0.15  # 0.035 to 0.054
    assert distance_to_an_answer(translated()["content"]).min() > 0.25  # 0.351 to 0.393
    real = edges(pictures(256)[0][..., 0])
    sharpness = edges(translated()["both"]) / real
    assert 0.6 < sharpness.min() < sharpness.max() < 1.5  # 0.90 to 1.19
    assert (edges(translated()["content"]) / real).max() < 0.2  # 0.05 to 0.07


def test_the_content_term_keeps_to_the_source():
    is_plain = (pictures(256)[2] == -1).all(axis=0)
    wrong = {name: np.abs(made + 1)[:, is_plain].mean(1) for name, made in translated().items()}
    assert max(wrong["both"].max(), wrong["content"].max()) < 0.15  # 0.029 to 0.081
    assert np.median(wrong["adversarial"]) > 0.5  # 0.80 to 7.08


def test_the_losses_are_the_papers():
    """G shows its parameters as a picture, and D is the mean of what it is shown."""
    x, y, _ = pictures(4)
    painter = stateless(lambda key, y: jnp.float32(0.5), lambda p, y: p * jnp.ones_like(y))

    def losses_of(**settings):
        judge = stateless(
            lambda key, *seen: jnp.ones(()),
            lambda p, *seen: p * sum(jnp.mean(part, axis=(1, 2, 3)) for part in seen),
        )
        gan = pix2pix(
            painter, judge, g_optimizer=optax.sgd(0.1), d_optimizer=optax.sgd(0.1), **settings
        )
        state = gan.init(KEY, Batch(x, y))
        return gan.g_step(state, Batch(x, y))[1] | gan.d_step(state, Batch(x, y))[1]

    found = jax.jit(lambda: (losses_of(content_weight=3.0), losses_of(d_conditional=False)))()

    def softplus(v):
        return np.log1p(np.exp(v))

    content = np.abs(x - 0.5).mean()
    for metrics, seen, weight in zip(found, (y.mean(axis=(1, 2, 3)), 0), (3, 100), strict=True):
        real, fake = x.mean(axis=(1, 2, 3)) + seen, 0.5 + seen
        np.testing.assert_allclose(metrics["g_content"], content, rtol=1e-5)
        g_loss = np.mean(softplus(-fake)) + weight * content
        np.testing.assert_allclose(metrics["g_loss"], g_loss, rtol=1e-5)
        d_loss = np.mean(softplus(-real)) + np.mean(softplus(fake))
        np.testing.assert_allclose(metrics["d_loss"], d_loss, rtol=1e-5)


OPTIMIZERS: dict[str, Any] = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}


def test_the_papers_networks_fit():
    gan = pix2pix(
        nets.from_linen(unet.Generator(channels=3, width=4, stages=2)),
        nets.from_linen(patch.Discriminator(1, width=4)),
        ema_decay=0.9,
        **OPTIMIZERS,
    )
    batch = Batch(jnp.ones((2, 32, 24, 3)), jnp.ones((2, 32, 24, 1)))
    state = jax.eval_shape(gan.init, KEY, batch)
    after, _ = jax.eval_shape(gan.train_step, state, batch)
    assert jax.tree.structure(after) == jax.tree.structure(state)
    samples = jax.eval_shape(lambda s: gan.sample(s, KEY, 2, batch.y), state)
    assert samples.shape == batch.x.shape


def test_what_are_no_pairs_is_refused():
    gan = pix2pix(mlp(6, 6, 1), mlp(), **OPTIMIZERS)
    x, y, _ = pictures(2)
    with pytest.raises(ValueError, match="is None"):
        gan.init(KEY, Batch(x))
    with pytest.raises(ValueError, match=r"\(2, 6, 6, 1\), y is \(2, 6, 3, 1\)"):
        gan.init(KEY, Batch(x, y[:, :, :3]))
    with pytest.raises(ValueError, match=r"makes \(6, 6, 1\), the data are \(6, 6, 3\)"):
        jax.eval_shape(gan.init, KEY, Batch(np.repeat(x, 3, axis=-1), y))
    # A discriminator that only takes x is told so by `d_conditional`.
    alone = pix2pix(mlp(6, 6, 1), first_only(mlp()), d_conditional=False, **OPTIMIZERS)
    jax.eval_shape(alone.train_step, jax.eval_shape(alone.init, KEY, Batch(x, y)), Batch(x, y))
