"""What cannot fit in memory is refused before it is compiled, and nothing else is."""

import math

import jax
import numpy as np
import pytest
from untrained import run_of

from jaxgan.data import Dataset
from jaxgan.runs import memory
from jaxgan.runs.build import build
from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import ConfigError, make
from jaxgan.runs.data import check_fit, facts, initial_state, load

SMALL = {"model": "mlp", "width": 8, "latent_dim": 4, "batch_size": 8, "parallel": "jit"}


def dataset(*shape: int) -> Dataset:
    return Dataset(np.zeros((16, *shape), np.uint8), None, "x")


@pytest.fixture
def machine(monkeypatch):
    def of(size: float) -> None:
        monkeypatch.setattr(memory, "machine_memory", lambda: size)

    return of


@pytest.mark.parametrize("more", [{}, {"ema_decay": 0.0}, {"optimizer": "sgd"}, {"seeds": 3}])
def test_the_state_is_counted_to_the_byte(machine, more):
    config, data = make(**SMALL | more), dataset(8, 8, 1)
    gan = build(config, facts(data)).gan
    state = initial_state(config, gan, jax.random.key(0), data)
    exact = config.run.seeds * sum(leaf.nbytes for leaf in jax.tree.leaves(state))
    machine(exact)
    check_fit(config, data)
    machine(exact - 1)
    with pytest.raises(ConfigError, match="the state takes at least"):
        check_fit(config, data)


def check_all(config):
    check_settings(config)
    check_fit(config, dataset(28, 28, 1))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"latent_dim": 10**9}, r"--latent_dim=1000000000: the state .* GB and .* 8 GB; choose a"),
        ({"width": 10**6, "latent_dim": 200}, r"--width=1000000: the state"),
        ({"width": 2000, "seeds": 5000}, r"--seeds=5000: the state"),
        ({"d_steps": 10**9}, r"--d_steps=1000000000: the batches of a call"),
        ({"batch_size": 10**9}, r"--batch_size=1000000000: the batches of a call"),
        ({"steps_per_call": 10**5, "batch_size": 10**6}, r"--batch_size=1000000: the batches of a"),
    ],
)
def test_the_size_that_is_largest_beside_its_default_is_named(machine, more, message):
    machine(8e9)
    config = make(**SMALL | more)
    with pytest.raises(ConfigError, match=rf"^{message}"):
        check_all(config)


def test_images_that_are_streamed_count_with_all_their_bytes(machine):
    config = make(**SMALL | {"steps_per_call": 1000})
    images = dataset(64, 64, 3)
    machine(2 * math.prod(images.x.shape[1:]) * 1000 * 8)
    check_fit(config, images)
    streamed = config.replace(device_data_gb=0.0)
    check_fit(streamed, images)
    machine(0.9 * math.prod(images.x.shape[1:]) * 1000 * 8)
    check_fit(config, images)  # only indices
    with pytest.raises(ConfigError, match=r"--steps_per_call=1000: the batches of a call take"):
        check_fit(streamed, images)


def test_a_device_may_have_less_than_its_machine(monkeypatch):
    class Device:
        process_index = 0

        def memory_stats(self):
            return {"bytes_limit": 100}

    monkeypatch.setattr(memory, "mode_and_devices", lambda run: ("jit", [Device()]))
    with pytest.raises(ConfigError, match="and its device has 1e-07 GB; choose a smaller one"):
        check_fit(make(**SMALL), dataset(8, 8, 1))


def test_the_default_of_each_gan_fits():
    for recipe in ("gan", "stylegan2", "r3gan", "infogan"):
        load(make(recipe=recipe, parallel="jit"))


def test_samples_are_refused_by_their_number(machine):
    trained = run_of("gan", model="mlp", latent_dim=4)
    each = 28 * 28 + 4 * 4
    machine(100 * each)
    memory.check_samples(trained, 100, {"n": 100, "interpolate": 0})
    with pytest.raises(ConfigError, match=r"^--n=101: the samples take at least"):
        memory.check_samples(trained, 101, {"n": 101, "interpolate": 0})
