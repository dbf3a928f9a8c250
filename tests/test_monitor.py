import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, core, latents, losses, monitor, nets, population, recipes
from jaxgan.models import dcgan
from jaxgan.monitor import Monitor

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3, 2)).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


# The signals


def test_a_judgment_counts_what_it_says():
    real, fake = jnp.float32([11, 1, 2, -2]), jnp.float32([-11, -12, 1, 2])
    judged = monitor.judgment(losses.non_saturating(), real, fake)
    assert judged == {
        "accuracy_real": 3 / 4,
        "accuracy_fake": 2 / 4,
        "logit_gap": 3 - (-5),
        "saturated": 3 / 8,
    }
    assert jax.nn.sigmoid(10.0) * jax.nn.sigmoid(-10.0) < 5e-5


def test_diversity_is_the_distance_of_all_pairs_on_average():
    def all_pairs(x):
        return np.mean([np.linalg.norm(a - b) for a, b in itertools.combinations(x, 2)])

    fake = RNG.normal(size=X.shape).astype(np.float32)
    orders = np.stack([RNG.permutation(6) for _ in range(4000)])
    apart = jnp.stack([jnp.zeros((3, 2)), jnp.ones((3, 2))])  # by sqrt(6)
    ratios = jax.vmap(monitor.diversity, in_axes=(None, 0))(apart, fake[orders])
    assert np.mean(ratios) == pytest.approx(all_pairs(fake) / np.sqrt(6), rel=0.01)


@pytest.mark.parametrize("share", [0.0, 0.12, 1.0, 3.0])
def test_samples_that_vary_less_than_the_data_have_less_diversity(share):
    assert monitor.diversity(X, share * X + 5) == pytest.approx(share, abs=1e-5)


def test_the_diversity_of_constant_data_is_a_number_and_nothing_is_learned_from_it():
    assert np.isfinite(monitor.diversity(jnp.ones((4, 2)), X[:4, 0]))
    assert (jax.grad(lambda fake: monitor.diversity(X, fake))(X) == 0).all()


def sgd(**settings):
    rate = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
    return recipes.gan(mlp(2), mlp(), latent=latents.normal(2), **{**rate, **settings})


def test_norms_are_those_of_gradient_update_and_parameters():
    """In every step. That devices change nothing is in test_transforms."""
    gan = sgd()
    x = RNG.normal(size=(8, 2)).astype(np.float32)
    old = gan.init(KEY, Batch(x))
    new, metrics = jax.jit(gan.train_step)(old, Batch(x))
    for player in "g", "d":
        was, became = (
            jax.flatten_util.ravel_pytree(getattr(state, player).params)[0] for state in (old, new)
        )
        update = np.linalg.norm(became - was)
        np.testing.assert_allclose(metrics[f"{player}_grad_norm"], update / 0.1, rtol=1e-3)
        ratio = update / np.linalg.norm(was)
        np.testing.assert_allclose(metrics[f"{player}_update_ratio"], ratio, rtol=1e-3)


def of_norms(metrics):
    return {name: np.asarray(metrics[name]) for name in core.NORMS}


@pytest.mark.parametrize("norms", [False, jnp.asarray(False)])
def test_norms_that_are_not_wanted_are_not_a_number(norms):
    gan = sgd(d_steps=2)
    state = gan.init(KEY, Batch(X[:, 0]))
    _, metrics = jax.jit(lambda state: gan.train_step(state, Batch(X[:, 0]), norms=norms))(state)
    assert all(np.isnan(value) for value in of_norms(metrics).values())
    assert np.isfinite(metrics["d_loss"])


@pytest.mark.parametrize("d_steps", [1, 2])
@pytest.mark.parametrize("count", [None, 3])
def test_every_step_of_a_scan_has_the_norms_of_the_last(d_steps, count):
    gan = sgd(d_steps=d_steps)
    x = RNG.normal(size=(5, 8, 2)).astype(np.float32)
    start = gan.init(KEY, Batch(x[0]))
    _, each = jax.jit(lambda state: jax.lax.scan(gan.train_step, state, Batch(x)))(start)
    if count is None:
        steps, batches = jaxgan.scan(gan).train_step, Batch(x)
    else:
        steps = jaxgan.scan(gan, lambda _, x: Batch(x)).train_step
        batches = (None, x, jnp.int32(count))
    _, metrics = jax.jit(steps)(start, batches)
    made = count or len(x)
    for name, values in of_norms(metrics).items():
        np.testing.assert_allclose(values[:made], each[name][made - 1], rtol=1e-5)
        assert not values[made:].any()
    np.testing.assert_allclose(metrics["d_loss"][:made], each["d_loss"][:made], rtol=1e-5)


