"""The parts of a chart: axes, their frame, the legend and the figure around it."""

import math
from typing import Any, NamedTuple

from jaxgan.runs.report.html import Html, element
from jaxgan.runs.report.runs import is_number

WIDTH, HEIGHT = 360, 210
"""Of a chart, in units that are about the pixels of a telephone."""

NOTHING = "\N{EN DASH}"
"""What stands where there is no value."""

COLORS = 7
"""Series of one chart; their colors come from the page's style."""

REAL = COLORS
"""The number of the color of what is real."""


class Axis(NamedTuple):
    """Where values from `low` to `high` lie in the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value; what is outside lies on the edge."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Round values and how they are written."""
        if self.log:
            first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
            powers = range(first, last + 1, math.ceil((last - first + 1) / count))
            return [(10.0**power, _short(10.0**power)) for power in powers]
        least = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(least))
        step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step)))
        values = [round(i * step, decimals) for i in range(first, last + 1)]
        return [(value, _short(value)) for value in values]


def number(value: Any) -> str:
    """A number with three digits that count, or all digits in front of the point."""
    if not is_number(value):
        return NOTHING if value is None else str(value)
    if value == 0 or 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.1e}" if abs(value) < 1e-4 else f"{value:.3g}"


def frame(x: Axis, y: Axis, over: str) -> list[Html]:
    """Grid lines with their values, and the name of the horizontal axis."""
    drawn: list[Html] = []
    for value, words in y.ticks(4):
        path = f"M{x.start} {y(value)}H{x.end}"
        drawn += [element("path", {"class": "grid", "d": path})]
        drawn += [text(x.start - 6, y(value) + 4, words, "end")]
    base = max(y.start, y.end)
    drawn.append(element("path", {"class": "axis", "d": f"M{x.start} {base}H{x.end}"}))
    # The name takes the place of the last value.
    room = x.end - 6.5 * len(over)
    for value, words in x.ticks(5):
        drawn.append(element("path", {"class": "axis", "d": f"M{x(value)} {base}v4"}))
        if x(value) + 3 * len(words) < room:
            drawn.append(text(x(value), base + 16, words, "middle"))
    return [*drawn, text(x.end, base + 16, over, "end")]


def text(x: float, y: float, words: str, anchor: str, *more: Html) -> Html:
    """Words whose start, middle or end lies at x."""
    return element("text", {"x": x, "y": y, "text-anchor": anchor}, words, *more)


def svg(label: str, drawn: Any, height: float = HEIGHT) -> Html:
    """The drawing; `label` is what is read out."""
    given = {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": label}
    return element("svg", given, drawn)


def figure(title: str, *content: Any) -> Html:
    """A chart under its title."""
    return element("figure", {"class": "chart"}, element("figcaption", {}, title), *content)


def key(names: list[tuple[str, int]], values: list[Html] | None = None) -> Html:
    """The legend: a swatch and a name for each color."""
    items = [
        element("li", {}, element("i", {"class": f"swatch s{k}"}), name, values and values[i])
        for i, (name, k) in enumerate(names)
    ]
    return element("ul", {"class": "legend"}, items)


def _short(value: float) -> str:
    """A number on an axis, where there is little room."""
    for least, unit, name in (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"):
        if abs(value) >= least:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
