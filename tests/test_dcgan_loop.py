"""A convolutional GAN is the same GAN in a scan, step by step, and on several devices."""

import jax
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Batch, latents, nets, recipes
from jaxgan.models import dcgan
from jaxgan.parallel import AXIS

STEPS, SIZE = 3, 8


@pytest.fixture(scope="module")
def batches():
    images = np.random.default_rng(0).uniform(-1, 1, (STEPS, SIZE, 28, 28, 1))
    return Batch(images.astype(np.float32))


def make(axis_name=None):
    settings = {"width": 4, "axis_name": axis_name}
    return recipes.gan(
        nets.from_linen(dcgan.Generator(**settings)),
        nets.from_linen(dcgan.Discriminator(**settings)),
        latent=latents.normal(8),
        g_optimizer=optax.sgd(0.05),
        d_optimizer=optax.sgd(0.1),
        ema_decay=0.9,
    )


def assert_close(ours, theirs, tolerance):
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance, rtol=tolerance)


@pytest.mark.slow  # test_transforms.py compares them to the bit, on small networks
def test_scan_over_batches_is_the_python_loop_to_1e_5(batches):
    gan = make()
    one, many = jaxgan.jit(gan, donate=False), jaxgan.jit(jaxgan.scan(gan), donate=False)
    start = one.init(jax.random.key(0), Batch(batches.x[0]))
    looped = start
    for x in batches.x:
        looped, _ = one.train_step(looped, Batch(x))
    scanned, metrics = many.train_step(start, batches)
    assert metrics["d_loss"].shape == (STEPS,)
    assert_close(scanned.g, looped.g, 1e-5)
    assert_close(scanned.d, looped.d, 1e-5)
    assert_close(scanned.ema, looped.ema, 1e-5)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), scanned.g.params, start.g.params)
    assert max(jax.tree.leaves(moved)) > 1e-3, "nothing was learned, so nothing was compared"


@pytest.mark.parametrize("transform", [jaxgan.pmap, jaxgan.shard_map])
@pytest.mark.slow  # compiles a quarter of a minute
def test_several_devices_run_the_convolutions_in_a_scan(batches, transform):
    gan = transform(jaxgan.scan(make(AXIS)), batch_axis=1)
    state = gan.init(jax.random.key(0), Batch(batches.x[0]))
    state, metrics = gan.train_step(state, batches)
    assert all(np.isfinite(values).all() for values in metrics.values())
    assert int(state.g.step) == STEPS
    assert jax.tree.leaves(state.d.params)[0].is_fully_replicated
