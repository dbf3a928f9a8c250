"""Tables of the settings and the metrics of one run, or of several side by side."""

import math
from typing import Any

from jaxgan.runs.config import make
from jaxgan.runs.report.html import Html, element
from jaxgan.runs.report.runs import RunFiles, is_number
from jaxgan.runs.report.svg import COLORS, NOTHING, number
from jaxgan.runs.settings import RATES

_BETTER = {"lower": "lower ↓", "higher": "higher ↑"}


def named(run: RunFiles, i: int) -> list[Html]:
    """Return the name of a run next to its color."""
    swatch = element("i", {"class": f"swatch s{i % COLORS}"})
    return [swatch, element("b", {}, run.name), Html(" ")]


def settings(runs: list[RunFiles]) -> list[Html]:
    """Return the settings that differ from the defaults or between the runs, then all settings."""
    flat = [run.config.flat() for run in runs]
    names = dict.fromkeys(name for one in flat for name in one)
    values = {name: [one.get(name, "") for one in flat] for name in names}
    if len(runs) == 1:
        defaults = make(recipe=flat[0]["recipe"], model=flat[0]["model"]).flat()
        values = {name: [*row, defaults[name]] for name, row in values.items()}
    changed = {key: row for key, row in values.items() if len(set(row)) > 1 and key != "workdir"}
    if len(runs) == 1:
        said = "Different from the defaults:" if changed else "All settings are the defaults."
    else:
        said = "Different between the runs:" if changed else "All runs have the same settings."
    everything = element(
        "details", {}, element("summary", {}, "All settings"), _values(runs, values)
    )
    content = [
        element("p", {"class": "note"}, said),
        changed and _values(runs, changed),
        *(element("p", {"class": "note"}, text) for text in _changes(runs)),
        everything,
    ]
    return [part for part in content if part]


def _changes(runs: list[RunFiles]) -> list[str]:
    """Say which learning rates were others for a part of a run."""
    return [
        (f"{run.name}: " if len(runs) > 1 else "")
        + f"--{name} was {number(line[name][0])} until step {line['step']:,}, and "
        + f"{number(line[name][1])} after it."
        for run in runs
        for line in run.changes
        for name in RATES
        if line.get(name)
    ]


def _values(runs: list[RunFiles], values: dict[str, list[Any]]) -> Html:
    one = len(runs) == 1
    heads = ["value", "default"] if one else [named(run, i) for i, run in enumerate(runs)]
    cells = [
        [element("td", {}, NOTHING if value == "" else str(value)) for value in row]
        for row in values.values()
    ]
    return _table("settings", ["setting", *heads], list(values), cells)


def metrics(runs: list[RunFiles]) -> list[Html]:
    """Return the table of the metrics, and how they were measured."""
    made = [element("p", {"class": "note"}, _made(run, len(runs) > 1)) for run in runs]
    shown = _several(runs) if len(runs) > 1 else _one(runs[0])
    explained = "Floor: real images against other real ones. Noise: noise against real images."
    return [*shown, element("p", {"class": "note"}, explained), *made]


def best(rows: list[dict[str, Any] | None], references: list[Any]) -> set[int]:
    """Return which runs have the best value of a metric: those within the spread of the best.

    Args:
        rows: row of each run, or None if it has not measured this metric.
        references: what each run was measured against.

    Returns:
        Their indices; none if fewer than two can be compared, if all are equally good, or if the
        numbers of samples or the references differ.
    """
    known = [i for i, row in enumerate(rows) if row and is_number(row.get("value"))]
    if len(known) < 2 or not comparable(rows, references):
        return set()
    values = {i: (rows[i] or {})["value"] for i in known}
    sign = {"lower": 1, "higher": -1}.get((rows[known[0]] or {}).get("better", ""))
    if sign is None:
        return set()
    first = min(known, key=lambda i: sign * values[i])
    spreads = {i: _spread(rows[i]) for i in known}
    found = {
        i for i in known if abs(values[i] - values[first]) <= math.hypot(spreads[i], spreads[first])
    }
    return found if len(found) < len(known) else set()


def comparable(rows: list[dict[str, Any] | None], references: list[Any]) -> bool:
    """Whether all runs that measured a metric measured it in the same way."""
    ways = [(row.get("samples"), given) for row, given in zip(rows, references, strict=True) if row]
    return all(way == ways[0] for way in ways)


