"""The files of a run that a report shows; nearly all of them may be missing."""

import base64
import io
import json
import math
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from jaxgan.data.images import opened
from jaxgan.runs import flags
from jaxgan.runs.config import Config
from jaxgan.runs.settings import RATES, ConfigError

_FRAMES = 40
_SIDE = 1024  # pixels of the longer side of a picture
_LOSSLESS = 300_000  # size in bytes above which a picture is compressed with loss
_PAGE = 6_500_000  # total size in bytes of all pictures, before base64 adds a third
_EVALUATION = ("nearest", "classes", "interpolation")
_NUMBER = int | float
_POINTS = [(_NUMBER, _NUMBER)]
# What an evaluation holds: objects by their keys, lists by their items, and pairs.
_EVALUATED = {
    "rows": [{"name": str}],
    "truncation": [dict],
    "projection": {"real": _POINTS, "fake": _POINTS},
    "classes": {"names": list, "real": [_NUMBER], "fake": [_NUMBER]},
    "distances": {"fake": [_NUMBER], "held_out": [_NUMBER]},
    "versions": dict,
}
_CHANGED = dict.fromkeys(RATES, _POINTS[0])


class Picture(NamedTuple):
    """A picture inside the page.

    Attributes:
        uri: the whole picture, as a data URI.
        width: in pixels, as in the page.
        height: likewise.
        exact: whether every pixel is unchanged.
        step: the step that it was drawn at; 0 if that does not matter.
    """

    uri: str
    width: int
    height: int
    exact: bool
    step: int = 0


class RunFiles(NamedTuple):
    """The files of a run; what it has not written is empty, or None if that makes a difference.

    Attributes:
        name: a name that distinguishes it from the other runs of the page.
        workdir: its directory.
        config: its settings.
        metrics: a dictionary for each line of `metrics.jsonl`, in the order of the steps.
        monitor: the remarks of the monitor; None if there was no monitor.
        evaluations: metrics over training.
        evaluation: the newest full evaluation.
        frames: pictures of samples from the same latents, in the order of the steps.
        drawn: number of pictures that `frames` were chosen from.
        pictures: pictures of the evaluation, by name.
        real: a picture of real examples, drawn like the samples.
        changes: learning rates that were changed on the way, in the order of the steps.
    """

    name: str
    workdir: Path
    config: Config
    metrics: list[dict[str, Any]]
    monitor: list[dict[str, Any]] | None
    evaluations: list[dict[str, Any]]
    evaluation: dict[str, Any]
    frames: list[Picture]
    drawn: int
    pictures: dict[str, Picture]
    real: Picture | None
    changes: list[dict[str, Any]]

    @property
    def step(self) -> int:
        """The last step that was recorded."""
        known = [line["step"] for line in self.metrics] + [frame.step for frame in self.frames]
        return max(known, default=0)


def read(workdirs: list[Path]) -> list[RunFiles]:
    """Read the runs that a page shows together.

    Raises:
        ConfigError: a directory is not a run or is given twice, or a file in it cannot be read.
    """
    places = [workdir.resolve() for workdir in workdirs]
    for workdir, place in zip(workdirs, places, strict=True):
        if not os.path.isdir(workdir):  # unlike `Path.is_dir`, it takes names of any length
            raise ConfigError(f"{workdir}: there is no such directory; give the workdir of a run")
        if places.count(place) > 1:
            raise ConfigError(f"{workdir}: it is given twice; give every run once")
    names = [place.name for place in places]
    if len(set(names)) < len(names):
        names = [str(workdir) for workdir in workdirs]
    share = _PAGE // len(workdirs)
    return [_read(*pair, share) for pair in zip(names, workdirs, strict=True)]


