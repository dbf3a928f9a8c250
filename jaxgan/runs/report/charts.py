"""Charts as SVG inside the page: lines over steps, bars of classes, histograms, scatter plots.

Colors come from the style of the page, by the number of the series.
"""

import math
from typing import Any, NamedTuple

import numpy as np

from jaxgan.runs.report.html import Html, data, element
from jaxgan.runs.report.runs import evenly
from jaxgan.runs.report.svg import HEIGHT, WIDTH, Axis, figure, frame, key, number, svg, text

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 16, 24
_POINTS = 1000  # of a curve; more cannot be distinguished
_DOTS = 4000  # of a scatter plot, in each group
_LOG_FROM = 300  # ratio of largest to smallest value
_BINS = 32
_CLASSES = 30


class Group(NamedTuple):
    """The values of a group, such as the real images, and the number of their color."""

    name: str
    color: int
    values: list


class Series(NamedTuple):
    """A curve.

    Attributes:
        name: its name in the legend.
        color: number of its color.
        x: finite, increasing values.
        y: values of the same length; the curve has a gap where they are not finite.
        spread: half the height of a band around the curve; there is no band where it is NaN.
    """

    name: str
    color: int
    x: list[float]
    y: list[float]
    spread: list[float]


class Mark(NamedTuple):
    """A numbered vertical line over a curve; `color` is None for the color of the text."""

    x: float
    number: int
    color: int | None = None


def lines(title: str, over: str, series: list[Series], marks: list[Mark], share: bool) -> Html:
    """Draw curves, with a legend that shows the values under the pointer.

    Args:
        title: title of the chart.
        over: name of the horizontal axis, as "step".
        series: at least one, each with at least one finite value.
        marks: marks above the curves.
        share: whether the values are shares, so that the axis goes from 0 to 1.
    """
    series = [_thinned(one) for one in series]
    x = Axis(*_wide(_span([one.x for one in series])), _LEFT, WIDTH - _RIGHT)
    y = _vertical(series, share)
    drawn = [
        [frame(x, y, over)],
        [_mark(x, one, marks[:i]) for i, one in enumerate(marks) if x.low <= one.x <= x.high],
        [_curve(x, y, one) for one in series],
        [element("g", {"class": "here"})],
    ]
    return figure(title, svg(f"{title} over {over}", drawn), *_legend(series, over, x, y))


def bars(title: str, names: list[str], groups: list[Group]) -> Html:
    """Draw horizontal bars, one per name and group, labeled with the share in percent.

    If there are many classes, those are drawn whose shares differ most between the groups.
    """
    rows = list(zip(names, *(group.values for group in groups), strict=False))
    shown = range(len(rows))
    if len(rows) > _CLASSES:
        differing = sorted(shown, key=lambda i: min(rows[i][1:]) - max(rows[i][1:]))
        shown = sorted(differing[:_CLASSES])
    axis = Axis(0, max((max(row[1:]) for row in rows), default=1) or 1, 104, WIDTH - 48)
    pitch = 12 * len(groups) + 6
    drawn = []
    for place, i in enumerate(shown):
        name, *values = rows[i]
        top = place * pitch + 2
        words = str(name)
        label = words if len(words) <= 16 else f"{words[:15]}…"
        middle = top + 6 * len(groups) + 3
        drawn.append(text(98, middle, label, "end", element("title", {}, words)))
        for k, (group, value) in enumerate(zip(groups, values, strict=True)):
            size = {"y": top + 12 * k, "width": max(axis(value) - 104, 0.5), "height": 11}
            drawn.append(element("rect", {"class": f"bar s{group.color}", "x": 104, **size}))
            percent = f"{100 * value:.1f}%"
            drawn.append(text(axis(value) + 4, top + 12 * k + 9.5, percent, "start"))
    legend = key([(group.name, group.color) for group in groups])
    if len(rows) > _CLASSES:
        title += f", the {_CLASSES} of {len(rows)} that differ most"
    return figure(title, svg(title, drawn, height=len(shown) * pitch + 4), legend)


def histogram(title: str, groups: list[Group]) -> Html:
    """Draw the share of the values in each of 32 equal bins, for each group."""
    low, high = _wide(_span([group.values for group in groups]))
    counts = [np.histogram(group.values, _BINS, (low, high))[0] for group in groups]
    shares = [count / max(count.sum(), 1) for count in counts]
    x = Axis(low, high, _LEFT, WIDTH - _RIGHT)
    y = Axis(0, max(share.max() for share in shares) or 1, HEIGHT - _BOTTOM, _TOP)
    edges = np.linspace(low, high, _BINS + 1)
    drawn: list[Any] = [frame(x, y, "")]
    for group, share in zip(groups, shares, strict=True):
        path = f"M{x(low)} {y(0)}"
        for i, value in enumerate(share):
            path += f"V{y(value)}H{x(edges[i + 1])}"
        drawn.append(element("path", {"class": f"step s{group.color}", "d": f"{path}V{y(0)}"}))
    return figure(title, svg(f"{title}: a histogram", drawn), key(_counted(groups)))


