"""Shared parts of GANs that complete pictures with holes."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import data, masks
from jaxgan.data import Dataset
from jaxgan.recipes import masked
from jaxgan.runs.measures.answers import COUNT, Question, likeness, same_class, sharpness
from jaxgan.runs.measures.row import Row
from jaxgan.runs.networks import Facts
from jaxgan.runs.settings import ConfigError, setting
from jaxgan.runs.show.samples import as_uint8
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import translation
from jaxgan.runs.variants.variant import Examples, Pictures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hole:
    """The holes that a run learns to fill."""

    mask: str = setting("center", "position of the hole", choices=("center", "box"))
    mask_share: float = setting(
        0.5, "side of the hole, as a share of the picture's", low=0.0, high=1.0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """The region to fill in."""

    mask: str | None = setting(None, "a picture that is white where --input is to be filled in")


def check(config: Any) -> None:
    """Refuse holes that cover nothing or everything."""
    share = config.own.mask_share
    if not 0 < share < 1:
        raise ConfigError(
            f"--mask_share={share}: the mask covers {'all' if share else 'nothing'}; "
            f"expected 0 < share < 1"
        )


def check_data(own: Any, dataset: Dataset) -> None:
    """Refuse anything but pictures."""
    del own
    translation.check_pictures(dataset)


def mask_of(own: Any) -> masks.Mask:
    """Return the mask of the holes that a run learns to fill."""
    make = {"center": masks.center, "box": masks.random_box}[own.mask]
    return make(own.mask_share)


def _holes(own: Any, shape: tuple[int, ...]) -> jax.Array:
    """Return holes `[N, H, W, 1]`, which are always the same."""
    return mask_of(own)(jax.random.key(0), *shape[:3])


def _condition(own: Any, dataset: Dataset, rows: np.ndarray) -> np.ndarray:
    x = data.to_unit(np.asarray(dataset.x[rows]))
    return np.asarray(masked(jnp.asarray(x), _holes(own, x.shape)))


def _examples(own: Any, dataset: Dataset, rows: np.ndarray, options: Any) -> Examples:
    if options.mask is not None:
        raise ConfigError(
            "--mask: it goes with --input; leave it out with --from_data, which uses the run's own"
        )
    x = np.asarray(dataset.x[rows])
    return Examples(x, as_uint8(_condition(own, dataset, rows)[..., : x.shape[-1]]), x)


def _fill_in(trained: Trained, given: np.ndarray, options: Options | None) -> np.ndarray:
    x = jnp.asarray(data.to_unit(given))
    if options is None or options.mask is None:
        holes = _holes(trained.own, x.shape)
    else:
        holes = jnp.broadcast_to(_read_hole(Path(options.mask)), (*x.shape[:3], 1))
    filled = as_uint8(trained.remake(trained.experiment.generator, masked(x, holes)))
    return np.where(np.asarray(holes) > 0, filled, given)


def _shape(facts: Facts, options: Any) -> tuple[int | None, int]:
    del options
    return None, facts.shape[-1]


def _check_files(options: Options, sizes: dict[Path, tuple[int, int]]) -> None:
    """Refuse a mask of another size than its pictures, or one that covers all or nothing."""
    if options.mask is None:
        return
    hole = _read_hole(Path(options.mask))
    height, width = hole.shape[1:3]
    for path, size in sizes.items():
        if size != (width, height):
            raise ConfigError(
                f"--mask={options.mask}: it is {height}x{width} and {path} is "
                f"{size[1]}x{size[0]}; expected the same size"
            )
    try:
        masks.check(hole, height, width)
    except ValueError as error:
        raise ConfigError(f"--mask={options.mask}: {error}") from error


def _read_hole(path: Path) -> np.ndarray:
    """Read a mask `[1, H, W, 1]`, 1 where the file is nearer to white."""
    from jaxgan.data.images import opened, to_array, upright

    try:
        with opened(path) as image:
            gray = to_array(upright(image), 1)
    except Exception as error:  # decoders of damaged files raise errors of any kind
        raise ConfigError(
            f"--mask={path}: it cannot be read ({error}); expected a picture"
        ) from error
    return (gray[np.newaxis] >= 128).astype(np.float32)


PICTURES = Pictures(_fill_in, _examples, _shape, _condition, _check_files)


def completions(question: Question) -> list[Row]:
    """Measure the similarity of the filled holes and what was hidden."""
    trained, dataset = question.trained, question.unseen
    x = np.asarray(dataset.x[:COUNT])
    hole = np.asarray(_holes(trained.own, x.shape))
    made = _fill_in(trained, x, None)
    mean = np.where(hole > 0, np.round(np.mean(dataset.x, axis=0)).astype(np.uint8), x)
    found = [
        likeness("filled", "of completed pictures (noise: with the mean)", made, x, mean),
        sharpness(made, x, mean),
    ]
    title = "completed pictures recognized as the same class (noise: filled with the mean)"
    return found + same_class(question, title, x, made, mean)
