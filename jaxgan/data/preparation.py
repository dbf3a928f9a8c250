"""A function that makes a data set of one's pictures, and a report about them."""

import contextlib
import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
from PIL import Image

from jaxgan._checks import ImageSize, told
from jaxgan.data._homes import expanded
from jaxgan.data._load import load, size_of
from jaxgan.data.depth import Depth
from jaxgan.data.duplicates import SEARCHED, Duplicates
from jaxgan.data.errors import DataError
from jaxgan.data.image_files import DAMAGED, Found
from jaxgan.data.images import (
    check_look,
    framed,
    from_array,
    has_frames,
    is_gray,
    opened,
    to_array,
    upright,
    why_unreadable,
)
from jaxgan.data.layout import arrange, counts_of, of_classes
from jaxgan.data.places import Place, place_at
from jaxgan.data.sheet import chosen, sheet

__all__ = ["Prepared", "prepare"]


class Prepared(NamedTuple):
    """What `prepare` made, and what it found.

    Attributes:
        path: the zip file; its report is `NAME.json` beside it, and the contact sheet `NAME.png`.
        pictures: how many there are.
        sizes: how many pictures there were of each size, HEIGHTxWIDTH, the most frequent first.
        classes: how many there are of each class; empty without classes.
        splits: how many there are in each folder of a split; empty without such.
        left_out: names of what is not in it, by the reason.
        damaged: names of those that could not be read, with the reasons.
        remarks: what else is unusual.
        exact: names of pictures with the same pixels, group by group.
        near: names of pictures that are nearly the same, pair by pair.
    """

    path: Path
    pictures: int
    sizes: dict[str, int]
    classes: dict[str, int]
    splits: dict[str, int]
    left_out: dict[str, list[str]]
    damaged: dict[str, str]
    remarks: list[str]
    exact: list[list[str]]
    near: list[list[str]]

    def summary(self) -> str:
        """Say all that in some lines."""
        found = Found([], self.left_out | ({DAMAGED: list(self.damaged)} if self.damaged else {}))
        counts = f"{of_classes(self.classes)}: {counts_of(self.classes)}" if self.classes else ""
        most = [f"{size} {count}" for size, count in list(self.sizes.items())[:_LISTED]]
        more = len(self.sizes) - len(most)
        lines = [
            f"{self.path}: {self.pictures} pictures{counts}",
            f"splits: {counts_of(self.splits)}" if self.splits else "",
            found.remark,
            f"sizes found, HEIGHTxWIDTH: {', '.join(most)}" + f" and {more} others" * (more > 0),
            *self.remarks,
            _on_duplicates(self.exact, "the same, pixel by pixel", "group"),
            _on_duplicates(self.near, "nearly the same", "pair"),
        ]
        return "\n".join(filter(None, lines))


_LISTED = 5


def _on_duplicates(groups: list[list[str]], what: str, word: str) -> str:
    if not groups:
        return f"duplicates: no pictures are {what}"
    first = f"{groups[0][0]!r} and {groups[0][1]!r}"
    return f"duplicates: {len(groups)} {word}{'s' * (len(groups) > 1)} {what}, such as {first}"


class _Source(NamedTuple):
    """The pictures of a data set: their names, how each is read, and what is known about them."""

    names: list[str]
    read: Callable[[str], tuple[Image.Image, bool]]  # the bool: whether it has several frames
    class_of: dict[str, str]
    split_of: dict[str, str]
    left_out: dict[str, list[str]]
    remarks: list[str]


