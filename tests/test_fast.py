"""`convolution.fast` changes how convolutions are computed on CPU, and nothing else."""

import functools
import re

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.sharding import AxisType, PartitionSpec
from networks import compilation

import jaxgan
from jaxgan import Batch, convolution, latents, nets, recipes
from jaxgan.models import dcgan

KEY = jax.random.key(0)
IMAGES = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 8, 8)), jnp.float32)
FAST = "b01f_01io->b01f"
"""The one order of axes in which a convolution is fast inside a loop: see ADR 7."""


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


# A layer with stride 2 and a transposed one, as each library writes them.


class Linen(nn.Module):
    dtype: object = None

    @nn.compact
    def __call__(self, x):
        x = nn.leaky_relu(nn.Conv(16, (4, 4), strides=2, dtype=self.dtype)(x))
        return nn.ConvTranspose(8, (4, 4), strides=(2, 2), dtype=self.dtype)(x)


class Nnx(nnx.Module):
    def __init__(self, rngs):
        self.down = nnx.Conv(8, 16, (4, 4), strides=2, rngs=rngs)
        self.up = nnx.ConvTranspose(16, 8, (4, 4), strides=2, rngs=rngs)

    def __call__(self, x):
        return self.up(nnx.leaky_relu(self.down(x)))


def haiku(x, train):
    del train
    return hk.Conv2DTranspose(8, 4, 2)(jax.nn.leaky_relu(hk.Conv2D(16, 4, 2)(x)))


class Equinox(eqx.Module):
    down: eqx.nn.Conv2d
    up: eqx.nn.ConvTranspose2d

    def __init__(self, key):
        self.down = eqx.nn.Conv2d(8, 16, 4, 2, 1, key=key)
        self.up = eqx.nn.ConvTranspose2d(16, 8, 4, 2, padding=1, key=key)

    def __call__(self, x):  # [H, W, C]; Equinox's channels come first
        y = self.up(jax.nn.leaky_relu(self.down(jnp.moveaxis(x, -1, 0))))
        return jnp.moveaxis(y, 0, -1)


NETWORKS = {
    "linen": functools.partial(nets.from_linen, Linen()),
    "nnx": functools.partial(nets.from_nnx, Nnx),
    "haiku": functools.partial(nets.from_haiku, hk.transform(haiku)),
    "equinox": functools.partial(nets.from_equinox, Equinox),
}
each = pytest.mark.parametrize("name", NETWORKS)


def energy_of(network, state):
    def energy(params, x):
        y, _ = network.apply(params, state, KEY, x, train=True)
        return jnp.sum(jnp.tanh(y))

    return energy


def both(make):
    """The energies of a network with and without fast convolutions, and its parameters."""
    networks = [make(fast_convolutions=fast) for fast in (True, False)]
    params, state = networks[0].init(KEY, IMAGES)
    return [energy_of(network, state) for network in networks], params


def assert_close(got, want, tolerance=1e-5):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        scale = np.abs(np.asarray(b, np.float64)).max(initial=1e-3)
        np.testing.assert_allclose(
            np.asarray(a, np.float64), np.asarray(b, np.float64), rtol=0, atol=tolerance * scale
        )


def derivatives(energy):
    """Value, gradients, and the gradients of a gradient penalty."""

    def penalty(params, x):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(jax.grad(energy, 1)(params, x)))

    def every(params, x):
        return energy(params, x), jax.grad(energy, (0, 1))(params, x), jax.grad(penalty)(params, x)

    return every


def descent(energy):
    """Two steps of gradient descent in a compiled loop."""

    def step(params, x):
        grads = jax.grad(energy)(params, x)
        return jax.tree.map(lambda a, b: a - 0.01 * b, params, grads), None

    return jax.jit(lambda params, x: lax.scan(step, params, jnp.stack([x, 2 * x]))[0])


def layouts(program):
    """The orders of axes of the convolutions inside the while loops of a compiled program."""
    text = program.as_text()
    assert " while(" in text
    return set(re.findall(r"dim_labels=([\w>-]+)", text))


@each
def test_values_and_derivatives_of_every_library_stay_the_same(name):
    energies, params = both(NETWORKS[name])
    run = jax.jit(lambda *inputs: [derivatives(energy)(*inputs) for energy in energies])
    assert_close(*run(params, IMAGES))


