"""What a run begins with: weights of other runs and of files."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from runs.ring import RING

import jaxgan
from jaxgan import data, metrics
from jaxgan.resample import box_downsample
from jaxgan.runs import exporting
from jaxgan.runs.config import make
from jaxgan.runs.restore import restore
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training import loop


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    """A run on a ring."""
    workdir = tmp_path_factory.mktemp("run") / "ring"
    loop.run(make(**RING, steps=20, workdir=str(workdir)))
    return workdir


def begun(workdir, **settings):
    """The state that a run begins with: its checkpoint of step 0."""
    config = make(**RING | {"steps": 1, "keep": 5, "workdir": str(workdir)} | settings)
    loop.run(config)
    return jaxgan.load_run(workdir, step=0).state


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_run_begins_with_the_weights_of_another_and_new_optimizers(ring, tmp_path):
    state, source = begun(tmp_path / "b", init_from=str(ring), seed=3), jaxgan.load_run(ring).state
    for player in "g", "d":
        assert_same(getattr(state, player).params, getattr(source, player).params)
        assert int(getattr(state, player).step) == 0
    assert_same(state.ema, source.ema)
    moments = [leaf for leaf in jax.tree.leaves(state.g.opt_state) if leaf.ndim]
    assert moments
    assert not any(np.any(leaf) for leaf in moments)


def test_a_run_that_has_begun_goes_on_from_its_own_checkpoint(ring, tmp_path):
    settings = {**RING, "workdir": str(tmp_path / "b"), "init_from": str(ring)}
    first = loop.run(make(**settings, steps=10))
    params = jax.tree.map(np.asarray, first.state.d.params)
    again = loop.run(make(**settings | {"init_from": "no/such/run"}, steps=10))
    assert_same(again.state.d.params, params)


def test_a_generator_of_a_file_is_taken_and_d_begins_anew(ring, tmp_path):
    trained = restore(str(ring))
    exporting.write(trained, tmp_path / "g.safetensors", "safetensors")
    state = begun(tmp_path / "b", init_from=str(tmp_path / "g.safetensors"), seed=3)
    assert_same(jaxgan.Variables(state.g.params, state.g.state), trained.variables)
    assert_same(state.ema, trained.variables)
    fresh = begun(tmp_path / "c", seed=3)
    assert_same(state.d.params, fresh.d.params)


def test_leaves_that_do_not_fit_are_named_with_both_shapes(ring, tmp_path, caplog):
    wider = {"init_from": str(ring), "latent_dim": 6}
    words = r"1 leaves do not fit: g\.params\.Dense_0\.kernel is \[4, 16\] there and \[6, 16\] here"
    with pytest.raises(ConfigError, match=words):
        begun(tmp_path / "b", **wider)
    assert not (tmp_path / "b").exists()
    state = begun(tmp_path / "b", **wider, init_from_partial=True)
    source = jaxgan.load_run(ring).state
    assert state.g.params["Dense_0"]["kernel"].shape == (6, 16)
    assert_same(state.g.params["Dense_1"], source.g.params["Dense_1"])
    assert_same(state.d.params, source.d.params)
    assert "begun anew: g.params.Dense_0.kernel" in caplog.text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"init_from": "no/such/run"}, "--init_from=no/such/run: there is no such file or workdir"),
        ({"init_from": "{tmp}"}, "there is no run here; give a workdir or a file"),
        ({"init_from": "{tmp}/x.pkl"}, "it is a pickle, which may run any code"),
        ({"init_from": "{ring}", "seeds": 2}, "it does not go with --seeds or --sweep"),
        ({"init_from": "to_x={ring}"}, "--init_from=to_x="),
        ({"init_from_partial": True}, "--init_from_partial=True: it has no effect with no --init_"),
        ({"freeze_d": 7}, "--freeze_d=7: D has 3 layers"),
    ],
)
def test_what_cannot_be_begun_with_is_refused_and_nothing_is_written(
    settings, words, ring, tmp_path
):
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04.")
    settings = {
        name: value.format(tmp=tmp_path, ring=ring) if isinstance(value, str) else value
        for name, value in settings.items()
    }
    with pytest.raises(ConfigError, match="--") as error:
        begun(tmp_path / "b", **settings)
    assert words in str(error.value)
    assert not (tmp_path / "b").exists()


def test_flags_of_a_workdir_hold_absolute_paths(ring, tmp_path, monkeypatch):
    monkeypatch.chdir(ring.parent)
    begun(tmp_path / "b", init_from=ring.name)
    assert f"--init_from={ring}\n" in (tmp_path / "b" / "flags.txt").read_text()


def test_frozen_layers_of_d_stay_as_they_were(ring, tmp_path):
    config = make(**RING, steps=20, workdir=str(tmp_path / "b"), init_from=str(ring), freeze_d=2)
    state, source = loop.run(config).state, jaxgan.load_run(ring).state
    for name, layer in source.d.params.items():
        moved = bool(np.any(state.d.params[name]["kernel"] != layer["kernel"]))
        assert moved == (name == "Dense_2")


def halves(folder: Path) -> None:
    """Digits below 5, and the others, as two folders of pictures."""
    digits = data.load("digits", image_size=28)
    for name, rows in ("low", digits.y < 5), ("high", digits.y >= 5):
        (folder / name).mkdir(parents=True)
        for i, picture in enumerate(digits.x[rows][:1000]):
            Image.fromarray(picture[..., 0]).save(folder / name / f"{i:04}.png")


def distance(workdir: Path, step: int, folder: Path) -> float:
    """Frechet distance of coarse pixels between samples of a run and the pictures of a folder."""
    run = jaxgan.load_run(workdir, step=step)
    real = data.to_unit(np.asarray(data.load(f"folder:{folder}").x))
    made = np.asarray(run.gan.sample(run.state, jax.random.key(1), 1000))

    def moments(x):
        return metrics.moments(np.asarray(box_downsample(jax.numpy.asarray(x), 4)).reshape(-1, 49))

    return float(metrics.frechet_distance(moments(real), moments(made)))


@pytest.mark.slow
def test_who_begins_with_a_trained_run_is_nearer_to_other_digits_at_once(tmp_path):
    halves(tmp_path)
    shared = {"model": "dcgan", "width": 8, "keep": 9, "checkpoint_every": 40, "log_every": 40}
    shared |= {
        "ema_decay": 0.9,
        "d_lr": 2e-4,
        "g_lr": 1e-3,
        "parallel": "jit",
        "cache_dir": str(tmp_path / "cache"),
    }

    def train(name, folder, steps, **more):
        workdir = tmp_path / name
        dataset = f"folder:{tmp_path / folder}"
        loop.run(make(**shared | more, dataset=dataset, steps=steps, workdir=str(workdir)))
        return workdir

    low = train("trained", "low", 300)
    tuned = train("tuned", "high", 80, init_from=str(low), freeze_d=1, seed=1)
    fresh = train("fresh", "high", 80, seed=1)
    high = tmp_path / "high"
    found = {
        step: (distance(tuned, step, high), distance(fresh, step, high)) for step in (0, 40, 80)
    }
    print(json.dumps(found))
    assert all(begun < anew for begun, anew in found.values()), found
    assert found[0][0] < 0.5 * found[0][1], found
