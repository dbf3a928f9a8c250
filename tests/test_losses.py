import functools
import itertools

import hypothesis.extra.numpy as hnp
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from jaxgan import losses

S = 0.1  # label smoothing, where there is some


def cross_entropy(r, f, s=0.0):
    return -(1 - s) * np.log(expit(r)) - s * np.log(expit(-r)) - np.log(expit(-f))


def against_average(winner, loser):
    """The relativistic average, one example at a time."""
    result = np.empty_like(winner)
    for i in range(len(winner)):
        better = winner[i] - sum(loser) / len(loser)
        worse = loser[i] - sum(winner) / len(winner)
        result[i] = -np.log(expit(better)) - np.log(expit(-worse))
    return result


# Of each loss: the pair, and the formulas of its paper in NumPy, for G and for D.
CASES = {
    "minimax": (
        losses.minimax(),
        lambda r, f: np.log(expit(-f)),
        cross_entropy,
    ),
    "minimax_smoothed": (
        losses.minimax(label_smoothing=S),
        lambda r, f: np.log(expit(-f)),
        lambda r, f: cross_entropy(r, f, S),
    ),
    "non_saturating": (
        losses.non_saturating(),
        lambda r, f: -np.log(expit(f)),
        cross_entropy,
    ),
    "non_saturating_smoothed": (
        losses.non_saturating(label_smoothing=S),
        lambda r, f: -np.log(expit(f)),
        lambda r, f: cross_entropy(r, f, S),
    ),
    "least_squares": (
        losses.least_squares(),
        lambda r, f: 0.5 * (f - 1) ** 2,
        lambda r, f: 0.5 * (r - 1) ** 2 + 0.5 * f**2,
    ),
    "least_squares_smoothed": (
        losses.least_squares(label_smoothing=S),
        lambda r, f: 0.5 * (f - 1) ** 2,
        lambda r, f: 0.5 * (r - 1 + S) ** 2 + 0.5 * f**2,
    ),
    "hinge": (
        losses.hinge(),
        lambda r, f: -f,
        lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
    ),
    "boundary_seeking": (
        losses.boundary_seeking(),
        lambda r, f: 0.5 * (np.log(expit(f)) - np.log(expit(-f))) ** 2,
        cross_entropy,
    ),
    "wasserstein": (
        losses.wasserstein(),
        lambda r, f: -f,
        lambda r, f: f - r,
    ),
    "relativistic_paired": (
        losses.relativistic_paired(),
        lambda r, f: -np.log(expit(f - r)),
        lambda r, f: -np.log(expit(r - f)),
    ),
    "relativistic_average": (
        losses.relativistic_average(),
        lambda r, f: against_average(f, r),
        against_average,
    ),
}
each_loss = pytest.mark.parametrize("name", CASES)


def logits(shape, scale, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * scale, rng.normal(size=shape) * scale


def test_every_public_loss_is_in_the_table():
    makers = set(losses.__all__) - {"AdversarialLoss", "PerExample", "accuracy"}
    assert makers <= set(CASES)


@functools.cache
def compiled(name):
    """`[2, 4, 2] logits -> values and gradients of both players`, compiled once for all tests."""
    pair = CASES[name][0]

    def everything(both):
        def total(loss):
            values, pullback = jax.vjp(lambda b: loss(b[0], b[1]), both)
            return values, pullback(jnp.ones_like(values))[0]

        return total(pair.generator), total(pair.discriminator)

    return jax.jit(everything)


@each_loss
def test_values_are_those_of_the_papers_formulas(name):
    both = np.stack(logits((4, 2), 3.0))
    for (values, _), formula in zip(compiled(name)(np.float32(both)), CASES[name][1:], strict=True):
        assert values.shape == (4, 2)  # one value per example: nothing is reduced
        np.testing.assert_allclose(values, formula(*both), rtol=2e-5, atol=2e-6)


@each_loss
def test_large_logits_neither_overflow_nor_lose_the_value(name):
    both = (
        np.array(list(itertools.product([-50.0, 50.0], repeat=2))).T[:, :, None].repeat(2, axis=2)
    )
    for (values, _), formula in zip(compiled(name)(np.float32(both)), CASES[name][1:], strict=True):
        np.testing.assert_allclose(values, formula(*both), rtol=1e-5, atol=1e-6)


@each_loss
def test_values_and_gradients_are_finite_for_any_logits(name):
    @settings(deadline=None, max_examples=20)
    @given(hnp.arrays(np.float32, (2, 4, 2), elements=st.floats(-1e4, 1e4, width=32)))
    def check(both):
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(compiled(name)(both)))

    check()


