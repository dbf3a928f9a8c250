"""Settings chosen from the data: how many pictures there are, their sizes, and the device.

`choices` is the whole of the rules, each with its reason. They are about what trains within half an
hour on a CPU, or on one accelerator within the time that one waits there; whatever is given on the
command line comes before them.
"""

import contextlib
import dataclasses
import statistics
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
from absl import flags, logging

from jaxgan import data
from jaxgan.models.sizes import maps_of, nearest_sizes, sides_of, written
from jaxgan.runs import hosts
from jaxgan.runs.config import Config, make
from jaxgan.runs.data import load_whole
from jaxgan.runs.flags import given, load
from jaxgan.runs.settings import ConfigError, Size, sides, size_of

_LOOKED_AT = 200  # files whose headers tell the sizes
_LARGEST = {"cpu": 32, "gpu": 128, "tpu": 128}  # of the shorter side
_FEW = 10_000  # pictures below which D would learn them by heart
_ENOUGH = 50  # pictures of a class from which it can be learned
_MOST_CLASSES = 100
_WEIGHT = 0.02  # of the penalty
_FIRST_MAP = 4  # the shorter side of what G starts from
_WHOLE = ("recipe", "model", "init_from")  # settings that decide on networks
_ORIENTATION, _ON_ITS_SIDE = 0x0112, 5  # of EXIF, and the first value that exchanges the sides


class Seen(NamedTuple):
    """What there is to choose settings from.

    Attributes:
        pictures: how many.
        size: height and width of all, or of a square that fits into the usual one.
        alike: whether all are of that size.
        channels: 1 or 3.
        classes: how many; 0 without labels.
        fewest: pictures of the smallest class.
        platform: of the devices, as JAX calls it.
    """

    pictures: int
    size: tuple[int, int]
    alike: bool
    channels: int
    classes: int = 0
    fewest: int = 0
    platform: str = "cpu"

    def __str__(self) -> str:
        """Say it in one line."""
        height, width = self.size
        sizes = f"of {height}x{width}" if self.alike else "of several sizes"
        classes = f" in {self.classes} classes" if self.classes > 1 else ""
        kind = "color" if self.channels == 3 else "gray"
        return f"{self.pictures} {kind} pictures {sizes}{classes}, on {_a(self.platform)}"


class Choice(NamedTuple):
    """A setting, its value and the reason.

    `unless` is another setting: who gives that one has to decide on this one too.
    """

    name: str
    value: Any
    reason: str
    unless: str = ""

    @property
    def flag(self) -> str:
        """How it is given on the command line."""
        if isinstance(self.value, bool):
            return f"--{'' if self.value else 'no'}{self.name}"
        value = f"{self.value:g}" if isinstance(self.value, float) else self.value
        return f"--{self.name}={value}"


def choices(seen: Seen) -> list[Choice]:
    """Choose settings for pictures, in the order in which they are told."""
    on_cpu = seen.platform == "cpu"
    size = size_for(seen)
    return [
        size,
        Choice("model", "dcgan", "the fastest networks, and they make every size"),
        Choice(
            "width",
            32 if on_cpu else 64,
            f"what {_a(seen.platform)} trains in the time; twice as wide takes up to four times "
            f"as long",
        ),
        Choice("upsample", "nearest", "transposed convolutions leave a grid in short runs"),
        *_third_stage(size),
        _labels(seen),
        *_game(size, seen.channels),
        *_augmentation(seen),
        *_optimization(seen, on_cpu),
    ]


def size_for(seen: Seen) -> Choice:
    """Choose the size that pictures are resized to."""
    largest = _LARGEST.get(seen.platform, _LARGEST["gpu"])
    short, long = sorted(seen.size)
    height, width = seen.size if long <= 2 * short else (short, short)
    factor = min(1.0, largest / short)
    wanted = max(1, round(height * factor)), max(1, round(width * factor))
    near = nearest_sizes(wanted)
    # Rather a little smaller than larger: that invents nothing.
    smaller = [size for size in near if size[0] <= wanted[0] and size[1] <= wanted[1]]
    size = (smaller or near)[0]
    if size == seen.size and seen.alike:
        reason = "the size that they have"
    elif factor < 1:
        reason = f"what {_a(seen.platform)} trains in the time; twice the side takes four times as"
        reason += " long"
    else:
        reason = "the nearest size that there are networks for"
    return Choice("image_size", size_of(written(size)), reason)


