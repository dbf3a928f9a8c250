"""Curves of all numbers that a run has recorded, whatever their names."""

import math
import re
from typing import Any

from jaxgan.runs.report.charts import Mark, Series, lines
from jaxgan.runs.report.html import Html, element
from jaxgan.runs.report.runs import RunFiles, is_number
from jaxgan.runs.report.svg import COLORS

_FIRST = ("loss", "accuracy")
_SHARES = re.compile(r"accuracy|precision|recall|saturated|coverage")


def curves(
    runs: list[RunFiles], tables: list[list[dict]], over: str, marks: list[Mark]
) -> Html | None:
    """Draw a chart for each name; for a single run, names of one kind share a chart.

    Args:
        runs: the runs to compare.
        tables: the lines of each run.
        over: name of the horizontal axis, as "step".
        marks: marks in each chart.

    Returns:
        The charts, or None if there is nothing to draw.
    """
    names = dict.fromkeys(name for table in tables for line in table for name in line)
    names = [n for n in names if n != over and not (n.endswith("_std") and n[:-4] in names)]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_kind(name) if len(runs) == 1 else name, []).append(name)
    drawn = []
    for kind in sorted(groups, key=_rank):
        several = groups[kind]
        pairs = [(name, k) for name in several for k in range(len(runs))]
        series = [
            one
            for i, (name, k) in enumerate(pairs)
            if (
                one := _series(
                    tables[k], over, name, runs[k].name if len(runs) > 1 else name, i % COLORS
                )
            )
        ]
        title = kind.replace("_", " ") if len(several) > 1 else several[0]
        if series:
            share = bool(_SHARES.search(title))
            drawn.append(lines(title, over, series, marks, share))
    return element("div", {"class": "charts"}, drawn) if drawn else None


def _rank(name: str) -> int:
    kind = _kind(name)
    return _FIRST.index(kind) if kind in _FIRST else len(_FIRST)


def _kind(name: str) -> str:
    """Return the part of a name that names on one chart share, such as d_loss and g_loss."""
    if name.rpartition("/")[2] in {"precision", "recall"}:
        return "precision and recall"
    return re.sub(r"^[dg]_|_(real|fake)$", "", name) or name


def _series(table: list[dict], over: str, name: str, label: str, color: int) -> Series | None:
    """Return a curve, or None if it has no finite value."""
    known = [line for line in table if name in line and is_number(line.get(over))]
    known.sort(key=lambda line: line[over])
    values = [_finite(line[name]) for line in known]
    if all(map(math.isnan, values)):
        return None
    band = [_finite(line.get(f"{name}_std")) for line in known]
    return Series(label, color, [line[over] for line in known], values, band)


def _finite(value: Any) -> float:
    return float(value) if is_number(value) else float("nan")
