import functools

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx
from networks import compilation, counting, mlp

import jaxgan
from jaxgan import Batch, Network, latents, losses, nets, recipes

KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


WIDTH = 16

# One body in each library: a hidden layer; one way to the output past batch norm and dropout, so
# that the discriminator can still tell the means of two batches apart; and one way through them.


class LinenBody(nn.Module):
    out: int

    @nn.compact
    def __call__(self, x, train):
        h = jnp.tanh(nn.Dense(WIDTH)(x))
        b = nn.BatchNorm(use_running_average=not train, momentum=0.9)(h)
        b = nn.Dropout(0.1, deterministic=not train)(b)
        return nn.Dense(self.out)(jnp.concatenate([h, b], axis=-1))


class NnxBody(nnx.Module):
    def __init__(self, out, rngs):
        self.hidden = nnx.Linear(2, WIDTH, rngs=rngs)
        self.norm = nnx.BatchNorm(WIDTH, momentum=0.9, rngs=rngs)
        self.dropout = nnx.Dropout(0.1, rngs=rngs)
        self.out = nnx.Linear(2 * WIDTH, out, rngs=rngs)

    def __call__(self, x):
        h = jnp.tanh(self.hidden(x))
        return self.out(jnp.concatenate([h, self.dropout(self.norm(h))], axis=-1))


def haiku_body(out):
    def body(x, train):
        h = jnp.tanh(hk.Linear(WIDTH)(x))
        b = hk.BatchNorm(True, True, 0.9)(h, is_training=train)
        b = hk.dropout(hk.next_rng_key(), 0.1, b) if train else b
        return hk.Linear(out)(jnp.concatenate([h, b], axis=-1))

    return hk.transform_with_state(body)


class EquinoxBody(eqx.Module):
    hidden: eqx.nn.Linear
    norm: eqx.nn.BatchNorm
    dropout: eqx.nn.Dropout
    out: eqx.nn.Linear

    def __init__(self, out, key):
        first, second = jax.random.split(key)
        self.hidden = eqx.nn.Linear(2, WIDTH, key=first)
        self.norm = eqx.nn.BatchNorm(WIDTH, "batch", momentum=0.9, mode="batch")
        self.dropout = eqx.nn.Dropout(0.1)
        self.out = eqx.nn.Linear(2 * WIDTH, out, key=second)

    def __call__(self, x, state, key):
        h = jnp.tanh(self.hidden(x))
        b, state = self.norm(h, state)
        return self.out(jnp.concatenate([h, self.dropout(b, key=key)])), state


def equinox_sequential(out, key):
    first, second = jax.random.split(key)
    return eqx.nn.Sequential(
        [
            eqx.nn.Linear(2, WIDTH, key=first),
            eqx.nn.Lambda(jnp.tanh),
            eqx.nn.Dropout(0.1),
            eqx.nn.Linear(WIDTH, out, key=second),
        ]
    )


# `(width of the output) -> Network`, all of them of 2 inputs.
STATEFUL = {
    "linen": lambda out: nets.from_linen(LinenBody(out)),
    "nnx": lambda out: nets.from_nnx(functools.partial(NnxBody, out)),
    "haiku": lambda out: nets.from_haiku(haiku_body(out)),
    "equinox": lambda out: nets.from_equinox(
        functools.partial(eqx.nn.make_with_state(EquinoxBody), out)
    ),
}
NETWORKS = STATEFUL | {
    "equinox_without_state": lambda out: nets.from_equinox(
        functools.partial(equinox_sequential, out)
    ),
    "stateless": lambda out: mlp(out, width=WIDTH),
    "spectral_norm": lambda out: nets.spectral_norm(STATEFUL["linen"](out)),
    "counting": lambda out: counting(mlp(out, width=WIDTH)),
}
WITH_DROPOUT = [*STATEFUL, "equinox_without_state"]
X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32) + 1


@functools.cache
def compiled(name):
    """The network's own init and apply, each compiled once for all tests."""
    network = NETWORKS[name](3)
    return Network(jax.jit(network.init), jax.jit(network.apply, static_argnames="train"))


