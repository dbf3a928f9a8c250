"""What a run makes of pictures: translated, enlarged, filled in or reconstructed.

`sample.py` calls it for --input, the user's own files, and for --from_data, examples of the run's.
"""

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pictures
from choices import INPAINTING, PICTURE_TO_PICTURE
from conditions import condition, mask_of
from config import ConfigError
from PIL import Image
from prepare import unseen
from views import as_uint8, stacked_rows

from jaxgan import Network, data, masks
from jaxgan.data.folder import SUFFIXES, image_files
from jaxgan.data.images import to_array, upright
from jaxgan.recipes import masked

_COLUMNS = 10


def edit_files(run: Any, source: Path, target: Path, *, mask: Path | None, back: bool) -> int:
    """Make a picture of every file, and write it; returns how many there are.

    Args:
        run: a `sample.Run`.
        source: a picture, or a directory of them.
        target: the .png to write, or the directory for as many of the same names.
        mask: white where an inpainting run is to fill in; what it was trained with if None.
        back: whether a CycleGAN goes from its target domain to its source.

    Raises:
        ConfigError: the run makes nothing of pictures, or these cannot be read.
    """
    _check(run, mask, back)
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
    read, sizes = {}, {}
    for path in targets:  # all, before one is written
        read[path], sizes[path] = _read(run, path, back)
    hole = None if mask is None else _hole(mask, run.facts.shape[0], sizes)
    for path, picture in read.items():
        made = make(run, picture[np.newaxis], hole=hole, back=back)[0]
        targets[path].parent.mkdir(parents=True, exist_ok=True)
        pictures.save(np.broadcast_to(made, (*made.shape[:2], 3)), targets[path])
    return len(targets)


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


def edit_data(run: Any, n: int, target: Path, *, back: bool) -> None:
    """Show what is made of examples like the run's, not seen in training if possible, below these.

    Args:
        run: a `sample.Run`.
        n: how many.
        target: the .png to write.
        back: as in `edit_files`.

    Raises:
        ConfigError: the run makes nothing of pictures.
    """
    _check(run, None, back)
    if target.suffix != ".png":
        raise ConfigError(f"--out={target}: expected a name that ends in .png")
    dataset = unseen(run.config)
    rows = np.arange(min(n, len(dataset.x)))
    given, known = np.asarray(dataset.x[rows]), []
    y = condition(run.config, dataset, rows[: len(dataset.y)] if dataset.has_pictures else rows)  # pyright: ignore[reportArgumentType]
    if run.config.recipe in INPAINTING:
        shown, known = as_uint8(y[..., : given.shape[-1]]), [given]  # pyright: ignore[reportOptionalSubscript]
    elif y is None:
        shown = given
    else:
        pair = as_uint8(y), given
        given, other = pair[::-1] if back else pair
        shown, known = given, [other] if dataset.paired else []
    made = make(run, given, hole=None, back=back)
    pictures.save(stacked_rows([shown, made, *known], _COLUMNS), target)


def make(run: Any, given: np.ndarray, *, hole: np.ndarray | None, back: bool) -> np.ndarray:
    """What the run makes of pictures: uint8 `[N, H, W, C]` to uint8 `[N, H', W', C']`.

    Args:
        run: a `sample.Run`.
        given: the pictures.
        hole: `[1, H, W, 1]`, 1 where an inpainting run is to fill in; its own if None.
        back: as in `edit_files`.
    """
    x = jax.numpy.asarray(data.to_unit(given))
    experiment = run.experiment
    if run.config.recipe in INPAINTING:
        if hole is None:
            holes = mask_of(run.config)(jax.random.key(0), *x.shape[:3])
        else:
            holes = jax.numpy.broadcast_to(hole, (*x.shape[:3], 1))
        filled = as_uint8(apply(experiment.generator, run, masked(x, holes)))
        return np.where(np.asarray(holes) > 0, filled, given)
    if experiment.encoder is not None:
        z = apply(experiment.encoder, run, x)[:, : run.config.latent_dim]
        return as_uint8(apply(experiment.generator, run, z))
    return as_uint8(apply(experiment.back if back else experiment.generator, run, x))


def apply(network: Network, run: Any, x: Any) -> np.ndarray:
    """What one of a run's networks makes of examples or latents, as it is used after training."""
    compiled = jax.jit(partial(network.apply, train=False))
    parts = [
        np.asarray(compiled(*run.variables, jax.random.key(0), x[start : start + 100])[0])
        for start in range(0, len(x), 100)
    ]
    return np.concatenate(parts)


def _check(run: Any, mask: Path | None, back: bool) -> None:
    recipe = run.config.recipe
    reconstructs = recipe in ("bigan", "aae")
    if recipe not in PICTURE_TO_PICTURE and not reconstructs:
        raise ConfigError(
            f"--input, --from_data: a run with --recipe={recipe} draws from noise; expected one "
            f"with {', '.join((*PICTURE_TO_PICTURE, 'bigan', 'aae'))}"
        )
    if reconstructs and len(run.facts.shape) != 3:
        raise ConfigError(
            f"--input, --from_data: the run's data are {run.facts.shape}, no pictures"
        )
    if back and recipe != "cyclegan":
        raise ConfigError(f"--back: only a run with --recipe=cyclegan goes back, not {recipe}")
    if mask is not None and recipe not in INPAINTING:
        raise ConfigError(f"--mask: a run with --recipe={recipe} fills nothing in")


def _read(run: Any, path: Path, back: bool) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture as the run wants it, of its channels and but for SRGAN of its size, and its own."""
    shape = run.facts.shape
    if run.config.recipe in ("pix2pix", "cyclegan", "srgan") and not back:
        shape = run.facts.source
    try:
        with Image.open(path) as image:
            size = None if run.config.recipe == "srgan" else shape[0]
            return to_array(upright(image), shape[-1], size), image.size
    except Exception as error:  # decoders of damaged files raise errors of any kind
        raise ConfigError(f"--input={path}: it cannot be read ({error})") from error


def _hole(path: Path, size: int, sizes: dict[Path, tuple[int, int]]) -> np.ndarray:
    """A mask from a file, `[1, size, size, 1]`: 1 where it is nearer to white than to black."""
    try:
        with Image.open(path) as image:
            given = image.size
            grey = to_array(upright(image), 1, size)
    except Exception as error:  # see `_read`
        raise ConfigError(f"--mask={path}: it cannot be read ({error})") from error
    for picture, (width, height) in sizes.items():
        if given not in ((width, height), (size, size)):
            raise ConfigError(
                f"--mask={path}: it is {given[1]}x{given[0]} and {picture} is {height}x{width}; "
                f"expected one size"
            )
    hole = (grey[np.newaxis] >= 128).astype(np.float32)
    try:
        masks.check(hole, size, size)
    except ValueError as error:
        raise ConfigError(f"--mask={path}: {error}") from error
    return hole
