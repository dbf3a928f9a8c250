"""What a measurement comes to: a number and its company."""

from typing import NamedTuple

from jaxgan.runs.text import table as text_table


class Row(NamedTuple):
    """A number and its company.

    Attributes:
        name: feature network and metric, as `digits/frechet_distance`.
        title: the metric in words.
        value: of the samples.
        samples: how many there were.
        real: what as many real examples get, which the reference does not contain: the floor.
        noise: what as many examples of noise get, or another baseline that the title names.
        spread: standard deviation of the value over parts of the samples, where it has parts.
        better: "lower", "higher" or "".
    """

    name: str
    title: str
    value: float
    samples: int
    real: float | None = None
    noise: float | None = None
    spread: float | None = None
    better: str = ""


def table(rows: list[Row]) -> str:
    """The rows as text."""
    lines = [["", "", "samples", "real data", "noise", "n"]]
    for row in rows:
        spread = "" if row.spread is None else f" ± {row.spread:.2g}"
        yardsticks = ["" if value is None else f"{value:.4g}" for value in (row.real, row.noise)]
        value = f"{row.value:.4g}{spread}"
        lines.append([row.name, row.title, value, *yardsticks, str(row.samples)])
    return text_table(lines)
