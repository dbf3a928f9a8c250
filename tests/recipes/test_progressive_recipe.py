"""A GAN that grows: what its steps do in every phase, whoever runs them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from networks import compilation, growing

import jaxgan
from jaxgan import Batch, latents, losses, penalties, recipes
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.recipes import Growth, grown, progressive, restarting

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
SIDES = (1, 2, 4)
GROWTH = Growth(SIDES, fade_steps=2, stable_steps=2)
#                G's step:  0  1  2     3     4  5  6     7     8  9
STAGES = np.array(         [0, 0, 1,    1,    1, 1, 2,    2,    2, 2])  # fmt: skip
ALPHAS = np.array(         [1, 1, 1/3,  2/3,  1, 1, 1/3,  2/3,  1, 1])  # fmt: skip
STEPS = len(STAGES)
X = RNG.normal(size=(STEPS, 8, 4, 4, 1)).astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


generator, discriminator = growing(SIDES)


def make(generator=generator, **settings):
    return progressive(
        generator,
        discriminator,
        **{
            "growth": GROWTH,
            "latent": latents.normal(3),
            "g_optimizer": optax.adam(1e-2, b1=0.0),
            "d_optimizer": optax.adam(1e-2, b1=0.0),
            "ema_decay": 0.5,
            **settings,
        },
    )


@functools.cache
def trained():
    """The states before each step and after the last one, and the metrics of the steps."""
    gan = jaxgan.jit(make(), donate=False)
    states, metrics = [gan.init(KEY, Batch(X[0]))], []
    for x in X:
        state, measured = gan.train_step(states[-1], Batch(x))
        states.append(state)
        metrics.append(measured)
    return states, metrics


def differences(old, new):
    """Names of the parameters that changed."""
    return {name for name in old if jnp.any(old[name] != new[name])}


def test_when_it_grows():
    assert GROWTH.starts == (0, 2, 6)
    np.testing.assert_array_equal(jax.vmap(GROWTH.stage)(jnp.arange(STEPS)), STAGES)
    alphas = [GROWTH.alpha(stage, jnp.int32(step)) for step, stage in enumerate(STAGES)]
    np.testing.assert_allclose(alphas, ALPHAS, rtol=1e-6)
    at_once = Growth((7, 14), fade_steps=0, stable_steps=3)
    assert at_once.starts == (0, 3)
    assert at_once.alpha(1, jnp.int32(3)) == 1


def test_every_layer_learns_from_its_time_on():
    states, _ = trained()
    for step, (stage, alpha) in enumerate(zip(STAGES, ALPHAS, strict=True)):
        want = {str(SIDES[stage])} | ({str(SIDES[stage - 1])} if alpha < 1 else set())
        for player in ("g", "d"):
            old, new = (getattr(states[i], player).params for i in (step, step + 1))
            assert differences(old, new) == want


@pytest.mark.parametrize("step", [0, 2, 5, 7, 9])
def test_a_step_is_that_of_an_ordinary_gan_on_smaller_images(step):
    stage, alpha = STAGES[step], ALPHAS[step]
    side = SIDES[stage]
    # The images, brought to the resolution by NumPy; while they fade in, with larger squares.
    x = X[step].reshape(8, side, 4 // side, side, 4 // side, 1).mean(axis=(2, 4))
    if alpha < 1:
        squares = x.reshape(8, side // 2, 2, side // 2, 2, 1).mean(axis=(2, 4))
        x = alpha * x + (1 - alpha) * squares.repeat(2, axis=1).repeat(2, axis=2)

    def fixed(network):
        return network._replace(
            apply=lambda params, state, key, x, train: network.apply(
                params, state, key, x, None, alpha, train=train
            )
        )

    small = recipes.gan(
        fixed(generator(side)),
        fixed(discriminator(side)),
        latent=latents.normal(3),
        g_optimizer=optax.identity(),
        d_optimizer=optax.identity(),
        loss=losses.wasserstein(),
        penalty=penalties.gradient_penalty(),
    )
    states, metrics = trained()
    state = states[step]
    plain = state._replace(
        g=state.g._replace(state=(), opt_state=optax.identity().init(state.g.params)),
        d=state.d._replace(opt_state=optax.identity().init(state.d.params)),
        ema=(),
    )
    _, want = jax.jit(small.d_step)(plain, Batch(x.astype(np.float32)))
    logits, _ = fixed(discriminator(side)).apply(state.d.params, (), KEY, x, train=True)
    # Before its own term, which keeps the logits of real images near 0, the loss is that GAN's.
    drift = 0.001 * np.mean(np.square(logits))
    np.testing.assert_allclose(metrics[step]["d_loss"] - drift, want["d_loss"], rtol=1e-4)
    np.testing.assert_allclose(metrics[step]["d_penalty"], want["d_penalty"], rtol=1e-4)
    judged = plain._replace(d=plain.d._replace(params=states[step + 1].d.params))
    _, want = jax.jit(small.g_step)(judged, Batch(x.astype(np.float32)))
    np.testing.assert_allclose(metrics[step]["g_loss"], want["g_loss"], rtol=1e-4)


def test_every_resolution_is_compiled_once():
    calls = []

    def counted(resolution):
        network = generator(resolution)

        def apply(*args, **settings):
            calls.append(resolution)
            return network.apply(*args, **settings)

        return network._replace(apply=apply)

    gan = make(counted)
    state = jax.jit(gan.init)(KEY, Batch(X[0]))
    calls.clear()
    step = jax.jit(gan.train_step)
    counts = []
    for x in X:
        state, _ = step(state, Batch(x))
        counts.append(len(calls))
    assert set(calls) == set(SIDES)
    assert len(set(counts)) == 1
    assert step._cache_size() == 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("stop", [1, 3, 5, 7, 9])
def test_a_run_that_is_stopped_in_any_phase_goes_on_to_the_last_bit(stop, tmp_path):
    states, _ = trained()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(stop, states[stop])
    gan = jaxgan.jit(make(), donate=False)
    with Checkpoints(tmp_path) as checkpoints:
        step, state = checkpoints.restore(jax.eval_shape(gan.init, KEY, Batch(X[0])))
    for x in X[step:]:
        state, _ = gan.train_step(state, Batch(x))
    assert digest(state) == digest(states[-1])


def test_samples_have_the_full_size_at_any_time():
    states, _ = trained()
    sample = jax.jit(make().sample, static_argnums=2)
    for step, squares in ((1, 4), (4, 2), (10, 1)):
        images = np.asarray(sample(states[step], KEY, 5))
        assert images.shape == (5, 4, 4, 1)
        corners = images[:, ::squares, ::squares]
        np.testing.assert_array_equal(
            images, corners.repeat(squares, axis=1).repeat(squares, axis=2)
        )
        # The network that a checkpoint's variables are sampled with is the same.
        alone, after = jax.jit(functools.partial(grown(generator, GROWTH).apply, train=False))(
            *states[step].ema, KEY, latents.normal(3)(KEY, 5)
        )
        assert alone.shape == images.shape
        assert after.step == states[step].g.step


def test_restarting_is_a_fresh_optimizer():
    grads = RNG.normal(size=(5, 3)).astype(np.float32)
    params = jnp.ones(3)

    def updates(optimizer, grads):
        state, seen = optimizer.init(params), []
        for gradient in grads:
            update, state = optimizer.update(jnp.asarray(gradient), state, params)
            seen.append(update)
        return np.stack(seen)

    adam = optax.adam(optax.linear_schedule(0.1, 0.2, 10))
    got = updates(restarting(adam, [2]), grads)
    np.testing.assert_array_equal(got[:2], updates(adam, grads[:2]))
    np.testing.assert_array_equal(got[2:], updates(adam, grads[2:]))
    assert np.all(got[3:] != updates(adam, grads)[3:])
    np.testing.assert_array_equal(updates(restarting(adam, []), grads), updates(adam, grads))
    with pytest.raises(ValueError, match="needs the parameters"):
        restarting(adam, []).update(params, restarting(adam, []).init(params))


def test_both_optimizers_restart_with_each_resolution():
    gan = make(d_steps=3, penalty=None, loss=losses.hinge())
    batch = Batch(np.concatenate([X[0]] * 3))
    state = jax.jit(gan.init)(KEY, batch)
    step = jax.jit(gan.train_step)
    for number in range(1, 8):
        state, _ = step(state, batch)
        since = number - max(start for start in GROWTH.starts if start < number)
        assert state.g.opt_state.inner[0].count == since
        assert state.d.opt_state.inner[0].count == 3 * since
        assert state.d.step == 3 * number


@pytest.mark.parametrize(
    "parallel",
    [
        pytest.param(jaxgan.shard_map, marks=pytest.mark.slow),
        pytest.param(jaxgan.pmap, marks=pytest.mark.slow),
    ],
)
def test_all_phases_run_on_several_devices(parallel):
    gan = parallel(make(penalty=None), donate=False)  # half of the time to compile
    state = gan.init(KEY, Batch(X[0]))
    for stage, alpha, x in zip(STAGES[:8], ALPHAS, X, strict=False):
        before = state.d.params
        state, metrics = gan.train_step(state, Batch(x))
        assert all(np.isfinite(value) for value in metrics.values())
        want = {str(SIDES[stage])} | ({str(SIDES[stage - 1])} if alpha < 1 else set())
        assert differences(before, state.d.params) == want


def test_scan_and_vmap_give_the_shapes_they_promise():
    gan = make(penalty=None)
    many = jax.eval_shape(
        jax.vmap(lambda key: jaxgan.scan(gan).train_step(gan.init(key, Batch(X[0])), Batch(X))),
        jax.random.split(KEY, 2),
    )
    state, metrics = many
    assert state.g.params["4"].shape == (2, 3, 16)
    assert metrics["d_loss"].shape == (2, STEPS)


def test_errors():
    with pytest.raises(ValueError, match=r"growth\.resolutions is \(7, 21\)"):
        make(growth=Growth((7, 21), 1, 1))
    with pytest.raises(ValueError, match="stable_steps is 0"):
        make(growth=Growth(SIDES, 1, 0))
    with pytest.raises(ValueError, match=r"makes \(4, 4, 1\), the data are \(8, 8, 1\)"):
        jax.eval_shape(make().init, KEY, Batch(jnp.ones((2, 8, 8, 1))))
    with pytest.raises(ValueError, match="needs labels"):
        jax.eval_shape(make(conditional=True).init, KEY, Batch(X[0]))
