"""Evaluations of a run while it trains: what is kept as the best, and when it ends."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ring import RING

from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.metrics import Estimate
from jaxgan.metrics.inception import WeightsError
from jaxgan.runs.checks import check_settings
from jaxgan.runs.config import make
from jaxgan.runs.data import load
from jaxgan.runs.measures.distribution import Comparison
from jaxgan.runs.restore import restore
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.training import loop
from jaxgan.runs.training.evaluator import Evaluator
from jaxgan.runs.training.stopping import StopRule, stop_rule
from jaxgan.runs.variants import VARIANTS

RUN = RING | {
    "eval_every": 10,
    "eval_samples": 100,
}


def evaluations(config):
    path = Path(config.run.workdir) / "evaluations.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def scores(monkeypatch):
    """Let coverage be what the test says, or coverage and modes, at each evaluation."""
    left = []

    def measure(self, x, chosen):
        del self, chosen
        assert len(x) == 100
        value = left.pop(0) if left else 0.5
        coverage, modes = value if isinstance(value, tuple) else (value, 8)
        coverage = Estimate(coverage, float("nan"))
        return {"points/coverage": coverage, "points/modes": Estimate(modes, 0)}

    monkeypatch.setattr(Comparison, "measure", measure)

    def script(*values):
        left[:] = values

    return script


def test_samples_are_measured_and_the_yardsticks_said(tmp_path, capsys):
    config = make(**RUN, steps=25, workdir=str(tmp_path / "run"))
    loop.run(config)
    assert [line["step"] for line in evaluations(config)] == [10, 20, 25]
    assert {"points/coverage", "points/modes", "points/good"} <= set(evaluations(config)[0])
    told = [line for line in capsys.readouterr().err.splitlines() if "points/modes" in line]
    assert len(told) == 3
    assert "real data 8, noise " in told[0]


def test_the_best_step_is_kept_beside_the_newest(tmp_path, scores):
    config = make(**RUN, steps=50, workdir=str(tmp_path / "run"))
    scores(0.1, 0.4, 0.2, 0.4, 0.3)
    result = loop.run(config)
    with Checkpoints(tmp_path / "run" / "best") as best:
        assert best.steps() == [20]
    assert restore(config.run.workdir, best=True).step == 20
    newest = restore(config.run.workdir)
    assert newest.step == 50
    assert digest(newest.variables) == digest(result.state.ema)


@pytest.mark.parametrize(
    ("metrics", "expected"), [("density_coverage,modes", 20), ("modes,density_coverage", 10)]
)
def test_the_best_step_is_that_of_the_metric_asked_for_first(tmp_path, scores, metrics, expected):
    config = make(**RUN, steps=30, eval_metrics=metrics, workdir=str(tmp_path / "run"))
    scores((0.1, 8), (0.4, 5), (0.2, 7))
    loop.run(config)
    with Checkpoints(tmp_path / "run" / "best") as best:
        assert best.steps() == [expected]


def test_a_run_ends_when_it_reaches_its_target(tmp_path, scores, capsys):
    config = make(**RUN, steps=90, stop_when="coverage>0.8", workdir=str(tmp_path / "run"))
    scores(0.3, 0.79, 0.8, 0.9)
    assert loop.run(config).step == 30
    # Started again, it has still reached it, and nothing is measured or trained anew.
    scores()
    assert loop.run(config).step == 30
    assert len(evaluations(config)) == 3
    assert "--stop_when=coverage>0.8" in capsys.readouterr().err


def test_a_run_ends_when_it_does_not_get_better(tmp_path, scores):
    config = make(**RUN, steps=90, stop_when="patience=2", workdir=str(tmp_path / "run"))
    scores(0.3, 0.5, 0.4, 0.6, 0.6, 0.1, 0.7)
    assert loop.run(config).step == 60


@pytest.mark.slow  # test_loop.py resumes a run without evaluations
def test_a_resumed_run_keeps_and_ends_as_one_that_was_not_interrupted(tmp_path, scores):
    straight = make(**RUN, steps=90, stop_when="patience=2", workdir=str(tmp_path / "a"))
    values = (0.3, 0.6, 0.4, 0.5, 0.9)
    scores(*values)
    expected = loop.run(straight)
    resumed = straight.replace(workdir=str(tmp_path / "b"), steps=30)
    scores(*values)
    loop.run(resumed)
    scores(*values[3:])
    result = loop.run(resumed.replace(steps=90))
    assert result.step == expected.step == 40
    assert digest(result.state) == digest(expected.state)
    assert evaluations(straight) == evaluations(resumed)


def test_measuring_changes_nothing_of_the_run(tmp_path):
    ends = []
    for every in 0, 10:
        settings = RUN | {"eval_every": every}
        config = make(**settings, steps=30, workdir=str(tmp_path / str(every)))
        ends.append(digest(loop.run(config).state))
    assert ends[0] == ends[1]


@pytest.mark.slow  # compiles for long
def test_conditional_samples_have_the_labels_of_the_data(tmp_path):
    config = make(**RUN, conditional=True, steps=10, workdir=str(tmp_path / "run"))
    seen = []
    drawing = Evaluator._draw

    def draw(self, state):
        def watched(state, key, n, y):
            seen.append(np.asarray(y))
            return self._real.sample(state, key, n=n, y=y)

        self._real, self._gan = self._gan, self._gan._replace(sample=watched)
        return drawing(self, state)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluator, "_draw", draw)
        loop.run(config)
    assert set(np.concatenate(seen)) == set(range(8))
    assert len(evaluations(config)) == 1


def test_twenty_pictures_are_evaluated_while_a_gan_is_trained_on_them(tmp_path):
    """Fewer than the Fréchet distance takes: the kernel distance ranks the steps in its place."""
    for i, one in enumerate(np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)):
        Image.fromarray(one).save(tmp_path / f"{i}.png")
    small = {"model": "mlp", "width": 8, "latent_dim": 4, "batch_size": 4, "parallel": "jit"}
    config = make(
        **small,
        dataset=f"folder:{tmp_path}",
        cache_dir=str(tmp_path / "cache"),
        steps=2,
        eval_every=1,
        workdir=str(tmp_path / "run"),
    )
    loop.run(config)
    first, second = evaluations(config)
    assert "cifar10/kernel_distance" in first
    assert "cifar10/frechet_distance" not in first
    best = min((first, second), key=lambda line: line["cifar10/kernel_distance"])
    assert restore(config.run.workdir, best=True).step == best["step"]


def test_stop_rules():
    assert stop_rule("fid<5") == StopRule("fid", False, 5.0)
    assert stop_rule("modes>8.5") == StopRule("modes", True, 8.5)
    assert stop_rule("patience=10") == StopRule(patience=10)
    assert stop_rule("fid<5").reached(5)
    assert not stop_rule("fid<5").reached(5.1)
    for wrong in "fid", "fid=5", "patience=0", "patience<x", "fid<":
        with pytest.raises(ConfigError, match="as fid<5 or modes>8, or patience=N"):
            stop_rule(wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"stop_when": "modes>7", "eval_every": 0}, "nothing is measured; give --eval_every"),
        ({"eval_metrics": "modes,ssim"}, "--eval_metrics=ssim: choose one of"),
        ({"seeds": 2}, "--eval_every: it does not go with --seeds"),
        ({"recipe": "cogan"}, "--eval_every: samples of --recipe=cogan are not compared"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        check_settings(make(**RUN | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"stop_when": "fid<3"},
            "fid is not measured; choose one of density, coverage, modes, good",
        ),
        (
            {"dataset": "digits", "eval_metrics": "precision_recall", "eval_samples": 500},
            "precision and recall conflict.*add one of",
        ),
        ({"dataset": "notes", "model": "wavegan"}, "--eval_every: .*notes has neither pictures"),
        (
            {"eval_samples": 2, "eval_metrics": "density_coverage"},
            "--eval_samples: nothing is left that ranks.*density_coverage is left out: it needs 6",
        ),
        (
            {"dataset": "digits", "features": "inception", "inception_weights": "/no/such.pth"},
            "--inception_weights=/no/such.pth: there is no such file",
        ),
    ],
)
def test_settings_that_the_data_cannot_serve_leave_nothing_behind(tmp_path, settings, message):
    workdir = tmp_path / "run"
    with pytest.raises((ConfigError, WeightsError), match=message):
        loop.run(make(**RUN | settings, steps=10, workdir=str(workdir)))
    assert not workdir.exists()


COMPARED = {name: one.is_distribution for name, one in VARIANTS.items()}


@pytest.mark.parametrize(
    "recipe", [name for name, is_compared in COMPARED.items() if not is_compared]
)
@pytest.mark.parametrize("features", ["auto", "pixels"])
def test_what_is_no_distribution_is_not_evaluated_as_one(recipe, features):
    """Neither pictures of pictures nor pairs; `evaluate` measures them otherwise."""
    config = make(recipe=recipe, eval_every=1, features=features)
    with pytest.raises(ConfigError, match=rf"--eval_every: samples of --recipe={recipe} are not"):
        check_settings(config)


@pytest.mark.parametrize(("dataset", "model"), [("notes", "wavegan"), ("solids", "voxels")])
def test_sounds_and_solids_are_not_evaluated_as_a_distribution(dataset, model):
    config = make(dataset=dataset, model=model, eval_every=1)
    with pytest.raises(ConfigError, match=rf"--eval_every: --dataset={dataset} has neither"):
        load(config)
