"""A function that loads any data set by its name."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan._checks import ImageSize, told
from jaxgan.data._homes import expanded
from jaxgan.data.dataset import Dataset
from jaxgan.data.digits import load_digits
from jaxgan.data.domains import PREFIXES, load_derived
from jaxgan.data.errors import DataError
from jaxgan.data.notes import load_notes
from jaxgan.data.scenes import SPLITS, load_scenes
from jaxgan.data.slices import part_of
from jaxgan.data.solids import load_solids
from jaxgan.data.stacked import load_stacked
from jaxgan.data.toys import load_toy

__all__ = ["load"]


def load(
    name: str,
    *,
    split: str = "train",
    image_size: int | tuple[int, int] | None = None,
    crop: str = "center",
    background: str = "white",
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Load a data set as arrays.

    The names are as follows. Those without another remark have one split, `train`:

        digits                 the 10,000 images of MNIST's test split, shipped with the package
        mnist, fashion_mnist,  from tensorflow-datasets, without TensorFlow; splits `train` and
          kmnist               `test`
        stacked_digits,        128,000 images of 1000 classes, with a digit in each color channel;
          stacked_mnist        see `jaxgan.data.stacked`
        emoji                  the 3926 color pictures of Debian's package fonts-noto-color-emoji,
                               if it is installed; see `jaxgan.data.emoji`
        photos                 542 patches of the photographs in scikit-image, if it is installed;
                               see `jaxgan.data.photos`
        folder:DIRECTORY       the image files below a directory, or in a zip file; its subfolders
                               are classes, or splits with classes; see `jaxgan.data.folder`
        ring, grid             2-D mixtures of 8 and 25 Gaussians; see `jaxgan.data.toys`
        scenes                 24,000 pictures of colored shapes and sentences that say what they
                               show; splits `train`, `test` and `unseen`; see `jaxgan.data.scenes`
        notes                  4000 sounds of eight pitches; see `jaxgan.data.notes`
        solids                 4000 solids of five kinds; see `jaxgan.data.solids`
        PREFIX:NAME            pairs and domains of pictures; see `jaxgan.data.domains`

    Any other name is one of tensorflow-datasets' image sets, such as `cifar10` or
    `cycle_gan/horse2zebra`, with its splits. It has to be prepared, or TensorFlow installed to
    prepare it.

    Images that have to be decoded are cached on disk and returned as a read-only memory map; see
    `jaxgan.data.cache`.

    Args:
        name: one of the above.
        split: a split or a slice of one, such as `train[:50%]` or `train[9000:]`; for a derived
            set, a slice of the underlying one.
        image_size: side of the images, or height and width: they are resized (Lanczos) until they
            cover it, and the center is cropped. None keeps their size, which must then be the same
            for all.
        crop: how the images of a folder come to that size: `center` as above, `fit` squeezes them
            into it, `pad` adds margins.
        background: color of transparent areas and margins of the images of a folder: a name, or a
            code such as `#ff8000`.
        data_dir: folder of the data sets that tensorflow-datasets has prepared; None is its
            default, `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        manual_dir: folder with the published files of a data set, if they cannot be downloaded;
            they may also be in a subfolder with the name of the data set.
        cache_dir: folder of the cache; None is `$XDG_CACHE_HOME/jaxgan/data`, or
            `~/.cache/jaxgan/data`, or a private folder of temporary files if neither can be made.

    Returns:
        The data set; `Dataset` describes its arrays.

    Raises:
        DataError: if it cannot be loaded; the message is one line that says why and what to do.

    Example:
        >>> from jaxgan.data import load
        >>> digits = load("digits", split="train[:100]")
        >>> digits.x.shape, digits.x.dtype.name, digits.y[:3].tolist()
        ((100, 28, 28, 1), 'uint8', [7, 2, 1])
        >>> pairs = load("outlines:digits", split="train[:100]", image_size=32)
        >>> pairs.x.shape, pairs.y.shape
        ((100, 32, 32, 1), (100, 32, 32, 1))
        >>> mnist = load("mnist", manual_dir="downloads")  # doctest: +SKIP
    """
    for argument, text in ("name", name), ("split", split):
        if not isinstance(text, str):
            raise DataError(f"{argument} is {told(text)}: expected text, such as name=digits")
    folders = {"data_dir": data_dir, "manual_dir": manual_dir, "cache_dir": cache_dir}
    for argument, folder in folders.items():
        if not isinstance(folder, str | os.PathLike | None):
            raise DataError(f"{argument} is {told(folder)}: expected the name of a folder")
    size = size_of(image_size)
    data = None if data_dir is None else expanded(data_dir, "data_dir=")
    manual = None if manual_dir is None else _existing(expanded(manual_dir, "manual_dir="))
    cache = None if cache_dir is None else expanded(cache_dir, "cache_dir=")
    found = _Folders(data, manual, cache)
    return _load(name, split=split, image_size=size, folders=found, look=_look(crop, background))


