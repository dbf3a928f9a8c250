"""Pictures that a run makes from others: from the user's files, or from examples of its data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from jaxgan.data.image_files import SUFFIXES, image_files, named
from jaxgan.runs.data import unseen
from jaxgan.runs.direction import direction
from jaxgan.runs.paths import make_room
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show import pictures
from jaxgan.runs.show.samples import stacked_rows
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import VARIANTS
from jaxgan.runs.variants.variant import Pictures

_COLUMNS = 10
_PIXELS = 2**24  # of the pictures that are in memory together


def edit_files(trained: Trained, source: Path, target: Path, options: Any) -> str:
    """Make a picture from every file and write it; return what was made.

    Args:
        trained: the run.
        source: a picture, or a directory of them.
        target: the .png to write, or a directory for pictures of the same names.
        options: options of the GAN.

    Raises:
        ConfigError: the run does not work on pictures, or these cannot be read.
    """
    how = _pictures_of(trained)
    targets = _targets(source, target)
    side, channels = how.shape(trained.facts, options)
    # All are read before one is made: a damaged one is told at once.
    sizes = {path: _read(path, None, channels).shape[1::-1] for path in targets}
    _tell_cut(sizes, side)
    how.check_files(options, sizes)
    for paths in _of_one_size(sizes, side):
        given = np.stack([_read(path, side, channels) for path in paths])
        try:
            made = how.make(trained, given, options)
        except ConfigError:
            raise
        except ValueError as error:  # of the networks
            raise ConfigError(f"--input={paths[0]}: {error}") from error
        for path, picture in zip(paths, made, strict=True):
            make_room(targets[path])
            pictures.save(np.broadcast_to(picture, (*picture.shape[:2], 3)), targets[path])
    return _told(trained, len(targets), options)


def _targets(source: Path, target: Path) -> dict[Path, Path]:
    """Return the picture to write for each picture of `--input`."""
    if not source.is_dir():
        found = {source: target}
    else:
        images = image_files(source, readable=True)
        if images.remark:
            logging.warning("--input=%s: %s", source, images.remark)
        found = {source / one: target / Path(one).with_suffix(".png") for one in images.files}
    _check_targets(found)
    if not found:
        raise ConfigError(f"--input={source}: no pictures here; expected {', '.join(SUFFIXES)}")
    return found


def _of_one_size(sizes: dict[Path, tuple[int, int]], side: int | None) -> Iterator[list[Path]]:
    """Sort pictures by their sizes, into groups that fit in memory together."""
    groups: dict[tuple[int, int], list[Path]] = {}
    for path, size in sizes.items():
        groups.setdefault(size if side is None else (side, side), []).append(path)
    for (width, height), paths in groups.items():
        together = max(1, _PIXELS // (width * height))
        for start in range(0, len(paths), together):
            yield paths[start : start + together]


def _tell_cut(sizes: dict[Path, tuple[int, int]], side: int | None) -> None:
    """Say what is lost where the networks take pictures of one size only."""
    odd = [path for path, size in sizes.items() if side is not None and size != (side, side)]
    cut = [path for path in odd if sizes[path][0] != sizes[path][1]]
    if odd:
        logging.warning(
            "--input: the networks take %dx%d only: %d of %d pictures are resized, and %d of them "
            "are not square and lose what is outside of their middle%s",
            *(side, side, len(odd), len(sizes), len(cut), f" ({named(map(str, cut))})" * bool(cut)),
        )


def edit_data(trained: Trained, n: int, target: Path, options: Any) -> str:
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
    dataset = unseen(trained.config.data)
    rows = np.arange(min(n, len(dataset.x)))
    examples = how.examples(trained.own, dataset, rows, options)
    made = how.make(trained, examples.given, options)
    known = [] if examples.target is None else [examples.target]
    make_room(target)
    pictures.save(stacked_rows([examples.shown, made, *known], _COLUMNS), target)
    return _told(trained, len(made), options)


def _told(trained: Trained, count: int, options: Any) -> str:
    """Return what was made, as `3 pictures from airplane to horse`."""
    way = direction(trained.config, options)
    return f"{count} {'picture' if count == 1 else 'pictures'}{f' {way}' if way else ''}"


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


def _read(path: Path, side: int | None, channels: int) -> np.ndarray:
    """Read a picture with this side, or its own size if None, and these channels."""
    from jaxgan.data.images import opened, to_array, upright

    try:
        with opened(path) as image:
            return to_array(upright(image), channels, side)
    except Exception as error:  # decoders of damaged files raise errors of any kind
        raise ConfigError(
            f"--input={path}: it cannot be read ({error}); expected a picture"
        ) from error
