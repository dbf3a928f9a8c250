"""Which pictures a GAN that translates makes from which, in the words of its data."""

from typing import Any

from jaxgan.runs.config import Config
from jaxgan.runs.variants import VARIANTS

# What the y of data with this prefix is, beside their x.
_SOURCES = {
    "outlines": "outlines of {}",
    "silhouettes": "silhouettes of {}",
    "halved": "{} at half the size",
    "quartered": "{} at a quarter of the size",
    "gray": "gray {}",
    "grey": "gray {}",
}
_TARGETS = {"colored": "colored {}", "rotated": "rotated {}"}


def direction(config: Config, options: Any = None) -> str:
    """Return `from A to B`, or nothing for a run that does not translate.

    Args:
        config: the settings of the run.
        options: options of the GAN, which may ask for the way back.
    """
    variant = VARIANTS[config.recipe]
    if variant.pictures is None or variant.y not in ("pairs", "domains"):
        return ""
    source, target = _ends(config.data.dataset)
    if options is not None and variant.pictures.is_back(options):
        source, target = target, source
    return f"from {source} to {target}"


def _ends(dataset: str) -> tuple[str, str]:
    """Return the names of y and of x."""
    prefix, colon, rest = dataset.partition(":")
    if prefix == "unpaired" and "," in rest:
        x, _, y = rest.partition(",")
        short = _short(y), _short(x)
        return short if short[0] != short[1] else (y, x)
    if prefix == "unpaired":
        return _ends(rest)
    if prefix == "swapped":
        return _ends(rest)[1], _ends(rest)[0]
    if prefix == "sides":
        return f"the left half of {_short(rest)}", "the right half"
    if not colon or prefix == "folder":
        return "y", _short(dataset)
    name = _short(rest)
    return _SOURCES.get(prefix, "{}").format(name), _TARGETS.get(prefix, "{}").format(name)


def _short(name: str) -> str:
    """Return the last folder of a path, or what a data set is called."""
    name = name.strip()
    if name.startswith("folder:"):
        return name.removeprefix("folder:").rstrip("/").rpartition("/")[2] or name
    prefix, colon, rest = name.partition(":")
    return f"{prefix} {_short(rest)}" if colon else name