def _third_stage(size: Choice) -> list[Choice]:
    (height, width), *_ = maps_of(sides(size.value) or 1)
    if min(height, width) <= _FIRST_MAP:
        return []
    reason = f"one more stage than {height}x{width} needs, so that D sees pictures as a whole"
    return [Choice("coarsest", _FIRST_MAP, reason)]


def _labels(seen: Seen) -> Choice:
    if seen.classes < 2:
        return Choice("conditional", False, "there are no classes to tell apart")
    smallest = f"{seen.classes} classes, the smallest of {seen.fewest} pictures"
    if seen.classes > _MOST_CLASSES or seen.fewest < _ENOUGH:
        return Choice("conditional", False, f"{smallest}: too few to learn each")
    return Choice("conditional", True, smallest)


def _game(size: Choice, channels: int) -> list[Choice]:
    """The loss and the penalties of arXiv:2501.05441."""
    # What a penalty adds up over is pixels and channels.
    height, width = sides_of(sides(size.value) or 1)
    share = height * width * channels / (32 * 32 * 3)
    weight = float(f"{_WEIGHT * share:.1g}")
    return [
        Choice(
            "loss",
            "relativistic_paired",
            "drops no modes, and converges with r1_r2 (arXiv:2501.05441)",
        ),
        Choice("penalty", "r1_r2", "keeps D smooth at real and at generated pictures"),
        Choice("penalty_weight", weight, f"{_WEIGHT} for color of 32x32, by the pixels", "penalty"),
        Choice("penalty_every", 4, "nearly as good as every step, in half the time", "penalty"),
        Choice("d_norm", "none", "a penalty is about pictures one by one", "penalty"),
    ]


def _augmentation(seen: Seen) -> list[Choice]:
    if seen.pictures >= _FEW:
        return [
            Choice("augment", "none", f"{_FEW} pictures or more, which D cannot learn by heart")
        ]
    policy = "color,translation" if seen.channels == 3 else "translation"
    return [
        Choice("augment", "diffaugment", f"fewer than {_FEW} pictures: D would know them by heart"),
        Choice("augment_policy", policy, "changes that leave most of a picture to see", "augment"),
    ]


def _optimization(seen: Seen, on_cpu: bool) -> list[Choice]:
    batch = 32 if on_cpu else 64
    while batch > seen.pictures:
        batch //= 2
    return [
        Choice("batch_size", batch, "many small steps learn more than few large ones in the time"),
        Choice("g_lr", 1e-3, "fast, for a short run"),
        Choice("d_lr", 1e-3, "as fast as G: the penalties hold D back"),
        Choice("beta1", 0.0, "no momentum, which carries a game around in circles", "optimizer"),
        Choice("beta2", 0.99, "a shorter memory, for the same reason", "optimizer"),
        Choice("ema_half_life", 4000.0, "samples come from a running average of G", "ema_decay"),
        Choice("steps", 8000 if on_cpu else 50_000, "to train longer, give more: it goes on"),
    ]


def _a(platform: str) -> str:
    return f"a {platform.upper()}"


def is_wanted(flag_values: flags.FlagValues) -> bool:
    """Whether a command line leaves the choice to this module.

    Raises:
        ConfigError: it asks for the choice, and makes it too.
    """
    auto = flag_values["auto"].value
    by_hand = [name for name in _WHOLE if flag_values[name].value is not None]
    if auto and by_hand:
        raise ConfigError(f"--auto: it chooses --{by_hand[0]} too; leave out one of them")
    if auto is not None:
        return auto
    return (flag_values["dataset"].value or "").startswith("folder:") and not by_hand


