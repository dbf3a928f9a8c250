"""A run with --parallel=shard_optimizer saves, resumes, samples and is evaluated as any other."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from networks import compilation

from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.runs.config import make
from jaxgan.runs.restore import restore_run
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training import loop

RUN = {
    "dataset": "ring",
    "model": "mlp",
    "width": 128,  # 128 x 256 weights are enough to be split
    "latent_dim": 4,
    "batch_size": 16,
    "steps_per_call": 5,
    "log_every": 5,
    "sample_every": 5,
    "checkpoint_every": 5,
    "eval_every": 5,
    "eval_samples": 100,
    "ema_decay": 0.9,
}


@pytest.fixture(autouse=True, scope="module")
def _compile_quickly():
    with compilation(optimized=False):
        yield


def run(workdir: Path, steps: int, parallel: str = "shard_optimizer"):
    return loop.run(make(**RUN, parallel=parallel, steps=steps, workdir=str(workdir)))


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "straight"
    return workdir, run(workdir, 10).state


def test_it_resumes_to_the_bit(straight, tmp_path):
    run(tmp_path / "run", 5)
    state = run(tmp_path / "run", 10).state
    moments = jax.tree.leaves((state.g.opt_state, state.d.opt_state, state.ema))
    assert not all(leaf.is_fully_replicated for leaf in moments)
    assert digest(state) == digest(straight[1])


def test_it_is_sampled_and_measured(straight):
    workdir, state = straight
    assert (workdir / "samples" / "step_00000010.png").is_file()
    lines = (workdir / "evaluations.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 10]
    assert digest(restore_run(workdir).state) == digest(state)


def test_a_state_goes_from_one_way_to_another(straight, tmp_path):
    """Checkpoints hold whole arrays, whatever devices they were saved from."""
    workdir, state = straight
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        other = run(tmp_path / "other", 5, "shard_map").state
        _, restored = checkpoints.restore(other, 10)
    leaves = zip(
        *((tree.g.params, tree.d.opt_state, tree.ema) for tree in (restored, state)), strict=True
    )
    assert all(digest(one) == digest(theirs) for one, theirs in leaves)
    losses = [
        [json.loads(line)["d_loss"] for line in (at / "metrics.jsonl").read_text().splitlines()]
        for at in (tmp_path / "other", workdir)
    ]
    np.testing.assert_allclose(losses[0][0], losses[1][0], rtol=1e-5)


def test_a_divided_data_set_is_refused(tmp_path):
    given = {**RUN, "parallel": "shard_optimizer", "shard_data": True}
    config = make(**given, workdir=str(tmp_path / "run"))
    with pytest.raises(ConfigError, match="--shard_data"):
        loop.run(config)
    assert not list(tmp_path.iterdir())
