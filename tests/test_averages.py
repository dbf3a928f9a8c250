"""Running averages of other widths, made after the run."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import strategies as st
from networks import mlp

from jaxgan import Batch, averages, latents, recipes, schedules
from jaxgan.averages import Snapshot
from jaxgan.schedules import power_of

WIDTHS = (0.05, 0.1)
RNG = np.random.default_rng(0)


def profile(t, end, sigma):
    """The density of the weights of the steps, where a power function average ends."""
    power = power_of(sigma)
    return np.where(t <= end, (power + 1) * t**power / end ** (power + 1), 0.0)


@hypothesis.settings(deadline=None, max_examples=50)
@hypothesis.given(*[st.integers(1, 9), st.floats(0.02, 0.25)] * 2)
def test_the_error_is_the_distance_of_two_profiles(end, sigma, other_end, other_sigma):
    newest = max(end, other_end)
    stored = [Snapshot(end, sigma), Snapshot(newest, sigma)][: 1 + (end < newest)]
    found = averages.combination(stored, sigma=other_sigma)
    # The midpoints of a grid that is fine near 0, where the profile of a wide average is steep.
    edges = newest * np.linspace(0, 1, 200_001) ** 2
    t, width = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    wanted = profile(t, newest, other_sigma)
    parts = zip(found.coefficients, stored, strict=True)
    left = sum(c * profile(t, one.step, one.sigma) for c, one in parts) - wanted
    expected = np.sqrt((left**2 @ width) / (wanted**2 @ width))
    np.testing.assert_allclose(found.error, expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(found.coefficients.sum(), 1, rtol=1e-9)


def test_no_other_combination_is_nearer():
    stored = [Snapshot(step, sigma) for step in (30, 60, 100) for sigma in WIDTHS]
    found = averages.combination(stored, sigma=0.15)
    t = (np.arange(100_000) + 0.5) / 1000
    profiles = np.stack([profile(t, one.step, one.sigma) for one in stored])

    def distance(coefficients):
        return np.linalg.norm(coefficients @ profiles - profile(t, 100, 0.15))

    nearest = distance(found.coefficients)
    for _ in range(20):
        change = RNG.normal(size=len(stored)) * 1e-2
        assert distance(found.coefficients + change - change.mean()) > nearest


def path(steps, size=3):
    """Weights of a network on their way, float64 `[steps, size]`."""
    return 5 + np.cumsum(RNG.normal(size=(steps, size)), axis=0)


def averaged(weights, sigma, at):
    """What the update of a running average gives after each of these steps, in float64."""
    power, average, found = power_of(sigma), np.zeros_like(weights[0]), {}
    for step, now in enumerate(weights, 1):
        decay = (1 - 1 / step) ** (power + 1)
        average = decay * average + (1 - decay) * now
        found[step] = average
    return [Snapshot(step, sigma, {"w": found[step], "count": step}) for step in at]


@pytest.mark.parametrize("sigma", [0.03, 0.05, 0.07, 0.1, 0.15, 0.2])
@pytest.mark.parametrize("count", [1, 8])
def test_the_average_is_within_what_the_error_allows(sigma, count):
    steps = 400
    weights = path(steps)
    at = [steps * (i + 1) // count for i in range(count)]
    stored = [one for width in WIDTHS for one in averaged(weights, width, at)]
    found = averages.reconstruct(stored, sigma=sigma)
    (direct,) = averaged(weights, sigma, [steps])
    error = averages.combination(stored, sigma=sigma).error
    difference = np.abs(found["w"] - direct.variables["w"])
    # Cauchy and Schwarz; a constant may be taken off, as the coefficients add up to 1.
    power = power_of(sigma)
    length = (power + 1) / np.sqrt(2 * power + 1)
    bound = error * length * np.std(weights, axis=0)
    assert (difference <= bound + 1e-6).all()
    assert found["w"].dtype == np.float64
    assert found["count"] == steps
    if sigma in WIDTHS:
        np.testing.assert_allclose(found["w"], direct.variables["w"], rtol=1e-6)
    elif count == 8 and sigma == 0.07:
        assert (difference < 0.02 * np.std(weights, axis=0)).all()


def test_what_does_not_change_stays_as_it_is():
    constant = {"w": np.float32([1.0, -3.0])}
    stored = [Snapshot(step, 0.1, constant) for step in (10, 20, 30)]
    for sigma in (0.02, 0.1, 0.3):
        found = averages.reconstruct(stored, sigma=sigma)["w"]
        np.testing.assert_allclose(found, constant["w"], rtol=1e-6)
        assert found.dtype == np.float32


def test_a_gan_has_the_average_that_another_width_would_have_given_it():
    def made(sigma):
        return recipes.gan(
            mlp(2),
            mlp(),
            latent=latents.normal(3),
            g_optimizer=optax.adam(1e-2),
            d_optimizer=optax.adam(1e-2),
            ema_decay=schedules.power_ema(sigma),
        )

    x = jax.random.normal(jax.random.key(1), (8, 2))
    ends = {}
    for sigma in (*WIDTHS, 0.07):
        gan = made(sigma)
        state, stored = gan.init(jax.random.key(0), Batch(x)), []
        step = jax.jit(gan.train_step)
        for _ in range(60):
            state, _ = step(state, Batch(x))
            if state.g.step % 12 == 0:
                stored.append(Snapshot(int(state.g.step), sigma, state.ema))
        ends[sigma] = stored
    found = averages.reconstruct([*ends[0.05], *ends[0.1]], sigma=0.07)
    differences = {
        sigma: max(
            float(jnp.abs(a - b).max())
            for a, b in zip(jax.tree.leaves(other), jax.tree.leaves(found), strict=True)
        )
        for sigma, other in ((sigma, stored[-1].variables) for sigma, stored in ends.items())
    }
    assert differences[0.07] < 0.1 * min(differences[sigma] for sigma in WIDTHS)
