"""`jaxgan.fit`: what it trains, what is called when, and how it goes on."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp
from runs.ring import RING

import jaxgan
from jaxgan import Batch, latents, recipes
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.data import Dataset, load
from jaxgan.runs import build, config, data
from jaxgan.runs.training import loop

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
PICTURES = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1), np.uint8)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def make(shape=(2,), rate=0.01, **settings):
    return recipes.gan(
        mlp(*shape),
        mlp(),
        latent=latents.normal(2),
        g_optimizer=optax.adam(rate),
        d_optimizer=optax.adam(rate),
        **settings,
    )


SMALL = {"batch_size": 8, "steps_per_call": 4}


def test_it_makes_the_steps_and_the_gan_draws_from_the_state():
    gan = make(ema_decay=0.9)
    state = jaxgan.fit(gan, X, 10, **SMALL)
    assert int(state.g.step) == int(state.d.step) == 10
    assert gan.sample(state, KEY, 3).shape == (3, 2)


def test_callbacks_are_called_at_their_steps_with_means_since_their_last_call():
    made = []
    callbacks = [
        (3, lambda moment: made.append(("three", moment.step, moment.metrics))),
        (5, lambda moment: made.append(("five", moment.step, moment.metrics))),
        (1, lambda moment: made.append(("each", moment.step, moment.metrics))),
    ]
    jaxgan.fit(make(), X, 10, callbacks=callbacks, **SMALL)
    steps = {name: [one for given, one, _ in made if given == name] for name, *_ in made}
    assert steps == {"three": [3, 6, 9], "five": [5, 10], "each": list(range(1, 11))}
    each = [metrics["d_loss"] for name, _, metrics in made if name == "each"]
    means = {(name, step): metrics["d_loss"] for name, step, metrics in made}
    assert means["three", 6] == pytest.approx(np.mean(each[3:6]), rel=1e-5)
    assert means["five", 10] == pytest.approx(np.mean(each[5:10]), rel=1e-5)


def test_what_is_due_between_does_not_change_the_state():
    plain = jaxgan.fit(make(), X, 10, **SMALL)
    looked_at = jaxgan.fit(make(), X, 10, callbacks=[(3, lambda moment: None)], **SMALL)
    assert digest(plain) == digest(looked_at)


def test_a_moment_has_samples():
    drawn = []

    def draw(moment):
        drawn.append(np.asarray(moment.gan.sample(moment.state, KEY, n=3)))

    jaxgan.fit(make(), X, 4, callbacks=[(2, draw)], **SMALL)
    assert [samples.shape for samples in drawn] == [(3, 2)] * 2
    assert np.abs(drawn[0] - drawn[1]).max() > 0


def test_it_goes_on_from_a_checkpoint_bit_for_bit(tmp_path):
    whole = jaxgan.fit(make(ema_decay=0.9), X, 9, **SMALL)
    where = {"directory": tmp_path, "checkpoint_every": 2}
    jaxgan.fit(make(ema_decay=0.9), X, 5, **where, **SMALL)
    assert Checkpoints(tmp_path).steps() == [4, 5]
    parts = jaxgan.fit(make(ema_decay=0.9), X, 9, **where, **SMALL)
    assert digest(parts) == digest(whole)


def test_it_goes_on_from_a_state_bit_for_bit():
    whole = jaxgan.fit(make(), X, 9, **SMALL)
    first = jaxgan.fit(make(), X, 5, **SMALL)
    assert digest(jaxgan.fit(make(), X, 9, state=first, **SMALL)) == digest(whole)


def test_nothing_is_done_a_second_time(tmp_path):
    done = jaxgan.fit(make(), X, 4, directory=tmp_path, **SMALL)
    again = jaxgan.fit(
        make(),
        X,
        4,
        directory=tmp_path,
        callbacks=[(1, lambda moment: pytest.fail("called"))],
        **SMALL,
    )
    assert digest(done) == digest(again)


def test_checkpoints_of_other_settings_are_refused(tmp_path):
    jaxgan.fit(make(), X, 2, directory=tmp_path, **SMALL)
    with pytest.raises(ValueError, match="seed is 1; the checkpoints in this directory are of"):
        jaxgan.fit(make(), X, 4, directory=tmp_path, seed=1, **SMALL)


def test_a_callback_ends_training_and_the_state_is_saved(tmp_path):
    state = jaxgan.fit(
        make(), X, 10, callbacks=[(3, lambda moment: moment.step >= 6)], directory=tmp_path, **SMALL
    )
    assert int(state.g.step) == 6
    assert Checkpoints(tmp_path).steps() == [6]


def test_updates_that_are_all_skipped_are_an_error():
    with pytest.raises(FloatingPointError, match="updates of D up to here were skipped"):
        jaxgan.fit(make(), np.full((50, 2), np.nan, np.float32), 4, **SMALL)


def test_data_that_stay_on_the_host_give_the_same_steps():
    gan = make(shape=(4, 4, 1))
    settings = {"flip": True, **SMALL}
    here = jaxgan.fit(gan, PICTURES, 5, **settings)
    streamed = jaxgan.fit(gan, PICTURES, 5, device_data_gb=0.0, **settings)
    assert digest(here) == digest(streamed)


def test_labels_and_data_sets_are_taken_as_they_are():
    y = np.arange(20, dtype=np.int32) % 3
    gan = make(shape=(4, 4, 1), conditional=True)
    one = jaxgan.fit(gan, Batch(PICTURES, y), 3, **SMALL)
    other = jaxgan.fit(gan, Dataset(PICTURES, y, "mine", ("a", "b", "c")), 3, **SMALL)
    assert digest(one) == digest(other)


def test_it_trains_as_the_command_does(tmp_path):
    """The same order of the data, initial state and noise, so the same state."""
    settings = config.make(**RING, workdir=str(tmp_path / "run"), steps=7)
    state = loop.run(settings).state
    dataset = load("ring")
    gan = build.build(settings, data.facts(dataset)).gan
    fitted = jaxgan.fit(gan, dataset, 7, steps_per_call=3)
    for a, b in zip(jax.tree.leaves(state.g.params), jax.tree.leaves(fitted.g.params), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    assert jnp.array_equal(state.key, fitted.key)
