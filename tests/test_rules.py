"""Rules of the game against what is known of them exactly: the bilinear game and the Dirac-GAN."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Batch, Network, latents, losses, optimizers, penalties, recipes, rules
from jaxgan.types import Player, Variables

STEPS = (0.1, 0.5, 1.0)


def bilinear(rate, optimizer=optax.sgd):
    return rules.bilinear(optimizer(rate), (jnp.array([2.0, -0.3]), jnp.array([0.5, 1.1])))


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


def test_lookahead_says_that_it_needs_the_parameters():
    optimizer = optimizers.lookahead(optax.sgd(0.1))
    with pytest.raises(ValueError, match="needs the parameters"):
        optimizer.update(jnp.ones(()), optimizer.init(jnp.ones(())))


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


def dirac(loss, rate, **settings):
    """All data are 0, G draws g, and D(x) = d x (Mescheder et al. 2018, arXiv:1801.04406)."""

    def scalar(key, *inputs):
        return jnp.zeros((), jnp.float64), ()

    def point(params, state, key, z, *, train):
        return jnp.broadcast_to(params, (len(z), 1)), state

    def line(params, state, key, x, *, train):
        return params * x[:, 0], state

    return recipes.gan(
        Network(scalar, point),
        Network(scalar, line),
        latent=latents.normal(1),
        g_optimizer=optax.sgd(rate),
        d_optimizer=optax.sgd(rate),
        loss=loss,
        **settings,
    )


def eigenvalues_at_the_equilibrium(gan):
    batch = Batch(jnp.zeros((4, 1)))
    state = gan.init(jax.random.key(0), batch)

    advance, h = jax.jit(gan.train_step), 1e-5

    def step(w):
        there = state._replace(g=state.g._replace(params=w[0]), d=state.d._replace(params=w[1]))
        new, _ = advance(there, batch)
        return np.array([new.g.params, new.d.params])

    # By differences: a step holds the other player still, and so has no derivative in it.
    matrix = np.stack([(step(h * e) - step(-h * e)) / (2 * h) for e in np.eye(2)], axis=1)
    return np.sort_complex(np.linalg.eigvals(matrix))


@pytest.mark.parametrize(
    ("loss", "slope"),
    [(losses.minimax(), 0.5), (losses.non_saturating(), 0.5), (losses.wasserstein(), 1.0)],
    ids=["minimax", "non_saturating", "wasserstein"],
)
@pytest.mark.parametrize(
    ("rule", "of"),
    [
        (rules.simultaneous, lambda j: 1 + j),
        (rules.extragradient, lambda j: 1 + j + j**2),
        (lambda gan: rules.consensus(gan, 3.0), lambda j: 1 + j - 3.0 / 0.2 * abs(j) ** 2),
        (lambda gan: rules.competitive(gan, 0.2), lambda j: 1 / (1 - j)),
    ],
    ids=["simultaneous", "extragradient", "consensus", "competitive"],
)
def test_eigenvalues_on_the_dirac_gan(rule, of, loss, slope):
    """Plain steps circle by +-i f'(0); consensus adds -gamma f'(0)^2."""
    turn = np.array([-1j, 1j]) * 0.2 * slope
    got = eigenvalues_at_the_equilibrium(rule(dirac(loss, 0.2)))
    np.testing.assert_allclose(got, np.sort_complex(of(turn)), rtol=1e-9)


@pytest.mark.parametrize("weight", [0.3, 1.6])
def test_r1_turns_the_circles_of_the_dirac_gan_into_spirals(weight):
    """-g / 2 +- sqrt(g^2 / 4 - f'(0)^2), which turn no longer from g = 2 f'(0) on."""
    gan = dirac(losses.non_saturating(), 0.2, penalty=penalties.r1(), penalty_weight=weight)
    root = np.emath.sqrt(weight**2 / 4 - 0.25)
    expected = 1 + 0.2 * (-weight / 2 + np.array([-root, root]))
    got = eigenvalues_at_the_equilibrium(rules.simultaneous(gan))
    np.testing.assert_allclose(got, np.sort_complex(expected), rtol=1e-9)


RULES = {
    "simultaneous": rules.simultaneous,
    "extragradient": rules.extragradient,
    "consensus": lambda gan: rules.consensus(gan, 0.3),
    "symplectic": rules.symplectic,
    "competitive": lambda gan: rules.competitive(gan, 0.1),
    "unrolled": lambda gan: rules.unrolled(gan, 3, 0.1),
}
every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)


def curved(rate=0.1):
    """A game that depends on data, is not bilinear, and whose losses do not add up to 0."""

    def g_loss(params, state, opponent, batch, key, step):
        loss = jnp.mean(jnp.tanh(batch.x @ params) * (batch.x @ opponent.params))
        return loss, (state, {"loss_of_g": loss})

    def d_loss(params, state, opponent, batch, key, step):
        gain = jnp.mean(jnp.sin(batch.x @ params) * (batch.x @ opponent.params))
        return 0.1 * jnp.vdot(params, params) - gain, (state, {"gain": gain})

    def init(start):
        return lambda key, batch: Variables(jnp.asarray(start, jnp.float64))

    return jaxgan.two_player(
        Player(init([0.4, -0.3]), g_loss, optax.adam(rate)),
        Player(init([0.5, 0.7]), d_loss, optax.sgd(rate)),
        sample=lambda variables, key, n, y: jnp.broadcast_to(variables.params, (n, 2)),
        ema_decay=0.5,
    )


def batches(count):
    return Batch(jnp.asarray(np.random.default_rng(0).normal(size=(count, 8, 2))))


def at_the_end(gan, state, many):
    for i in range(len(many.x)):
        state, metrics = gan.train_step(state, Batch(many.x[i]))
    return state._replace(key=jax.random.key_data(state.key)), metrics


def assert_close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-9, atol=1e-12), a, b)


@every_rule
@pytest.mark.parametrize("way", [jaxgan.pmap, jaxgan.shard_map])
def test_devices_move_as_one_does(rule, way):
    gan, many = rule(curved()), batches(3)
    state = gan.init(jax.random.key(0), Batch(many.x[0]))
    one = at_the_end(jaxgan.jit(gan, donate=False), state, many)
    assert_close(one, at_the_end(way(gan, donate=False), state, many))


@every_rule
def test_a_scan_moves_as_single_steps_do(rule):
    gan, many = rule(curved()), batches(4)
    state = gan.init(jax.random.key(0), Batch(many.x[0]))
    one, _ = at_the_end(jaxgan.jit(gan, donate=False), state, many)
    scanned, metrics = jaxgan.jit(jaxgan.scan(gan), donate=False).train_step(state, many)
    assert_close(one, scanned._replace(key=jax.random.key_data(scanned.key)))
    assert metrics["d_loss"].shape == (4,)
    assert int(scanned.g.step) == int(scanned.d.step) == 4


@every_rule
def test_a_population_moves_as_its_members_do(rule):
    rates, many = jnp.array([0.05, 0.2]), batches(1)
    together = jaxgan.population(lambda rate: rule(curved(rate)), rates)
    keys = jax.random.split(jax.random.key(0), 2)
    state = together.init(keys, Batch(many.x[0]))
    moved, _ = jax.jit(together.train_step)(state, Batch(many.x[0]))
    for i, rate in enumerate(rates):
        gan = rule(curved(rate))
        alone, _ = jax.jit(gan.train_step)(gan.init(keys[i], Batch(many.x[0])), Batch(many.x[0]))
        assert_close(alone.g.params, moved.g.params[i])
        assert_close(alone.d.params, moved.d.params[i])


def numbers(gan, state, batch):
    """v and J of the game by finite differences of the losses."""
    players, h = (gan.game.generator, gan.game.discriminator), 1e-4

    def loss(i, w):
        g, d = w[:2], w[2:]
        mine, other = ((g, d), (d, g))[i]
        return float(players[i].loss(mine, (), Variables(other), batch, None, None)[0])

    def v(w):
        return np.array(
            [
                (loss(i // 2, w + h * e) - loss(i // 2, w - h * e)) / (2 * h)
                for i, e in enumerate(np.eye(4))
            ]
        )

    w = np.concatenate([state.g.params, state.d.params])
    jacobian = np.stack([(v(w + h * e) - v(w - h * e)) / (2 * h) for e in np.eye(4)], axis=1)
    return w, v, v(w), jacobian


def solved(v, jacobian, a):
    gd, dg = jacobian[:2, 2:], jacobian[2:, :2]
    g = np.linalg.solve(np.eye(2) - a**2 * gd @ dg, v[:2] - a * gd @ v[2:])
    d = np.linalg.solve(np.eye(2) - a**2 * dg @ gd, v[2:] - a * dg @ v[:2])
    return np.concatenate([g, d])


def turned(v, jacobian):
    gradient, turn = jacobian.T @ v, (jacobian.T - jacobian) @ v / 2
    return v + np.sign((v @ gradient) * (turn @ gradient) / 4 + 0.1) * turn


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (rules.simultaneous, lambda v, jacobian: v),
        (RULES["consensus"], lambda v, jacobian: v + 0.3 * jacobian.T @ v),
        (rules.symplectic, turned),
        (RULES["competitive"], lambda v, jacobian: solved(v, jacobian, 0.1)),
    ],
    ids=["simultaneous", "consensus", "symplectic", "competitive"],
)
def test_directions_are_those_of_the_formulas_by_finite_differences(rule, expected):
    plain, batch = curved(), Batch(batches(1).x[0])
    players = [player._replace(optimizer=optax.sgd(1.0)) for player in plain.game[:2]]
    plain = jaxgan.two_player(*players, sample=plain.sample)
    gan = rule(plain)
    state = gan.init(jax.random.key(0), batch)
    w, _, v, jacobian = numbers(plain, state, batch)
    moved, _ = gan.train_step(state, batch)
    got = w - np.concatenate([moved.g.params, moved.d.params])
    np.testing.assert_allclose(got, expected(v, jacobian), rtol=1e-5, atol=1e-6)