def test_a_scan_of_scans_has_norms_in_every_entry():
    gan = jaxgan.scan(jaxgan.scan(sgd()))
    x = RNG.normal(size=(2, 3, 4, 2)).astype(np.float32)
    _, metrics = jax.jit(gan.train_step)(gan.init(KEY, Batch(x[0, 0])), Batch(x))
    for values in of_norms(metrics).values():
        assert values.shape == (2, 3)
        assert np.isfinite(values).all()
        assert np.ptp(values) == 0


@pytest.mark.parametrize("d_steps", [1, 3])
def test_a_scan_reads_the_parameters_once_for_all_its_steps(d_steps, monkeypatch):
    calls, norm = [], core._norm

    def counted(tree):
        jax.debug.callback(lambda: calls.append(1))
        return norm(tree)

    monkeypatch.setattr(core, "_norm", counted)
    gan = sgd(d_steps=d_steps)
    x = RNG.normal(size=(5, 6, 2)).astype(np.float32)
    state = gan.init(KEY, Batch(x[0]))
    state, _ = jax.jit(jaxgan.scan(gan).train_step)(state, Batch(x))
    jax.effects_barrier()
    assert len(calls) == 3 * (d_steps + 1)  # gradient, update and parameters, of each update


def test_a_batch_of_one_example_has_no_diversity():
    gan = sgd()
    _, metrics = jax.eval_shape(gan.train_step, gan.init(KEY, Batch(X[:1, 0])), Batch(X[:1, 0]))
    assert "g_diversity" not in metrics


def test_parameters_that_are_zero_and_do_not_move_give_numbers():
    zero = Batch(np.zeros((4, 2), np.float32))
    gan = sgd(g_optimizer=optax.sgd(0.0), d_optimizer=optax.sgd(0.0))
    state = jax.tree.map(
        lambda leaf: leaf * 0 if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf,
        gan.init(KEY, zero),
    )
    _, metrics = jax.jit(gan.train_step)(state, zero)
    assert all(np.isfinite(value) for value in metrics.values())


def flops_of_a_dcgan():
    gan = recipes.gan(
        *(nets.from_linen(net()) for net in (dcgan.Generator, dcgan.Discriminator)),
        latent=latents.normal(100),
        g_optimizer=optax.adam(5e-4, b1=0.5),
        d_optimizer=optax.adam(1e-3, b1=0.5),
        ema_decay=0.998,
    )
    batch = Batch(np.zeros((64, 28, 28, 1), np.float32))
    state = jax.eval_shape(gan.init, KEY, batch)
    # Before XLA looks at it. Of a branch the dearer side counts, so the norms do in every step.
    return jax.jit(gan.train_step).lower(state, batch).cost_analysis()["flops"]


def test_signals_are_less_than_a_hundredth_of_the_arithmetic_of_a_dcgan(monkeypatch):
    measured = flops_of_a_dcgan()
    monkeypatch.setattr(core, "_measure", lambda *_: {})
    monkeypatch.setattr(monitor, "diversity", lambda *_: 0.0)
    monkeypatch.setattr(monitor, "judgment", lambda *_: {})
    bare = flops_of_a_dcgan()
    assert bare < measured < 1.01 * bare


# The words, of lines that are made up

