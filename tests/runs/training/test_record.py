"""What a run shows of itself while it trains."""

import io

import pytest

from jaxgan.runs.config import make
from jaxgan.runs.training.record import Recorder


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("columns", "has_bar"), [(80, False), (200, True)])
def test_the_progress_line_shows_both_losses_and_accuracies_at_any_width(
    tmp_path, monkeypatch, columns, has_bar
):
    terminal = Terminal()
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stderr", terminal)
    values = {"d_loss": 1.2781, "g_loss": -10.6694, "d_accuracy_real": 1, "d_accuracy_fake": 0.321}
    with Recorder(make(workdir=str(tmp_path), steps=240_000), 0) as recorder:
        recorder.advance(40_000)
        recorder.metrics(40_000, values)
        recorder._bar.refresh()
    line = terminal.getvalue().split("\r")[-2].rstrip("\n")
    assert "d_loss 1.278, g_loss -10.669, D right 100% real, 32% fake" in line
    assert ("40000/240000" in line) == has_bar
    assert has_bar or len(line.partition(" fake")[0]) < columns
