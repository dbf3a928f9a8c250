"""Pictures that a run makes from others: from the user's files, or from examples of its data."""

from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from jaxgan.runs.data import unseen
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show import pictures
from jaxgan.runs.show.samples import stacked_rows
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import VARIANTS
from jaxgan.runs.variants.variant import Pictures

_COLUMNS = 10


def edit_files(trained: Trained, source: Path, target: Path, options: Any) -> int:
    """Make a picture from every file and write it; return how many there are.

    Args:
        trained: the run.
        source: a picture, or a directory of them.
        target: the .png to write, or a directory for pictures of the same names.
        options: options of the GAN.

    Raises:
        ConfigError: the run does not work on pictures, or these cannot be read.
    """
    from jaxgan.data.image_files import SUFFIXES, image_files

    how = _pictures_of(trained)
    if source.is_dir():
        found = image_files(source, readable=True)
        if found.remark:
            logging.warning("--input=%s: %s", source, found.remark)
        targets = {source / name: target / Path(name).with_suffix(".png") for name in found.files}
    elif source.is_file():
        if target.suffix != ".png":
            raise ConfigError(f"--out={target}: expected a name that ends in .png")
        targets = {source: target}
    else:
        raise ConfigError(f"--input={source}: there is no such file or directory")
    _check_targets(targets)
    if not targets:
        raise ConfigError(f"--input={source}: no pictures here; expected {', '.join(SUFFIXES)}")
    shape = how.shape(trained.facts, options)
    read, sizes = {}, {}
    for path in targets:  # all are read before one is written
        read[path], sizes[path] = _read(path, *shape)
    how.check_files(options, trained.facts, sizes)
    for path, picture in read.items():
        made = how.make(trained, picture[np.newaxis], options)[0]
        targets[path].parent.mkdir(parents=True, exist_ok=True)
        pictures.save(np.broadcast_to(made, (*made.shape[:2], 3)), targets[path])
    return len(targets)


def edit_data(trained: Trained, n: int, target: Path, options: Any) -> None:
    """Draw examples of the run's data, unseen in training if possible, above what it makes of them.

    Args:
        trained: the run.
        n: number of examples.
        target: the .png to write.
        options: options of the GAN.

    Raises:
        ConfigError: the run does not work on pictures.
    """
    how = _pictures_of(trained)
    how.shape(trained.facts, options)
    if target.suffix != ".png":
        raise ConfigError(f"--out={target}: expected a name that ends in .png")
    dataset = unseen(trained.config.data)
    rows = np.arange(min(n, len(dataset.x)))
    examples = how.examples(trained.own, dataset, rows, options)
    made = how.make(trained, examples.given, options)
    known = [] if examples.target is None else [examples.target]
    pictures.save(stacked_rows([examples.shown, made, *known], _COLUMNS), target)


def _pictures_of(trained: Trained) -> Pictures:
    how = VARIANTS[trained.config.recipe].pictures
    if how is None:
        able = [name for name, variant in VARIANTS.items() if variant.pictures is not None]
        raise ConfigError(
            f"--input, --from_data: a run with --recipe={trained.config.recipe} draws from noise; "
            f"expected one with --recipe={', '.join(able)}"
        )
    return how


def _check_targets(targets: dict[Path, Path]) -> None:
    """Refuse to overwrite the user's own pictures, or one result with another."""
    sources = {source.resolve() for source in targets}
    written: dict[Path, Path] = {}
    for source, target in targets.items():
        if target.resolve() in sources:
            raise ConfigError(
                f"--out={target}: it is one of the pictures of --input; choose another name"
            )
        if target in written:
            raise ConfigError(
                f"--input: {written[target]} and {source} would both become {target}; rename one"
            )
        written[target] = source


def _read(path: Path, side: int | None, channels: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Read a picture with this side (its own if None) and these channels; also return its size."""
    from jaxgan.data.images import opened, to_array, upright

    try:
        with opened(path) as image:
            return to_array(upright(image), channels, side), image.size
    except Exception as error:  # decoders of damaged files raise errors of any kind
        raise ConfigError(
            f"--input={path}: it cannot be read ({error}); expected a picture"
        ) from error
