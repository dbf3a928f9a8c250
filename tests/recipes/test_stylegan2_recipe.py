"""The game of StyleGAN2: what it adds to an ordinary GAN."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, mlp

import jaxgan
from jaxgan import Batch, Network, Variables, latents, losses, nets, recipes
from jaxgan.models.stylegan2 import Generator
from jaxgan.recipes import path_lengths, stylegan2

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SIZE, STEPS = 8, 5
X = RNG.normal(size=(STEPS, SIZE, 2, 2, 1)).astype(np.float32)
WIDTH, LAYERS = 3, 2  # of w


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def init(key, z, y=None):
    noise = jax.random.normal(key, (3, z.shape[-1] + WIDTH + 4, WIDTH))
    params = {"map": noise[0, : z.shape[-1]], "mix": noise[1, :WIDTH], "paint": noise[2, :4].T}
    return params, {"averages": {"w": jnp.zeros(WIDTH), "path_length": jnp.zeros(())}}


def paint(params, styles):
    """A picture of two styles, whose change with them depends on them."""
    coarse, fine = styles[:, 0], styles[:, 1]
    return (jnp.exp(coarse @ params["mix"] - fine**2) @ params["paint"]).reshape(-1, 2, 2, 1)


def styles_of(params, z):
    return jnp.broadcast_to(jnp.tanh(z @ params["map"])[:, None], (len(z), LAYERS, WIDTH))


def apply(params, state, key, z, y=None, shift=None, *, train):
    styles = styles_of(params, z)
    return paint(params, styles if shift is None else styles + shift), state


GENERATOR = Network(init, apply)


def make(**settings):
    return stylegan2(
        GENERATOR,
        mlp(),
        **{
            "latent": latents.normal(2),
            "layers": LAYERS,
            "g_optimizer": optax.sgd(1e-5),
            "d_optimizer": optax.sgd(1e-5),
            "path_every": 2,
            **settings,
        },
    )


@functools.cache
def trained():
    """The states before each step and after the last one, and the metrics of the steps."""
    gan = jaxgan.jit(make(penalty_every=3), donate=False)
    states, metrics = [gan.init(KEY, Batch(X[0]))], []
    for x in X:
        state, measured = gan.train_step(states[-1], Batch(x))
        states.append(state)
        metrics.append(measured)
    return states, metrics


def test_path_lengths_against_the_whole_jacobian():
    z = jnp.asarray(RNG.normal(size=(5, 2)), jnp.float32)
    variables = Variables(*init(KEY, z))
    got = path_lengths(GENERATOR, variables, KEY, z, layers=LAYERS)
    noise = jax.random.normal(jax.random.split(KEY)[1], (5, 2, 2, 1))
    one = jax.vmap(jax.jacobian(lambda styles: paint(variables.params, styles[None])[0]))
    jacobians = np.asarray(one(styles_of(variables.params, z))).reshape(5, 4, LAYERS * WIDTH)
    want = [
        np.linalg.norm(j.T @ n) / 2 / np.sqrt(LAYERS)
        for j, n in zip(jacobians, noise.reshape(5, 4), strict=True)
    ]
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_the_networks_of_the_paper_have_path_lengths():
    module = Generator(width=1, w_dim=4, mapping_layers=1, num_classes=3)
    network = nets.from_linen(module, rngs=("mixing", "noise"))

    def measure(z, y):
        variables = Variables(*network.init(KEY, z, y))
        return path_lengths(network, variables, KEY, z, y, layers=module.layers)

    assert jax.eval_shape(measure, jnp.ones((2, 3)), jnp.zeros(2, int)).shape == (2,)


def test_paths_are_measured_lazily_and_their_mean_is_in_the_state():
    states, metrics = trained()
    for step, measured in enumerate(metrics):
        g = states[step].g
        mean = g.state["averages"]["path_length"]
        if step % 2:
            assert measured["g_path_penalty"] == 0
            assert states[step + 1].g.state["averages"]["path_length"] == mean
            continue
        key = jax.random.fold_in(jax.random.fold_in(states[step].key, 0), step)
        _, latent_key, path_key = jax.random.split(key, 3)
        z = latents.normal(2)(latent_key, SIZE // 2)
        own = Variables(g.params, g.state)
        lengths = np.asarray(path_lengths(GENERATOR, own, path_key, z, layers=LAYERS))
        mean = mean + (0.01 if step else 1.0) * (lengths.mean() - mean)
        np.testing.assert_allclose(measured["g_path_length"], mean, rtol=1e-5)
        np.testing.assert_allclose(
            states[step + 1].g.state["averages"]["path_length"], mean, rtol=1e-5
        )
        want = 2 * 2.0 * np.square(lengths - mean).mean()
        np.testing.assert_allclose(measured["g_path_penalty"], want, rtol=1e-4)


def test_the_rest_of_its_losses_is_that_of_an_ordinary_gan_with_r1():
    states, metrics = trained()
    for step, measured in enumerate(metrics):
        assert (measured["d_penalty"] > 0) == (step % 3 == 0)
    plain = jaxgan.jit(
        recipes.gan(
            GENERATOR,
            mlp(),
            latent=latents.normal(2),
            g_optimizer=optax.sgd(1e-5),
            d_optimizer=optax.sgd(1e-5),
            loss=losses.non_saturating(),
            penalty=jaxgan.penalties.r1(),
            penalty_weight=10.0,
        ),
        donate=False,
    )
    _, want = plain.d_step(states[0], Batch(X[0]))
    for name in ("d_loss", "d_penalty"):
        # Every third step, three times as much.
        times = 3 if name == "d_penalty" else 1
        extra = 2 * want["d_penalty"] if name == "d_loss" else 0
        np.testing.assert_allclose(metrics[0][name], times * want[name] + extra, rtol=1e-4)


def test_by_default_r1_is_due_in_every_sixteenth_step():
    gan = make()
    state = jax.jit(gan.init)(KEY, Batch(X[0]))
    x = np.broadcast_to(X[0], (18, *X[0].shape))
    _, metrics = jax.jit(lambda state: jax.lax.scan(gan.d_step, state, Batch(x)))(state)
    np.testing.assert_array_equal(np.flatnonzero(metrics["d_penalty"]), [0, 16])


def test_the_regularizer_pulls_path_lengths_together():
    z = latents.normal(2)(KEY, 256)
    batch = Batch(X[0])

    @jax.jit
    def spreads(path_weight):
        """Deviation of path lengths, as a share of their mean, after training with three seeds."""
        gan = make(
            path_weight=path_weight,
            path_every=1,
            path_decay=0.1,
            penalty=None,
            g_optimizer=optax.adam(1e-2),
        )

        def spread(key):
            state, _ = jax.lax.scan(
                lambda state, _: gan.train_step(state, batch), gan.init(key, batch), length=700
            )
            # The norm of the whole Jacobian: what a path length is on average over the noise.
            one = jax.vmap(jax.jacobian(lambda styles: paint(state.g.params, styles[None])[0]))
            norms = jnp.linalg.norm(one(styles_of(state.g.params, z)).reshape(256, -1), axis=1)
            return jnp.std(norms) / jnp.mean(norms)

        return jax.vmap(spread)(jax.random.split(KEY, 3))

    # With other seeds it was 0.2 to 0.4 against 0.8 to 1.
    assert jnp.mean(spreads(2.0)) < 0.6 * jnp.mean(spreads(0.0))


@pytest.mark.parametrize(
    "parallel", [jaxgan.shard_map, pytest.param(jaxgan.pmap, marks=pytest.mark.slow)]
)
def test_it_runs_on_several_devices(parallel):
    gan = parallel(make(ema_decay=0.9, penalty=None), donate=False)
    state = gan.init(KEY, Batch(X[0]))
    for x in X[:2]:
        state, metrics = gan.train_step(state, Batch(x))
        assert all(np.isfinite(value) for value in metrics.values())
    assert state.g.state["averages"]["path_length"] > 0


def test_errors():
    with pytest.raises(ValueError, match="path_every is 0"):
        make(path_every=0)
    with pytest.raises(ValueError, match="needs labels"):
        jax.eval_shape(make(conditional=True).init, KEY, Batch(X[0]))