@each_loss
def test_gradients_agree_with_finite_differences(name):
    both = np.stack(logits((4, 2), 2.0, seed=1))
    with jax.enable_x64(True):
        actual = compiled(name)(both)
    step = 1e-6
    for (_, grads), formula in zip(actual, CASES[name][1:], strict=True):
        expected = np.empty_like(both)
        for index in np.ndindex(both.shape):
            up, down = both.copy(), both.copy()
            up[index] += step
            down[index] -= step
            expected[index] = (formula(*up).sum() - formula(*down).sum()) / (2 * step)
        assert grads.dtype == np.float64
        np.testing.assert_allclose(grads, expected, atol=1e-8)


def test_minimax_is_zero_sum_up_to_what_g_cannot_change():
    both = np.float32(logits((4, 2), 3.0))
    (g, g_grads), (d, d_grads) = compiled("minimax_smoothed")(both)
    np.testing.assert_allclose(g_grads[1], -d_grads[1], atol=1e-6)
    (other_g, _), (other_d, _) = compiled("minimax_smoothed")(both + np.float32([[[0]], [[1]]]))
    np.testing.assert_allclose(g + d, other_g + other_d, atol=1e-5)


def test_non_saturating_g_learns_where_minimax_g_does_not():
    sure = np.full((2, 4, 2), -20, np.float32)  # D's logits
    (_, saturating), _ = compiled("minimax")(sure)
    (_, heuristic), _ = compiled("non_saturating")(sure)
    assert np.abs(saturating).max() < 1e-6
    np.testing.assert_allclose(heuristic[1], -1, atol=1e-6)


@pytest.mark.parametrize("name", ["relativistic_paired", "relativistic_average", "wasserstein"])
def test_losses_without_threshold_see_only_differences(name):
    both = np.float32(logits((4, 2), 2.0))
    assert CASES[name][0].threshold is None
    np.testing.assert_allclose(
        compiled(name)(both + 5)[1][0], compiled(name)(both)[1][0], atol=1e-5
    )


@pytest.mark.parametrize("name", [n for n, case in CASES.items() if case[0].threshold is not None])
def test_the_threshold_is_where_d_is_undecided(name):
    # Where real and fake cannot be told apart, they get one logit: D's best one is the threshold.
    pair, _, discriminator = CASES[name]
    grid = np.linspace(-1, 1, 2001)
    best = discriminator(grid, grid).min()
    assert discriminator(np.float64(pair.threshold), np.float64(pair.threshold)) <= best + 1e-7


@each_loss
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_logits_of_two_shapes_are_refused_not_broadcast(name, player):
    loss = getattr(CASES[name][0], player)
    with pytest.raises(ValueError, match=r"\(4,\).*\(4, 1\)"):
        loss(jnp.zeros(4), jnp.zeros((4, 1)))


@pytest.mark.parametrize("make", [losses.minimax, losses.non_saturating, losses.least_squares])
@pytest.mark.parametrize("smoothing", [-0.1, 1.0, 2.0, float("nan")])
def test_smoothing_out_of_range_is_refused(make, smoothing):
    with pytest.raises(ValueError, match="label_smoothing"):
        make(label_smoothing=smoothing)


def test_accuracy_counts_the_logits_on_the_right_side_of_the_threshold():
    real = jnp.float32([2.0, 0.3, -1.0, 0.6])
    fake = jnp.float32([-2.0, 0.3, 1.0, -0.6])
    np.testing.assert_allclose(losses.accuracy(losses.hinge(), real, fake), (0.75, 0.5))
    # The middle between the targets 0 and 1:
    np.testing.assert_allclose(losses.accuracy(losses.least_squares(), real, fake), (0.5, 0.75))


def test_accuracy_without_threshold_splits_at_the_midpoint_of_the_means():
    real = jnp.float32([14.0, 12.0, 12.0, 6.0])  # mean 11
    fake = jnp.float32([8.0, 8.0, 12.0, 8.0])  # mean 9
    np.testing.assert_allclose(losses.accuracy(losses.wasserstein(), real, fake), (0.75, 0.75))
    np.testing.assert_allclose(losses.accuracy(losses.hinge(), real, fake), (1.0, 0.0))