def test_in_float64_they_are_the_same_to_ten_digits():
    with jax.enable_x64(True):
        x, kernel = (
            jnp.asarray(np.random.default_rng(i).normal(size=shape))
            for i, shape in enumerate([(2, 8, 9, 8), (3, 3, 8, 8)])
        )
        energies = [
            lambda kernel, x, f=f: jnp.sum(jnp.tanh(f(x, kernel)))
            for f in (convolution.fast(strided), strided)
        ]
        run = jax.jit(lambda *inputs: [derivatives(energy)(*inputs) for energy in energies])
        assert_close(*run(kernel, x), tolerance=1e-10)


def strided(x, kernel):
    layout = ("NHWC", "HWIO", "NHWC")
    return lax.conv_general_dilated(x, kernel, (2, 2), "SAME", dimension_numbers=layout)


@each
def test_inside_a_loop_every_convolution_has_the_fast_order_of_axes(name):
    (fast, plain), params = both(NETWORKS[name])
    assert layouts(descent(fast).lower(params, IMAGES).compile()) == {FAST}
    # So a test of the compiled program can tell them apart.
    assert layouts(descent(plain).lower(params, IMAGES).compile()) - {FAST}


@pytest.mark.parametrize("way", ["vmap", "remat", "shard_map", "scan"])
def test_it_works_inside_every_transformation(way):
    energies, params = both(NETWORKS["linen"])

    def run(energy):
        gradient = jax.grad(energy)
        if way == "vmap":
            several = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), params)
            return jax.vmap(gradient, (0, None))(several, IMAGES)
        if way == "remat":
            return jax.grad(jax.checkpoint(energy))(params, IMAGES)
        if way == "scan":
            return descent(energy)(params, IMAGES)
        mesh = jax.make_mesh((1,), ("devices",), axis_types=(AxisType.Auto,))
        return jax.shard_map(
            gradient,
            mesh=mesh,
            in_specs=(PartitionSpec(), PartitionSpec("devices")),
            out_specs=PartitionSpec(),
        )(params, IMAGES)

    assert_close(*jax.jit(lambda: [run(energy) for energy in energies])())


def test_shapes_are_found_without_computing():
    network = NETWORKS["linen"]()
    params, state = jax.eval_shape(network.init, KEY, IMAGES)
    y, _ = jax.eval_shape(functools.partial(network.apply, train=True), params, state, KEY, IMAGES)
    assert y.shape == IMAGES.shape


def test_bfloat16_stays_bfloat16_and_as_exact():
    networks = [
        nets.from_linen(Linen(dtype=jnp.bfloat16), fast_convolutions=fast) for fast in (True, False)
    ]
    params, state = networks[0].init(KEY, IMAGES)
    outputs = [n.apply(params, state, KEY, IMAGES, train=False)[0] for n in networks]
    assert_close(*outputs, tolerance=1e-2)


def conv(x, kernel):
    return lax.conv(x, kernel, (1, 1), "SAME")


@jax.custom_vjp
def with_thrice_the_gradient(x, kernel):
    return conv(x, kernel)


with_thrice_the_gradient.defvjp(
    lambda x, kernel: (conv(x, kernel), (x, kernel)),
    lambda saved, given: tuple(3 * grad for grad in jax.vjp(conv, *saved)[1](given)),
)

INSIDE = {
    "jit": jax.jit(conv),
    "scan": lambda x, kernel: lax.scan(lambda x, _: (jnp.tanh(conv(x, kernel)), None), x, length=2)[
        0
    ],
    "cond": lambda x, kernel: lax.cond(x[0, 0, 0, 0] > 0, conv, lambda x, kernel: x, x, kernel),
    "remat": jax.checkpoint(conv),
    "vmap": lambda x, kernel: jax.vmap(lambda x: conv(x[None], kernel)[0])(x),
    "custom_vjp": with_thrice_the_gradient,
}


