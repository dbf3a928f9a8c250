"""The page of one or several runs, put together from their files."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.runs.invocation import command
from jaxgan.runs.report import charts
from jaxgan.runs.report.charts import Group, Mark
from jaxgan.runs.report.curves import curves
from jaxgan.runs.report.html import Html, element, join
from jaxgan.runs.report.runs import Picture, RunFiles, is_number
from jaxgan.runs.report.svg import COLORS, REAL, number
from jaxgan.runs.report.tables import metrics, named, settings
from jaxgan.runs.variants import VARIANTS

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_POINTS = ("ring", "grid")
_SMALL = 480  # width in pixels below which a picture is enlarged without smoothing


def page(runs: list[RunFiles]) -> str:
    """Return the whole HTML file."""
    one = len(runs) == 1
    title = runs[0].name if one else " · ".join(run.name for run in runs)
    heading = runs[0].name if one else f"{len(runs)} runs"
    top = [_metrics(runs), _samples(runs)]
    if one and runs[0].evaluation.get("rows") and runs[0].frames:
        top = [element("div", {"class": "top"}, top)]
    parts = [
        _section("Settings", settings(runs)),
        *top,
        _curves(runs),
        _evaluations(runs),
        _classes(runs),
    ]
    parts += [_interpolation(runs), _nearest(runs), _truncation(runs), _projection(runs)]
    head = [
        element("meta", {"charset": "utf-8"}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": _POLICY}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("link", {"rel": "icon", "href": "data:,"}),
        element("title", {}, title),
        element("style", {}, _file("report.css")),
    ]
    main = element("main", {}, element("h1", {}, heading), _summary(runs), parts)
    body = element("body", {}, main, element("script", {}, _file("report.js")))
    return f"<!doctype html>\n{element('html', {'lang': 'en'}, element('head', {}, head), body)}\n"


def _file(name: str) -> Html:
    return Html(Path(__file__).with_name(name).read_text(encoding="utf-8"))


def _summary(runs: list[RunFiles]) -> Html:
    """Return a line for each run, which is the legend of the page if there are several."""
    lines = []
    for i, run in enumerate(runs):
        config = run.config
        done = f"step {run.step:,} of {config.run.steps:,}" if run.step else "no step recorded yet"
        about = f"{config.networks.model}, {config.objective.loss} loss, on {config.data.dataset}"
        text = f"{about}: {done}"
        lines.append(element("p", {"class": "lead"}, named(run, i) if len(runs) > 1 else "", text))
    return join(lines)


def _section(title: str, content: Any) -> Html:
    return element("section", {}, element("h2", {}, title), content)


def _train() -> str:
    return command("train") + " --flagfile={}/flags.txt"


def _unmeasured(title: str, what: str, runs: list[RunFiles]) -> Html | None:
    """Return a section that an evaluation would fill; nothing where there has been one."""
    if any(run.evaluation.get("rows") for run in runs):
        return None
    return _missing(title, what, runs, command("evaluate") + " --workdir={}")


def _missing(title: str, what: str, runs: list[RunFiles], command: str) -> Html:
    """Return a section with nothing to show, as one line."""
    given = element("code", {}, command.format(shlex.quote(str(runs[0].workdir))))
    line = element("p", {}, element("b", {}, f"{title}: "), f"{what} ", given)
    return element("section", {"class": "none"}, line)


def _columns(runs: list[RunFiles], draw: Callable[[RunFiles, int], Any]) -> Html:
    """Arrange the content of each run side by side where there is room."""
    cells = []
    for i, run in enumerate(runs):
        heading = element("h3", {}, named(run, i)) if len(runs) > 1 else None
        content = draw(run, i % COLORS) or _note("none yet")
        if isinstance(content, list) and len(runs) == 1:
            content = element("div", {"class": "pair"}, content)
        cells.append(element("div", {}, heading, content))
    return element("div", {"class": "columns"}, cells)


def _note(text: str) -> Html:
    return element("p", {"class": "note"}, text)


def _metrics(runs: list[RunFiles]) -> Html | None:
    missing = _unmeasured("Metrics", "not evaluated yet; they are measured by", runs)
    return missing or _section("Metrics", metrics(runs))


def _samples(runs: list[RunFiles]) -> Html:
    if not any(run.frames for run in runs):
        return _missing("Samples", "no pictures yet; they are drawn by", runs, _train())
    return _section("Samples during training", [_note(_sources(runs)), _columns(runs, _player)])


def _sources(runs: list[RunFiles]) -> str:
    """Say what the samples of every step are made from."""
    sources = {
        "latents" if VARIANTS[run.config.recipe].draws_from_noise else "examples of the data"
        for run in runs
    }
    made = "drawn" if sources == {"latents"} else "made"
    return f"All pictures of a run are {made} from the same {' or '.join(sorted(sources))}."


def _player(run: RunFiles, color: int) -> Html | None:
    """Stack all pictures, with a slider that selects one of them."""
    del color
    if not run.frames:
        return None
    last = len(run.frames) - 1
    frames = [
        _image(run, frame, f"samples after step {frame.step:,}", i != last)
        for i, frame in enumerate(run.frames)
    ]
    label = {"aria-label": f"step of the samples of {run.name}"}
    slider = {"type": "range", "min": 0, "max": last, "value": last, **label}
    step = element("output", {}, f"step {run.frames[-1].step:,}")
    notes = []
    if len(run.frames) < run.drawn:
        notes.append(f"{len(run.frames)} of {run.drawn} pictures, evenly chosen.")
    if not all(frame.exact for frame in run.frames):
        notes.append("Large pictures are scaled down and compressed with loss.")
    player = element(
        "figure",
        {"class": "player"},
        frames,
        element("div", {"class": "control"}, element("input", slider), step),
        notes and _note(" ".join(notes)),
    )
    if run.real is None:
        return player
    real = element("summary", {}, "Real examples")
    return join([player, element("details", {}, real, _image(run, run.real, "real examples"))])


def _image(run: RunFiles, picture: Picture, alt: str, hidden: bool = False) -> Html:
    small = picture.width <= _SMALL and run.config.data.dataset not in _POINTS
    given = {"src": picture.uri, "width": picture.width, "height": picture.height, "alt": alt}
    more = {"class": "small" if small else None, "hidden": hidden}
    if picture.step or hidden:
        more["data-step"] = f"step {picture.step:,}"
    # Up to the width of the page, but not so wide that pixels look like tiles.
    most = picture.width * (2 if small else 1)
    return element("img", given | more | {"style": f"max-width:min(100%,{most}px)"})


def _curves(runs: list[RunFiles]) -> Html:
    if not any(run.metrics for run in runs):
        return _missing("Curves", "no metrics yet; they are written by", runs, _train())
    drawn = curves(runs, [run.metrics for run in runs], "step", _marks(runs))
    said = "Losses show which player is ahead, not how good the samples are."
    return _section("Curves", [_note(said), drawn, _words(runs)])


def _words(runs: list[RunFiles]) -> Html:
    """Return what the monitor said, numbered like the marks on the curves."""
    if all(run.monitor is None for run in runs):
        return _missing("Monitor", "no remarks; they are written by", runs, _train())

    def words(run: RunFiles, color: int) -> Html | None:
        del color
        if run.monitor is None:
            return None
        if not run.monitor:
            return _note("The monitor had nothing to report.")
        lines = [element("li", {}, _said(line)) for line in run.monitor]
        return element("ol", {"class": "words scroll", "tabindex": 0}, lines)

    return join([element("h3", {}, "Remarks of the monitor"), _columns(runs, words)])


def _said(line: dict[str, Any]) -> list[Any]:
    """Return one remark; what looks like a flag is set as code."""
    state, text = str(line.get("state", "")).replace("_", " "), str(line.get("text", ""))
    starts = text.lower().startswith(state.lower())
    text = text[len(state) :] if starts else f": {text}"
    pieces = re.split(r"(--\w[\w=.,-]*\w)", text)
    pieces[1::2] = [element("code", {}, flag) for flag in pieces[1::2]]
    return [f"step {number(line['step'])}: ", element("b", {}, state), pieces]


def _marks(runs: list[RunFiles]) -> list[Mark]:
    return [
        Mark(line["step"], i, k % COLORS if len(runs) > 1 else None)
        for k, run in enumerate(runs)
        for i, line in enumerate(run.monitor or [], 1)
    ]


def _evaluations(runs: list[RunFiles]) -> Html | None:
    if not any(run.evaluations for run in runs):
        what = "not measured during training; measured afterwards by"
        return _unmeasured("Metrics over training", what, runs)
    drawn = curves(runs, [run.evaluations for run in runs], "step", _marks(runs))
    return _section("Metrics over training", drawn)


def _classes(runs: list[RunFiles]) -> Html | None:
    def classes(run: RunFiles, color: int) -> Any:
        picture, found = run.pictures.get("classes"), run.evaluation.get("classes")
        shown = picture and _image(run, picture, "samples of each class, one row per class")
        if not found:
            return shown
        pairs = ("real", REAL, found.get("real")), ("generated", color, found.get("fake"))
        groups = [
            Group(name, k, [share if is_number(share) else 0.0 for share in shares or []])
            for name, k, shares in pairs
        ]
        return [charts.bars("share of each class", found.get("names") or [], groups), shown]

    if not any(run.pictures.get("classes") or run.evaluation.get("classes") for run in runs):
        return _unmeasured("Classes", "none yet; they are counted by", runs)
    return _section("Classes", _columns(runs, classes))


def _interpolation(runs: list[RunFiles]) -> Html | None:
    def interpolation(run: RunFiles, color: int) -> Any:
        del color
        picture = run.pictures.get("interpolation")
        return picture and _image(run, picture, "interpolations from one latent to another")

    if not any(run.pictures.get("interpolation") for run in runs):
        return _unmeasured("Interpolation", "none yet; it is drawn by", runs)
    return _section("Interpolation", _columns(runs, interpolation))


def _nearest(runs: list[RunFiles]) -> Html | None:
    def nearest(run: RunFiles, color: int) -> Any:
        picture, found = run.pictures.get("nearest"), run.evaluation.get("distances") or {}
        shown = picture and _image(run, picture, "samples with their nearest training images")
        held_out = str(found.get("held_out_name") or "held out")
        groups = _groups(found, (held_out, REAL, "held_out"), ("generated", color, "fake"))
        if not groups:
            return shown
        unit = f" ({found['unit']})" if found.get("unit") else ""
        return [shown, charts.histogram(f"distance to the nearest training image{unit}", groups)]

    if not any(run.pictures.get("nearest") or run.evaluation.get("distances") for run in runs):
        return _unmeasured("Nearest training images", "none yet; found by", runs)
    said = (
        "Samples that are much nearer to the training images than held-out images are copies. "
        "Top row: the nearest samples on the left, others on the right. Below each sample: the "
        "training images nearest to it, by L1 and L2 of pixels and by L2 of features."
    )
    return _section("Nearest training images", [_note(said), _columns(runs, nearest)])


def _groups(found: dict[str, Any], *groups: tuple[str, int, str]) -> list[Group]:
    """Return the groups, given as name, color and key, that have values; only finite ones."""
    kept = [
        Group(name, color, [v for v in found.get(key) or [] if np.isfinite(v).all()])
        for name, color, key in groups
    ]
    return [group for group in kept if group.values]


def _truncation(runs: list[RunFiles]) -> Html | None:
    drawn = curves(runs, [run.evaluation.get("truncation") or [] for run in runs], "psi", [])
    if drawn is None:
        return _unmeasured("Truncation", "none yet; it is measured by", runs)
    said = "The smaller psi is, the more typical the samples are, at the expense of recall."
    return _section("Truncation", [_note(said), drawn])


def _projection(runs: list[RunFiles]) -> Html | None:
    def projection(run: RunFiles, color: int) -> Any:
        found = run.evaluation.get("projection") or {}
        groups = _groups(found, ("real", REAL, "real"), ("generated", color, "fake"))
        return groups and charts.scatter(str(found.get("method") or "projection"), groups)

    if not any(run.evaluation.get("projection") for run in runs):
        return _unmeasured("Projection of features", "none yet; it is made by", runs)
    return _section("Projection of features", _columns(runs, projection))
