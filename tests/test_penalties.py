import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import PartitionSpec as P
from networks import compilation, mlp

import jaxgan
from jaxgan import penalties

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
IMAGES = (4, 3, 2, 2)  # [B, H, W, C]
REAL, FAKE = RNG.normal(size=(2, *IMAGES)).astype(np.float32)
A = RNG.normal(size=IMAGES[1:]).astype(np.float32)
LENGTH = np.sqrt((A.astype(float) ** 2).sum())


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def linear(x):
    """D(x) = a.x: the gradient is a everywhere, over all of H, W and C."""
    return jnp.sum(A * x, axis=(1, 2, 3))


def quadratic(x):
    """D(x) = |a x|^2 / 2: the gradient is a^2 x."""
    return jnp.sum((A * x) ** 2, axis=(1, 2, 3)) / 2


def squared_slope_of_quadratic(x):
    return ((A.astype(float) ** 2 * x) ** 2).sum(axis=(1, 2, 3))


@pytest.mark.parametrize(
    ("penalty", "expected"),
    [
        (penalties.gradient_penalty(), (LENGTH - 1) ** 2),
        (penalties.gradient_penalty(target=3.0), (LENGTH - 3) ** 2),
        (penalties.dragan(), (LENGTH - 1) ** 2),
        (penalties.dragan(target=0.5), (LENGTH - 0.5) ** 2),
        (penalties.r1(), LENGTH**2 / 2),
        (penalties.r2(), LENGTH**2 / 2),
        (penalties.r1_r2(), LENGTH**2),
    ],
)
def test_a_linear_critic_pays_for_the_length_of_its_whole_gradient(penalty, expected):
    value = jax.jit(lambda: penalty(linear, REAL, FAKE, KEY))()
    assert value.shape == (4,)
    np.testing.assert_allclose(value, expected, rtol=1e-5)


def test_r1_looks_at_real_examples_and_r2_at_fake_ones():
    on_real, on_fake = (squared_slope_of_quadratic(x) / 2 for x in (REAL, FAKE))
    for penalty, expected in [
        (penalties.r1(), on_real),
        (penalties.r2(), on_fake),
        (penalties.r1_r2(), on_real + on_fake),
    ]:
        value = jax.jit(lambda penalty=penalty: penalty(quadratic, REAL, FAKE, KEY))()
        np.testing.assert_allclose(value, expected, rtol=1e-5)


EXACT = ("gradient_penalty", "dragan", "r1", "r2", "r1_r2")
APPROXIMATE = ("approximate_r1", "approximate_r2", "approximate_r1_r2")
PENALTIES = {name: getattr(penalties, name)() for name in (*EXACT, *APPROXIMATE)}
GRADIENT_PENALTY, DRAGAN = PENALTIES["gradient_penalty"], PENALTIES["dragan"]
each_penalty = pytest.mark.parametrize("penalty", PENALTIES.values(), ids=PENALTIES)

seen = []


@functools.cache
def recorded(penalty):
    def critic(x):
        jax.debug.callback(seen.append, x)
        return quadratic(x)

    return jax.jit(functools.partial(penalty, critic))


def points_and_value(penalty, real=REAL, fake=FAKE, key=KEY):
    """The points at which the penalty takes the critic's gradient, and what it makes of them."""
    seen.clear()
    value = recorded(penalty)(real, fake, key)
    jax.effects_barrier()
    (points,) = seen
    return np.asarray(points), value


@pytest.mark.parametrize("penalty", [GRADIENT_PENALTY, DRAGAN])
def test_one_centerd_penalties_are_taken_where_they_evaluate_the_critic(penalty):
    points, value = points_and_value(penalty)
    expected = (np.sqrt(squared_slope_of_quadratic(points)) - 1) ** 2
    np.testing.assert_allclose(value, expected, rtol=1e-4)


def test_gradient_penalty_is_taken_on_lines_between_real_and_fake():
    points, _ = points_and_value(GRADIENT_PENALTY)
    way = (REAL - FAKE).reshape(4, -1)
    u = ((points - FAKE).reshape(4, -1) * way).sum(axis=1) / (way**2).sum(axis=1)
    np.testing.assert_allclose((points - FAKE).reshape(4, -1), u[:, None] * way, atol=1e-5)
    assert (u > 0).all()
    assert (u < 1).all()
    assert np.ptp(u) > 0.05  # each example has its own u
    other, _ = points_and_value(GRADIENT_PENALTY, key=jax.random.key(1))
    assert (points != other).any()


def test_dragan_is_taken_around_the_real_data_only():
    points, _ = points_and_value(DRAGAN)
    noise = points - REAL
    assert (noise >= 0).all()
    assert noise.max() <= REAL.std() / 2
    assert np.ptp(noise[0]) > 0  # noise per element, not one shift per example
    elsewhere, _ = points_and_value(DRAGAN, fake=FAKE + 100)
    np.testing.assert_array_equal(points, elsewhere)


@pytest.mark.parametrize("scale", [0.0, 2.0])
def test_dragans_noise_is_as_large_as_its_scale_says(scale):
    points, _ = points_and_value(penalties.dragan(scale=scale))
    largest = (points - REAL).max()
    assert 0.5 * scale * REAL.std() <= largest <= scale * REAL.std()


