"""The optimizers that the settings ask for."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.flags import load
from jaxgan.runs.objective import keywords


def rates(player, updates, **settings):
    """How far each of these updates of SGD goes along a gradient of 1."""
    config = make(optimizer="sgd", g_lr=1.0, d_lr=1.0, parallel="jit", **settings)
    check_settings(config)
    optimizer = keywords(config.objective, config.optimization, config.game)[f"{player}_optimizer"]
    state, found = optimizer.init(jnp.zeros(())), []
    for _ in range(updates):
        update, state = optimizer.update(jnp.ones(()), state)
        found.append(-float(update))
    return found


def test_nothing_changes_by_default():
    assert rates("g", 5) == [1.0] * 5


def test_half_of_the_time_constant_then_linearly_to_0_as_pix2pix_and_cyclegan_train():
    settings = {"lr_schedule": "linear", "lr_decay_start": 4, "steps": 8}
    np.testing.assert_allclose(rates("g", 10, **settings), [*[1] * 5, 0.75, 0.5, 0.25, 0, 0])


def test_d_follows_the_same_steps_with_more_updates_in_each():
    settings = {"lr_schedule": "linear", "lr_decay_start": 2, "steps": 4, "d_steps": 2}
    expected = [*[1] * 5, 0.75, 0.5, 0.25, 0, 0]
    np.testing.assert_allclose(rates("d", 10, **settings), expected)


def test_a_cosine_after_a_warm_up():
    settings = {"lr_schedule": "cosine", "warmup_steps": 4, "steps": 8}
    cosine = (1 + np.cos(np.pi * np.arange(8) / 8)) / 2
    expected = np.minimum(np.arange(1, 9) / 4, 1) * cosine
    np.testing.assert_allclose(rates("g", 8, **settings), expected, atol=1e-6)


def test_gradients_are_clipped_to_a_length():
    config = make(optimizer="sgd", g_lr=1.0, clip_norm=1.0)
    optimizer = keywords(config.objective, config.optimization, config.game)["g_optimizer"]
    params = {"a": jnp.array([0.0]), "b": jnp.array([0.0])}
    for gradient, update in ([3.0, 4.0], [-0.6, -0.8]), ([0.3, 0.4], [-0.3, -0.4]):
        grads = dict(zip("ab", map(jnp.array, [[one] for one in gradient]), strict=True))
        found, _ = optimizer.update(grads, optimizer.init(params), params)
        np.testing.assert_allclose([found["a"][0], found["b"][0]], update, rtol=1e-6)


def test_the_end_of_a_schedule_is_part_of_the_run(tmp_path):
    begun = make(lr_schedule="linear", steps=8, workdir=str(tmp_path))
    assert begun.optimization.lr_decay_end == 8
    (tmp_path / "flags.txt").write_text(begun.to_flags())
    longer = make(lr_schedule="linear", steps=16, workdir=str(tmp_path))
    assert "lr_decay_end" in str(load(tmp_path).difference(longer))
    assert not load(tmp_path).difference(longer.replace(lr_decay_end=8))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"lr_decay_start": 9, "steps": 8}, "--lr_decay_start=9: expected a step before"),
        ({"lr_end": 0.5, "burn_in": 9.0}, "--lr_schedule=linear: it does not go with --lr_end"),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        check_settings(make(lr_schedule="linear", parallel="jit", **settings))


def test_rates_that_are_swept_follow_the_schedule():
    """In a population they are traced numbers."""

    def second(rate):
        config = make(optimizer="sgd", lr_schedule="linear", steps=4, warmup_steps=4)
        traced = dataclasses.replace(config.optimization, g_lr=rate)
        optimizer = keywords(config.objective, traced, config.game)["g_optimizer"]
        _, state = optimizer.update(jnp.ones(()), optimizer.init(jnp.zeros(())))
        return -optimizer.update(jnp.ones(()), state)[0]

    np.testing.assert_allclose(
        jax.vmap(second)(jnp.array([1.0, 2.0])), np.array([1, 2]) * 0.5 * 0.75
    )
