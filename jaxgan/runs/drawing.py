"""Samples from noise as files: pictures, arrays, films, sounds, or a file for each of them."""

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan import data
from jaxgan.data import notes
from jaxgan.data.sentences import to_tokens
from jaxgan.runs.asked import Asked, check_draws_from_noise
from jaxgan.runs.classes import class_of, classes_of
from jaxgan.runs.files import write_whole
from jaxgan.runs.many import check_pictures, write_folder, write_zip
from jaxgan.runs.memory import check_samples
from jaxgan.runs.paths import is_folder, make_room
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show import classes, films, pictures
from jaxgan.runs.show.samples import show, stacked_rows
from jaxgan.runs.trained import Trained, walk
from jaxgan.runs.variants import VARIANTS

_STOPS = 4  # latents that a picture of a film passes through
# Pictures from one of them to the next, unless --interpolate says otherwise.
_FRAMES = {".gif": 8, ".mp4": 24}
_HIGHEST = 100.0  # of --truncation


class Drawing(NamedTuple):
    """What is to be drawn, as the flags of the same names give it.

    Attributes:
        options: options of the GAN.
    """

    options: Any
    n: int = 64
    seed: int = 0
    seeds: np.ndarray | None = None
    label: str | None = None
    classes: str | None = None
    text: list[str] | None = None
    truncation: str | None = None
    interpolate: int = 0

    @property
    def key(self) -> jax.Array:
        """The key of what is not drawn sample by sample."""
        return jax.random.key(self.seed)

    @property
    def amounts(self) -> list[float]:
        """The amounts of truncation.

        Raises:
            ConfigError: one is no number, or out of range.
        """
        found = []
        for piece in [] if self.truncation is None else self.truncation.split(","):
            try:
                amount = float(piece)
            except ValueError:
                amount = math.nan
            if not 0 <= amount <= _HIGHEST:
                raise ConfigError(
                    f"--truncation={self.truncation}: expected a number from 0 to {_HIGHEST:g}, or "
                    f"several with commas between them"
                )
            found.append(amount)
        return found

    def asked(self, trained: Trained) -> Asked:
        """Return the samples that are asked for.

        Raises:
            ConfigError: the run has no such classes or words.
        """
        n = self.n if self.seeds is None else len(self.seeds)
        names = trained.facts.class_names
        given = {"label": self.label, "classes": self.classes}
        if trained.draws_sentences:
            return Asked(n, self.seed, self.seeds, self._sentences(trained))
        if self.text is not None:
            raise ConfigError(
                f"--text={self.text[0]}: the run was not trained on sentences; leave it out"
            )
        if not trained.is_conditional:
            for flag, value in given.items():
                if value is not None:
                    raise ConfigError(
                        f"--{flag}={value}: the run was trained without --conditional; leave it out"
                    )
            return Asked(n, self.seed, self.seeds)
        chosen = tuple(range(len(names)))
        if self.label is not None:
            chosen = (class_of(self.label, names, "label"),)
        if self.classes is not None:
            chosen = classes_of(self.classes, names, "classes")
        return Asked(n, self.seed, self.seeds, chosen)

    def _sentences(self, trained: Trained) -> np.ndarray:
        """Return the sentences that are asked for, `[K, L]`."""
        words, given = trained.facts.class_names, {"label": self.label, "classes": self.classes}
        for flag, value in given.items():
            if value is not None:
                raise ConfigError(
                    f"--{flag}={value}: the run was trained on sentences; give --text instead"
                )
        if self.text is None:
            raise ConfigError(f"--text: expected a sentence of the words {', '.join(words)}")
        try:
            return to_tokens(self.text, words, *trained.facts.source)
        except data.DataError as error:
            raise ConfigError(f"--text: {error}") from error


def write(trained: Trained, drawing: Drawing, path: Path) -> str:
    """Draw samples and write them as the path says; return what was written.

    Args:
        trained: the run.
        drawing: what to draw.
        path: a file, whose ending is its format, or a folder for a file of each sample.

    Raises:
        ConfigError: the settings contradict each other, or do not suit the run.
        OSError: a file cannot be written.
    """
    check_draws_from_noise(trained.config)
    asked, amounts = drawing.asked(trained), drawing.amounts
    suffix = "" if is_folder(path) else path.suffix.lower()
    _check_memory(trained, drawing, asked, suffix)
    if len(amounts) == 1:
        trained = VARIANTS[trained.config.recipe].truncate(trained, amounts[0])
    new = asked.n
    if (picture := _special_picture(trained, drawing, asked)) is not None:
        if suffix != ".png":
            raise ConfigError(f"--out={path}: expected a name that ends in .png")
        make_room(path)
        pictures.save(picture, path)
    elif suffix in _WAYS:
        new = _WAYS[suffix](trained, drawing, asked, path)
    else:
        known = ", ".join(filter(None, _WAYS))
        raise ConfigError(f"--out={path}: expected a folder, or a name that ends in {known}")
    count = f"{asked.n} {'sample' if asked.n == 1 else 'samples'}"
    return count if new == asked.n else f"{count}, {new} of them new"


