"""What is compiled in a run: every step once, and nothing that an earlier start has compiled."""

import stat
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from jaxgan._feed import ahead
from jaxgan.runs.config import make
from jaxgan.runs.training import loop, sweep

ROOT = Path(__file__).parents[3]
RING = {"dataset": "ring", "model": "mlp", "width": 16, "latent_dim": 4, "steps_per_call": 5}


@pytest.mark.parametrize(
    "mode",
    [
        "jit",
        pytest.param("pmap", marks=pytest.mark.slow),
        pytest.param("shard_map", marks=pytest.mark.slow),
        pytest.param("population", marks=pytest.mark.slow),
        "streaming",
    ],
)
def test_the_steps_of_a_run_are_compiled_once(tmp_path, compiled, mode):
    settings = {"parallel": mode}
    if mode == "population":
        settings = {"parallel": "jit", "seeds": 2}
    if mode == "streaming":
        settings = {"parallel": "jit", "device_data_gb": 0.0}
    # 13 steps in blocks of 5: the last block is shorter than the others.
    config = make(**RING, **settings, steps=13, log_every=5, workdir=str(tmp_path / "run"))
    result = sweep.run(config) if mode == "population" else loop.run(config)
    assert result.step == 13
    assert compiled().count("train_step") == 1, compiled()


@pytest.mark.slow
def test_a_second_start_finds_what_the_first_compiled(tmp_path):
    directory = tmp_path / "cache" / "compiled"
    command = [
        sys.executable,
        str(ROOT / "experiments/train.py"),
        *(f"--{name}={value}" for name, value in RING.items()),
        "--parallel=jit",
        "--steps=5",
        f"--compilation_cache={directory}",
    ]

    def start(name):
        subprocess.run(
            [*command, f"--workdir={tmp_path / name}"],
            env={"HOME": str(tmp_path), "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            check=True,
            timeout=300,
        )

    def programs():
        """Those of training: whether a small one takes long enough to be kept is luck."""
        names = {path.name for path in directory.iterdir() if path.name.endswith("-cache")}
        return {name for name in names if name.startswith(("jit_steps", "jit_init", "jit_sample"))}

    start("first")
    entries = programs()
    assert any("jit_steps" in name for name in entries), entries
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    start("second")
    assert programs() == entries


def test_what_is_read_ahead_comes_in_order():
    assert list(ahead(lambda i: 2 * i, 4, threads=2)) == [0, 2, 4, 6]
    assert list(ahead(lambda i: 2 * i, 4, threads=0)) == [0, 2, 4, 6]
    assert list(ahead(lambda i: i, 0, threads=2)) == []


@pytest.mark.parametrize(
    "saving", [pytest.param({"remat": True}, marks=pytest.mark.slow), {"microbatch": 16}], ids=str
)
def test_what_saves_memory_changes_nothing_but_rounding(tmp_path, saving):
    plain = make(**RING, parallel="jit", steps=5, workdir=str(tmp_path / "plain"))
    thrifty = plain.replace(**saving, workdir=str(tmp_path / "thrifty"))
    expected, state = loop.run(plain).state, loop.run(thrifty).state
    for a, b in zip(
        jax.tree.leaves(state.g.params), jax.tree.leaves(expected.g.params), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-5)
