"""SGAN on a toy: two labels and many examples without make a classifier."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, latents, nets
from jaxgan.recipes import sgan

KEY = jax.random.key(0, impl="unsafe_rbg")  # its random numbers are compiled quickly
STEPS, SIZE, SEEDS, WIDTH = 600, 32, 6, 32
ADAM = optax.adam(3e-3, b1=0.5)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def classifier(features=True):
    """Two hidden layers, the second of which are the features."""
    body = mlp(WIDTH, width=WIDTH)

    def init(key, x):
        return {"body": body.init(key, x)[0], "head": jnp.zeros((WIDTH, 2))}

    def apply(params, x):
        h = jnp.tanh(body.apply(params["body"], (), KEY, x, train=True)[0])
        return (h @ params["head"], h) if features else h @ params["head"]

    return nets.stateless(init, apply)


D = classifier()


def make(discriminator=D, **settings):
    optimizers = {"g_optimizer": ADAM, "d_optimizer": ADAM}
    return sgan(
        mlp(2, width=WIDTH), discriminator, latent=latents.normal(2), **optimizers, **settings
    )


def bars(rng, which):
    """Points on two bars that lie side by side."""
    x = np.stack([rng.uniform(-1, 1, which.shape), 0.4 * (2 * which - 1)], axis=-1)
    return np.float32(x + 0.04 * rng.normal(size=x.shape))


@functools.cache
def accuracies():
    """On new examples, of each seed: of the SGAN's classifier, and of one that has labels only.

    One example of each bar has a label, and where on its bar is left to chance: the line half way
    between the two usually cuts the bars.
    """
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 1000)
    new, pool = bars(rng, truth), bars(rng, rng.integers(0, 2, (STEPS, SIZE)))
    y = np.int32([0, 1])
    labelled = bars(rng, np.tile(y, (SEEDS, 1)))
    pool_y = jnp.full((STEPS, SIZE), -1, jnp.int32)

    def right(params):
        class_logits, _ = D.apply(params, (), KEY, new, train=False)[0]
        return jnp.mean(jnp.argmax(class_logits, axis=1) == truth)

    def train(key, x):
        def together(pool, few):
            return jnp.concatenate([pool, jnp.broadcast_to(few, (STEPS, *few.shape))], axis=1)

        batches = Batch(together(pool, x), together(pool_y, y))
        gan = make(feature_matching=True)
        start = gan.init(key, jax.tree.map(lambda leaf: leaf[0], batches))
        state, metrics = jaxgan.scan(gan).train_step(start, batches)

        def cross_entropy(params):
            class_logits, _ = D.apply(params, (), KEY, x, train=True)[0]
            return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(class_logits, y))

        def step(carry, _):
            params, memory = carry
            updates, memory = ADAM.update(jax.grad(cross_entropy)(params), memory)
            return (optax.apply_updates(params, updates), memory), None

        alone = (start.d.params, ADAM.init(start.d.params))
        (alone, _), _ = jax.lax.scan(step, alone, length=STEPS)
        return right(state.d.params), right(alone), metrics["d_class_accuracy"][-1]

    return jax.tree.map(
        np.asarray, jax.jit(jax.vmap(train))(jax.random.split(KEY, SEEDS), labelled)
    )


def test_examples_without_labels_teach_the_classifier():
    with_all, with_labels, on_labelled = accuracies()
    # 1, 0.69, 1, 1, 0.53, 1 against 0.74, 0.56, 0.72, 0.92, 0.65, 0.57: two labels can mislead, and
    # then the other examples do not help.
    assert np.median(with_all) > 0.95
    assert np.median(with_labels) < 0.85
    assert with_all.mean() > with_labels.mean() + 0.08
    np.testing.assert_array_equal(on_labelled, 1)


def test_d_minimizes_what_a_softmax_with_one_more_class_would():
    # Class logits 1 and 2 for all examples, against 0 for "fake"; one example of four is labelled.
    constant = nets.stateless(
        lambda key, x: jnp.float32([1, 2]), lambda params, x: jnp.tile(params, (len(x), 1))
    )
    batch = Batch(jnp.zeros((4, 2)), jnp.int32([-1, 0, -1, -1]))
    gan = make(constant, class_weight=0.5)
    _, metrics = jax.jit(gan.d_step)(gan.init(KEY, batch), batch)
    real = np.exp([1.0, 2.0])
    adversarial = -np.log(real.sum() / (1 + real.sum())) - np.log(1 / (1 + real.sum()))
    expected = adversarial - 0.5 * np.log(real[0] / real.sum())
    np.testing.assert_allclose(metrics["d_loss"], expected, rtol=1e-5)
    assert metrics["d_class_accuracy"] == 0


def test_features_are_matched_instead_of_fooling_d():
    moving = nets.stateless(lambda key, z: jnp.float32([3, 4]), lambda params, z: z * 0 + params)
    identity = nets.stateless(
        lambda key, x: jnp.ones(()), lambda params, x: (params * x, 2 * params * x)
    )
    gan = sgan(
        moving,
        identity,
        feature_matching=True,
        latent=latents.normal(2),
        g_optimizer=optax.sgd(0.05),
        d_optimizer=optax.sgd(0.0),
    )
    batch = Batch(jnp.float32([[1, 0], [-1, 2]]), jnp.full(2, -1, jnp.int32))
    state, metrics = jax.jit(gan.g_step)(gan.init(KEY, batch), batch)
    np.testing.assert_allclose(metrics["g_loss"], 4 * (3**2 + 3**2), rtol=1e-5)
    np.testing.assert_allclose(state.g.params, [3 - 0.05 * 8 * 3, 4 - 0.05 * 8 * 3], rtol=1e-5)


def test_errors():
    x, y = jnp.zeros((3, 2)), jnp.int32([0, -1, 1])

    def step(gan, batch, which="d_step"):
        state = jax.eval_shape(gan.init, KEY, batch)
        return jax.eval_shape(getattr(gan, which), state, batch)

    with pytest.raises(ValueError, match="needs labels"):
        step(make(), Batch(x))
    with pytest.raises(ValueError, match=r"floats \[B, K\]"):
        step(make(mlp()), Batch(x, y))
    with pytest.raises(ValueError, match="feature matching needs"):
        step(make(classifier(features=False), feature_matching=True), Batch(x, y), "g_step")
