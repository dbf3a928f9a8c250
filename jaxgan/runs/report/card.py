"""A model card: what a run is, what it was trained on, how good it is, and what it is not good for.

The card is Markdown with a head in YAML, as model hubs read it (Mitchell et al. 2019,
https://arxiv.org/abs/1810.03993).
"""

import json
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from jaxgan.checkpoint import CheckpointError, Checkpoints
from jaxgan.runs.config import make
from jaxgan.runs.report.runs import RunFiles, is_number
from jaxgan.runs.report.svg import NOTHING, number
from jaxgan.runs.settings import RATES
from jaxgan.runs.variants import VARIANTS

UNSTATED = "unknown"
"""The license of a model whose author has not named one, as hubs spell it."""

_NOT_TOLD = ("data_dir", "manual_dir", "cache_dir", "compilation_cache", "inception_weights")


def card(run: RunFiles, license_name: str, beside: Path) -> str:
    """Return the model card of a run.

    Args:
        run: its files.
        license_name: license of the model; `UNSTATED` if the author has not named one.
        beside: directory of the card, to which the path of its picture is relative.
    """
    notes = _notes(run)
    sections = {
        "How good it is": _metrics(run),
        "What it was trained on": _data(run, notes),
        "How it was trained": _training(run),
        "How to use it": _use(run),
        "Limits": "\n".join(f"- {line}" for line in _limits(run, notes)),
        "License": _license(license_name),
    }
    parts = [f"---\n{_head(run, license_name, notes)}---", f"# {_plain(run.name)}", _about(run)]
    picture = _picture(run, beside)
    parts += [picture] if picture else []
    parts += [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(parts) + "\n"


def _notes(run: RunFiles) -> dict[str, Any]:
    """Return what the newest checkpoint knows about the data; nothing if there is none."""
    directory = run.workdir / "checkpoints"
    if not directory.is_dir():
        return {}
    with Checkpoints(directory) as checkpoints:
        try:
            return checkpoints.notes() if checkpoints.steps() else {}
        except CheckpointError:
            return {}


def _head(run: RunFiles, license_name: str, notes: dict[str, Any]) -> str:
    """Return what hubs read; JSON is YAML too."""
    values: dict[str, Any] = {
        "license": license_name,
        "library_name": "jaxgan",
        "tags": list(dict.fromkeys(["gan", "jax", run.config.recipe])),
    }
    task = _task(run, notes)
    rows = [row for row in run.evaluation.get("rows") or [] if is_number(row.get("value"))]
    if task:
        values["pipeline_tag"] = task
    if task and rows:
        found = [
            {"type": row["name"].rpartition("/")[2], "name": row["name"], "value": row["value"]}
            for row in rows
        ]
        name = _dataset(run)
        about = {"task": {"type": task}, "dataset": {"type": name, "name": name}}
        values["model-index"] = [{"name": run.name, "results": [about | {"metrics": found}]}]
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in values.items()]
    return "".join(lines)


def _task(run: RunFiles, notes: dict[str, Any]) -> str:
    """Return what hubs call the task; nothing for sounds, solids and points."""
    if len(notes.get("shape", ())) != 3:
        return ""
    noise = VARIANTS[run.config.recipe].draws_from_noise
    return "unconditional-image-generation" if noise else "image-to-image"


def _about(run: RunFiles) -> str:
    about = sys.modules[VARIANTS[run.config.recipe].build.__module__].__doc__ or ""
    first = about.split("\n", maxsplit=1)[0]
    link = re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", first)
    networks, loss = run.config.networks.model, run.config.objective.loss.replace("_", " ")
    return f"{link} Networks: {networks}; loss: {loss}. Made with jaxgan."


def _picture(run: RunFiles, beside: Path) -> str:
    newest = max((run.workdir / "samples").glob("step_*.png"), default=None)
    if newest is None:
        return ""
    path = Path(os.path.relpath(newest.resolve(), beside.resolve())).as_posix()
    return f"![Samples after step {run.step:,}, not chosen]({path})\n\n*Samples, not chosen.*"


