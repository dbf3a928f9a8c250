"""What each objective is for, shown by small trainings: without its idea, its test fails."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, first_only, mlp, without_first
from scipy import integrate, stats

import jaxgan
from jaxgan import Batch, latents, losses, penalties, recipes
from jaxgan.nets import stateless

KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


# A critic between two Gaussians on the line, N(0, 1) and N(shift, 1), of which all is known.

SHIFTS = np.float32([0.5, 1, 2, 4, 8])
ACROSS = np.float32([1, 0])
SIZE = 128
CLIP = 0.2
CRITIC = mlp(width=16)
OBJECTIVES = {
    "gan": {"loss": losses.minimax()},
    "dragan": {"loss": losses.non_saturating(), "penalty": penalties.dragan()},
    "hinge": {"loss": losses.hinge()},
    "wgan_gp": {"loss": losses.wasserstein(), "penalty": penalties.gradient_penalty()},
    "wgan": {
        "loss": losses.wasserstein(),
        "d_optimizer": optax.chain(optax.rmsprop(0.01), penalties.clip_weights(CLIP)),
    },
}


@functools.cache
def critics(name, steps=400):
    """Critics trained against each shift of the generator, and what can be read off them."""
    objective = {"d_optimizer": optax.adam(0.02)} | OBJECTIVES[name]
    # All noise is NumPy's, and the generator moves what it is given as y: for small trainings,
    # random numbers are most of what has to be compiled.
    rng = np.random.default_rng(0)
    real, noise = jnp.asarray(rng.normal(size=(2, steps, SIZE, 2)), jnp.float32)
    params, _ = CRITIC.init(KEY, real[0])
    critic = stateless(
        lambda key, x: params, lambda params, x: CRITIC.apply(params, (), KEY, x, train=True)[0]
    )

    def train(shift):
        shifted = stateless(lambda key, y: shift, lambda shift, y: y + shift * ACROSS)
        gan = recipes.gan(
            without_first(shifted),
            first_only(critic),
            latent=lambda key, n: jnp.zeros((n, 1)),
            g_optimizer=optax.sgd(0.0),
            conditional=True,
            **objective,
        )
        state = gan.init(KEY, Batch(real[0], noise[0]))
        # Not `jaxgan.scan`, which measures the norms in the last step only.
        state, trained = jax.lax.scan(gan.d_step, state, Batch(real, noise))

        def judge(x):
            return critic.apply(state.d.params, (), KEY, x, train=True)[0]

        def g_loss(shift):
            fake = noise[0] + shift * ACROSS
            return jnp.mean(objective["loss"].generator(judge(real[0]), judge(fake)))

        slope = jax.vmap(jax.grad(lambda x: judge(x[None])[0]))
        return {
            "params": state.d.params,
            "loss": jnp.mean(trained["d_loss"][-100:]),
            "grad_norm": trained["d_grad_norm"],
            "gap": jnp.mean(trained["d_logit_gap"][-100:]),
            "pull": jax.grad(g_loss)(shift),
            "on_real": slope(real[0]),
            "between": slope(shift * jnp.linspace(0, 1, 50)[:, None] * ACROSS),
        }

    return jax.tree.map(np.asarray, jax.jit(jax.vmap(train))(SHIFTS))


def test_gan_2014_measures_the_jensen_shannon_divergence_and_the_ratio_of_the_densities():
    trained = critics("gan")
    for shift, loss in zip(SHIFTS[:4], trained["loss"], strict=False):
        p, q = stats.norm(0, 1).pdf, stats.norm(shift, 1).pdf

        def best(x, p=p, q=q):  # D's loss where D(x) is p / (p + q)
            return -p(x) * np.log(p(x) / (p(x) + q(x))) - q(x) * np.log(q(x) / (p(x) + q(x)))

        np.testing.assert_allclose(loss, integrate.quad(best, -10, 14)[0], atol=0.03)
    # log(p / q) is linear, and falls by `shift` per unit of length.
    slopes = trained["between"].mean(axis=1)
    np.testing.assert_allclose(slopes[:3], -SHIFTS[:3, None] * ACROSS, atol=0.15)


def test_wgan_gp_measures_the_distance_with_slope_1_between_the_data():
    trained = critics("wgan_gp")
    # The Wasserstein distance is the shift s. A penalty of weight 10 lets the slope be 1 + s / 20.
    np.testing.assert_allclose(trained["loss"], -(SHIFTS + SHIFTS**2 / 40), rtol=0.06)
    slopes = np.linalg.norm(trained["between"], axis=-1)
    np.testing.assert_allclose(slopes.mean(axis=1), 1 + SHIFTS / 20, rtol=0.05)
    assert slopes.std(axis=1).max() < 0.15


def test_clipping_makes_the_critic_lipschitz_and_its_loss_still_grows_with_the_distance():
    trained = critics("wgan")
    weights = np.concatenate([leaf.ravel() for leaf in jax.tree.leaves(trained["params"])])
    assert np.abs(weights).max() <= CLIP * (1 + 1e-5)
    # Of 16 tanh units, each with weights up to the bound before and after, along both axes:
    bound = 16 * CLIP**2 * np.sqrt(2)
    slopes = np.linalg.norm(np.concatenate([trained["on_real"], trained["between"]], 1), axis=-1)
    assert 0.3 * bound < slopes.max() <= bound * (1 + 1e-5)
    assert np.corrcoef(-trained["loss"], SHIFTS)[0, 1] > 0.95


def test_far_from_the_data_the_minimax_generator_has_no_gradient_and_wgans_has():
    # At a distance of 8 D is nearly perfect.
    assert critics("gan")["pull"][-1] < 0.02 * critics("gan")["pull"].max()
    assert critics("wgan_gp")["pull"].min() > 0.9


def test_dragan_has_slope_1_around_the_data_whatever_the_distance():
    slopes = np.linalg.norm(critics("dragan")["on_real"], axis=-1)
    np.testing.assert_allclose(slopes.mean(axis=1), 1, atol=0.05)
    assert slopes.std(axis=1).max() < 0.1
    without = np.linalg.norm(critics("gan")["on_real"], axis=-1).mean(axis=1)
    assert np.ptp(without) > 1


def test_hinge_stops_learning_beyond_its_margin():
    still = {name: critics(name)["grad_norm"][-1] == 0 for name in ("hinge", "gan")}
    assert np.mean(still["hinge"]) > 0.2
    assert not still["gan"].any()
    assert critics("hinge")["gap"][-1] < 0.5 * critics("gan")["gap"][-1]


# A generator in front of a critic that stays as it is: D(x) = x. Samples are their own logits.


def drawn(loss, starts, *, steps=300):
    """Where samples that begin at `starts` end."""
    generator = stateless(lambda key, z: jnp.float32(starts), lambda x, z: x[:, None])
    critic = stateless(lambda key, x: (), lambda params, x: x[:, 0])
    gan = jaxgan.scan(
        recipes.gan(
            generator,
            critic,
            latent=latents.normal(1),
            loss=loss,
            g_optimizer=optax.sgd(0.1 * len(starts)),
            d_optimizer=optax.sgd(0.0),
        )
    )
    real = jnp.zeros((len(starts), 1))
    batch = Batch(jnp.broadcast_to(real, (steps, *real.shape)))
    state, _ = jax.jit(gan.g_step)(gan.init(KEY, Batch(real)), batch)
    return np.asarray(state.g.params)


def test_least_squares_draws_samples_that_d_takes_for_real_to_where_the_data_are():
    starts = [-4.0, 0.5, 6.0]
    np.testing.assert_allclose(drawn(losses.least_squares(), starts), 1, atol=1e-3)
    there = drawn(losses.non_saturating(), starts)
    assert there[-1] > 6  # on the right side is good enough, and further is better
    assert there[-1] - 6 < 0.1  # ... but hardly worth a step


def test_boundary_seeking_draws_samples_to_where_d_is_undecided():
    starts = [-4.0, 0.5, 6.0]
    np.testing.assert_allclose(drawn(losses.boundary_seeking(), starts), 0, atol=1e-3)
    assert losses.boundary_seeking().threshold == 0


RELATIVISTIC = {
    "paired": losses.relativistic_paired(),
    "average": losses.relativistic_average(),
}


@pytest.mark.parametrize("name", RELATIVISTIC)
def test_relativistic_players_compare_real_with_fake(name):
    real, fake = jnp.float32([[9.0, 10, 11, 12], [-9, 10, 0, 1]])

    def gradients(loss, fake):
        return jax.grad(lambda r, f: jnp.sum(loss(r, f)), argnums=(0, 1))(real, fake)

    # G also wants the real ones to be judged lower, as it does not in any other loss.
    to_real, to_fake = gradients(RELATIVISTIC[name].generator, fake)
    assert (to_real > 0).all()
    assert (to_fake < 0).all()
    # However sure D is of real examples, they teach it again once fakes are judged as high.
    surpassed, _ = gradients(RELATIVISTIC[name].discriminator, fake + 20)
    assert surpassed.mean() < -0.8
    settled, _ = gradients(losses.non_saturating().discriminator, fake + 20)
    assert np.abs(settled).max() < 1e-3


def test_the_relativistic_average_knows_no_pairs():
    real, fake = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    means = {
        name: [float(jnp.mean(loss.discriminator(real, f))) for f in (fake, fake[::-1])]
        for name, loss in RELATIVISTIC.items()
    }
    np.testing.assert_allclose(*means["average"], rtol=1e-5)
    assert abs(np.diff(means["paired"])) > 1e-3


# The game of Mescheder et al. 2018 (arXiv:1801.04406, section 2): the data are a point at 0, the
# generator is another, and D(x) = psi x.


def dirac(*, loss, penalty=None, offset=0.0, steps=500):
    """The way of the generated point from 1, with psi from 1; `offset` is added to all logits."""
    point = stateless(lambda key, z: jnp.ones(()), lambda theta, z: jnp.broadcast_to(theta, (2, 1)))
    slope = stateless(lambda key, x: jnp.ones(()), lambda psi, x: psi * x[:, 0] + offset)
    gan = recipes.gan(
        point,
        slope,
        latent=latents.normal(1),
        loss=loss,
        penalty=penalty,
        penalty_weight=1.0,
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
    )
    real = Batch(jnp.zeros((2, 1)))

    def step(state, _):
        state, _ = gan.train_step(state, real)
        return state, state.g.params

    return jax.lax.scan(step, gan.init(KEY, real), length=steps)[1]


def test_r1_and_r2_let_the_game_converge_that_circles_without_them():
    plain, paired = losses.non_saturating(), losses.relativistic_paired()
    ways = jax.jit(
        lambda: {
            "nothing": dirac(loss=plain),
            "r1": dirac(loss=plain, penalty=penalties.r1()),
            "r2": dirac(loss=plain, penalty=penalties.r2()),
            "paired": dirac(loss=paired),
            "paired_r1_r2": dirac(loss=paired, penalty=penalties.r1_r2()),
            "approximate": dirac(loss=paired, penalty=penalties.approximate_r1_r2(share=0.5)),
            "wgan": dirac(loss=losses.wasserstein()),
            # With a slope of 1 there is always a way to overshoot.
            "wgan_gp": dirac(loss=losses.wasserstein(), penalty=penalties.gradient_penalty()),
        }
    )()
    last = {name: float(np.abs(way[-100:]).max()) for name, way in ways.items()}
    for name in ("nothing", "paired", "wgan", "wgan_gp"):
        assert last[name] > 0.3, last
    for name in ("r1", "r2", "paired_r1_r2", "approximate"):
        assert last[name] < 0.01, last


def test_a_number_added_to_all_logits_changes_nothing_in_a_relativistic_game():
    together = {"plain": losses.non_saturating()} | RELATIVISTIC
    ways = jax.jit(
        lambda offset: {
            name: dirac(loss=loss, offset=offset, steps=50) for name, loss in together.items()
        }
    )
    here, there = ways(0.0), ways(3.0)
    for name in RELATIVISTIC:
        np.testing.assert_allclose(here[name], there[name], atol=1e-4)
    assert np.abs(here["plain"] - there["plain"]).max() > 0.3
