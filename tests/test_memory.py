"""Trading time for memory: the same losses and gradients, from less."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, counting, mlp, without_first

import jaxgan
from jaxgan import Batch, latents, losses, nets, penalties, recipes
from jaxgan.models import dcgan

SIZE = 16


@pytest.fixture(autouse=True, scope="module")
def quick_compilation():
    with compilation(optimized=False):
        yield


def batch(seed=0, size=SIZE):
    x_key, y_key = jax.random.split(jax.random.key(seed))
    return Batch(jax.random.normal(x_key, (size, 3)), jax.random.normal(y_key, (size, 2)))


def make(wrap, **settings):
    """G makes its samples of y: with noise of its own, each part would draw another."""
    return recipes.gan(
        wrap(mlp(3)),
        wrap(mlp()),
        latent=latents.normal(2),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        **settings,
    )


SETTINGS = {
    "plain": {},
    "one batch": {"one_batch": True},
    "a loss that compares all examples": {"loss": losses.relativistic_average()},
    "penalty": {"penalty": penalties.gradient_penalty(), "loss": losses.wasserstein()},
    "five steps of D": {"d_steps": 5},
}


def parts(network):
    return nets.microbatch(network, 4)


CASES = [
    (parts, "plain"),
    (parts, "penalty"),
    (nets.remat, "plain"),
    *(
        pytest.param(*case, marks=pytest.mark.slow)
        for case in [
            (parts, "one batch"),
            (parts, "a loss that compares all examples"),
            (parts, "five steps of D"),
            (nets.remat, "penalty"),
        ]
    ),
]


@pytest.mark.parametrize(("wrap", "name"), CASES, ids=lambda part: getattr(part, "__name__", part))
def test_a_step_is_the_one_of_the_whole_batch(wrap, name):
    settings = SETTINGS[name]
    size = SIZE * settings.get("d_steps", 1)
    whole, saving = make(lambda network: network, **settings), make(wrap, **settings)
    state = whole.init(jax.random.key(0), batch())
    expected = jax.jit(whole.train_step)(state, batch(1, size))
    result = jax.jit(saving.train_step)(state, batch(1, size))
    for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True):
        if jnp.issubdtype(a.dtype, jnp.inexact):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_the_parts_have_statistics_of_their_own_that_follow_one_another():
    network = counting(mlp())
    x = jnp.arange(8.0).reshape(8, 1)
    params, state = network.init(jax.random.key(0), x)
    _, after = nets.microbatch(network, 4).apply(params, state, jax.random.key(1), x, train=True)
    assert after["count"] == 2
    assert after["mean"] == 0.5 * (0.5 * 0 + 0.5 * 1.5) + 0.5 * 5.5


@pytest.mark.slow  # compiles for long
def test_several_devices_have_parts_of_their_own():
    wrap = lambda network: nets.microbatch(without_first(counting(network)), 2)  # noqa: E731
    gan = recipes.gan(
        wrap(mlp(3)),
        nets.microbatch(counting(mlp()), 2),
        latent=latents.normal(2),
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        conditional=True,
    )
    state = gan.init(jax.random.key(0), batch())
    for transform in (jaxgan.pmap, jaxgan.shard_map):
        many, _ = transform(gan, donate=False).train_step(state, batch(1))
        assert all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(many.g.params))


def loss_of(wrap):
    """A loss of a discriminator's parameters, and these; shapes only."""
    discriminator = wrap(nets.from_linen(dcgan.Discriminator(width=8)))
    x = jax.ShapeDtypeStruct((64, 28, 28, 1), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    params, state = jax.eval_shape(discriminator.init, key, x)

    def loss(params, state, key, x):
        return jnp.mean(discriminator.apply(params, state, key, x, train=True)[0])

    return loss, (params, state, key, x)


def test_parts_need_less_memory():
    def needed(wrap):
        loss, arguments = loss_of(wrap)
        compiled = jax.jit(jax.grad(loss)).lower(*arguments).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    whole = needed(lambda network: network)
    assert needed(lambda network: nets.microbatch(network, 8)) < whole / 3


def test_remat_keeps_less_for_the_gradient():
    # XLA's CPU backend keeps what it may as well compute again, so this looks at JAX's own record.
    def kept(wrap):
        loss, arguments = loss_of(wrap)
        backward = jax.eval_shape(lambda *arguments: jax.vjp(loss, *arguments)[1], *arguments)
        return sum(leaf.size for leaf in jax.tree.leaves(backward))

    assert kept(nets.remat) < kept(lambda network: network) / 2


def test_batches_that_do_not_divide_are_refused():
    network = nets.microbatch(mlp(), 5)
    params, state = network.init(jax.random.key(0), jnp.zeros((16, 3)))
    with pytest.raises(ValueError, match="a batch of 16 does not divide into parts of 5"):
        network.apply(params, state, jax.random.key(0), jnp.zeros((16, 3)), train=True)
    with pytest.raises(ValueError, match="size is 0"):
        nets.microbatch(mlp(), 0)
