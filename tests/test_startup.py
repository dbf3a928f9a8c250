"""What has to be traced and compiled before the first step: counted, not timed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend.core import jaxprs_in_params
from networks import compilation, growing, mlp

import jaxgan
from jaxgan import Batch, latents, losses, nets, penalties, recipes
from jaxgan._choice import one_of
from jaxgan.models import biggan, dcgan, stylegan2

KEY = jax.random.key(0)
IMAGES = Batch(jnp.zeros((4, 12, 12, 1)))
LABELLED = IMAGES._replace(y=jnp.zeros(4, jnp.int32))
ADAM = optax.adam(1e-3)
OPTIMIZERS: dict[str, Any] = {"g_optimizer": ADAM, "d_optimizer": ADAM}


def of_dcgan(**settings):
    return recipes.gan(
        nets.from_linen(dcgan.Generator(image_size=12, channels=1, width=4)),
        nets.from_linen(dcgan.Discriminator(image_size=12, width=4, normalization="none")),
        latent=latents.normal(8),
        **OPTIMIZERS,
        **settings,
    )


def of_biggan():
    """Its weights are orthogonal at first, by a decomposition that LAPACK computes."""
    return recipes.gan(
        nets.from_linen(biggan.Generator(image_size=12, channels=1, width=4, num_classes=10)),
        nets.from_linen(biggan.Discriminator(image_size=12, width=4, num_classes=10)),
        latent=latents.normal(24),
        conditional=True,
        loss=losses.hinge(),
        **OPTIMIZERS,
    )


def of_stylegan2():
    generator = stylegan2.Generator(image_size=12, channels=1, width=4, w_dim=8)
    return recipes.stylegan2(
        nets.from_linen(generator, rngs=("noise", "mixing")),
        nets.from_linen(stylegan2.Discriminator(image_size=12, width=4)),
        latent=latents.normal(8),
        layers=generator.layers,
        **OPTIMIZERS,
    )


def equations(jaxpr, name="") -> int:
    """How many equations a program has, with those of the functions in it, or those of a name."""
    count = 0
    for equation in jaxpr.eqns:
        count += name in equation.primitive.name
        count += sum(equations(inner, name) for inner in jaxprs_in_params(equation.params))
    return count


def step_of(gan, batch):
    state = jax.eval_shape(gan.init, KEY, batch)
    return gan.train_step.trace(state, batch).jaxpr.jaxpr


@pytest.mark.parametrize(
    ("make", "batch"),
    [
        pytest.param(of_dcgan, IMAGES, id="dcgan"),
        pytest.param(of_biggan, LABELLED, id="biggan", marks=pytest.mark.slow),
    ],
)
def test_initial_weights_are_the_same_however_quickly_they_are_compiled(make, batch):
    gan = make()
    with compilation(optimized=True):
        wanted, state = jax.jit(gan.init)(KEY, batch), jaxgan.jit(gan).init(KEY, batch)
    for a, b in zip(jax.tree.leaves(wanted), jax.tree.leaves(state), strict=True):
        if not jnp.issubdtype(a.dtype, jax.dtypes.prng_key):
            np.testing.assert_array_equal(a, b)


def test_a_compiled_gan_can_be_initialized_inside_another_program():
    gan = jaxgan.jit(of_dcgan())
    with compilation(optimized=True):  # the options of the inner one are refused when it is lowered
        assert jax.jit(lambda key: gan.init(key, IMAGES)).lower(KEY).out_info.g.step.shape == ()


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="only there a platform is chosen")
def test_no_choice_between_platforms_is_left_where_all_is_the_cpu():
    gan = of_dcgan(penalty=penalties.r1())
    left = step_of(gan._replace(train_step=jax.jit(gan.train_step)), IMAGES)
    made = step_of(jaxgan.jit(gan), IMAGES)
    assert equations(left, "platform_index") > 0
    assert equations(made, "platform_index") == 0
    assert equations(made) < equations(left)


def test_the_step_of_stylegan2_stays_small():
    """Its path lengths and R1 are second derivatives, which multiply what is not thought of."""
    assert equations(step_of(jaxgan.jit(of_stylegan2()), IMAGES)) < 14_000


def test_a_choice_of_losses_keeps_nothing_for_the_other_one():
    """The gradient is taken within it: all that leaves it is the loss, and the gradient itself."""

    def loss(params):
        def far(w):
            return jnp.sum(jnp.sin(jnp.exp(w)) ** 2), ()

        def near(w):
            return jnp.sum(w), ()

        return one_of(jnp.int32(1), [near, far], params)[0]

    (choice,) = [
        equation
        for equation in jax.make_jaxpr(jax.grad(loss))(jnp.ones(3)).eqns
        if equation.primitive.name == "cond"
    ]
    assert [variable.aval.shape for variable in choice.outvars] == [(), (3,)]
    np.testing.assert_allclose(
        jax.grad(loss)(jnp.ones(3)),
        jax.grad(lambda w: jnp.sum(jnp.sin(jnp.exp(w)) ** 2))(jnp.ones(3)),
    )


@pytest.mark.parametrize("sides", [(1, 2), (1, 2, 4)])
def test_all_resolutions_of_a_growing_gan_share_one_update(sides):
    made = []

    def update(updates, state, params=None):
        made.append(jax.tree.structure(updates))
        return ADAM.update(updates, state, params)

    counted = optax.GradientTransformation(ADAM.init, update)
    generator, discriminator = growing(sides)
    gan = recipes.progressive(
        generator,
        discriminator,
        growth=recipes.Growth(sides, fade_steps=1, stable_steps=1),
        latent=latents.normal(3),
        g_optimizer=counted,
        d_optimizer=counted,
    )
    batch = Batch(jnp.zeros((4, sides[-1], sides[-1], 1)))
    jax.eval_shape(gan.train_step, jax.eval_shape(gan.init, KEY, batch), batch)
    assert len(made) == 2  # of G and of D


def test_a_block_of_steps_traces_its_networks_no_oftener_than_a_step():
    calls = []

    def counted(network):
        def apply(*args, **settings):
            calls.append(None)
            return network.apply(*args, **settings)

        return network._replace(apply=apply)

    gan = recipes.gan(*map(counted, (mlp(2), mlp())), latent=latents.normal(2), **OPTIMIZERS)
    x = jnp.zeros((8, 2))
    state = jax.eval_shape(gan.init, KEY, Batch(x))

    def traced(function, batch):
        calls.clear()
        jax.eval_shape(function, state, batch)
        return len(calls)

    steps = jaxgan.scan(gan, lambda x, index: Batch(x[index]))
    block = (x, jnp.zeros((3, 4), jnp.int32), jnp.int32(2))
    assert traced(steps.train_step, block) == traced(gan.train_step, Batch(x)) > 0
