"""Many samples as files of their own: in a folder, which can be continued, or in a zip file."""

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jaxgan.checkpoint import digest
from jaxgan.data.sentences import to_sentences
from jaxgan.runs.asked import Asked
from jaxgan.runs.files import write_whole
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show.pictures import encoded
from jaxgan.runs.trained import TOGETHER, Trained

RECORD = "samples.json"
_AT_ONCE = 8 * TOGETHER  # samples between two steps of the progress bar
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first date that a zip file knows: its bytes depend on no clock


def write_folder(trained: Trained, asked: Asked, folder: Path, how: dict[str, Any]) -> int:
    """Write a PNG for each sample, or go on where the same command was interrupted.

    With classes, each has a folder of its own. The file `samples.json` says what the samples are,
    also which sentences were drawn in turn; a larger `--n` adds to them.

    Args:
        trained: the run.
        asked: the samples.
        folder: where they go, which is made if there is none.
        how: what else the samples depend on, as values of JSON.

    Returns:
        How many of the files are new.

    Raises:
        ConfigError: the folder holds something else.
        OSError: a file cannot be written.
    """
    _begin(folder, _record(trained, asked, how))
    places = _places(trained, asked)

    def is_missing(row: int) -> bool:
        return not all((folder / place).is_file() for place in places(row))

    left = [row for row in range(asked.n) if is_missing(row)]
    for place, picture in _drawn(trained, asked, left, places):
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, picture)
    return len(left)


def write_zip(trained: Trained, asked: Asked, path: Path, how: dict[str, Any]) -> int:
    """Write a zip file of what `write_folder` writes, whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    try:
        with zipfile.ZipFile(temporary, "w") as file:
            record = json.dumps(_record(trained, asked, how), indent=1)
            file.writestr(zipfile.ZipInfo(RECORD, _EPOCH), record)
            rows = list(range(asked.n))
            for place, picture in _drawn(trained, asked, rows, _places(trained, asked)):
                file.writestr(zipfile.ZipInfo(place, _EPOCH), picture)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return asked.n


def check_pictures(trained: Trained, out: Path) -> None:
    """Refuse samples that are no pictures.

    Raises:
        ConfigError: they are points, sounds or solids.
    """
    shape = trained.facts.shape
    if len(shape) != 3:
        raise ConfigError(
            f"--out={out}: files for each sample are pictures, and the data of the run are "
            f"{shape}; expected a name that ends in .npz"
        )


def _drawn(
    trained: Trained, asked: Asked, rows: list[int], places: Callable[[int], list[str]]
) -> Iterator[tuple[str, bytes]]:
    """Yield the names and the contents of files."""
    with tqdm(total=len(rows), unit=" samples", disable=None) as bar:
        for start in range(0, len(rows), _AT_ONCE):
            few = rows[start : start + _AT_ONCE]
            samples, _ = asked.draw(trained, np.asarray(few))
            parts = samples if isinstance(samples, tuple) else (samples,)
            for i, row in enumerate(few):
                for place, part in zip(places(row), parts, strict=True):
                    yield place, encoded(part[i])
            bar.update(len(few))


def _places(trained: Trained, asked: Asked) -> Callable[[int], list[str]]:
    """Return `row -> names of its files`: two for a GAN that draws pairs."""
    folders, are_pairs = _folders(trained.facts.class_names), trained.draws_pairs

    def places(row: int) -> list[str]:
        name = f"{row:06d}" if asked.seeds is None else f"seed{asked.seeds[row]:04d}"
        labels = asked.labels(np.asarray([row]))
        if labels is not None and labels.ndim == 1:  # a sentence is no folder
            name = f"{folders[labels[0]]}/{name}"
        name = f"{name}.png"
        return [f"x/{name}", f"y/{name}"] if are_pairs else [name]

    return places


def _folders(names: tuple[str, ...]) -> list[str]:
    """Return a folder's name for each class: its own, where it can be one."""
    safe = [re.sub(r"[^\w .,()+&'-]", "_", name).strip(" .") for name in names]
    if len({name.lower() for name in safe}) < len(names) or not all(safe):
        safe = [f"{i:03d}_{name}" for i, name in enumerate(safe)]
    return safe


def _record(trained: Trained, asked: Asked, how: dict[str, Any]) -> dict[str, Any]:
    names, classes = trained.facts.class_names, None
    if trained.draws_sentences:
        classes = to_sentences(np.asarray(asked.classes), names)
    elif asked.classes is not None:
        classes = [names[one] for one in asked.classes]
    which = {"seed": "in the name of each" if asked.seeds is not None else asked.seed}
    weights = digest(trained.variables)
    return {"step": trained.step, "generator": weights, **which, "classes": classes, **how}


def _begin(folder: Path, record: dict[str, Any]) -> None:
    """Note what the samples are, or check that they are those that were begun."""
    path = folder / RECORD
    if path.is_file():
        try:
            before = json.loads(path.read_text())
        except ValueError:
            before = {}
        before = before if isinstance(before, dict) else {}
        odd = [name for name in record if before.get(name) != record[name]]
        if odd:
            what = ", ".join(f"{name} {before.get(name)}" for name in odd)
            raise ConfigError(
                f"--out={folder}: it holds samples of another kind ({what}); give another folder, "
                f"or the flags of before"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ConfigError(
            f"--out={folder}: it is not empty, and no samples were begun in it (no {RECORD}); give "
            f"a new folder"
        )
    write_whole(path, json.dumps(record, indent=1) + "\n")
