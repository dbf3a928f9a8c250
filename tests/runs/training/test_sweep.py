import contextlib
import json
import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import jaxgan
from jaxgan import Batch, population
from jaxgan.checkpoint import digest
from jaxgan.runs import hosts
from jaxgan.runs.build import build
from jaxgan.runs.config import ConfigError, catalog, make
from jaxgan.runs.members import members
from jaxgan.runs.networks import Facts
from jaxgan.runs.restore import restore
from jaxgan.runs.show import pictures
from jaxgan.runs.training import loop, sweep

RING = {
    "dataset": "ring",
    "model": "mlp",
    "width": 16,
    "latent_dim": 4,
    "steps_per_call": 10,
    "log_every": 10,
}
SWEEPABLE = [name for name, ((_, field), *_) in catalog().items() if field.metadata["sweepable"]]
TAME = {"optimizer": "sgd", "loss": "wasserstein", "clip_weights": 0.1}


def member(tree, i):
    return jax.tree.map(lambda leaf: np.asarray(leaf[i]), tree)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Two learning rates and two seeds of each, one on each of four devices."""
    workdir = tmp_path_factory.mktemp("population") / "run"
    config = make(**RING, steps=20, seed=3, seeds=2, sweep="d_lr=1e-3,1e-2", workdir=str(workdir))
    return config, sweep.run(config), workdir


def test_members_are_the_combinations_of_all_values_and_seeds():
    config = make(seed=5, seeds=2, sweep="d_lr=1e-4,2e-4,beta1=0,0.5")
    names = ("d_lr", "beta1", "seed")
    actual = [tuple(member.flat()[name] for name in names) for member in members(config)]
    expected = [(lr, beta, seed) for lr in (1e-4, 2e-4) for beta in (0, 0.5) for seed in (5, 6)]
    assert actual == expected
    assert members(make(seed=5)) == [make(seed=5)]


@pytest.mark.parametrize("i", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_member_is_the_run_with_its_flags_alone(trained, tmp_path, i):
    config, result, workdir = trained
    one = members(config)[i].replace(parallel="jit", workdir=str(tmp_path / "alone"))
    alone = loop.run(one)
    assert len(result.state.g.step.sharding.device_set) == 4
    pairs = jax.tree.map(
        lambda a, b: np.abs(a - b).max(), *[(s.g, s.d, s.ema) for s in _two(result, alone, i)]
    )
    assert max(jax.tree.leaves(pairs)) < 1e-5
    for ours, theirs in zip(
        [line for line in lines(workdir / "members.jsonl") if line["member"] == i],
        lines(tmp_path / "alone" / "metrics.jsonl"),
        strict=True,
    ):
        assert ours["seed"] == one.run.seed
        assert ours["d_lr"] == one.optimization.d_lr
        for name in ("d_loss", "g_loss", "d_accuracy_real", "d_accuracy_fake"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-5)


def _two(result, alone, i):
    return member(result.state._replace(key=()), i), alone.state._replace(key=())


def test_a_population_records_means_and_deviations_of_its_members(trained):
    _, result, workdir = trained
    assert {path.name for path in workdir.iterdir()} == {
        ".lock",
        "flags.txt",
        "metrics.jsonl",
        "members.jsonl",
        "tensorboard",
        "samples",
        "checkpoints",
        "curves.png",
    }
    rows, (first, last) = lines(workdir / "members.jsonl"), lines(workdir / "metrics.jsonl")
    assert [row["step"] for row in rows] == [10] * 4 + [20] * 4
    assert (first["step"], last["step"]) == (10, 20)
    losses = [row["d_loss"] for row in rows[4:]]
    assert last["d_loss"] == pytest.approx(np.mean(losses))
    assert last["d_loss_std"] == pytest.approx(np.std(losses, ddof=1))
    head, low, high = result.table.splitlines()
    told = ["d_accuracy_fake", "d_accuracy_real", "d_loss", "g_diversity", "g_loss"]
    assert head.split() == [*told, "diverged"]
    assert set(told) < set(rows[0])
    assert low.startswith("d_lr=0.001 ")
    text = f"{np.mean(losses[2:]):.3f} ± {np.std(losses[2:], ddof=1):.3f}"
    assert high.startswith("d_lr=0.01 ")
    assert text in high


@pytest.mark.slow  # half a minute
def test_seeds_that_were_stopped_at_once_go_on_and_are_told_one_by_one_and_together(
    tmp_path, monkeypatch
):
    config = make(**RING, parallel="jit", steps=10, seeds=2, workdir=str(tmp_path / "run"))
    monkeypatch.setattr(
        hosts, "stop_signals", lambda: contextlib.nullcontext(lambda: signal.SIGTERM)
    )
    result = sweep.run(config)
    assert (result.step, result.stopped_by, result.table) == (0, signal.SIGTERM, "")
    monkeypatch.undo()
    table = sweep.run(config).table.splitlines()
    assert [line.split()[0] for line in table[1:]] == ["seed=0", "seed=1", "mean"]
    assert "±" in table[3]
    assert "±" not in table[1]


@pytest.mark.slow  # test_loop.py stops a single run
def test_a_population_that_was_stopped_ends_in_the_bits_of_one_that_was_not(trained, tmp_path):
    config, expected, _ = trained
    config = config.replace(workdir=str(tmp_path / "run"), steps=10)
    sweep.run(config)
    result = sweep.run(config.replace(steps=20))
    assert digest(result.state) == digest(expected.state)
    assert len(result.state.g.step.sharding.device_set) == 4
    assert result.table == expected.table


@pytest.mark.slow  # a quarter of a minute
def test_a_member_that_diverges_is_reported_and_the_others_go_on(tmp_path, capfd):
    config = make(**RING, **TAME, parallel="jit", steps=60, workdir=str(tmp_path / "run"))
    config = config.replace(clip_weights=0.0, sweep="g_lr=1e-3,1e30,2e-3")
    result = sweep.run(config)
    assert "member 1 (g_lr=1e+30) diverged before step" in capfd.readouterr().err
    # The state of a lost member is the last one before its updates were no longer finite.
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(result.state.g.params))
    rows = lines(tmp_path / "run" / "members.jsonl")[-3:]
    assert [row["g_loss"] is None for row in rows] == [False, True, False]
    last = lines(tmp_path / "run" / "metrics.jsonl")[-1]
    assert last["g_loss"] == pytest.approx((rows[0]["g_loss"] + rows[2]["g_loss"]) / 2)
    _, first, wild, third = result.table.splitlines()
    assert "before step" in wild
    assert "before step" not in first + third
    again = sweep.run(config)  # nothing left to do, and nothing forgotten
    assert again.table == result.table


def test_a_population_of_which_no_member_is_left_says_so(tmp_path):
    config = make(**RING, **TAME, parallel="jit", steps=60, workdir=str(tmp_path / "run"))
    config = config.replace(clip_weights=0.0, sweep="g_lr=1e30,2e30")
    with pytest.raises(loop.DivergedError, match="no member is left"):
        sweep.run(config)


def test_pictures_show_every_member_under_its_name(trained, tmp_path):
    _, result, _ = trained
    with Image.open(result.picture) as image:
        assert image.size == (2 * 400, 2 * 416)
    blocks = [np.full((30, 100, 3), value, np.uint8) for value in (50, 100, 150)]
    page = pictures.labelled(blocks, ["a", "b", "c"])
    assert page.shape == (3 * 46, 100, 3)
    for i, block in enumerate(blocks):
        np.testing.assert_array_equal(page[46 * i + 16 : 46 * (i + 1)], block)
        assert page[46 * i : 46 * i + 16].any()


def test_samples_are_drawn_of_the_member_that_is_asked_for(trained, tmp_path):
    config, result, workdir = trained
    run = restore(workdir, member=2)
    assert run.config == members(config)[2]
    jax.tree.map(np.testing.assert_array_equal, run.variables, member(result.state.ema, 2))
    with pytest.raises(ConfigError, match=r"--member: .* 2: d_lr=0.01 seed=3, 3: d_lr=0.01 seed=4"):
        restore(workdir)
    with pytest.raises(ConfigError, match="--member=4"):
        restore(workdir, member=4)


@pytest.mark.slow  # a quarter of a minute
def test_whatever_can_be_swept_makes_a_difference():
    config = make(**RING, penalty="r1", d_norm="none", clip_weights=0.1, ema_decay=0.1)
    # Member i + 1 differs from member 0 in the i-th of them only.
    table = {name: np.full(len(SWEEPABLE) + 1, config.flat()[name]) for name in SWEEPABLE}
    for i, name in enumerate(SWEEPABLE):
        table[name][i + 1] /= 2
    facts = Facts((2,))
    gan = population(lambda s: build(config.replace(**s), facts).gan, table)
    x = np.random.default_rng(0).normal(size=(2, 16, 2)).astype(np.float32)
    keys = jax.random.wrap_key_data(jnp.zeros((len(SWEEPABLE) + 1, 2), jnp.uint32))
    state = jaxgan.jit(gan).init(keys, Batch(x[0]))
    state, _ = jaxgan.jit(jaxgan.scan(gan)).train_step(state, Batch(x))
    leaves = [member(jax.tree.leaves(state._replace(key=())), i) for i in range(len(keys))]
    for name, other in zip(SWEEPABLE, leaves[1:], strict=True):
        assert any((a != b).any() for a, b in zip(leaves[0], other, strict=True)), name


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sweep": "width=8,16"}, "width cannot be swept; choose one of .*g_lr, d_lr"),
        ({"sweep": "1e-4,2e-4"}, "expected NAME=VALUE"),
        ({"sweep": "d_lr=fast"}, "d_lr=fast: expected a number"),
        ({"sweep": "d_lr=-1"}, "--sweep: d_lr=-1.0: expected at least 0"),
        ({"sweep": "d_lr=nan"}, "--sweep: d_lr=nan: expected a finite number"),
        ({"sweep": "d_lr=1,g_lr=1,d_lr=2"}, "d_lr is given twice"),
        ({"sweep": "d_lr=1e-4,1e-4"}, "d_lr=1e-4 is given twice"),
        ({"sweep": "beta1=0.5", "optimizer": "sgd"}, "--optimizer=adam"),
        ({"sweep": "penalty_weight=1,2"}, "--penalty=r1"),
        ({"sweep": "ema_decay=0,0.9"}, "ema_decay=0 .*above 0"),
        ({"sweep": "ema_decay=0.9,1"}, "--ema_decay=1"),
        ({"seeds": 6, "parallel": "auto"}, "6 members cannot be split over 4 devices"),
        ({"seeds": 4, "parallel": "pmap"}, "--parallel=pmap"),
    ],
)
def test_populations_that_cannot_be_trained_are_refused(tmp_path, settings, message):
    workdir = tmp_path / "run"
    settings = {**RING, "parallel": "jit", "workdir": str(workdir), **settings}
    with pytest.raises(ConfigError, match=message) as caught:
        sweep.run(make(**settings))
    assert "\n" not in str(caught.value)
    assert not workdir.exists()