def _read(name: str, workdir: Path, room: int) -> RunFiles:
    config = flags.load(workdir)
    pictures = {
        name: picture
        for name in _EVALUATION
        if (picture := _picture(workdir / "evaluation" / f"{name}.png"))
    }
    real = _picture(workdir / "samples" / "real.png")
    room -= _size(real) if real else 0
    room -= sum(_size(picture) for picture in pictures.values())
    paths = sorted((workdir / "samples").glob("step_*.png"))
    return RunFiles(
        name,
        workdir,
        config,
        _lines(workdir / "metrics.jsonl") or [],
        _lines(workdir / "monitor.jsonl"),
        _lines(workdir / "evaluations.jsonl") or [],
        _newest(workdir / "evaluation"),
        _frames(paths, room),
        len(paths),
        pictures,
        real,
        [line for line in _lines(workdir / "changes.jsonl") or [] if _fits(line, _CHANGED)],
    )


def _lines(path: Path) -> list[dict[str, Any]] | None:
    """Read the lines of a file; the last one may have been cut off when the program ended."""
    if not path.exists():
        return None
    lines = path.read_text(errors="replace").split("\n")  # a line that was cut has no newline
    found = []
    for number, text in enumerate(lines, 1):
        line = _parse(text)
        if isinstance(line, dict) and is_number(line.get("step")):
            found.append(line)
        elif text.strip() and number < len(lines):
            raise ConfigError(f"{path}, line {number}: expected JSON with a step; remove the line")
    return sorted(found, key=lambda line: line["step"])


def _newest(directory: Path) -> dict[str, Any]:
    """Read the evaluation of the latest step."""
    path = max(directory.glob("step_*.json"), default=None)
    if path is None:
        return {}
    found = _parse(path.read_text(errors="replace"))
    if not _fits(found, _EVALUATED):
        raise ConfigError(
            f"{path}: expected what jaxgan-evaluate writes; remove the file and evaluate again"
        )
    return found


def _fits(value: Any, pattern: Any) -> bool:
    """Whether a value from JSON has the form of a pattern; anything may be missing from objects."""
    match pattern:
        case dict():
            return isinstance(value, dict) and all(
                value.get(key) is None or _fits(value[key], part) for key, part in pattern.items()
            )
        case [part]:
            return isinstance(value, list) and all(_fits(one, part) for one in value)
        case tuple():
            whole = isinstance(value, list) and len(value) == len(pattern)
            return whole and all(map(_fits, value, pattern))
    return isinstance(value, pattern)


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_integer)
    except (ValueError, RecursionError):
        return None


def _integer(digits: str) -> int | float:
    """Read an integer, as infinity if it is larger than any float."""
    return int(digits) if math.isfinite(float(digits)) else float(digits)


def is_number(value: Any) -> bool:
    """Whether a value from JSON can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def evenly(items: list, count: int) -> list:
    """Choose at most `count` items, evenly spaced and including the first and the last."""
    if len(items) <= count:
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, count)]


def _frames(paths: list[Path], room: int) -> list[Picture]:
    """Read pictures, evenly spaced, of at most `room` bytes in total."""
    frames = [picture for path in evenly(paths, _FRAMES) if (picture := _picture(path))]
    while len(frames) > 2 and (size := sum(map(_size, frames))) > room:
        frames = evenly(frames, max(2, min(len(frames) - 1, len(frames) * room // size)))
    return frames


def _size(picture: Picture) -> int:
    return len(picture.uri) * 3 // 4


def _picture(path: Path) -> Picture | None:
    """Read a picture for the page; None if it is missing or not a picture."""
    try:
        with opened(path) as image:
            picture = image.convert("RGB")
    except Exception:  # decoders of damaged files raise errors of any kind
        return None
    width, height = picture.size
    picture.thumbnail((_SIDE, _SIDE))
    encoded = _webp(picture, lossless=True, quality=50)
    exact = len(encoded) <= _LOSSLESS
    if not exact:
        encoded = _webp(picture, quality=90)
    uri = f"data:image/webp;base64,{base64.b64encode(encoded).decode()}"
    step = path.stem.removeprefix("step_")
    return Picture(
        uri,
        *picture.size,
        exact and picture.size == (width, height),
        int(step) if step.isdecimal() else 0,
    )


def _webp(picture: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", **options)
    return buffer.getvalue()
