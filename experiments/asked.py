"""Is a sample what was asked for? What is measured of runs that are more than noise to image.

Each number stands beside what real data get and what a baseline gets, which its title names. It is
taken on data that the run was not trained on, where there are any (`prepare.unseen`).
"""

from collections.abc import Callable

import edit
import jax
import numpy as np
import sample
from choices import INPAINTING
from conditions import condition, mask_of
from judge import Row
from prepare import load, unseen
from views import as_uint8

from jaxgan import data, metrics
from jaxgan.data import domains, notes
from jaxgan.metrics import classifiers
from jaxgan.metrics.pictures import psnr, sharpness
from jaxgan.metrics.solids import closed, volume
from jaxgan.metrics.sound import pitch_class

_COUNT = 1000
# How the y of a derived data set follows from its x.
_DERIVED: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "outlines": domains.outlines,
    "silhouettes": domains.silhouettes,
    "grey": domains.grey,
    "colored": lambda x: np.repeat(x.max(axis=-1, keepdims=True), 3, axis=-1),
}


def rows(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """What can be said of a run beside how like the data its samples are.

    Args:
        run: the generator.
        dataset: what it was trained on.
        key: of the samples.
    """
    measures: dict[str, Callable[..., list[Row]]] = {
        "infogan": _codes,
        "sgan": _accuracy,
        "ccgan": _accuracy,
        "cogan": _coupled,
        "bigan": _reconstructions,
        "aae": _reconstructions,
        "pix2pix": _pairs,
        "cyclegan": _pairs,
        "srgan": _pairs,
    }
    found = []
    if run.config.recipe in INPAINTING:
        found += _holes(run, unseen(run.config))
    if run.config.conditional:
        found += _classes(run, dataset, key)
    if run.config.recipe in measures:
        found += measures[run.config.recipe](run, unseen(run.config), key)
    if len(run.facts.shape) == 4:
        found += _solids(run, dataset, key)
    return found


def _recognized(run: sample.Run, x: np.ndarray) -> np.ndarray | None:
    """The classes of samples or data, by a shipped classifier or by pitch; None if none knows."""
    name = run.config.dataset
    if name == "notes":
        return pitch_class(x, notes.RATE, notes.FREQUENCIES)
    if name not in classifiers.NAMES or x.shape[1:] != (28, 28, 1):
        return None
    apply = jax.jit(classifiers.load(name).apply)
    parts = [np.asarray(apply(x[i : i + 250])[1]) for i in range(0, len(x), 250)]
    return np.concatenate(parts).argmax(axis=1)


def _classes(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """How often the class that was asked for is drawn."""
    y = np.arange(_COUNT) % len(run.facts.class_names)
    x = np.asarray(dataset.x[:_COUNT])
    real = _recognized(run, x)
    if real is None or dataset.y is None:
        return []
    fake = _recognized(run, run.draw(run.experiment.latent(key, _COUNT), y))
    return [
        Row(
            "asked/class",
            "samples that are recognised as the class asked for",
            float(np.mean(fake == y)),
            _COUNT,
            real=float(np.mean(real == dataset.y[: len(x)])),
            noise=1 / len(run.facts.class_names),
            better="higher",
        )
    ]


def _codes(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """How much an InfoGAN's categories say about digits, and Q about real ones."""
    codes = run.experiment.codes
    assert codes is not None
    assert run.experiment.recognizer is not None
    z = run.experiment.latent(key, _COUNT)
    code = np.arange(_COUNT) % codes.categories[0]
    drawn = _recognized(run, run.draw(codes.place(z, categories=code[:, np.newaxis]), None))
    if drawn is None or dataset.y is None:
        return []
    x, y = np.asarray(dataset.x[:_COUNT]), np.asarray(dataset.y[:_COUNT])
    judge = run._replace(variables=run.d_variables)
    found = edit.apply(run.experiment.recognizer, judge, data.to_unit(x))
    read = found[:, : codes.categories[0]].argmax(axis=1)
    shuffled = np.random.default_rng(0).permutation(code)
    return [
        Row(
            f"asked/{name}",
            title,
            _purity(groups, classes),
            len(classes),
            real=1.0,
            noise=_purity(shuffled[: len(classes)], classes),
            better="higher",
        )
        for name, title, groups, classes in (
            ("code", "samples of the class that is most frequent with their code", code, drawn),
            ("code_read", "real examples of the class most frequent with the code read", read, y),
        )
    ]


def _purity(groups: np.ndarray, classes: np.ndarray) -> float:
    """The share of examples that are of the most frequent class of their group."""
    best = [np.bincount(classes[groups == group]).max() for group in np.unique(groups)]
    return float(sum(best) / len(classes))


def _accuracy(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """How well D classifies, beside the nearest of the labelled examples."""
    del key
    assert dataset.y is not None
    assert run.experiment.recognizer is not None
    x, y = np.asarray(dataset.x[:_COUNT]), dataset.y[:_COUNT]
    logits = edit.apply(
        run.experiment.recognizer, run._replace(variables=run.d_variables), data.to_unit(x)
    )
    trained = load(run.config)
    assert trained.y is not None
    known = trained.y >= 0
    nearest = metrics.nearest(x, np.asarray(trained.x[known])).which
    return [
        Row(
            "asked/accuracy",
            f"D's accuracy with {known.sum()} labels (noise: the nearest of these)",
            float(np.mean(logits.argmax(axis=1) == y)),
            len(x),
            real=1.0,
            noise=float(np.mean(trained.y[known][nearest] == y)),
            better="higher",
        )
    ]


def _reconstructions(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """How like an example what is decoded of its code is."""
    del key
    x = np.asarray(dataset.x[:_COUNT])
    again = edit.make(run, x, hole=None, back=False)
    found = [_likeness("reconstruction", "of reconstructions", again, x, np.roll(x, 1, axis=0))]
    title = "reconstructions that are recognised as the same class (noise: of another example)"
    found += _same_class(run, title, x, again, np.roll(again, 1, axis=0))
    return found


def _pairs(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """How like the right answer what is made of its source is, and how sharp."""
    del key
    if not (dataset.has_pictures and dataset.paired):
        return []
    x = np.asarray(dataset.x[:_COUNT])
    y = as_uint8(condition(run.config, dataset, np.arange(len(x))))  # pyright: ignore[reportArgumentType]
    made = edit.make(run, y, hole=None, back=False)
    if run.config.recipe == "srgan":
        shape = (*x.shape[:3], y.shape[-1])
        baseline = as_uint8(np.asarray(jax.image.resize(data.to_unit(y), shape, "bilinear")))
        title = "of enlarged pictures (noise: bilinear)"
    else:
        baseline, title = np.roll(made, 1, axis=0), "to the right answer (noise: to another)"
    found = [_likeness("pairs", title, made, x, baseline)]
    if run.config.recipe == "cyclegan":
        there = edit.make(run, x, hole=None, back=True)
        again = edit.make(run, there, hole=None, back=False)
        title = "of pictures there and back (noise: to another)"
        found.append(_likeness("cycle", title, again, x, np.roll(again, 1, axis=0)))
    return [*found, _sharpness(made, x, baseline if run.config.recipe == "srgan" else None)]


def _holes(run: sample.Run, dataset: data.Dataset) -> list[Row]:
    """How like what was hidden what is filled in is."""
    x = np.asarray(dataset.x[:_COUNT])
    hole = np.asarray(mask_of(run.config)(jax.random.key(0), *x.shape[:3]))
    made = edit.make(run, x, hole=None, back=False)
    mean = np.where(hole > 0, np.round(np.mean(dataset.x, axis=0)).astype(np.uint8), x)
    found = [
        _likeness("filled", "of completed pictures (noise: with the mean)", made, x, mean),
        _sharpness(made, x, mean),
    ]
    title = "completed pictures that are recognised as the same class (noise: filled with the mean)"
    found += _same_class(run, title, x, made, mean)
    return found


def _same_class(run: sample.Run, title: str, x, made, baseline) -> list[Row]:
    real = _recognized(run, x)
    if real is None:
        return []
    value, noise = (float(np.mean(real == _recognized(run, one))) for one in (made, baseline))
    row = Row("asked/same_class", title, value, len(x), real=1.0, noise=noise, better="higher")
    return [row]


def _likeness(name: str, title: str, made, target, baseline) -> Row:
    value, noise = (float(np.median(psnr(one, target))) for one in (made, baseline))
    title = f"median signal-to-noise ratio in dB {title}"
    return Row(f"asked/{name}_psnr", title, value, len(made), noise=noise, better="higher")


def _sharpness(made, target, baseline) -> Row:
    value, real = (float(np.mean(sharpness(one))) for one in (made, target))
    noise = None if baseline is None else float(np.mean(sharpness(baseline)))
    title = "size of the gradient: blurred pictures have less than real ones"
    return Row("asked/sharpness", title, value, len(made), real=real, noise=noise)


def _coupled(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """Whether both pictures of a CoGAN's pair belong together, where one follows from the other."""
    del dataset
    prefix = run.config.dataset.removeprefix("unpaired:").partition(":")[0]
    if prefix not in _DERIVED:
        return []
    a, b = run.draw(run.experiment.latent(key, _COUNT), None)
    derived, what = _DERIVED[prefix](a), prefix.replace("colored", "brightness")
    title = f"between a picture's {what} and the other picture (noise: of another pair)"
    return [_likeness("pair", title, b, derived, np.roll(b, 1, axis=0))]


def _solids(run: sample.Run, dataset: data.Dataset, key: jax.Array) -> list[Row]:
    """How many solids are closed, and how large they are."""
    y = None
    if run.config.conditional:
        y = np.arange(_COUNT) % len(run.facts.class_names)
    fake = run.draw(run.experiment.latent(key, _COUNT), y)
    real = np.asarray(dataset.x[:_COUNT])
    noise = np.random.default_rng(1).integers(0, 256, real.shape, np.uint8)
    return [
        Row(name, title, mean(fake), _COUNT, real=mean(real), noise=mean(noise), better=better)
        for name, title, mean, better in (
            ("asked/closed", "solids that are closed and in one piece", _mean_of(closed), "higher"),
            ("asked/volume", "mean share of the grid that is filled", _mean_of(volume), ""),
        )
    ]


def _mean_of(measure: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], float]:
    return lambda x: float(np.mean(measure(x)))