def make(trained: Trained, drawing: Drawing, asked: Asked) -> tuple[Any, np.ndarray | None]:
    """Draw samples `[n, ...]` and their labels; with `interpolate`, rows between two latents.

    Raises:
        ConfigError: `n` is not a whole number of rows.
    """
    frames = drawing.interpolate
    if not frames:
        return asked.draw(trained)
    if frames < 2 or asked.n % frames:
        raise ConfigError(
            f"--interpolate={frames}: expected 2 or more, and a divisor of --n={asked.n}"
        )
    rows = asked.n // frames
    z = walk(trained.experiment.latent, drawing.key, rows, stops=2, frames=frames, closed=False)
    y = asked.labels(np.arange(rows))
    y = None if y is None else np.repeat(y, frames, axis=0)
    return trained.draw(np.asarray(z).swapaxes(0, 1).reshape(asked.n, -1), y), y


def _special_picture(trained: Trained, drawing: Drawing, asked: Asked) -> np.ndarray | None:
    """Draw what several amounts of truncation or an option of the GAN ask for, if they do."""
    variant = VARIANTS[trained.config.recipe]
    if len(drawing.amounts) > 1:
        if drawing.interpolate:
            raise ConfigError(
                "--interpolate: not used with several amounts of --truncation; leave it out"
            )
        rows = [asked.draw(variant.truncate(trained, one))[0] for one in drawing.amounts]
        return classes.beside_names(rows, [f"{one:g}" for one in drawing.amounts])
    if drawing.options == variant.options():
        return None
    picture = variant.draw(trained, drawing.options, drawing.key, drawing.n)
    unused = (
        drawing.label,
        drawing.classes,
        drawing.text,
        drawing.seeds,
        drawing.interpolate or None,
    )
    if picture is not None and any(one is not None for one in unused):
        raise ConfigError(
            "--label, --classes, --text, --seeds, --interpolate: not used by a picture that an "
            "option of the GAN asks for; leave them out"
        )
    return picture


def _write_picture(trained: Trained, drawing: Drawing, asked: Asked, path: Path) -> int:
    samples, y = make(trained, drawing, asked)
    if isinstance(samples, tuple):
        picture = stacked_rows(list(samples), drawing.interpolate or classes.COLUMNS)
    elif drawing.seeds is not None:
        picture = classes.below_names(samples, [f"seed {seed}" for seed in drawing.seeds])
    elif y is not None and y.ndim == 2 and not drawing.interpolate:
        picture = classes.by_sentence(samples, y, trained.facts.class_names)
    elif y is not None and not drawing.interpolate:
        picture = classes.by_class(samples, y, trained.facts.class_names)
    else:
        picture = show(samples, drawing.interpolate or None)
    make_room(path)
    pictures.save(picture, path)
    return asked.n


def _write_arrays(trained: Trained, drawing: Drawing, asked: Asked, path: Path) -> int:
    samples, y = make(trained, drawing, asked)
    is_pair = isinstance(samples, tuple)
    arrays: dict[str, Any] = {"samples": samples[0] if is_pair else samples}
    arrays |= {"samples_of_y": samples[1]} if is_pair else {}
    arrays |= {} if y is None else {"labels": y}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    make_room(path)
    write_whole(path, content.getvalue())
    return asked.n


def _write_sounds(trained: Trained, drawing: Drawing, asked: Asked, path: Path) -> int:
    from jaxgan.runs.show import sounds

    if len(trained.facts.shape) != 2:
        raise ConfigError(
            f"--out={path}: expected a run on sounds, and its data are {trained.facts.shape}"
        )
    samples, _ = make(trained, drawing, asked)
    make_room(path)
    sounds.write_wav(path, samples, notes.RATE)
    return asked.n


def _write_film(trained: Trained, drawing: Drawing, asked: Asked, path: Path) -> int:
    if drawing.seeds is not None:
        raise ConfigError(f"--seeds: not used with --out={path}, which walks; give --seed and --n")
    latent, y = trained.experiment.latent, asked.labels(np.arange(asked.n))
    frames = drawing.interpolate or _FRAMES[path.suffix.lower()]
    walked = walk(latent, drawing.key, asked.n, stops=_STOPS, frames=frames, closed=True)
    drawn = []
    for z in np.asarray(walked):
        samples = trained.draw(z, y)
        is_pair = isinstance(samples, tuple)
        drawn.append(stacked_rows(list(samples), classes.COLUMNS) if is_pair else show(samples))
    make_room(path)
    films.write_film(drawn, path)
    return asked.n


def _write_files(trained: Trained, drawing: Drawing, asked: Asked, path: Path) -> int:
    if drawing.interpolate:
        raise ConfigError(f"--interpolate: not used with --out={path}; leave it out")
    check_pictures(trained, path)
    how = {"truncation": drawing.amounts[0] if drawing.amounts else None}
    if path.suffix.lower() == ".zip" and not is_folder(path):
        make_room(path)
        return write_zip(trained, asked, path, how)
    return write_folder(trained, asked, path, how)


_WAYS: dict[str, Callable[[Trained, Drawing, Asked, Path], int]] = {
    "": _write_files,
    ".png": _write_picture,
    ".npz": _write_arrays,
    ".zip": _write_files,
    ".gif": _write_film,
    ".mp4": _write_film,
    ".wav": _write_sounds,
}


def _check_memory(trained: Trained, drawing: Drawing, asked: Asked, suffix: str) -> None:
    """Refuse more samples than fit, unless they are written one by one."""
    if _WAYS.get(suffix) is _write_files:
        return
    count, flags = asked.n, {"n": drawing.n, "interpolate": drawing.interpolate}
    if suffix in _FRAMES:
        count *= _STOPS * (drawing.interpolate or _FRAMES[suffix])
    if drawing.seeds is not None:
        flags = {"seeds": asked.n}
    check_samples(trained, count, flags)
