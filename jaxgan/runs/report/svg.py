"""The parts of a chart: axes, their frame, the legend and the figure around it."""

import math
from typing import Any, NamedTuple

from jaxgan.runs.report.html import Html, element
from jaxgan.runs.report.runs import is_number

WIDTH, HEIGHT = 360, 210
"""The size of a chart, in units of about one pixel of a phone."""

NOTHING = "\N{EN DASH}"
"""A placeholder for a missing value."""

COLORS = 7
"""The number of colors for the series of a chart; the style of the page defines them."""

REAL = COLORS
"""The number of the color of real data."""


class Axis(NamedTuple):
    """An axis, which maps values from `low` to `high` to positions in the drawing."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Return the position of a value, clipped to the axis."""
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = math.log10(low), math.log10(high), math.log10(value)
        return round(self.start + (value - low) / (high - low) * (self.end - self.start), 1)

    def ticks(self, count: int = 5) -> list[tuple[float, str]]:
        """Return round values and their labels."""
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
    """Format a number with three significant digits, or all digits before the decimal point."""
    if not is_number(value):
        return NOTHING if value is None else str(value)
    if value == 0 or 1000 <= abs(value) < 1e9:
        return f"{value:,.0f}"
    return f"{value:.1e}" if abs(value) < 1e-4 else f"{value:.3g}"


def frame(x: Axis, y: Axis, over: str) -> list[Html]:
    """Draw grid lines with their values, and the name of the horizontal axis."""
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
    """Draw text whose start, middle or end is at x."""
    return element("text", {"x": x, "y": y, "text-anchor": anchor}, words, *more)


def svg(label: str, drawn: Any, height: float = HEIGHT) -> Html:
    """Make a drawing; screen readers read out `label`."""
    given = {"viewBox": f"0 0 {WIDTH} {height}", "role": "img", "aria-label": label}
    return element("svg", given, drawn)


def figure(title: str, *content: Any) -> Html:
    """Put a chart under its title."""
    return element("figure", {"class": "chart"}, element("figcaption", {}, title), *content)


def key(names: list[tuple[str, int]], values: list[Html] | None = None) -> Html:
    """Make a legend with a swatch and a name for each color."""
    items = [
        element("li", {}, element("i", {"class": f"swatch s{k}"}), name, values and values[i])
        for i, (name, k) in enumerate(names)
    ]
    return element("ul", {"class": "legend"}, items)


def _short(value: float) -> str:
    """Format a number for an axis, where there is little room."""
    for least, unit, name in (1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k"):
        if abs(value) >= least:
            return f"{value / unit:g}{name}"
    return f"{value:g}"