FINE = {
    "d_accuracy_real": 0.8,
    "d_accuracy_fake": 0.8,
    "d_logit_gap": 2.0,
    "d_saturated": 0.0,
    "g_diversity": 0.95,
    "g_update_ratio": 1e-3,
    "d_update_ratio": 1e-3,
}
BAD = {
    "discriminator_wins": {"d_accuracy_real": 0.995, "d_accuracy_fake": 0.992},
    "generator_wins": {"d_accuracy_fake": 0.05},
    "collapse": {"g_diversity": 0.12},
    "saturated": {"d_saturated": 0.78},
    "generator_stalled": {"g_update_ratio": 0.0},
    "discriminator_stalled": {"d_update_ratio": 1e-6},
}
FAIR = {"d_accuracy_real": 0.52, "d_accuracy_fake": 0.55, "g_diversity": 0.97}
WAVES = [{"d_accuracy_real": real, "d_logit_gap": real} for real in (0.2, 0.9)]


def told(lines, every=100, **settings):
    """The words about changed lines, with every so many steps between them."""
    listener = Monitor(**settings)
    return [
        word
        for i, changes in enumerate(lines, 1)
        for word in listener.listen(i * every, {**FINE, **changes})
    ]


@pytest.mark.parametrize("state", BAD)
def test_a_state_is_told_when_it_has_lasted(state):
    assert told([BAD[state]] * 5) == []
    (word,) = told([BAD[state]] * 6)
    assert (word.step, word.state, word.level) == (600, state, "warning")
    assert word.text.startswith(state.replace("_", " ") + ": ")
    assert "for 500 steps; try " in word.text
    assert "--" not in word.text  # the terms of the library, not the flags of a command
    assert "\n" not in word.text


def test_a_word_has_its_figures():
    (word,) = told([BAD["collapse"]] * 6)
    assert "12% of the data's" in word.text


@pytest.mark.parametrize("state", BAD)
def test_a_state_that_goes_on_is_told_ever_more_rarely_and_its_end_once(state):
    words = told([BAD[state]] * 100 + [{}] * 100)
    assert [word.step for word in words[:3]] == [600, 2100, 8100]  # begun at 100
    assert "for 2,000 steps" in words[1].text
    assert {word.state for word in words} == {state}
    assert [word.level for word in words[3:]] == ["good"]
    assert "over after " in words[3].text


@pytest.mark.parametrize("pair", [*itertools.combinations(BAD, 2)], ids="+".join)
def test_two_states_that_hold_together_do_not_ask_for_opposite_things(pair):
    words = told([BAD[pair[0]] | BAD[pair[1]]] * 6)
    assert {word.state for word in words} >= {*pair} - {"discriminator_wins", "generator_wins"}
    advice = [word.text.partition("; try ")[2] for word in words]
    assert all(advice)
    for player in "GD":
        asked = {
            size
            for size, text in itertools.product(("smaller", "larger"), advice)
            if f"a {size} learning rate for {player}" in text
        }
        assert len(asked) < 2, advice


def test_diversity_that_is_small_but_grows_is_no_collapse():
    assert told([{"g_diversity": 0.1 * 1.1**i} for i in range(25)]) == []


def test_a_few_bad_lines_are_not_worth_a_word():
    for state in BAD.values():
        assert told(([{}] * 9 + [state]) * 10) == []


def test_a_state_that_falters_is_one_state():
    assert len(told(([BAD["collapse"]] * 9 + [{}]) * 2)) == 1


def test_swings_are_told_and_a_trend_is_not():
    assert [word.state for word in told(WAVES * 10)] == ["oscillating"]
    trend = [{"d_accuracy_real": 0.95 - 0.8 * i / 20, "d_logit_gap": i} for i in range(20)]
    assert told(trend) == []
    # Where D is undecided about everything, its accuracies flip with next to nothing.
    assert told([{**wave, "d_logit_gap": 0.0} for wave in WAVES] * 10) == []


def test_an_equilibrium_is_good_news_and_its_end_is_none():
    (word,) = told([FAIR] * 20 + [{}] * 40)
    assert (word.step, word.state, word.level) == (1100, "near_equilibrium", "good")
    assert told([FAIR, FAIR, FAIR, {}] * 10) == []


def test_of_a_critic_only_what_means_something_is_told():
    nothing = [BAD["discriminator_wins"], BAD["generator_wins"], BAD["saturated"], FAIR]
    for changes in nothing:
        assert told([changes] * 30, critic=True) == []
    assert told(WAVES * 10, critic=True) == []
    assert told([BAD["saturated"]] * 30, sigmoid=False) == []
    for state in "collapse", "generator_stalled", "discriminator_stalled":
        assert told([BAD[state]] * 6, critic=True, sigmoid=False)[0].state == state


