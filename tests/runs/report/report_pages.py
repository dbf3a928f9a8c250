"""Workdirs of runs as a report finds them, and the page that it makes of them."""

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image

from jaxgan.runs.config import make
from jaxgan.runs.report.write import write

HOSTILE = "</script></style><img src=x onerror='window.harmed=1'>&amp;\"--"
STEPS = range(0, 500, 100)


def jsonl(path: Path, lines: list[dict]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def image(path: Path, value: int, side: int = 62) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(path)


def bare(path: Path, **settings) -> Path:
    """A run that has not begun."""
    path.mkdir(parents=True)
    (path / "flags.txt").write_text(make(workdir=str(path), **settings).to_flags())
    return path


def evaluation(*, distance=12.25, classes=("zero", "one"), samples=5000) -> dict:
    name = "digits/frechet_distance"
    row = {"name": name, "title": "Frechet distance", "value": distance, "spread": 0.5}
    row |= {"real": 0.875, "noise": 310.0, "better": "lower", "samples": samples}
    rng = np.random.default_rng(0)
    return {
        "step": 400,
        "samples": samples,
        "reference": "5000 images of digits/train",
        "features": "digits",
        "seconds": 12.5,
        "versions": {"jax": "0.10.2"},
        "rows": [row],
        "truncation": [{"psi": p, "precision": 1 - p / 2, "recall": p / 2} for p in (0.5, 1.0)],
        "projection": {
            "real": rng.normal(size=(20, 2)).tolist(),
            "fake": rng.normal(size=(30, 2)).tolist(),
            "method": "two principal components",
        },
        "classes": {"names": list(classes), "real": [0.5, 0.5], "fake": [0.875, 0.125]},
        "distances": {
            "fake": rng.gamma(9, size=40).tolist(),
            "held_out": rng.gamma(9, size=50).tolist(),
            "held_out_name": "digits/test",
            "unit": "pixels",
        },
    }


def whole(path: Path, *, text="accuracy 0.99; try --penalty=r1", scale=1.0, found=None, **settings):
    """A run with everything that a report shows."""
    bare(path, **settings)
    jsonl(
        path / "metrics.jsonl",
        [
            {"step": s, "d_loss": scale, "g_loss": 2 * scale, "d_accuracy_real": 0.75, "odd": s}
            for s in STEPS
        ],
    )
    jsonl(path / "monitor.jsonl", [{"step": 200, "state": "discriminator_wins", "text": text}])
    jsonl(path / "evaluations.jsonl", [{"step": s, "modes": s // 100} for s in STEPS])
    for step in STEPS:
        image(path / "samples" / f"step_{step:08d}.png", step // 2)
    for i, name in enumerate(("nearest", "classes", "interpolation")):
        image(path / "evaluation" / f"{name}.png", 60 * i)
    given = json.dumps(found or evaluation())
    (path / "evaluation" / "step_00000400.json").write_text(given)
    (path / "evaluation" / "step_00000300.json").write_text(json.dumps({"rows": []}))
    return path


class Elements(HTMLParser):
    """What is in a page: `(tag, attributes)` of all elements, the text under each heading, and the
    data of the first chart under each caption.
    """

    def __init__(self, text: str):
        super().__init__()
        self.all, self.sections, self.charts = [], {}, {}
        self._title = self._caption = self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.all.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data):
        if self._inside == "h2":
            self._title = data
        if self._inside == "figcaption":
            self._caption = data
        if self._inside == "script":
            self.charts.setdefault(self._caption, data)
            self._inside = ""
        else:
            self.sections[self._title] = self.sections.get(self._title, "") + data

    def tags(self, name: str) -> list[dict]:
        return [attributes for tag, attributes in self.all if tag == name]


def page_of(*workdirs: Path) -> tuple[str, Elements]:
    text = write(list(workdirs), workdirs[0] / "page.html").read_text()
    return text, Elements(text)


def hostile(path: Path) -> Path:
    """A run whose every text would be HTML if it were not escaped."""
    found = evaluation(classes=(HOSTILE, "one"))
    found |= {"reference": HOSTILE, "versions": {HOSTILE: HOSTILE}, "features": HOSTILE}
    found["rows"][0] |= {"title": HOSTILE, "name": HOSTILE}
    found["distances"] |= {"unit": HOSTILE, "held_out_name": HOSTILE}
    found["projection"]["method"] = HOSTILE
    whole(path, text=HOSTILE, found=found, split=HOSTILE)
    with (path / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 500, HOSTILE: 1.0, "d_loss": "</script>"}) + "\n")
    return path