def _spread(row: dict[str, Any] | None) -> float:
    spread = (row or {}).get("spread")
    return float(spread) if spread is not None and is_number(spread) else 0.0


def _made(run: RunFiles, named: bool) -> str:
    """Describe how the numbers were measured."""
    found = run.evaluation
    start = f"{run.name}: " if named else ""
    if not found.get("rows"):
        return f"{start}not evaluated yet"
    versions = found.get("versions") or {}
    parts = [
        f"step {number(found.get('step'))}",
        f"{number(found.get('samples'))} samples against {found.get('reference', 'real images')}",
        f"features: {found['features']}" if found.get("features") else "",
        f"{number(found['seconds'])} s" if is_number(found.get("seconds")) else "",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    return start + "; ".join(filter(None, parts))


def _one(run: RunFiles) -> list[Html]:
    head = ["metric", "value", "floor", "noise", "better", "samples"]
    rows = [
        [
            _value(row),
            number(row.get("real")),
            number(row.get("noise")),
            _BETTER.get(row.get("better", ""), NOTHING),
            number(row.get("samples")),
        ]
        for row in run.evaluation["rows"]
    ]
    cells = [[element("td", {}, text) for text in row] for row in rows]
    return [_titled(head, run.evaluation["rows"], cells)]


def _several(runs: list[RunFiles]) -> list[Html]:
    """Return a table with a column for each run, with the floor and noise below each value."""
    by_name = [
        {row.get("name", ""): row for row in run.evaluation.get("rows") or []} for run in runs
    ]
    references = [(run.evaluation.get("reference"), run.evaluation.get("features")) for run in runs]
    first = {name: row for rows in reversed(by_name) for name, row in rows.items()}
    names = list(dict.fromkeys(name for rows in by_name for name in rows))
    cells, alike = [], True
    for name in names:
        rows = [found.get(name) for found in by_name]
        alike &= comparable(rows, references)
        winners = best(rows, references)
        better = _BETTER.get(first[name].get("better", ""), NOTHING)
        cells.append(
            [element("td", {}, better), *(_cell(row, i in winners) for i, row in enumerate(rows))]
        )
    heads = [named(run, i) for i, run in enumerate(runs)]
    table = _titled(["metric", "better", *heads], [first[name] for name in names], cells)
    said = "Best: the best value of a row, and those within the spread of it, unless all are."
    if not alike:
        said += " No mark where the runs were measured differently (samples, reference, features)."
    return [table, element("p", {"class": "note"}, said)]


def _cell(row: dict[str, Any] | None, wins: bool) -> Html:
    if row is None:
        return element("td", {}, NOTHING)
    ends = [
        f"{word} {number(row[key])}"
        for word, key in (("floor", "real"), ("noise", "noise"))
        if row.get(key) is not None
    ]
    mark = element("span", {"class": "best"}, "best") if wins else None
    small = element("small", {}, ", ".join(ends)) if ends else None
    return element("td", {}, element("b" if wins else "span", {}, _value(row)), mark, small)


def _value(row: dict[str, Any]) -> str:
    value = number(row.get("value"))
    return f"{value} ± {number(row['spread'])}" if is_number(row.get("spread")) else value


def _titled(head: list[Any], rows: list[dict[str, Any]], cells: list[list[Html]]) -> Html:
    """Return a table with a row for each metric, headed by its title and its name."""
    firsts = []
    for row in rows:
        found = str(row.get("name", ""))
        title = str(row.get("title") or found)
        firsts.append([title, element("small", {}, found) if found != title else None])
    return _table("metrics", head, firsts, cells)


def _table(label: str, head: list[Any], firsts: list[Any], cells: list[list[Html]]) -> Html:
    """Return a table that scrolls on its own; `firsts` are the headings of its rows."""
    top = element("tr", {}, [element("th", {"scope": "col"}, given) for given in head])
    body = [
        element("tr", {}, element("th", {"scope": "row"}, first), row)
        for first, row in zip(firsts, cells, strict=True)
    ]
    content = [element("thead", {}, top), element("tbody", {}, body)]
    given = {"class": "scroll", "role": "region", "aria-label": label, "tabindex": 0}
    return element("div", given, element("table", {"class": label}, content))
