"""Traced steps on disk: what is found again, what is not, and that both give the same."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from jaxgan import core
from jaxgan.runs import program_cache, step_cache
from jaxgan.runs.config import make
from jaxgan.runs.training import loop

pytestmark = pytest.mark.usefixtures("no_cache_yet")

RING = {"dataset": "ring", "model": "mlp", "width": 16, "latent_dim": 4, "parallel": "jit"}
STATE = {"key": jax.random.key(3), "x": jnp.arange(4.0)}


@pytest.fixture
def directory(tmp_path):
    path = tmp_path / "programs"
    program_cache.keep_compiled(str(path))
    return path


class Step:
    """A step that counts how often it is traced."""

    def __init__(self):
        self.traces, self.factor = 0, 2.0

    def train_step(self, state, batch, *, axis_name=None, norms=True):
        del axis_name, norms
        self.traces += 1
        noise = jax.random.normal(state["key"], ())
        x = self.factor * state["x"] + batch.mean() + noise
        return {"key": state["key"], "x": x}, {"loss": x.sum(), "a": noise}

    def start(self, about="this", batch=None, state=None):
        """What a start makes of it: the state's x and the metrics."""
        step: Any = self.train_step
        step = step_cache.keep_traced(step, about)
        batch = np.ones(3, np.float32) if batch is None else batch
        state, metrics = jax.jit(step)(state or STATE, batch)
        assert jnp.issubdtype(state["key"].dtype, jax.dtypes.prng_key)
        return jax.device_get((state["x"], metrics))


def entries(directory):
    return list(directory.glob("train_step_as_traced-*-cache"))


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_another_start_traces_nothing_and_gives_the_same(directory):
    step = Step()
    first = step.start()
    assert step.traces == 1
    assert_same(first, step.start())
    assert step.traces == 1
    jax.config.update("jax_compilation_cache_dir", None)
    assert_same(first, step.start())
    assert step.traces == 2
    assert len(entries(directory)) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"about": "that"},
        {"batch": np.ones(4, np.float32)},
        {"batch": np.ones(3, np.int32)},
        {"state": STATE | {"x": jnp.arange(5.0)}},
        {"state": STATE | {"key": jax.random.key(3, impl="rbg")}},
    ],
    ids=str,
)
def test_what_was_built_or_is_called_otherwise_is_traced(directory, change):
    step = Step()
    step.start()
    step.start(**change)
    assert step.traces == len(entries(directory)) == 2


def test_another_version_or_other_settings_of_jax_are_traced(directory, monkeypatch):
    step = Step()
    step.start()
    with jax.default_matmul_precision("highest"):
        step.start()
    assert step.traces == 2
    monkeypatch.setattr(step_cache, "_sources", lambda: "of tomorrow")
    step.start()
    monkeypatch.setattr(step_cache, "version", lambda name: "99")
    step.start()
    assert step.traces == 4


@pytest.mark.parametrize(
    "damage",
    [lambda content: content[:99], lambda content: content[::-1], lambda content: b""],
    ids=["cut", "turned", "empty"],
)
def test_what_is_damaged_is_traced_again_and_mended(directory, damage):
    step = Step()
    first = step.start()
    (path,) = entries(directory)
    path.write_bytes(damage(path.read_bytes()))
    assert_same(first, step.start())
    assert_same(first, step.start())
    assert step.traces == 2


def test_what_was_exchanged_is_not_taken(directory):
    step, other = Step(), Step()
    other.factor = 5.0
    first, second = step.start("this"), other.start("that")
    a, b = entries(directory)
    content = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(content)
    assert_same(first, step.start("this"))
    assert_same(second, other.start("that"))
    assert step.traces == other.traces == 2


def test_the_cache_of_programs_looks_after_it(directory, monkeypatch):
    step = Step()
    step.start()
    program_cache.tidy(directory)
    step.start()
    assert step.traces == 1
    monkeypatch.setattr(program_cache, "MOST", 0)
    program_cache.tidy(directory)
    assert not entries(directory)


def test_a_directory_that_jax_was_told_otherwise_gets_nothing(tmp_path):
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    program_cache.keep_compiled(str(tmp_path / "another"))
    step = Step()
    step.start()
    step.start()
    assert step.traces == 2
    assert not entries(tmp_path)


def test_a_disk_that_cannot_be_written_only_costs_time(directory, monkeypatch):
    def full(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(step_cache, "write_whole", full)
    step = Step()
    assert_same(step.start(), step.start())
    assert step.traces == 2


def test_a_step_that_calls_python_is_traced_by_every_start(directory):
    class Calls(Step):
        def train_step(self, state, batch, **settings):
            state, metrics = super().train_step(state, batch, **settings)
            shape = jax.ShapeDtypeStruct((), jnp.float32)
            loss = jax.pure_callback(lambda x: np.float32(2 * x), shape, metrics["loss"])
            return state, metrics | {"loss": loss}

    step = Calls()
    x, metrics = step.start()
    np.testing.assert_allclose(metrics["loss"], 2 * x.sum(), rtol=1e-6)
    assert not entries(directory)


def test_an_error_of_the_step_is_its_own(directory):
    class Wrong(Step):
        def train_step(self, state, batch, **settings):
            raise ValueError("a batch of 3 does not divide")

    with pytest.raises(ValueError, match="does not divide"):
        Wrong().start()
    assert not entries(directory)


def end(path, cache, **settings):
    """The state at the end of a run, by a process that has compiled nothing yet."""
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()
    config = make(**RING | settings, steps=5, workdir=str(path), compilation_cache=str(cache))
    return jax.tree.map(step_cache._plain, loop.run(config).state)


def test_a_run_that_was_traced_by_another_ends_in_the_same_bits(tmp_path, monkeypatch):
    settings = {"d_steps": 2, "penalty": "r1", "penalty_every": 2, "ema_decay": 0.9}
    alone = end(tmp_path / "alone", "none", **settings)
    assert_same(alone, end(tmp_path / "first", tmp_path / "cache", **settings))

    def traced(*args, **kwargs):
        raise AssertionError("an update is traced")

    monkeypatch.setattr(core, "_update", traced)
    assert_same(alone, end(tmp_path / "second", tmp_path / "cache", **settings))


def test_a_setting_that_changes_no_shape_makes_another_step(tmp_path):
    end(tmp_path / "first", tmp_path / "cache", g_lr=0.1)
    slow = end(tmp_path / "second", tmp_path / "cache", g_lr=0.01)
    assert_same(slow, end(tmp_path / "alone", "none", g_lr=0.01))
    assert len(entries(tmp_path / "cache")) == 2
