"""What a chart shows: curves, axes, bars, and which value is the best."""

import json

import numpy as np
import pytest
from report_pages import Elements

from jaxgan.runs.report import charts as report_charts
from jaxgan.runs.report import svg as report_svg
from jaxgan.runs.report import tables as report_tables


def curve(y, *, x=None, spread=None):
    x = list(range(len(y))) if x is None else x
    return report_charts.Series("a", 0, x, y, spread or [float("nan")] * len(y))


def drawn(series, marks=(), share=False):
    elements = Elements(report_charts.lines("a", "step", series, list(marks), share))
    return elements, json.loads(elements.charts["a"])


def test_a_curve_lies_where_its_values_are():
    _, (one,) = drawn([curve([0.0, 0.25, 1.0], x=[0, 50, 200])], share=True)
    (x0, y0, *_), (x1, y1, *_), (x2, y2, *_) = one["points"]
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.25, abs=1e-3)
    assert (y1 - y0) / (y2 - y0) == pytest.approx(0.25, abs=1e-2)
    assert y2 < y0  # larger values lie higher


def test_orders_of_magnitude_are_drawn_on_a_logarithmic_axis():
    _, (one,) = drawn([curve([1e-3, 1.0, 1e3])])
    heights = [point[1] for point in one["points"]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=0.2)
    axis = report_svg.Axis(1e-3, 1e3, 0, 100, log=True)
    assert [text for _, text in axis.ticks(4)] == ["0.001", "0.1", "10", "1000"]


@pytest.mark.parametrize("y", [[0.0], [5.0, 5.0], [-3.0], [1e30, 2e30], [1e-30, 2e-30], [-1e-9, 1]])
def test_any_values_can_be_drawn(y):
    elements, (one,) = drawn([curve(y)])
    assert all(0 <= point[1] <= report_svg.HEIGHT for point in one["points"])
    assert elements.tags("text")


def test_a_band_is_drawn_where_the_spread_is_known():
    elements, _ = drawn([curve([1.0, 2.0, 3.0], spread=[0.5, float("nan"), 0.5])])
    (band,) = [a["d"] for a in elements.tags("path") if a["class"].startswith("band")]
    assert band.count("L") == 3  # two steps, above and below


def test_long_runs_keep_their_spikes():
    y = np.sin(np.arange(50_000) / 500)
    y[31_234] = 40.0
    _, (one,) = drawn([curve(y.tolist())])
    assert len(one["points"]) <= 1000
    assert "40" in {point[3] for point in one["points"]}
    assert [point[0] for point in one["points"]] == sorted(point[0] for point in one["points"])


def test_the_monitors_words_are_marked_at_their_steps():
    marks = [report_charts.Mark(50, 1), report_charts.Mark(51, 2), report_charts.Mark(900, 3)]
    elements, (one,) = drawn([curve([1.0, 2.0, 3.0], x=[0, 50, 100])], marks)
    lines = [a["d"] for a in elements.tags("path") if a["class"].startswith("mark")]
    assert len(lines) == 2  # the third lies outside
    assert lines[0].startswith(f"M{one['points'][1][0]} ")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 1, "0 0.2 0.4 0.6 0.8 1"),
        (1.0, 1.008, "1 1.002 1.004 1.006 1.008"),
        (-30, 55, "-20 0 20 40"),
        (0, 50_000, "0 10k 20k 30k 40k 50k"),
        (0, 4_000_000, "0 1M 2M 3M 4M"),
    ],
)
def test_axes_have_round_numbers(low, high, words):
    assert [text for _, text in report_svg.Axis(low, high, 0, 100).ticks(5)] == words.split()


def test_numbers_are_written_short():
    values = [0, 0.5, 12.345, 1234.5, 1e-7, 3e12, None, float("nan")]
    words = ["0", "0.5", "12.3", "1,234", "1.0e-07", "3e+12", report_svg.NOTHING, "nan"]
    assert [report_svg.number(value) for value in values] == words


def test_of_many_classes_those_are_shown_that_differ_most():
    names = [f"class {i}" for i in range(1000)]
    real, fake = [0.001] * 1000, [0.001] * 1000
    fake[500], fake[7] = 0.5, 0.0
    groups = [report_charts.Group("real", 7, real), report_charts.Group("generated", 0, fake)]
    text = report_charts.bars("shares", names, groups)
    assert ">class 500<" in text
    assert ">class 7<" in text
    assert "30 of 1000" in text
    assert text.count("<rect") == 60


def row(value, *, spread=None, better="lower", samples=5000):
    return {"value": value, "spread": spread, "better": better, "samples": samples}


@pytest.mark.parametrize(
    ("rows", "places"),
    [
        ([row(3.0), row(2.0), None], {1}),
        ([row(3.0, better="higher"), row(2.0, better="higher")], {0}),
        ([row(3.0), row(float("nan"))], set()),
        ([row(3.0, better=""), row(2.0, better="")], set()),
        ([row(2.3, spread=0.3), row(2.0, spread=0.3), row(9.0, spread=0.1)], {0, 1}),
        ([row(2.3, spread=0.3), row(2.0, spread=0.3)], set()),
        ([row(3.0, samples=100), row(2.0, samples=5000)], set()),
    ],
)
def test_the_best_value_is_marked_where_runs_can_be_compared(rows, places):
    assert report_tables.best(rows, ["train"] * len(rows)) == places


def test_values_against_different_references_are_not_compared():
    assert report_tables.best([row(3.0), row(2.0)], ["train", "test"]) == set()