def test_signals_that_are_not_there_say_nothing():
    listener = Monitor()
    assert [listener.listen(100 * i, {"d_loss": 0.0}) for i in range(30)] == [[]] * 30


@pytest.mark.parametrize("every", [5, 20, 250, 1000])
def test_words_are_about_steps_however_often_lines_come(every):
    changes = itertools.repeat(BAD["collapse"], 6000 // every)
    words = told(changes, every=every)
    spans = -(-500 // every) * every  # whole lines
    assert words[0].step == every + max(spans, 2 * every)
    assert len(words) <= 3


# The words, of GANs that are really trained

STEPS, LINE, SEEDS = 1000, 50, 3
# Learning rates of G and D, how far the data are from where G starts, Adam's decay.
RUNS = {
    "healthy": (1e-3, 1e-3, 0.0, 0.5),
    "healthy, faster": (2e-3, 2e-3, 0.0, 0.5),
    "G frozen": (0.0, 5e-2, 3.0, 0.5),
    "D frozen": (2e-2, 0.0, 0.0, 0.5),
    "too fast": (5e-3, 1e-3, 0.0, 0.9),
    "much too fast": (1e-2, 1e-3, 0.0, 0.9),
}


@pytest.fixture(scope="module")
def heard():
    """The states that were told of each run, one set for each seed."""
    g_lr, d_lr, offset, decay = (
        np.repeat(np.float32(column), SEEDS) for column in zip(*RUNS.values(), strict=True)
    )
    settings = {"g_lr": g_lr, "d_lr": d_lr, "offset": offset, "b1": decay}
    rng = np.random.default_rng(0)
    angle = rng.integers(0, 8, (STEPS, 32)) * np.pi / 4
    ring = 0.8 * np.stack([np.cos(angle), np.sin(angle)], -1)
    x = (ring + 0.02 * rng.normal(size=ring.shape)).astype(np.float32)

    def make(s):
        gan = recipes.gan(
            mlp(2, width=32),
            mlp(width=32),
            latent=latents.normal(4),
            g_optimizer=optax.adam(s["g_lr"], b1=s["b1"]),
            d_optimizer=optax.adam(s["d_lr"], b1=s["b1"]),
        )

        def train_step(state, batch, **settings):
            return gan.train_step(state, Batch(batch.x + s["offset"]), **settings)

        return jaxgan.scan(gan._replace(train_step=train_step))

    gan = population(make, settings)
    with compilation(optimized=True):
        state = gan.init(jax.random.split(KEY, len(g_lr)), Batch(x[0]))
        _, metrics = jaxgan.jit(gan).train_step(state, Batch(x))
    lines = {
        name: np.asarray(values).reshape(len(RUNS), SEEDS, -1, LINE).mean(-1)
        for name, values in metrics.items()
    }

    def states(run, seed):
        listener = Monitor()
        words = [
            word
            for i in range(STEPS // LINE)
            for word in listener.listen(
                (i + 1) * LINE, {name: float(v[run, seed, i]) for name, v in lines.items()}
            )
        ]
        return {word.state for word in words}

    return {name: [states(i, seed) for seed in range(SEEDS)] for i, name in enumerate(RUNS)}


@pytest.mark.parametrize("name", ["healthy", "healthy, faster"])
def test_healthy_runs_hear_no_warning(heard, name):
    for states in heard[name]:
        assert states <= {"near_equilibrium"}


def test_a_generator_that_does_not_learn_is_beaten_and_told_so(heard):
    for states in heard["G frozen"]:
        assert states == {"generator_stalled", "discriminator_wins", "saturated"}


def test_a_discriminator_that_does_not_learn_is_fooled_and_the_samples_collapse(heard):
    for states in heard["D frozen"]:
        assert states == {"discriminator_stalled", "generator_wins", "collapse"}


def test_learning_rates_that_are_too_large_oscillate(heard):
    both = heard["too fast"] + heard["much too fast"]
    assert sum("oscillating" in states for states in both) >= len(both) / 2