def _look(crop: str, background: str) -> dict[str, str]:
    """Return those of the settings that only folders have that are not as usual, checked."""
    look = {"crop": crop, "background": background}
    look = {name: value for name, value in look.items() if value != _USUAL[name]}
    if look:
        from jaxgan.data.images import check_look  # imports Pillow

        check_look(crop, background)
    return look


def size_of(image_size: Any) -> ImageSize | None:
    """Check a size, and return one number for a square, however it is given."""
    pair = image_size if isinstance(image_size, tuple) else (image_size, image_size)
    if image_size is None:
        return None
    if len(pair) != 2 or any(not isinstance(side, int) or side < 1 for side in pair):
        raise DataError(
            f"image_size={image_size!r} is not a size: expected an integer, 1 or more, or a pair "
            f"of them, height and width"
        )
    return pair[0] if pair[0] == pair[1] else pair


_USUAL = {"crop": "center", "background": "white"}
_WITHOUT_SIZE = {
    "ring": "points, not images",
    "grid": "points, not images",
    "notes": "sounds, not images",
    "solids": "solids of one size",
}


class _Folders(NamedTuple):
    """The folders that are given, of prepared data sets, the user's files, and the cache."""

    data: Path | None
    manual: Path | None
    cache: Path | None


def _load(
    name: str,
    *,
    split: str,
    image_size: ImageSize | None,
    folders: _Folders,
    look: dict[str, str],
    side_by_side: bool = False,
) -> Dataset:
    prefix, colon, _ = name.partition(":")
    if colon and prefix in PREFIXES:
        load_named = partial(_load, split=split, folders=folders, look=look)
        return load_derived(name, image_size, load_named)
    if prefix == "folder" and len(name) > len("folder:"):
        from jaxgan.data.folder import load_folder  # imports Pillow

        return load_folder(
            name.removeprefix("folder:"),
            image_size,
            folders.cache,
            split=split,
            side_by_side=side_by_side,
            **look,
        )
    if look:
        setting = ", ".join(f"{setting}={value}" for setting, value in look.items())
        raise DataError(f"{setting} goes with folder:DIRECTORY: leave it out for {name}")
    if name == "scenes":
        return _load_slice(partial(load_scenes, image_size=image_size), name, split, tuple(SPLITS))
    load_whole = _packaged(name, image_size, folders)
    if load_whole is not None:
        return _load_slice(load_whole, name, split)

    from jaxgan.data.tfds_source import load_tfds  # imports TFDS

    return load_tfds(
        name,
        split=split,
        image_size=image_size,
        data_dir=folders.data,
        manual_dir=folders.manual,
        cache_root=folders.cache,
    )


def _packaged(
    name: str, image_size: ImageSize | None, folders: _Folders
) -> Callable[[], Dataset] | None:
    """Return the loader of a set that this package reads itself; None for other sets."""
    if name in _WITHOUT_SIZE:
        if image_size is not None:
            raise DataError(
                f"{name} holds {_WITHOUT_SIZE[name]}: leave out image_size={image_size}"
            )
        return {
            "ring": partial(load_toy, "ring"),
            "grid": partial(load_toy, "grid"),
            "notes": load_notes,
            "solids": load_solids,
        }[name]

    def load_emoji() -> Dataset:
        from jaxgan.data import emoji  # imports Pillow

        return emoji.load_emoji(image_size, folders.cache)

    def load_photos() -> Dataset:
        from jaxgan.data import photos  # imports Pillow

        return photos.load_photos(image_size)

    def load_stack() -> Dataset:
        digits = name.removeprefix("stacked_")
        single = partial(_load, digits, split="train", image_size=None, folders=folders, look={})
        return load_stacked(name, image_size, single)

    return {
        "digits": partial(load_digits, image_size=image_size),
        "stacked_digits": load_stack,
        "stacked_mnist": load_stack,
        "emoji": load_emoji,
        "photos": load_photos,
    }.get(name)


def _load_slice(
    load_whole: Callable[..., Dataset], name: str, split: str, splits: tuple[str, ...] = ()
) -> Dataset:
    """Load a split or a slice of one, in the syntax of tensorflow-datasets.

    A set without `splits` has `train` alone, which `load_whole` is not told.
    """
    part = part_of(split)
    if part is None or part.split not in (splits or ("train",)):
        hint = "; name=mnist has a test split" if name == "digits" else ""
        known = " or ".join(f"split={one}" for one in splits or ("train",))
        raise DataError(
            f"{name} has no split {split!r}: expected {known}, or a slice of it such as "
            f"split=train[:90%] or split=train[100:200]{hint}"
        )
    dataset = load_whole(part.split) if splits else load_whole()
    start, stop = part.rows(len(dataset.x), name)
    if stop - start == len(dataset.x):
        return dataset
    y = None if dataset.y is None else dataset.y[start:stop]
    return dataset._replace(x=dataset.x[start:stop], y=y)


def _existing(manual_dir: Path) -> Path:
    if not manual_dir.is_dir() or not any(manual_dir.iterdir()):
        state = "is empty" if manual_dir.is_dir() else "does not exist"
        raise DataError(
            f"manual_dir={manual_dir} {state}: expected a folder with the files of the data set"
        )
    return manual_dir