def assert_equal(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    jax.tree.map(np.testing.assert_array_equal, left, right)


def kinds(tree):
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", NETWORKS)
def test_state_keeps_its_structure_and_changes_only_in_training(name):
    init, apply = compiled(name)
    params, state = init(KEY, X)
    _, trained = apply(params, state, KEY, X, train=True)
    assert kinds(trained) == kinds(state)  # lax.scan needs it
    changed = [
        (a != b).any()
        for a, b in zip(jax.tree.leaves(trained), jax.tree.leaves(state), strict=True)
    ]
    has_state = name not in ("stateless", "equinox_without_state")
    assert any(changed) == has_state
    _, same = apply(params, trained, KEY, X, train=False)
    assert_equal(same, trained)


@pytest.mark.parametrize("name", WITH_DROPOUT)
def test_dropout_follows_the_key_in_training_and_is_off_otherwise(name):
    init, apply = compiled(name)
    params, state = init(KEY, X)
    one, again, other = (
        apply(params, state, jax.random.key(seed), X, train=True)[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    one, other = (apply(params, state, jax.random.key(s), X, train=False)[0] for s in (1, 2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", STATEFUL)
def test_running_statistics_decide_the_output_after_training(name):
    init, apply = compiled(name)
    params, state = init(KEY, X)
    before, _ = apply(params, state, KEY, X, train=False)
    _, state = apply(params, state, KEY, X, train=True)
    after, _ = apply(params, state, KEY, X, train=False)
    assert (before != after).any()
    one, _ = apply(params, state, KEY, X[:4], train=False)
    np.testing.assert_allclose(one, after[:4], atol=1e-5)  # not the statistics of this batch


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_parameters_follow_the_key(name):
    init, _ = compiled(name)
    assert_equal(init(KEY, X), init(KEY, X))
    one, other = (jax.tree.leaves(init(jax.random.key(seed), X)[0]) for seed in (0, 1))
    assert any((a != b).any() for a, b in zip(one, other, strict=True))


MEAN = np.float32([1.5, -0.5])


@pytest.mark.parametrize(
    ("generator", "discriminator"),
    [
        pytest.param("linen", "nnx", marks=pytest.mark.slow),
        pytest.param("nnx", "haiku", marks=pytest.mark.slow),
        pytest.param("haiku", "equinox", marks=pytest.mark.slow),
        pytest.param("equinox", "linen", marks=pytest.mark.slow),
        ("equinox_without_state", "spectral_norm"),
    ],
)
def test_a_gan_of_such_networks_learns_the_mean_of_the_data(generator, discriminator):
    gan = recipes.gan(
        NETWORKS[generator](2),
        NETWORKS[discriminator](1),
        latent=latents.normal(2),
        g_optimizer=optax.adam(3e-3, b1=0.5),
        d_optimizer=optax.adam(1e-2, b1=0.5),
        loss=losses.least_squares(),
        ema_decay=0.98,
    )
    steps = 400
    noise = np.random.default_rng(0).normal(size=(steps, 32, 2)).astype(np.float32)
    data = MEAN + 0.1 * noise
    gan = jaxgan.jit(jaxgan.scan(gan), donate=False)
    untrained = gan.init(KEY, Batch(data[0]))
    state, metrics = gan.train_step(untrained, Batch(data))
    before, after = (
        np.linalg.norm(gan.sample(s, KEY, 256).mean(axis=0) - MEAN) for s in (untrained, state)
    )
    assert before > 1  # or the next line says nothing
    assert after < 0.3
    assert metrics["g_loss"].shape == (steps,)


def test_a_linen_module_without_train_needs_no_wrapper():
    # nn.Sequential accepts any keyword and would hand it on to a layer that does not.
    network = nets.from_linen(nn.Sequential([nn.Dense(4), nn.relu, nn.Dense(1)]))
    params, state = network.init(KEY, X)
    outputs, _ = network.apply(params, state, KEY, X, train=True)
    assert outputs.shape == (8, 1)


class Sampler(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x + jax.random.normal(self.make_rng("noise"), x.shape)


def test_a_linen_module_draws_from_the_streams_it_names():
    network = nets.from_linen(Sampler(), rngs=("noise",))
    params, state = network.init(KEY, X)
    one, other = (
        network.apply(params, state, jax.random.key(seed), X, train=True)[0] for seed in (0, 1)
    )
    assert params == {}
    assert (one != other).any()


def test_haiku_functions_without_state_fit_too():
    transformed = hk.transform(lambda x, train: hk.Linear(3)(x))
    network = nets.from_haiku(transformed)
    params, state = network.init(KEY, X)
    outputs, _ = network.apply(params, state, KEY, X, train=True)
    weights = params["linear"]
    np.testing.assert_allclose(outputs, X @ weights["w"] + weights["b"], atol=1e-5)


def test_stateless_hands_the_inputs_on():
    network = nets.stateless(lambda key, x, y: {"w": x[0] + y[0]}, lambda p, x, y: p["w"] * x - y)
    params, state = network.init(KEY, X, 2 * X)
    assert state == ()
    outputs, state = network.apply(params, state, KEY, X, 2 * X, train=False)
    np.testing.assert_allclose(outputs, 3 * X[0] * X - 2 * X, rtol=1e-6)
    assert state == ()


def echo(params_of):
    """A network that shows the params it is applied with."""
    return nets.stateless(lambda key, x: params_of(key), lambda params, x: params)


def kernels(key):
    del key
    rng = np.random.default_rng(1)

    def kernel(*shape):
        # One direction stands out, so that a few power iterations are enough to find it.
        strong = 3 * rng.normal(size=(*shape[:-1], 1)) * rng.normal(size=shape[-1])
        return jnp.float32(strong + rng.normal(size=shape))

    return {"dense": kernel(5, 4), "conv": kernel(3, 3, 2, 6), "bias": jnp.arange(6.0)}


def largest_singular_value(kernel):
    return np.linalg.svd(np.asarray(kernel, float).reshape(-1, kernel.shape[-1]))[1][0]


def test_spectral_norm_makes_the_largest_singular_value_of_every_kernel_1():
    network = nets.spectral_norm(echo(kernels), iterations=8)
    params, state = network.init(KEY, X)
    normalized, state = jax.jit(network.apply, static_argnames="train")(
        params, state, KEY, X, train=True
    )
    for name in ("dense", "conv"):
        sigma = largest_singular_value(params[name])
        np.testing.assert_allclose(largest_singular_value(normalized[name]), 1, rtol=1e-4)
        np.testing.assert_allclose(normalized[name] * sigma, params[name], rtol=1e-3)
    np.testing.assert_array_equal(normalized["bias"], params["bias"])


def test_spectral_norm_follows_the_kernel_by_one_iteration_per_call_in_training():
    network = nets.spectral_norm(echo(kernels))
    apply = jax.jit(network.apply, static_argnames="train")
    params, state = network.init(KEY, X)
    before = largest_singular_value(apply(params, state, KEY, X, train=False)[0]["conv"])
    for _ in range(8):
        _, state = apply(params, state, KEY, X, train=True)
    normalized, same = apply(params, state, KEY, X, train=False)
    assert_equal(same, state)
    after = largest_singular_value(normalized["conv"])
    assert abs(after - 1) < 1e-3 < abs(before - 1)
    (_, vectors) = state
    right = np.linalg.svd(np.asarray(params["conv"]).reshape(-1, 6))[2][0]
    np.testing.assert_allclose(abs(vectors["conv"] @ right), 1, rtol=1e-3)


def test_spectral_norm_takes_vectors_that_a_running_average_has_shortened():
    # An average of unit vectors that turned meanwhile is shorter than they are.
    network = nets.spectral_norm(echo(kernels), iterations=8)
    params, state = network.init(KEY, X)
    _, (inner, vectors) = network.apply(params, state, KEY, X, train=True)
    shortened = (inner, jax.tree.map(lambda u: 0.1 * u, vectors))
    normalized, _ = jax.jit(network.apply, static_argnames="train")(
        params, shortened, KEY, X, train=False
    )
    for name in ("dense", "conv"):
        np.testing.assert_allclose(largest_singular_value(normalized[name]), 1, rtol=1e-3)


def test_the_gradient_goes_through_the_singular_value():
    # f(W) = W / sigma(W) does not change with the length of W, so its derivative along W is 0.
    network = nets.spectral_norm(echo(kernels), iterations=8)
    params, state = network.init(KEY, X)
    target = jax.random.normal(KEY, (5, 4))

    def loss(kernel):
        changed = {**params, "dense": kernel}
        return jnp.sum(target * network.apply(changed, state, KEY, X, train=True)[0]["dense"])

    grad = jax.jit(jax.grad(loss))(params["dense"])
    assert abs(np.sum(grad * params["dense"])) < 1e-4
    assert np.abs(grad).max() > 1e-2


def test_spectral_norm_keeps_the_state_of_the_network_inside():
    network = nets.spectral_norm(counting(mlp(1)))
    params, state = network.init(KEY, X)
    _, (inner, vectors) = network.apply(params, state, KEY, X, train=True)
    assert inner["count"] == 1
    assert vectors["bias"] is None
    assert vectors["in"].shape == (8,)


def test_min_ndim_says_what_a_kernel_is():
    network = nets.spectral_norm(echo(kernels), min_ndim=3)
    params, state = network.init(KEY, X)
    normalized, _ = network.apply(params, state, KEY, X, train=True)
    np.testing.assert_array_equal(normalized["dense"], params["dense"])
    assert (normalized["conv"] != params["conv"]).any()


def test_what_is_excluded_from_spectral_norm_stays_as_it_is():
    def nested(key):
        return {"embedding": {"kernel": kernels(key)["dense"]}, **kernels(key)}

    network = nets.spectral_norm(echo(nested), exclude=("embedding", "dense"))
    params, state = network.init(KEY, X)
    normalized, _ = network.apply(params, state, KEY, X, train=True)
    assert_equal(normalized["embedding"], params["embedding"])
    assert_equal(normalized["dense"], params["dense"])
    assert (normalized["conv"] != params["conv"]).any()
    with pytest.raises(ValueError, match="exclude has 'embeding'"):
        nets.spectral_norm(echo(nested), exclude=("embeding",)).init(KEY, X)


def test_spectral_norm_without_iterations_is_refused():
    with pytest.raises(ValueError, match="iterations is 0"):
        nets.spectral_norm(mlp(1), iterations=0)