@pytest.mark.parametrize("name", INSIDE)
def test_convolutions_inside_other_programs_are_changed_too(name):
    x, kernel = jnp.moveaxis(IMAGES, -1, 1), jax.random.normal(KEY, (8, 8, 3, 3)) / 8
    energies = [
        lambda kernel, x, f=f: jnp.sum(jnp.tanh(f(x, kernel)))
        for f in (convolution.fast(INSIDE[name]), INSIDE[name])
    ]
    run = jax.jit(lambda *inputs: [derivatives(energy)(*inputs) for energy in energies])
    assert_close(*run(kernel, x))
    assert layouts(descent(energies[0]).lower(kernel, x).compile()) == {FAST}


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    orders=st.sampled_from([("NHWC", "HWIO"), ("NCHW", "OIHW"), ("CHWN", "IHWO")]),
    window=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    strides=st.sampled_from([(1, 1), (2, 2), (3, 3), (2, 1)]),
    spread=st.sampled_from([(1, 1), (2, 2), (1, 3)]),
    gaps=st.sampled_from([(1, 1), (2, 2)]),
    groups=st.sampled_from([1, 1, 2]),
    padding=st.tuples(*[st.tuples(st.integers(-1, 3), st.integers(0, 3))] * 2),
    out=st.sampled_from(["NHWC", "NCHW", "HWNC"]),
)
def test_any_convolution_is_computed_or_left_as_it_is(
    orders, window, strides, spread, gaps, groups, padding, out
):
    random, layout = np.random.default_rng(0), (*orders, out)
    sizes = {"N": 2, "H": 6, "W": 7, "C": 8}
    windows = {"H": window[0], "W": window[1], "I": 8 // groups, "O": 4}
    x, kernel = (
        jnp.asarray(random.normal(size=[size[axis] for axis in order]), jnp.float32)
        for order, size in zip(orders, (sizes, windows), strict=True)
    )

    def plain(x, kernel):
        return lax.conv_general_dilated(x, kernel, strides, padding, spread, gaps, layout, groups)

    def run(f):
        y, pullback = jax.vjp(f, x, kernel)
        return y, pullback(jnp.cos(y))

    assert_close(*jax.jit(lambda: [run(f) for f in (convolution.fast(plain), plain)])())


def operations(lowered):
    """The operations of a program by name, but for the choice of a platform."""
    found = re.findall(r"stablehlo\.(\w+)", lowered.as_text())
    return sorted(name for name in found if name not in ("case", "return", "constant"))


@pytest.mark.parametrize("platform", ["tpu", "cuda"])
def test_for_other_platforms_the_operations_are_those_of_the_plain_function(platform):
    energies, params = both(NETWORKS["linen"])
    fast, plain = (
        operations(
            jax.jit(jax.grad(energy)).trace(params, IMAGES).lower(lowering_platforms=(platform,))
        )
        for energy in energies
    )
    # A choice has results of all its ways; those of the others are zeros that nothing uses.
    assert [name for name in fast if name != "broadcast_in_dim"] == [
        name for name in plain if name != "broadcast_in_dim"
    ]


def test_on_other_back_ends_the_program_is_the_same_to_the_letter(monkeypatch):
    energies, params = both(NETWORKS["linen"])
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    texts = [jax.jit(jax.grad(energy)).lower(params, IMAGES).as_text() for energy in energies]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("module", [dcgan.Generator(width=4), dcgan.Discriminator(width=4)])
def test_the_programs_of_the_shipped_networks_do_not_change(module):
    x = jnp.ones((2, 100)) if isinstance(module, dcgan.Generator) else jnp.ones((2, 28, 28, 1))
    texts = []
    for fast in (True, False):
        network = nets.from_linen(module, fast_convolutions=fast)
        params, state = network.init(KEY, x)

        def energy(params, network=network, state=state):
            y, _ = network.apply(params, state, KEY, x, train=True)
            return jnp.sum(y)

        text = jax.jit(jax.grad(energy)).lower(params).as_text()
        texts.append(sorted(re.findall(r"(?:stablehlo|chlo)\.\w+.*", re.sub(r"%\w+", "%", text))))
    assert texts[0] == texts[1]


def test_what_is_no_array_of_jax_reaches_the_function_as_it_is():
    seen = []

    def function(x, labels, *, train, name=None):
        seen.append((labels, train, name))
        return x * labels.sum()

    labels = np.array([1, 2])
    assert float(convolution.fast(function)(jnp.ones(()), labels, train=True, name="a")) == 3
    assert seen[0][0] is labels
    assert seen[0][1:] == (True, "a")


def test_a_gan_of_plain_layers_trains_in_one_fast_loop():
    class Generator(nn.Module):
        @nn.compact
        def __call__(self, z):
            x = nn.relu(nn.Dense(4 * 4 * 16)(z)).reshape(-1, 4, 4, 16)
            return jnp.tanh(nn.ConvTranspose(8, (4, 4), strides=(2, 2))(x))

    class Discriminator(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.leaky_relu(nn.Conv(16, (4, 4), strides=2)(x))
            return nn.Dense(1)(x.reshape(len(x), -1))[:, 0]

    gan = recipes.gan(
        nets.from_linen(Generator()),
        nets.from_linen(Discriminator()),
        latent=latents.normal(4),
        g_optimizer=optax.sgd(0.01),
        d_optimizer=optax.sgd(0.01),
    )
    state = gan.init(KEY, Batch(IMAGES))
    steps = jaxgan.jit(jaxgan.scan(gan))
    program = jax.jit(steps.train_step).lower(state, Batch(jnp.stack([IMAGES, IMAGES]))).compile()
    assert layouts(program) == {FAST}
