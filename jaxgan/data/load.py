"""One function that loads any data set by its name."""

import os
from functools import partial
from pathlib import Path

from jaxgan.data.cache import default_root
from jaxgan.data.dataset import Dataset
from jaxgan.data.digits import load_digits
from jaxgan.data.errors import DataError
from jaxgan.data.stacked import load_stacked
from jaxgan.data.toys import load_toy


def load(
    name: str,
    *,
    split: str = "train",
    image_size: int | None = None,
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Loads a data set: what is on disk, as arrays.

    Names:
        `digits`: the 10,000 images of MNIST's test split, part of the package; split `train`.
        `mnist`, `fashion_mnist`, `kmnist`: through tensorflow-datasets, without TensorFlow.
        `stacked_digits`, `stacked_mnist`: three of these digits as one picture's colours, 128,000
            of 1000 classes; split `train`, see `jaxgan.data.stacked`.
        `emoji`: the 3926 colour pictures of Debian's package fonts-noto-color-emoji, where it is
            installed; split `train`, see `jaxgan.data.emoji`.
        `folder:DIRECTORY`: the image files below a directory; split `train`.
        `ring`, `grid`: 2-D mixtures of 8 and 25 Gaussians, see `jaxgan.data.toys`; split `train`.
        Any image set of tensorflow-datasets, such as `cifar10` or `cycle_gan/horse2zebra`: if it
        has been prepared, or if TensorFlow is there to prepare it.

    Decoded images are cached on disk, except for `digits`, and come back as a read-only memory
    map; see `jaxgan.data.cache`.

    Args:
        name: One of the above.
        split: A split, or for tensorflow-datasets also a slice of one, such as `train[:50%]`.
        image_size: Brings all images to this side: the short side is resized (Lanczos), the
            middle is cut out. None keeps them, which takes images that all have one size.
        data_dir: Where tensorflow-datasets keeps prepared data sets; None is its own default,
            `$TFDS_DATA_DIR` or `~/tensorflow_datasets`.
        manual_dir: Folder with the published files of a data set, where they cannot be
            downloaded; they may also lie in a sub-folder named as the data set.
        cache_dir: Folder of the cache; None is `$XDG_CACHE_HOME/jaxgan/data`, or
            `~/.cache/jaxgan/data`.

    Returns:
        uint8 images `[N, H, W, C]`, or float32 points `[N, 2]`, and labels where there are any.

    Raises:
        DataError: if that cannot be had; the one-line message says why and what to do.
    """
    if image_size is not None and (not isinstance(image_size, int) or image_size < 1):
        raise DataError(f"image size {image_size!r} (--image_size): expected 1 pixel or more")
    data = None if data_dir is None else Path(data_dir).expanduser()
    manual = None if manual_dir is None else _existing(Path(manual_dir).expanduser())
    cache_root = default_root() if cache_dir is None else Path(cache_dir).expanduser()

    if name in ("ring", "grid"):
        if image_size is not None:
            raise DataError(f"{name} holds points, not images: leave --image_size out")
        return load_toy(name, split)
    if name == "digits":
        return load_digits(split, image_size)
    if name in ("stacked_digits", "stacked_mnist"):
        single = partial(
            load,
            name.removeprefix("stacked_"),
            data_dir=data_dir,
            manual_dir=manual_dir,
            cache_dir=cache_dir,
        )
        return load_stacked(name, split, image_size, single)
    if name == "emoji":
        from jaxgan.data.emoji import load_emoji  # imports Pillow

        return load_emoji(split, image_size, cache_root)
    if name.startswith("folder:"):
        if split != "train":
            raise DataError(f"a folder has no split {split!r} (--split): its one split is 'train'")
        from jaxgan.data.folder import load_folder  # imports Pillow

        return load_folder(name.removeprefix("folder:"), image_size, cache_root)

    from jaxgan.data.tfds_source import load_tfds  # imports TFDS

    return load_tfds(
        name,
        split=split,
        image_size=image_size,
        data_dir=data,
        manual_dir=manual,
        cache_root=cache_root,
    )


def _existing(manual_dir: Path) -> Path:
    if not manual_dir.is_dir() or not any(manual_dir.iterdir()):
        state = "is empty" if manual_dir.is_dir() else "does not exist"
        raise DataError(
            f"{str(manual_dir)!r} (--manual_dir) {state}: put the files of the data set there"
        )
    return manual_dir
