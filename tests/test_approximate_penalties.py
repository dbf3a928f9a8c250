"""R1 and R2 by differences of logits: what they estimate, of which examples, at what cost."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

from jaxgan import Batch, augment, latents, losses, nets, penalties, recipes
from jaxgan.models import dcgan, resnet
from jaxgan.nets import stateless

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
W = RNG.normal(size=3).astype(np.float32)
REAL, FAKE = RNG.normal(size=(2, 8, 3)).astype(np.float32)
MAKE = {
    "r1": (penalties.approximate_r1, penalties.r1()),
    "r2": (penalties.approximate_r2, penalties.r2()),
    "r1_r2": (penalties.approximate_r1_r2, penalties.r1_r2()),
}
each = pytest.mark.parametrize(("make", "exact"), MAKE.values(), ids=MAKE)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def linear(x):
    return x @ W


def test_for_a_linear_critic_mean_and_variance_are_known():
    x = jnp.zeros((40_000, 3))
    squared = float(W @ W)
    value = np.asarray(penalties.approximate_r1(share=1.0)(linear, x, x, KEY), float)
    np.testing.assert_allclose(value.mean(), squared / 2, rtol=0.03)
    np.testing.assert_allclose(value.var(), 2 * squared**2 / 4, rtol=0.1)
    both = np.asarray(penalties.approximate_r1_r2(share=1.0)(linear, x, x, KEY), float)
    np.testing.assert_allclose(both.mean(), squared, rtol=0.03)
    np.testing.assert_allclose(both.var(), 2 * 2 * squared**2 / 4, rtol=0.1)  # of independent noise


@pytest.mark.parametrize("epsilon", [1.0, 2.0])
def test_a_curved_critic_adds_what_its_hessian_says(epsilon):
    rng = np.random.default_rng(1)
    square = rng.normal(size=(3, 3))
    hessian = square + square.T
    point = rng.normal(size=3)
    with jax.enable_x64(True):
        x = jnp.broadcast_to(point, (400_000, 3))

        def critic(x):
            return x @ W + jnp.sum(x @ hessian * x, axis=1) / 2

        value = penalties.approximate_r1(epsilon=epsilon, share=1.0)(critic, x, x, KEY)
        estimate = 2 * float(jnp.mean(value))
    gradient = W + hessian @ point
    added = 2 * np.trace(hessian @ hessian) + np.trace(hessian) ** 2
    expected = gradient @ gradient + epsilon**2 / 4 * added
    assert epsilon**2 / 4 * added > 0.1 * expected
    np.testing.assert_allclose(estimate, expected, rtol=0.02)


@each
def test_over_many_draws_it_is_the_exact_penalty(make, exact):
    def critic(x):
        return jnp.sum(jnp.sin(x) * W, axis=1)

    keys = jax.random.split(KEY, 10_000)
    for share in (1.0, 0.5):
        means = jax.vmap(lambda key, share=share: make(share=share)(critic, REAL, FAKE, key))(keys)
        judged = round(share * len(REAL))
        expected = exact(critic, REAL, FAKE, KEY)[:judged].mean()
        np.testing.assert_allclose(means.mean(), expected, rtol=0.03)


@each
@pytest.mark.parametrize(("share", "judged"), [(1.0, 8), (0.5, 4), (0.25, 2), (0.01, 1)])
def test_a_share_is_judged_and_the_mean_is_over_it(make, exact, share, judged):
    del exact
    seen = []

    def critic(x):
        seen.append(x.shape)
        return linear(x)

    value = make(share=share)(critic, REAL, FAKE, KEY)
    assert value.shape == (8,)
    assert {shape[0] for shape in seen} == {judged}
    np.testing.assert_array_equal(value[judged:], 0)
    alone = make(share=1.0)(linear, REAL[:judged], FAKE[:judged], KEY)
    np.testing.assert_allclose(value.mean(), alone.mean(), rtol=1e-6)


def test_r1_is_of_real_examples_and_r2_of_fake_ones():
    def steep_above_zero(x):
        return jnp.sum(nn.relu(x), axis=1)

    above, below = jnp.ones((4, 3)), -jnp.ones((4, 3))
    on_real, on_fake = (MAKE[name][0](share=1.0) for name in ("r1", "r2"))
    for real, fake in ((above, below), (below, above)):
        of_real = on_real(steep_above_zero, real, fake, KEY)
        of_fake = on_fake(steep_above_zero, real, fake, KEY)
        assert ((of_real > 0) == (real is above)).all()
        assert ((of_fake > 0) == (fake is above)).all()


def test_logits_of_patches_are_added_as_by_r1():
    value = penalties.approximate_r1(share=1.0)(
        lambda x: jnp.stack([linear(x), 2 * linear(x)], axis=1), REAL, FAKE, KEY
    )
    alone = penalties.approximate_r1(share=1.0)(lambda x: 3 * linear(x), REAL, FAKE, KEY)
    np.testing.assert_allclose(value, alone, rtol=1e-3)


def penalty_of_a_step(discriminator, batch, **settings):
    """What D pays in a step of a GAN whose generated examples are all 0."""
    constant = stateless(lambda key, *_: jnp.zeros(()), lambda w, *_: w + jnp.zeros(batch.x.shape))
    gan = recipes.gan(
        constant,
        discriminator,
        latent=latents.normal(1),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        penalty_weight=1.0,
        **settings,
    )
    return float(jax.jit(gan.d_step)(gan.init(KEY, batch), batch)[1]["d_penalty"])


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_both_judgments_are_under_the_same_augmentation(share):
    brightness = stateless(lambda key, x: jnp.ones(()), lambda w, x: w * jnp.mean(x, (1, 2, 3)))
    paid = penalty_of_a_step(
        brightness,
        Batch(RNG.uniform(-1, 1, (8, 8, 8, 1)).astype(np.float32)),
        penalty=penalties.approximate_r1_r2(share=share),
        augment=augment.differentiable(),
    )
    # The slope is about 1 / 64 at each of 64 pixels. Two brightnesses, up to 1 apart, would be
    # slopes of up to 1 / 0.01.
    assert 0 < paid < 1


def test_labels_stay_with_their_examples():
    steep = jnp.array([3.0, 0.0])  # for label 0 alone
    d = stateless(lambda key, x, y: jnp.ones(()), lambda w, x, y: w * steep[y] * x[:, 0])
    for labels, is_paid in (([0, 0, 1, 1], True), ([1, 1, 0, 0], False)):
        paid = penalty_of_a_step(
            d,
            Batch(np.zeros((4, 1), np.float32), np.array(labels)),
            penalty=penalties.approximate_r1_r2(share=0.5),
            conditional=True,
        )
        assert (paid > 0) == is_paid


def test_networks_in_bfloat16_get_nearly_the_same_penalty():
    shared = {"image_size": 28, "width": 8, "normalization": "layer"}
    whole, half = (
        nets.from_linen(dcgan.Discriminator(**shared, dtype=dtype))
        for dtype in (jnp.float32, jnp.bfloat16)
    )
    x = jnp.asarray(RNG.uniform(-1, 1, (64, 28, 28, 1)), jnp.float32)
    params, state = jax.jit(whole.init)(KEY, x)

    @functools.partial(jax.jit, static_argnums=(0, 1))
    def mean(network, epsilon):
        critic = lambda x: network.apply(params, state, KEY, x, train=True)[0]  # noqa: E731
        return jnp.mean(penalties.approximate_r1(epsilon=epsilon, share=1.0)(critic, x, x, KEY))

    for epsilon, tolerance in ((0.01, 0.5), (0.1, 0.05)):
        np.testing.assert_allclose(mean(half, epsilon), mean(whole, epsilon), rtol=tolerance)


def test_pictures_in_bfloat16_keep_their_noise():
    x = jnp.full((4000, 3), 100, jnp.bfloat16)  # whose neighbors are 0.5 away
    value = penalties.approximate_r1(share=1.0)(linear, x, x, KEY)
    np.testing.assert_allclose(value.mean(), W @ W / 2, rtol=0.1)


def test_gradients_are_the_same_under_checkpoint():
    network = mlp(width=4)
    params, state = network.init(KEY, REAL)

    def mean(params, network):
        critic = lambda x: network.apply(params, state, KEY, x, train=True)[0]  # noqa: E731
        return jnp.mean(penalties.approximate_r1_r2()(critic, REAL, FAKE, KEY))

    plain, saving = (
        jax.jit(jax.value_and_grad(lambda p, n=n: mean(p, n)))(params)
        for n in (network, nets.remat(network))
    )
    for a, b in zip(jax.tree.leaves(plain), jax.tree.leaves(saving), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@jax.custom_vjp
def differentiable_once(x):
    return jnp.sum(x**2, axis=1)


def _backward(x, cotangent):
    shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
    gradient = jax.pure_callback(lambda x, c: 2 * x * c[:, None], shape, x, cotangent)
    return (gradient,)


differentiable_once.defvjp(lambda x: (differentiable_once(x), x), _backward)


def test_there_is_no_second_derivative():
    def mean(scale, penalty):
        return jnp.mean(penalty(lambda x: differentiable_once(scale * x), REAL, FAKE, KEY))

    assert np.isfinite(jax.grad(mean)(1.0, penalties.approximate_r1_r2()))
    with pytest.raises(ValueError, match="callbacks do not support"):
        jax.grad(mean)(1.0, penalties.r1_r2())


def test_a_step_takes_less_arithmetic_than_with_the_exact_penalty():
    d = nets.from_linen(resnet.Discriminator(image_size=32, width=4))
    constant = stateless(lambda key, z: jnp.zeros(()), lambda w, z: w + jnp.zeros((8, 32, 32, 1)))
    batch = Batch(jnp.zeros((8, 32, 32, 1)))
    count = {}
    for name, penalty in {
        "none": None,
        "quarter": penalties.approximate_r1_r2(),
        "exact": penalties.r1_r2(),
    }.items():
        gan = recipes.gan(
            constant,
            d,
            latent=latents.normal(1),
            g_optimizer=optax.sgd(0.1),
            d_optimizer=optax.sgd(0.1),
            penalty=penalty,
            loss=losses.relativistic_paired(),
        )
        state = jax.eval_shape(gan.init, KEY, batch)
        count[name] = jax.jit(gan.d_step).lower(state, batch).compile().cost_analysis()["flops"]
    added = {name: flops - count["none"] for name, flops in count.items()}
    assert 0 < added["quarter"] < 0.6 * added["exact"], count


@each
def test_knobs_out_of_range_are_refused(make, exact):
    del exact
    with pytest.raises(ValueError, match=r"epsilon is 0; .* \(0, inf\)"):
        make(epsilon=0)
    with pytest.raises(ValueError, match=r"share is 1\.5; .* \(0, 1\]"):
        make(share=1.5)
