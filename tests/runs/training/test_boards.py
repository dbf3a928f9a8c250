"""Where the numbers and pictures of a run are shown besides its own files."""

import json

import pytest
from runs.ring import RING

from jaxgan.runs.config import make
from jaxgan.runs.training import loop


def test_a_run_is_recorded_by_mlflow_without_a_network(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    workdir = tmp_path / "run"
    settings = {"steps": 20, "log_every": 10, "sample_every": 10}
    loop.run(make(**RING, **settings, mlflow=True, workdir=str(workdir)))

    client = mlflow.MlflowClient(tracking_uri=(workdir / "mlruns").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'jaxgan'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "run"
    assert run.data.params["dataset"] == "ring"
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    history = client.get_metric_history(run.info.run_id, "d_loss")
    assert [(one.step, one.value) for one in history] == [
        (line["step"], pytest.approx(line["d_loss"])) for line in lines
    ]
    pictures = client.list_artifacts(run.info.run_id, "samples")
    assert [one.path for one in pictures] == [
        f"samples/step_{step:08d}.png" for step in (0, 10, 20)
    ]


def test_what_mlflow_cannot_write_is_said_and_training_goes_on(tmp_path, monkeypatch, capfd):
    pytest.importorskip("mlflow")
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "file" / "mlruns").as_uri())
    result = loop.run(make(**RING, steps=10, mlflow=True, workdir=str(tmp_path / "run")))
    assert result.step == 10
    assert "cannot write to MLflow: " in capfd.readouterr().err