def prepare(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    image_size: ImageSize | None = None,
    crop: str = "center",
    background: str = "white",
    split: str = "train",
    data_dir: str | os.PathLike[str] | None = None,
    manual_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Write pictures as a zip file of PNG files, with a report and a contact sheet beside it.

    The zip file is read as `folder:TARGET`. Folders stay as they are: classes, and those of splits.
    Pictures are rotated as EXIF says, made opaque, reduced to their first frame and to 8 bits, and
    gray ones stay gray. Duplicates are reported and not removed.

    Args:
        source: a directory, a zip file, or any name that `load` takes.
        target: the file to write, `NAME.zip`; `NAME.json` is its report, `NAME.png` its contact
            sheet. None of them may exist.
        image_size: side of the pictures, or height and width; None keeps the size of each.
        crop: `center` resizes until a picture covers the size and crops the center, `fit` squeezes
            the whole picture into the size, `pad` adds margins.
        background: color of transparent areas and of margins: a name, or a code such as `#ff8000`.
        split: a split or a slice of it, if the source is a name of a data set. Of a directory or
            a zip file, everything is taken.
        data_dir: see `load`, as for the other directories.
        manual_dir: likewise.
        cache_dir: likewise.
        progress: called after every picture with how many are done, and how many there are.

    Returns:
        What was written and found.

    Raises:
        DataError: if an argument is wrong, or there is no picture.
        OSError: if the files cannot be written; nothing is left then.

    Example:
        >>> import tempfile
        >>> from jaxgan import data
        >>> from jaxgan.data.preparation import prepare
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     zipped = f"{directory}/digits.zip"
        ...     made = prepare("digits", zipped, image_size=(48, 32), split="train[:20]")
        ...     x = data.load(f"folder:{zipped}", cache_dir=directory).x
        >>> made.pictures, made.classes["7"], x.shape
        (20, 2, (20, 48, 32, 1))
    """
    if not isinstance(source, str | os.PathLike):
        raise DataError(f"source is {told(source)}: expected a directory, a zip file or a name")
    files = _files(target)
    size, color = size_of(image_size), check_look(crop, background)
    folders = {"data_dir": data_dir, "manual_dir": manual_dir, "cache_dir": cache_dir}
    colorless = len(set(color)) == 1
    with _opened(os.fspath(source), size if crop == "center" else None, split, folders) as found:

        def convert(image: Image.Image) -> np.ndarray:
            channels = 1 if is_gray(image) and colorless else 3
            return to_array(image, channels, background=background)

        def resized(whole: np.ndarray) -> np.ndarray:
            return whole if size is None else _framed(whole, size, crop, background)

        return _write(files, found, convert, resized, progress)


def _files(target: str | os.PathLike[str]) -> list[Path]:
    """Return the zip file, the report and the contact sheet that are to be written."""
    if not isinstance(target, str | os.PathLike) or Path(target).suffix != ".zip":
        raise DataError(f"target={target} is no name of a zip file: expected one such as pets.zip")
    path = expanded(target, "target=")
    files = [path, path.with_suffix(".json"), path.with_suffix(".png")]
    for file in files:
        if file.exists():
            raise DataError(f"target={target}: {file} exists: delete it, or give another name")
    if not path.absolute().parent.is_dir():
        raise DataError(f"target={target}: there is no directory {path.parent}; make it first")
    return files


@contextlib.contextmanager
def _opened(source: str, size: ImageSize | None, split: str, folders: dict) -> Iterator[_Source]:
    path = expanded(source.removeprefix("folder:"), "source=")
    with contextlib.ExitStack() as stack:
        try:
            if source.startswith("folder:") or path.exists():
                found = _of_place(stack.enter_context(place_at(path.absolute())), source)
            else:
                found = _of_name(source, size, split, folders)
        except DataError as error:
            raise DataError(str(error).replace("name=", "source=")) from error
        yield found


def _of_place(place: Place, source: str) -> _Source:
    found = place.found()
    if not found.files:
        raise DataError(f"source={source}: there is no picture; {found.remark}")
    layout = arrange(found.files)
    splits = {file: split for split, files in layout.splits.items() for file in files}

    def read(name: str) -> tuple[Image.Image, bool]:
        with opened(place.open(name)) as image:
            several = has_frames(image)
            turned = upright(image)
            return turned.copy() if turned is image else turned, several

    class_of = {file: layout.class_of(file) for file in found.files}
    return _Source(
        found.files,
        read,
        class_of if all(class_of.values()) else {},
        splits if layout.said else {},
        found.left_out,
        list(layout.remarks),
    )


def _of_name(source: str, size: ImageSize | None, split: str, folders: dict) -> _Source:
    dataset = load(source, split=split, image_size=size, **folders)
    if dataset.x.ndim != 4 or dataset.has_pictures or dataset.has_sentences:
        what = "pairs of pictures" if dataset.has_pictures else "no pictures"
        what = "pictures with sentences" if dataset.has_sentences else what
        raise DataError(f"source={source} holds {what}: expected a set of single pictures")
    y = None if dataset.y is None or dataset.y.min() < 0 else dataset.y
    classes = [name.replace("/", "_") for name in dataset.class_names]
    digits = len(str(len(dataset.x) - 1))
    rows = {}
    for row in range(len(dataset.x)):
        folder = "" if y is None else f"{classes[y[row]]}/"
        rows[f"{folder}{row:0{digits}d}.png"] = row
    class_of = {} if y is None else {name: classes[y[row]] for name, row in rows.items()}
    remarks = []
    if y is not None and classes != sorted(classes):
        remarks.append("labels are counted in the order of the names of classes, and were not")

    def read(name: str) -> tuple[Image.Image, bool]:
        return from_array(np.asarray(dataset.x[rows[name]])), False

    return _Source(list(rows), read, class_of, {}, {}, remarks)


def _framed(whole: np.ndarray, size: ImageSize, crop: str, background: str) -> np.ndarray:
    picture = np.asarray(framed(from_array(whole), size, crop, background))
    return picture.reshape(*picture.shape[:2], whole.shape[-1])


def _write(
    files: list[Path],
    source: _Source,
    convert: Callable[[Image.Image], np.ndarray],
    resized: Callable[[np.ndarray], np.ndarray],
    progress: Callable[[int, int], None] | None,
) -> Prepared:
    """Write the zip file, the report and the contact sheet: all of them, or none."""
    rows = chosen(source.names, source.class_of)
    wanted = {name for names in rows.values() for name in names}
    shown: dict[str, np.ndarray] = {}
    damaged: dict[str, str] = {}
    taken: set[str] = set()
    members: set[str] = set()
    sizes, duplicates, depth, several = Counter(), Duplicates(), Depth(), []
    partial = [file.with_name(f".{file.name}") for file in files]
    try:
        with zipfile.ZipFile(partial[0], "w") as archive:
            for i, name in enumerate(source.names):
                try:
                    image, has_several = source.read(name)
                    whole = convert(image)
                except Exception as error:  # decoders raise errors of any kind on damaged files
                    damaged[name] = why_unreadable(error)
                    continue
                depth.see(image)
                several += [name] if has_several else []
                duplicates.add(name, whole)
                sizes[f"{whole.shape[0]}x{whole.shape[1]}"] += 1
                picture = resized(whole)
                taken.add(name)
                archive.writestr(zipfile.ZipInfo(_member(name, members)), _png(picture))
                if name in wanted:
                    shown[name] = picture
                if progress is not None:
                    progress(i + 1, len(source.names))
        if not taken:
            name, reason = next(iter(damaged.items()))
            raise DataError(f"none of {len(damaged)} pictures can be read: {name!r}: {reason}")
        made = Prepared(
            files[0],
            len(taken),
            dict(sizes.most_common()),
            _counts(source.class_of, taken),
            _counts(source.split_of, taken),
            source.left_out,
            damaged,
            [*source.remarks, *_on_frames(several), *depth.remarks, *_on_search(len(taken))],
            duplicates.exact(),
            duplicates.near(),
        )
        partial[1].write_text(json.dumps(made._asdict() | {"path": files[0].name}, indent=1) + "\n")
        partial[2].write_bytes(sheet(rows, shown))
        for one, file in zip(partial, files, strict=True):
            one.replace(file)
    finally:
        for one in partial:
            one.unlink(missing_ok=True)
    return made


def _member(name: str, members: set[str]) -> str:
    """Return the name of a PNG file for a picture; `a.jpg` and `a.png` must not become one."""
    path = PurePosixPath(name)
    count, member = 1, str(path.with_suffix(".png"))
    while member in members:
        count += 1
        member = str(path.with_name(f"{path.stem}-{count}.png"))
    members.add(member)
    return member


def _png(picture: np.ndarray) -> bytes:
    file = io.BytesIO()
    from_array(picture).save(file, "PNG", compress_level=3)  # much faster than 6, 2% larger
    return file.getvalue()


def _counts(group_of: dict[str, str], taken: set[str]) -> dict[str, int]:
    return dict(sorted(Counter(group_of[name] for name in taken if name in group_of).items()))


def _on_frames(several: list[str]) -> list[str]:
    return [f"of {len(several)} with several frames the first is used"] if several else []


def _on_search(count: int) -> list[str]:
    if count <= SEARCHED:
        return []
    return [f"pictures that are nearly the same were searched among the first {SEARCHED:,} only"]
