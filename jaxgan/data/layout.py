"""What the folders around image files mean: splits, classes, or nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from jaxgan.data.image_files import named

SPLITS = ("train", "val", "valid", "validation", "test")
_LISTED, _SHORTENED = 12, 6  # so many classes are said one by one; so many of more than that


class Layout(NamedTuple):
    """The splits and classes of image files.

    Attributes:
        splits: the files of each split; those without splits are all of `train`.
        above: how many folders there are above those of the classes.
        said: whether there are folders of splits.
        remarks: what is unusual, for the user.
    """

    splits: dict[str, list[str]]
    above: int
    said: bool
    remarks: tuple[str, ...]

    def class_of(self, file: str) -> str:
        """Return the folder that names the class of a file; empty if it is in none."""
        below = _parts(file)[self.above :]
        return below[0] if len(below) > 1 else ""

    def class_names(self, split: str, files: Iterable[str]) -> tuple[str, ...]:
        """Return the classes of a split in the order of its labels; none if there are no labels.

        Those of `train` come first, so a label has one meaning in all splits.

        Args:
            split: the split.
            files: those of its files that can be read.
        """
        own = {self.class_of(file) for file in files}
        if "" in own:
            return ()
        first = set()
        if split != "train":
            first = {self.class_of(file) for file in self.splits.get("train", [])} - {""}
        return (*sorted(first), *sorted(own - first))


def arrange(files: Sequence[str]) -> Layout:
    """Find out what the folders of image files mean.

    Folders at the top that are all named like splits are splits. In or without them, the folders
    are classes. A single folder around several others is neither.

    Args:
        files: relative paths.
    """
    above, remarks = 0, []
    if _is_around(files) and not _are_splits(files, 0):
        above = 1
        if not _are_splits(files, 1):
            remarks.append(f"the folders in {_parts(files[0])[0]!r} are the classes")
    if _are_splits(files, above):
        splits: dict[str, list[str]] = {}
        for file in files:
            splits.setdefault(_parts(file)[above].lower(), []).append(file)
        layout = Layout(splits, above + 1, True, tuple(remarks))
    else:
        layout = Layout({"train": list(files)}, above, False, tuple(remarks))
    unusual = (_on_split_names(layout), _on_depth(layout, files))
    return layout._replace(remarks=(*remarks, *filter(None, unusual)))


def _on_split_names(layout: Layout) -> str:
    names = {layout.class_of(file) for file in layout.splits.get("train", [])}
    like = sorted(name for name in names if name.lower() in SPLITS)
    others = sorted(names - {*like, ""})
    if layout.said or len(like) < 2 or not others:
        return ""
    return f"{named(like)} beside {named(others)} are taken as classes, not as splits"


def _on_depth(layout: Layout, files: Sequence[str]) -> str:
    """Say where every class holds nothing but folders, which may have been meant as the classes."""
    below = {_parts(file)[layout.above : layout.above + 2] for file in files}
    if any(len(_parts(file)) < layout.above + 3 for file in files) or len(below) < 3:
        return ""
    deeper = sorted("/".join(parts) for parts in below)
    return f"the folders in the classes ({named(deeper)}) are no classes of their own"


def counts_of(counts: Mapping[str, int]) -> str:
    """Say how many each class has: `cats 10, dogs 10`; of many, the first and the extremes."""
    each = [f"{name} {count}" for name, count in counts.items()]
    if len(each) <= _LISTED:
        return ", ".join(each)
    rest = list(counts.values())[_SHORTENED:]
    spread = f"{min(rest)} to {max(rest)}" if min(rest) < max(rest) else f"{min(rest)}"
    return f"{', '.join(each[:_SHORTENED])} and {len(rest)} more, {spread} each"


def of_classes(counts: Mapping[str, int]) -> str:
    """Say how many classes there are, where not all of them are said."""
    return f" of {len(counts)} classes" if len(counts) > _LISTED else ""


def split_counts(layout: Layout, but: str = "") -> str:
    """Count the files of the splits, but for one of them."""
    counts = Counter({name: len(files) for name, files in layout.splits.items() if name != but})
    return ", ".join(f"{name} {counts[name]}" for name in sorted(counts))


def _is_around(files: Sequence[str]) -> bool:
    """Whether all files are below one folder, and in several folders there."""
    tops = {_parts(file)[:2] for file in files}
    return len({top[0] for top in tops}) == 1 and len(tops) > 1 and _deep(files, 3)


def _are_splits(files: Sequence[str], above: int) -> bool:
    names = {_parts(file)[above].lower() for file in files if len(_parts(file)) > above}
    return bool(names) and names <= set(SPLITS) and _deep(files, above + 2)


def _deep(files: Sequence[str], parts: int) -> bool:
    return all(len(_parts(file)) >= parts for file in files)


def _parts(file: str) -> tuple[str, ...]:
    return PurePosixPath(file).parts