def _metrics(run: RunFiles) -> str:
    found = run.evaluation
    if not found.get("rows"):
        return "It has not been evaluated."
    lines = [
        "| metric | value | real data | noise | better | samples |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["rows"]:
        spread = f" ± {_number(row['spread'])}" if is_number(row.get("spread")) else ""
        cells = [
            _plain(f"{row.get('title', row['name'])} ({row['name']})"),
            _number(row.get("value")) + spread,
            _number(row.get("real")),
            _number(row.get("noise")),
            _plain(str(row.get("better") or NOTHING)),
            _number(row.get("samples")),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    reference = _plain(_unplaced(str(found.get("reference", "real images"))))
    said = (
        f"Measured at step {_number(found.get('step'))} against {reference}. *Real data* is the "
        f"score of as many real examples, *noise* that of noise: a number alone means little."
    )
    return "\n".join(lines) + f"\n\n{said}"


def _data(run: RunFiles, notes: dict[str, Any]) -> str:
    data = run.config.data
    if not notes:
        return f"{_plain(_dataset(run))}, split {_plain(data.split)}."
    shape = "x".join(map(str, notes["shape"]))
    text = f"{_plain(_dataset(run))}, split {_plain(data.split)}: "
    text += f"{notes['examples']:,} examples" if "examples" in notes else "examples"
    text += f" of {shape}."
    classes = [_plain(str(name)) for name in notes.get("class_names") or ()]
    if classes:
        more = f" and {len(classes) - 20} more" if len(classes) > 20 else ""
        used = "was shown" if run.config.objective.conditional else "was not shown"
        what = "words" if len(notes.get("source", ())) == 1 else "labels"
        text += f" It {used} the {what}: {', '.join(classes[:20])}{more}."
    return text


def _dataset(run: RunFiles) -> str:
    """Return the name of the data, without the directories above a folder of the author's."""
    return _unplaced(run.config.data.dataset)


def _unplaced(text: str) -> str:
    """Return a text that names data, without the directories above folders."""
    name = r"[^/,]+(?:/(?:train|test|val\w*)(?:\[[^\]]*\])?)?"
    return re.sub(rf"folder:[^,]*?({name})(?=,|$)", r"folder:\1", text)


def _training(run: RunFiles) -> str:
    config = run.config
    flat = config.flat()
    usual = make(recipe=config.recipe, model=config.networks.model).flat()
    flags = [f"--recipe={config.recipe}", f"--dataset={_dataset(run)}"]
    for name, value in flat.items():
        if name in (*_NOT_TOLD, "recipe", "dataset", "workdir") or value == usual.get(name):
            continue
        is_switch = isinstance(value, bool)
        flags.append(f"--{'' if value else 'no'}{name}" if is_switch else f"--{name}={value}")
    command = " \\\n  ".join(["jaxgan-train", *flags])
    batch = config.optimization.batch_size * config.optimization.d_steps
    versions = run.evaluation.get("versions") or {}
    made = ", ".join(_plain(f"{name} {version}") for name, version in versions.items())
    made = f" Evaluated with {made}." if made else ""
    changed = "".join(
        f" `--{name}` was {_number(line[name][0])} until step {line['step']:,}."
        for line in run.changes
        for name in RATES
        if line.get(name)
    )
    return (
        f"{run.step:,} steps; the discriminator saw {run.step * batch:,} real examples."
        f"{made}{changed}\n\n```\n{command}\n```"
    )


def _use(run: RunFiles) -> str:
    noise = VARIANTS[run.config.recipe].draws_from_noise
    how = "--n=64 --out=samples.png" if noise else "--input=PICTURES/ --out=made/"
    return f"```\njaxgan-sample --workdir={shlex.quote(run.workdir.name)} {how}\n```"


def _limits(run: RunFiles, notes: dict[str, Any]) -> list[str]:
    found = run.evaluation
    rows = {row["name"]: row for row in found.get("rows") or []}
    limits = []
    if len(notes.get("shape", ())) == 3:
        height, width, _ = notes["shape"]
        limits.append(
            f"It makes pictures of {height}x{width} pixels, and of what it was shown only."
        )
    copied = rows.get("pixels/copied")
    if copied and is_number(copied.get("value")):
        limits.append(
            f"Memorization: {copied['value']:.1%} of the samples are nearer to a training picture "
            f"than 99 % of real pictures are; 1 % is expected of a model that copies nothing."
        )
    else:
        limits.append("Whether samples are copies of training pictures has not been measured.")
    if rows and found.get("features") != "inception":
        limits.append(
            f"Distances are in the features of {_plain(str(found.get('features')))}: they cannot "
            f"be compared with FID, which uses those of Inception."
        )
    standing = {line.get("state"): line for line in run.monitor or []}
    limits += [
        f"At step {_number(line['step'])} the monitor said: {_plain(str(line.get('text', '')))}"
        for line in standing.values()
        if line.get("level") == "warning"
    ]
    limits.append("What is rare or missing in the training data is rare or missing in samples.")
    return limits


def _license(name: str) -> str:
    of_data = "Licenses of the training data, and of what they show, apply as well."
    if name == UNSTATED:
        return f"Its author has not named one. {of_data}"
    return f"{_plain(name)}. {of_data}"


def _number(value: Any) -> str:
    return _plain(number(value))


def _plain(text: str) -> str:
    """Escape what has a meaning in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split()))