def settle(flag_values: flags.FlagValues) -> tuple[Config, str]:
    """Choose what the flags leave open, and return the settings and how they are told.

    A run that was begun goes on with what was chosen then.

    Raises:
        ConfigError: the settings do not go together, or the data are no pictures.
        DataError: the data cannot be loaded.
    """
    by_user = given(flag_values)
    config = make(**by_user)
    workdir = config.run.workdir
    if (Path(workdir) / "flags.txt").exists():
        begun = load(workdir).flat() | by_user | {"workdir": workdir}
        return make(**begun), f"settings as they were chosen when {workdir} was begun"
    seen = hosts.first_once(partial(look, config))
    left = [
        choice
        for choice in choices(seen)
        if choice.name not in by_user and choice.unless not in by_user
    ]
    chosen = {choice.name: choice.value for choice in left}
    return make(**chosen | by_user | {"workdir": workdir}), _told(config, seen, left)


def _told(config: Config, seen: Seen, left: list[Choice]) -> str:
    width = max((len(choice.flag) for choice in left), default=0)
    head = f"{config.data.dataset}: {seen}. Chosen for these, each to be changed by its flag:"
    return "\n".join([head, *(f"  {choice.flag:<{width}}  {choice.reason}" for choice in left)])


def look(config: Config) -> Seen:
    """Look at the data of a run, which are loaded at the size that is going to be chosen.

    Raises:
        ConfigError: they are no pictures to learn from alone.
        DataError: they cannot be loaded.
    """
    platform = jax.default_backend()
    size, alike = sides(config.data.image_size), True
    if size is None:
        files = _sizes_of_files(config.data.dataset)
        alike = len(set(files)) <= 1
        if files:
            side = round(statistics.median(map(min, files)))
            size = files[0] if alike else (side, side)
    seen = Seen(0, size or (1, 1), alike, 3, platform=platform)
    dataset = _loaded(config, size_for(seen).value if size else None)
    if dataset is None:  # of several sizes, and no files to look at
        alike, side = False, _LARGEST.get(platform, _LARGEST["gpu"])
        size = side, side
        dataset = load_whole(dataclasses.replace(config.data, image_size=side))
    x, y = dataset.x, dataset.y
    if x.ndim != 4 or dataset.has_pictures or dataset.has_sentences:
        raise ConfigError(
            f"--auto: --dataset={config.data.dataset} are no pictures to learn from alone; give "
            f"a --recipe and leave --auto out"
        )
    counts = [] if y is None else [int((y == i).sum()) for i in range(len(dataset.class_names))]
    shape = size or (x.shape[1], x.shape[2])
    return Seen(len(x), shape, alike, x.shape[-1], len(counts), min(counts, default=0), platform)


def _loaded(config: Config, image_size: Size | None) -> data.Dataset | None:
    """Load the data, or return None if their sizes differ and none is given."""
    given_size = config.data.image_size or image_size
    said = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # what is read is said when it is loaded to train on
    try:
        return load_whole(dataclasses.replace(config.data, image_size=given_size or 0))
    except data.DataError as error:
        if given_size or "image_size=" not in str(error):
            raise
        return None
    finally:
        logging.set_verbosity(said)


def _sizes_of_files(name: str) -> list[tuple[int, int]]:
    """Return height and width of some files of a folder or zip file, by their headers."""
    kind, _, path = name.partition(":")
    if kind != "folder":
        return []
    from jaxgan.data.images import opened  # imports Pillow
    from jaxgan.data.places import place_at

    found = []
    with place_at(Path(path).expanduser()) as place:
        files = place.found().files
        for file in files[:: max(1, len(files) // _LOOKED_AT)]:
            with contextlib.suppress(Exception), opened(place.open(file)) as image:
                turned = image.getexif().get(_ORIENTATION, 1) >= _ON_ITS_SIDE
                found.append(image.size if turned else image.size[::-1])
    return found