@each_penalty
def test_gradients_in_the_critics_parameters_agree_with_finite_differences(penalty):
    network = mlp(width=3)
    rng = np.random.default_rng(1)
    real, fake = rng.normal(size=(2, 3, 2, 2))
    with jax.enable_x64(True):
        params, _ = network.init(jax.random.key(2), real)
        flat, unravel = jax.flatten_util.ravel_pytree(params)
        direction = rng.normal(size=flat.shape)

        def along(t):
            def critic(x):
                return network.apply(unravel(flat + t * direction), (), KEY, x, train=True)[0]

            return jnp.mean(penalty(critic, real, fake, KEY))

        both = jax.jit(jax.value_and_grad(along))
        _, slope = both(0.0)
        step = 1e-5
        difference = (both(step)[0] - both(-step)[0]) / (2 * step)
    assert slope.dtype == np.float64
    np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-7)


@each_penalty
def test_a_dead_critic_gets_finite_gradients(penalty):
    # The derivative of |v| at v = 0 is NaN unless one takes care.
    def mean(weight):
        return jnp.mean(penalty(lambda x: weight * linear(x), REAL, FAKE, KEY))

    value, grad = jax.jit(jax.value_and_grad(mean))(0.0)
    assert np.isfinite(value)
    assert np.isfinite(grad)


def lazily_r1(params, step, *, every, critic=None):
    critic = critic or (lambda x: quadratic(params * x))
    return penalties.lazy(penalties.r1(), every=every)(critic, REAL, FAKE, KEY, step)


@pytest.mark.parametrize("every", [1, 3])
def test_a_lazy_penalty_averages_to_the_eager_one(every):
    loss = jax.jit(jax.value_and_grad(lambda p, step: jnp.mean(lazily_r1(p, step, every=every))))
    eager = jax.jit(
        jax.value_and_grad(
            lambda p: jnp.mean(penalties.r1()(lambda x: quadratic(p * x), REAL, FAKE, KEY))
        )
    )
    values, grads = zip(*(loss(1.3, jnp.int32(step)) for step in range(6)), strict=True)
    np.testing.assert_allclose((np.mean(values), np.mean(grads)), eager(1.3), rtol=1e-5)
    due = [step for step, value in enumerate(values) if value != 0]
    assert due == list(range(0, 6, every))


def test_a_lazy_penalty_is_computed_only_when_it_is_due():
    calls = []

    def critic(x):
        jax.debug.callback(lambda: calls.append(1))
        return quadratic(x)

    step = jax.jit(lambda step: lazily_r1(1.0, step, every=4, critic=critic))
    for i in range(8):
        step(jnp.int32(i))
    jax.effects_barrier()
    assert len(calls) == 2


@pytest.mark.parametrize("penalty", ["r1", "r2", "gradient_penalty"])
def test_a_lazy_penalty_works_on_shards_of_the_batch(penalty):
    lazy = penalties.lazy(PENALTIES[penalty], every=2)
    mesh = jax.make_mesh((4,), ("i",), axis_types=(jax.sharding.AxisType.Auto,))

    def each(real, fake, step):
        return lazy(linear, real, fake, KEY, step)  # of a linear critic: the same on all devices

    sharded = jax.jit(
        jax.shard_map(each, mesh=mesh, in_specs=(P("i"), P("i"), P()), out_specs=P("i"))
    )
    for step in range(2):
        whole = lazy(linear, REAL, FAKE, KEY, step)
        np.testing.assert_allclose(sharded(REAL, FAKE, jnp.int32(step)), whole, rtol=1e-5)


def test_a_penalty_cannot_be_paid_every_zero_steps():
    with pytest.raises(ValueError, match="every is 0"):
        penalties.lazy(penalties.r1(), every=0)


def test_knobs_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"target is -1; .* \[0, inf\)"):
        penalties.gradient_penalty(target=-1)
    with pytest.raises(ValueError, match=r"scale is -0\.5; .* \[0, inf\)"):
        penalties.dragan(scale=-0.5)


def test_clipping_bounds_every_weight_after_many_steps():
    optimizer = optax.chain(optax.sgd(0.1), penalties.clip_weights(0.01))
    params = {"w": jnp.float32([0.5, -0.5, 0.005]), "b": jnp.zeros(2)}
    grads = jax.random.normal(KEY, (50, 5))

    def step(carry, grad):
        params, state = carry
        updates, state = optimizer.update({"w": grad[:3], "b": grad[3:]}, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    _, history = jax.jit(lambda: jax.lax.scan(step, (params, optimizer.init(params)), grads))()
    weights = np.concatenate([history["w"], history["b"]], axis=1)
    assert np.abs(weights).max() <= 0.01 * (1 + 1e-5)
    assert (np.abs(weights) > 0.0099).any(axis=0).all()  # bounded, not shrunk to nothing


def test_clipping_changes_nothing_inside_the_bound():
    params, updates = jnp.float32([0.25, -0.5]), jnp.float32([0.125, -0.25])  # exact in binary
    clipped, _ = penalties.clip_weights(1.0).update(updates, optax.EmptyState(), params)
    np.testing.assert_array_equal(clipped, updates)


def test_clipping_errors_say_what_was_expected():
    for limit in (0.0, -0.01, float("nan")):
        with pytest.raises(ValueError, match="limit is"):
            penalties.clip_weights(limit)
    with pytest.raises(ValueError, match="needs the parameters"):
        penalties.clip_weights(0.01).update(jnp.zeros(2), optax.EmptyState())


def test_every_public_penalty_is_tested_here():
    types = {"Critic", "LazyPenalty", "Penalty"}
    elsewhere = {"consistency", "combine"}  # test_regularizers
    assert set(penalties.__all__) == {*PENALTIES, "lazy", "clip_weights", *elsewhere, *types}
    assert jaxgan.penalties is penalties
