"""Rules of the game with every recipe: they differentiate losses that are not made for it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation
from test_protocol import KEY, TABLE, kinds
from test_rules import RULES

import jaxgan
from jaxgan import rules

# Losses that hold still what they depend on (vectors of the power iteration, LeCam's anchors, the
# mean path length) have other second derivatives than their values have.
HELD_STILL = {"spectral_norm", "ada_lecam", "stylegan2"}


def rows(names, fast):
    return [pytest.param(name, marks=[pytest.mark.slow] * (name not in fast)) for name in names]


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def plain(name, **settings):
    """A recipe of the table whose players take turns one by one."""
    make, batches = TABLE[name][:2]
    if make.keywords.get("d_steps"):
        settings["d_steps"] = 1
    return make(**settings), batches


def wide(tree):
    def widen(leaf):
        return leaf.astype(jnp.float64) if leaf.dtype == jnp.float32 else leaf

    return jax.tree.map(widen, tree)


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


@pytest.mark.parametrize("name", rows(sorted(TABLE.keys() - HELD_STILL - {"r3gan"}), {"wgan_gp"}))
def test_second_derivatives_are_those_of_finite_differences(name):
    """Consensus steps give J^T v, and symplectic ones J v, of simultaneous ones, which give v."""
    with jax.enable_x64(True):
        sgd = optax.sgd(1.0)
        gan, batches = plain(name, g_optimizer=sgd, d_optimizer=sgd)
        batch = wide(jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), batches))
        state = gan.init(KEY, batch)
        state = wide(state._replace(key=()))._replace(key=state.key)
        start = state.g.params, state.d.params

        def moves(rule):
            advance = rule(gan).train_step

            def move(g, d):
                there = state._replace(g=state.g._replace(params=g), d=state.d._replace(params=d))
                new, _ = advance(there, batch)
                return jax.tree.map(jnp.subtract, (g, d), (new.g.params, new.d.params))

            return jax.jit(move)

        move = moves(rules.simultaneous)
        v = flat(move(*start))
        up = flat(moves(lambda gan: rules.consensus(gan, 1.0))(*start)) - v
        turned = flat(moves(lambda gan: rules.symplectic(gan, aligned=False))(*start)) - v

        def along(direction, h=1e-5):
            ends = []
            for sign in (1, -1):
                there = jax.tree.map(lambda a, b: a + sign * h * b, start, direction)  # noqa: B023
                ends.append(flat(move(*there)))
            return (ends[0] - ends[1]) / (2 * h)

        rng = np.random.default_rng(0)
        some = jax.tree.map(lambda leaf: rng.normal(size=leaf.shape), start)
        np.testing.assert_allclose(up @ flat(some), v @ along(some), rtol=1e-5)
        expected = along(move(*start))
        atol = 1e-3 * np.abs(expected).max()
        np.testing.assert_allclose(up - 2 * turned, expected, rtol=1e-3, atol=atol)


@pytest.mark.parametrize("name", rows(TABLE, {"wgan_gp"}))
@pytest.mark.parametrize("way", [jaxgan.pmap, jaxgan.shard_map])
def test_every_rule_can_be_traced_with_the_recipe_on_devices(name, way):
    gan, batches = plain(name)
    batch = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), batches)
    start = jax.eval_shape(gan.init, KEY, batch)
    for rule in RULES.values():
        moved, metrics = jax.eval_shape(way(rule(gan), donate=False).train_step, start, batch)
        assert kinds(moved) == kinds(start)
        assert metrics["d_loss"].shape == metrics["g_loss"].shape == ()
