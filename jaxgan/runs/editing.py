"""What a run makes of pictures, files of the user's or examples of its own data."""

from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.runs.data import unseen
from jaxgan.runs.settings import ConfigError
from jaxgan.runs.show import pictures
from jaxgan.runs.show.samples import stacked_rows
from jaxgan.runs.trained import Trained
from jaxgan.runs.variants import VARIANTS
from jaxgan.runs.variants.variant import Pictures

_COLUMNS = 10


def edit_files(trained: Trained, source: Path, target: Path, options: Any) -> int:
    """Make a picture of every file, and write it; returns how many there are.

    Args:
        trained: the run.
        source: a picture, or a directory of them.
        target: the .png to write, or the directory for as many of the same names.
        options: of the GAN.

    Raises:
        ConfigError: the run makes nothing of pictures, or these cannot be read.
    """
    from jaxgan.data.folder import SUFFIXES, image_files

    how = _pictures_of(trained)
    if source.is_dir():
        names = list(image_files(source))
        targets = {source / name: target / Path(name).with_suffix(".png") for name in names}
    elif source.is_file():
        if target.suffix != ".png":
            raise ConfigError(f"--out={target}: expected a name that ends in .png")
        targets = {source: target}
    else:
        raise ConfigError(f"--input={source}: there is no such file or directory")
    _check_targets(targets)
    if not targets:
        raise ConfigError(f"--input={source}: no picture is there; expected {', '.join(SUFFIXES)}")
    shape = how.shape(trained.facts, options)
    read, sizes = {}, {}
    for path in targets:  # all, before one is written
        read[path], sizes[path] = _read(path, *shape)
    how.check_files(options, trained.facts, sizes)
    for path, picture in read.items():
        made = how.make(trained, picture[np.newaxis], options)[0]
        targets[path].parent.mkdir(parents=True, exist_ok=True)
        pictures.save(np.broadcast_to(made, (*made.shape[:2], 3)), targets[path])
    return len(targets)


def edit_data(trained: Trained, n: int, target: Path, options: Any) -> None:
    """Show what is made of examples like the run's, not seen in training if possible, below these.

    Args:
        trained: the run.
        n: how many.
        target: the .png to write.
        options: of the GAN.

    Raises:
        ConfigError: the run makes nothing of pictures.
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
            f"expected one with {', '.join(able)}"
        )
    return how


def _check_targets(targets: dict[Path, Path]) -> None:
    """Refuse to write over the user's own pictures, or one result over another."""
    sources = {source.resolve() for source in targets}
    written: dict[Path, Path] = {}
    for source, target in targets.items():
        if target.resolve() in sources:
            raise ConfigError(
                f"--out={target}: it is one of the pictures of --input; choose another"
            )
        if target in written:
            raise ConfigError(
                f"--input: {written[target]} and {source} would both become {target}; rename one"
            )
        written[target] = source


def _read(path: Path, side: int | None, channels: int) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture of this side, or of its own if None, and these channels; and its own size."""
    from PIL import Image

    from jaxgan.data.images import to_array, upright

    try:
        with Image.open(path) as image:
            return to_array(upright(image), channels, side), image.size
    except Exception as error:  # decoders of damaged files raise errors of any kind
        raise ConfigError(f"--input={path}: it cannot be read ({error})") from error
