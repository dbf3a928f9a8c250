"""Rules of the game against what is known of them exactly: the bilinear game and the Dirac-GAN."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Batch, optimizers, rules
from jaxgan.types import Player, Variables

STEPS = (0.1, 0.5, 1.0)


def bilinear(rate, optimizer=optax.sgd):
    """`f = g d`, which G descends and D ascends."""

    def player(sign, start):
        def loss(params, state, opponent, batch, key, step):
            return sign * jnp.vdot(params, opponent.params), (state, {})

        def init(key, batch):
            return Variables(jnp.asarray(start, jnp.float64))

        return Player(init, loss, optimizer(rate))

    return jaxgan.two_player(
        player(1, [2.0, -0.3]),
        player(-1, [0.5, 1.1]),
        sample=lambda variables, key, n, y: jnp.broadcast_to(variables.params, (n, 2)),
    )


def factor(gan, steps=7):
    """By how much |w|^2 changes in each step."""
    batch = Batch(jnp.zeros((4, 2)))
    state = gan.init(jax.random.key(0), batch)
    squares = []
    advance = jax.jit(gan.train_step)
    for _ in range(steps):
        squares.append(
            float(
                jnp.vdot(state.g.params, state.g.params) + jnp.vdot(state.d.params, state.d.params)
            )
        )
        state, _ = advance(state, batch)
    return np.divide(squares[1:], squares[:-1])


@pytest.fixture(autouse=True)
def float64():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("a", STEPS)
@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (rules.simultaneous, lambda a: 1 + a**2),
        (rules.extragradient, lambda a: 1 - a**2 + a**4),
        (lambda gan: rules.consensus(gan, 1.0), lambda a: (1 - a) ** 2 + a**2),
        (lambda gan: rules.symplectic(gan, 1.0, aligned=False), lambda a: (1 - a) ** 2 + a**2),
    ],
    ids=["simultaneous", "extragradient", "consensus", "symplectic"],
)
def test_the_bilinear_game_grows_by_the_factor_of_the_rule(rule, expected, a):
    np.testing.assert_allclose(factor(rule(bilinear(a))), expected(a), rtol=1e-9)


@pytest.mark.parametrize(("steps", "expected"), [(0, 1.01), (1, 0.99), (5, 0.91), (10, 0.81)])
def test_unrolling_makes_the_bilinear_game_converge(steps, expected):
    a = b = 0.1
    gan = rules.unrolled(bilinear(a), steps, b)
    state = gan.init(jax.random.key(0), Batch(jnp.zeros((4, 2))))
    new, _ = jax.jit(gan.train_step)(state, Batch(jnp.zeros((4, 2))))
    matrix = np.array([[1 - 2 * a * b * steps, -a], [a, 1.0]])
    before = np.stack([state.g.params, state.d.params])
    after = np.stack([new.g.params, new.d.params])
    np.testing.assert_allclose(after, matrix @ before, rtol=1e-9)
    np.testing.assert_allclose(np.linalg.det(matrix), expected, rtol=1e-9)  # |eigenvalue|^2


@pytest.mark.parametrize("a", STEPS)
def test_competitive_steps_are_the_implicit_ones(a):
    np.testing.assert_allclose(factor(rules.competitive(bilinear(a), a)), 1 / (1 + a**2), rtol=1e-9)


@pytest.mark.parametrize("a", STEPS)
def test_taking_turns_keeps_the_invariant(a):
    """x^2 + y^2 - a x y, with D moving first: the sign follows from who does."""
    gan = bilinear(a)
    batch = Batch(jnp.zeros((4, 2)))
    state = gan.init(jax.random.key(0), batch)
    kept = []
    for _ in range(5):
        x, y = state.g.params, state.d.params
        kept.append(x**2 + y**2 + a * x * y)
        state, _ = jax.jit(gan.train_step)(state, batch)
    np.testing.assert_allclose(kept, np.broadcast_to(kept[0], np.shape(kept)), rtol=1e-9)


def path(gan, steps):
    batch = Batch(jnp.zeros((4, 2)))
    state, advance = gan.init(jax.random.key(0), batch), jax.jit(gan.train_step)
    found = []
    for _ in range(steps):
        found.append(np.asarray(state.g.params) + 1j * np.asarray(state.d.params))
        state, _ = advance(state, batch)
    return np.array(found)


@pytest.mark.parametrize("a", STEPS)
def test_optimistic_steps_are_those_of_the_recurrence(a):
    sgd = optax.sgd
    got = path(rules.simultaneous(bilinear(a, lambda rate: optimizers.optimistic(sgd(rate)))), 9)
    want = [got[0], got[0] * (1 + 1j * a)]  # simultaneous play turns by 1 + ia
    for _ in range(7):
        want.append(want[-1] + 2j * a * want[-1] - 1j * a * want[-2])
    np.testing.assert_allclose(got, want, rtol=1e-9)


@pytest.mark.parametrize(("a", "converges"), [(0.57, True), (0.585, False)])
def test_optimistic_play_stops_converging_at_one_over_the_root_of_three(a, converges):
    sgd = optax.sgd
    gan = rules.simultaneous(bilinear(a, lambda rate: optimizers.optimistic(sgd(rate))))
    size = np.abs(path(gan, 400)).sum(axis=1)
    assert (size[-1] < size[200]) == converges
    assert np.abs(path(rules.extragradient(bilinear(a)), 50)).sum(axis=1)[-1] < 1e-2 * size[0]


@pytest.mark.parametrize(("a", "k"), [(0.1, 5), (0.1, 20), (0.5, 5), (0.5, 10)])
def test_lookahead_goes_by_the_mean_of_both_ends(a, k):
    look = lambda rate: optimizers.lookahead(optax.sgd(rate), k, 0.5)  # noqa: E731
    got = path(rules.simultaneous(bilinear(a, look)), 2 * k + 1)[::k]
    np.testing.assert_allclose(got[1:] / got[:-1], 0.5 + 0.5 * (1 + 1j * a) ** k, rtol=1e-9)


@pytest.mark.parametrize("momentum", [-0.5, -0.25, 0.5])
def test_negative_momentum_in_turns_is_the_one_of_its_matrix(momentum):
    a = 0.5
    got = path(bilinear(a, lambda rate: optax.sgd(rate, momentum=momentum)), 60)
    # (g, d, their moves), D first.
    d = np.array([[1, 0, 0, 0], [a, 1, 0, momentum], [0, 0, 1, 0], [a, 0, 0, momentum]])
    g = np.array([[1, -a, momentum, 0], [0, 1, 0, 0], [0, -a, momentum, 0], [0, 0, 0, 1]])
    state, want = np.array([got[0].real, got[0].imag, 0 * got[0].real, 0 * got[0].real]), []
    for _ in range(60):
        want.append(state[0] + 1j * state[1])
        state = g @ d @ state
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12)
    growth = np.abs(np.linalg.eigvals(g @ d)).max() ** 2
    assert growth == pytest.approx({-0.5: 0.9265, -0.25: 0.935, 0.5: 1.611}[momentum], abs=2e-3)
