"""`--rule` and its neighbors: the run's step is the one of the library."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Batch, optimizers, rules
from jaxgan.runs import game
from jaxgan.runs.build import build
from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.members import members
from jaxgan.runs.networks import Facts
from jaxgan.runs.objective import keywords
from jaxgan.runs.settings import RULES

POINTS = Facts((2,), ())
TINY = {"dataset": "ring", "model": "mlp", "width": 8, "latent_dim": 2, "parallel": "jit"}
PLAIN = {"optimizer": "sgd", "g_lr": 0.1, "d_lr": 0.1}
OF_THE_LIBRARY = {
    "simultaneous": rules.simultaneous,
    "extragradient": rules.extragradient,
    "consensus": lambda gan: rules.consensus(gan, 2.0),
    "symplectic": lambda gan: rules.symplectic(gan, 0.5),
    "competitive": lambda gan: rules.competitive(gan, 0.1),
    "unrolled": lambda gan: rules.unrolled(gan, 2, 0.3),
}
SETTINGS = {
    "consensus": {"consensus_weight": 2.0},
    "symplectic": {"symplectic_weight": 0.5},
    "unrolled": {"unrolled_steps": 2, "unrolled_lr": 0.3},
}


def moved(gan):
    batch = Batch(jnp.asarray(np.random.default_rng(0).normal(size=(8, 2)), jnp.float32))
    state, _ = jax.jit(gan.train_step)(gan.init(jax.random.key(0), batch), batch)
    return state.g.params, state.d.params, state.ema


def test_there_is_a_flag_for_every_rule_of_the_library():
    assert (
        set(RULES)
        == {"alternating", *rules.__all__} - {"bilinear"}
        == {"alternating", *OF_THE_LIBRARY}
    )


@pytest.mark.parametrize("rule", OF_THE_LIBRARY)
def test_a_run_moves_by_the_rule_that_its_flags_name(rule):
    config = make(**TINY, **PLAIN, rule=rule, **SETTINGS.get(rule, {}))
    check_settings(config)
    plain = build(config.replace(rule="alternating"), POINTS).gan
    got, expected = moved(build(config, POINTS).gan), moved(OF_THE_LIBRARY[rule](plain))
    jax.tree.map(np.testing.assert_array_equal, got, expected)
    assert not np.array_equal(jax.tree.leaves(got)[0], jax.tree.leaves(moved(plain))[0])


@pytest.mark.parametrize(
    ("settings", "optimizer"),
    [
        ({"optimistic": True}, optimizers.optimistic(optax.adam(0.1, b1=0.5))),
        ({"lookahead": 2}, optimizers.lookahead(optax.adam(0.1, b1=0.5), 4)),
        ({"optimizer": "sgd", "momentum": -0.5}, optax.sgd(0.1, momentum=-0.5)),
        ({"optimizer": "rmsprop", "momentum": 0.5}, optax.rmsprop(0.1, momentum=0.5)),
    ],
)
def test_an_optimizer_is_the_one_that_its_flags_name(settings, optimizer):
    config = make(**{"d_lr": 0.1, "d_steps": 2} | settings)
    got = keywords(config.objective, config.optimization, config.game)["d_optimizer"]
    params = [jnp.ones(3), jnp.ones(3)]
    states = [one.init(params[0]) for one in (got, optimizer)]
    for i in range(5):
        gradient = jnp.array([1.0, -2.0, 0.5 * i])
        for j, one in enumerate((got, optimizer)):
            updates, states[j] = one.update(gradient, states[j], params[j])
            params[j] = optax.apply_updates(params[j], updates)
        np.testing.assert_array_equal(*params)


def test_weights_of_a_rule_are_swept_in_one_program():
    config = make(**TINY, rule="consensus", sweep="consensus_weight=0.5,5")
    check_settings(config)
    each = [build(member, POINTS).gan for member in members(config)]
    plain = build(config.replace(rule="alternating", sweep=""), POINTS).gan
    together = jaxgan.population(lambda weight: rules.consensus(plain, weight), jnp.array([0.5, 5]))
    batch = Batch(jnp.ones((8, 2)))
    keys = jax.random.split(jax.random.key(0), 2)
    state, _ = jax.jit(together.train_step)(together.init(keys, batch), batch)
    for i, gan in enumerate(each):
        alone, _ = jax.jit(gan.train_step)(gan.init(keys[i], batch), batch)
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b[i], rtol=1e-4, atol=1e-6),  # noqa: B023
            alone.g.params,
            state.g.params,
        )


MISTAKES = {
    "--rule=consensus: both players move together": {"rule": "consensus", "d_steps": 2},
    "--rule=unrolled: it needs whole gradients": {
        "rule": "unrolled",
        "parallel": "shard_optimizer",
    },
    "--optimizer=adam: --rule=competitive solves for plain steps": {"rule": "competitive"},
    "--g_lr=0.2: .* choose --g_lr=0.1$": PLAIN | {"rule": "competitive", "g_lr": 0.2},
    "--warmup_steps=3: ": PLAIN | {"rule": "competitive", "warmup_steps": 3},
    "leave out --momentum and --optimistic": PLAIN | {"rule": "competitive", "momentum": -0.5},
}


@pytest.mark.parametrize("message", MISTAKES)
def test_a_rule_that_cannot_be_followed_is_refused(message):
    with pytest.raises(ConfigError, match=message) as caught:
        check_settings(make(**TINY | MISTAKES[message]))
    assert "\n" not in str(caught.value)


def test_players_that_take_turns_are_left_as_they_are():
    config = make(**TINY)
    gan = build(config, POINTS).gan
    assert game.by_rule(gan, config) is gan
