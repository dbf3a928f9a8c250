"""The result of a measurement: a number with its reference values."""

from typing import NamedTuple

from jaxgan.runs.text import table as text_table


class Row(NamedTuple):
    """A number with its reference values.

    Attributes:
        name: feature network and metric, as `digits/frechet_distance`.
        title: the metric in words.
        value: score of the samples.
        samples: number of samples.
        real: the floor, the score of as many real examples that are not in the reference.
        noise: score of as many examples of noise, or of another baseline that the title names.
        spread: standard deviation of the value over parts of the samples, if measured on parts.
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
    """Format the rows as text."""
    lines = [["", "", "samples", "real data", "noise", "n"]]
    for row in rows:
        spread = "" if row.spread is None else f" ± {row.spread:.2g}"
        yardsticks = ["" if value is None else f"{value:.4g}" for value in (row.real, row.noise)]
        value = f"{row.value:.4g}{spread}"
        lines.append([row.name, row.title, value, *yardsticks, str(row.samples)])
    return text_table(lines)