def scatter(title: str, groups: list[Group]) -> Html:
    """Draw the points of each group in a square, with the same scale on both axes."""
    groups = [group._replace(values=evenly(group.values, _DOTS)) for group in groups]
    everything = np.array([point for group in groups for point in group.values])
    middle = (everything.max(0) + everything.min(0)) / 2
    half = float(np.ptp(everything, axis=0).max()) / 2 * 1.04 or 1.0
    side = WIDTH - 20
    x = Axis(middle[0] - half, middle[0] + half, 10, 10 + side)
    y = Axis(middle[1] - half, middle[1] + half, 10 + side, 10)
    square = {"class": "frame", "x": 10, "y": 10, "width": side, "height": side}
    drawn = [element("rect", square)]
    for group in groups:
        path = "".join(f"M{x(a)} {y(b)}h0" for a, b in group.values)
        drawn.append(element("path", {"class": f"dots s{group.color}", "d": path}))
    drawing = svg(f"{title}: a scatter", drawn, height=WIDTH)
    return figure(title, drawing, key(_counted(groups)))


def _counted(groups: list[Group]) -> list[tuple[str, int]]:
    return [(f"{group.name} ({len(group.values):,})", group.color) for group in groups]


def _span(values: Any) -> tuple[float, float]:
    finite = [v for part in values for v in part if math.isfinite(v)]
    return min(finite), max(finite)


def _wide(span: tuple[float, float]) -> tuple[float, float]:
    """Widen a span that is a single value."""
    low, high = span
    return (low, high) if high > low else (low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2)


def _vertical(series: list[Series], share: bool) -> Axis:
    """Return an axis that all curves fit, logarithmic if they span orders of magnitude."""
    edges = [one.y for one in series]
    for one in series:
        for sign in -1, 1:
            edges.append([v + sign * s for v, s in zip(one.y, one.spread, strict=True)])
    low, high = _span(edges)
    place = HEIGHT - _BOTTOM, _TOP
    if share and low >= 0 and high <= 1:
        return Axis(0, 1, *place)
    if low > 0 and high / low > _LOG_FROM:
        return Axis(low, high, *place, log=True)
    low, high = _wide((low, high))
    room = (high - low) * 0.04
    return Axis(low - room, high + room, *place)


def _thinned(one: Series) -> Series:
    """Thin out a curve with too many points; the extremes of every few are kept."""
    if len(one.y) <= _POINTS:
        return one
    kept = set()
    for part in np.array_split(np.arange(len(one.y)), _POINTS // 2):
        kept |= {min(part, key=lambda i: one.y[i]), max(part, key=lambda i: one.y[i])}
    order = sorted(int(i) for i in kept)
    return one._replace(
        x=[one.x[i] for i in order],
        y=[one.y[i] for i in order],
        spread=[one.spread[i] for i in order],
    )


def _curve(x: Axis, y: Axis, one: Series) -> list[Html]:
    """Draw a line with gaps, dots if there are few points, and the band around it."""
    path, pen = "", "M"
    for a, b in zip(one.x, one.y, strict=True):
        path += f"{pen}{x(a)} {y(b)}" if math.isfinite(b) else ""
        pen = "L" if math.isfinite(b) else "M"
    drawn = [element("path", {"class": f"line s{one.color}", "d": path})]
    if len(one.x) <= 30:
        dots = path.replace("L", "M").replace("M", "h0M").removeprefix("h0") + "h0"
        drawn.append(element("path", {"class": f"few s{one.color}", "d": dots}))
    rows = zip(one.x, one.y, one.spread, strict=True)
    if banded := [row for row in rows if all(map(math.isfinite, row))]:
        outline = [f"{x(a)} {y(b + s)}" for a, b, s in banded]
        outline += [f"{x(a)} {y(b - s)}" for a, b, s in reversed(banded)]
        drawn.insert(
            0, element("path", {"class": f"band s{one.color}", "d": f"M{'L'.join(outline)}Z"})
        )
    return drawn


def _mark(x: Axis, mark: Mark, before: list[Mark]) -> list[Html]:
    """Draw the line, and its number if the numbers before it leave room."""
    place = x(mark.x)
    color = "" if mark.color is None else f" s{mark.color}"
    line = {"class": f"mark{color}", "d": f"M{place} {_TOP}V{HEIGHT - _BOTTOM}"}
    # If two runs have marks at one step, the dashes of one fall into the gaps of the other.
    drawn = [element("path", line | {"stroke-dashoffset": 3 * (mark.color or 0)})]
    if all(abs(x(other.x) - place) > 12 for other in before):
        drawn.append(text(place, _TOP - 5, str(mark.number), "middle"))
    return drawn


def _legend(series: list[Series], over: str, x: Axis, y: Axis) -> list[Html]:
    """Return the names with their last values, and the positions of all points for the pointer."""
    last, points = [], []
    for one in series:
        known = [row for row in zip(one.x, one.y, strict=True) if math.isfinite(row[1])]
        places = [[x(a), y(b), f"{over} {number(a)}", number(b)] for a, b in known]
        last.append(element("output", {}, places[-1][3]))
        points.append({"color": one.color, "points": places})
    ends = {one["points"][-1][2] for one in points}
    where = element("p", {"class": "where"}, ends.pop() if len(ends) == 1 else "last values")
    return [key([(one.name, one.color) for one in series], last), where, data(points)]
