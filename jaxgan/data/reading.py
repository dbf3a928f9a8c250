"""The decoding of image files: in threads, and from where an earlier attempt was cut short."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging
from PIL import Image

from jaxgan.data.cache import Decoded
from jaxgan.data.dataset import Dataset
from jaxgan.data.depth import Depth, look
from jaxgan.data.errors import DataError
from jaxgan.data.image_files import DAMAGED, named
from jaxgan.data.images import (
    check_side_by_side,
    halves,
    has_frames,
    is_gray,
    opened,
    quiet,
    upright,
    why_unreadable,
)
from jaxgan.data.layout import Layout
from jaxgan.data.places import Place
from jaxgan.data.progress import FILE, Progress, bar, found
from jaxgan.data.stack import Example, stack
from jaxgan.data.threads import cores, in_threads


class Reading(NamedTuple):
    """The files of a split, and how they are decoded."""

    name: str
    place: Place
    files: list[str]
    layout: Layout
    split: str
    convert: Callable[[Image.Image, int], np.ndarray]
    side_by_side: bool

    def decode(self, directory: Path | None) -> Decoded:
        """Decode all files, given a folder for the array, where an earlier attempt may be."""
        with quiet():
            progress = found(directory, self.files) or self._headers()
            return self._decode(directory, progress)

    def _decode(self, directory: Path | None, begun: Progress) -> Decoded:
        damaged, depth, done = dict(begun.damaged), Depth(begun.depth), begun.done
        readable = [file for file in self.files if file not in begun.unreadable]
        classes = self.layout.class_names(self.split, readable)
        labels = {each: i for i, each in enumerate(classes)}

        def label(file: str) -> int | None:
            return labels[self.layout.class_of(file)] if classes else None

        def examples() -> Iterator[Example]:
            nonlocal done
            rest = readable[begun.done :]
            read = self._reader(1 if begun.gray else 3)
            for file, picture in zip(rest, in_threads(read, rest, cores()), strict=True):
                done += 1
                if isinstance(picture, str):
                    damaged[file] = picture
                    continue
                depth.add(picture.depth)
                yield picture.array, label(file)

        def save() -> None:
            assert directory is not None  # or there would be no file to go on with
            begun._replace(done=done, damaged=damaged, depth=depth.seen).save(directory)

        before = [label(file) for file in readable[: begun.done] if file not in damaged]
        if before:
            logging.warning(
                "%s: %d of %d pictures are decoded already", self.name, begun.done, len(readable)
            )
        x, y = stack(examples(), len(readable), directory, before=before, save=save)
        if directory is not None:
            (directory / FILE).unlink(missing_ok=True)
        return self._described(x, y, classes, begun, begun.unreadable | damaged, depth)

    def _described(
        self,
        x: np.ndarray,
        y: np.ndarray | None,
        classes: tuple[str, ...],
        headers: Progress,
        unreadable: dict[str, str],
        depth: Depth,
    ) -> Decoded:
        damaged = _on_damaged(unreadable)
        if not len(x):
            raise DataError(
                f"{self.name}: none of {len(self.files)} can be read: {damaged}: expected at least "
                "one picture"
            )
        if y is not None and self.split == "train":  # a class may have had damaged images only
            present, y = np.unique(y, return_inverse=True)
            classes, y = tuple(classes[i] for i in present), y.astype(np.int32)
        several = ""
        if headers.several:
            count = len(headers.several)
            several = f"of {count} with several frames ({named(headers.several)}) the first is used"
        remarks = (_on_classes(self, classes), _on_labels(self), several, *depth.remarks)
        return Decoded(Dataset(x, y, self.name, classes), (damaged, *filter(None, remarks)))

    def _headers(self) -> Progress:
        """Look at all headers."""
        gray, several, unreadable = True, [], {}
        headers = in_threads(self._header, self.files, cores())
        with bar("looking at files", len(self.files)) as shown:
            for file, header in zip(self.files, headers, strict=True):
                shown.update()
                if isinstance(header, str):
                    unreadable[file] = header
                    continue
                gray &= header.gray
                several += [file] if header.several else []
        return Progress(gray, several, unreadable, 0, {}, Depth().seen)

    def _header(self, file: str) -> "_Header | str":
        """Return what a header says, or why it cannot be read."""
        try:
            with opened(self.place.open(file)) as image:
                return _Header(is_gray(image), has_frames(image))
        except Exception as error:  # decoders raise errors of any kind on damaged files
            return why_unreadable(error)

    def _reader(self, channels: int) -> "Callable[[str], _Picture | str]":
        """Return what decodes a file, or says why it cannot be decoded."""

        def read(file: str) -> _Picture | str:
            try:
                return self._read(file, channels)
            except DataError:
                raise
            except Exception as error:  # see `_header`
                return why_unreadable(error)

        return read

    def _read(self, file: str, channels: int) -> "_Picture":
        with opened(self.place.open(file)) as image:
            turned = upright(image)
            if self.side_by_side:
                check_side_by_side(turned.height, turned.width, file)
            parts = halves(turned) if self.side_by_side else [turned]
            arrays = [self.convert(part, channels) for part in parts]
            return _Picture(np.concatenate(arrays, axis=1), look(turned))


class _Header(NamedTuple):
    gray: bool
    several: bool


class _Picture(NamedTuple):
    array: np.ndarray
    depth: tuple[str, float] | None


def _on_classes(reading: Reading, classes: tuple[str, ...]) -> str:
    """Say which classes have no picture that can be read."""
    lost = sorted(set(reading.layout.class_names(reading.split, reading.files)) - set(classes))
    return f"no class {named(lost)}, whose pictures are all damaged" if lost and classes else ""


def _on_labels(reading: Reading) -> str:
    classes = {reading.layout.class_of(file) for file in reading.files}
    if "" not in classes or len(classes) == 1:
        return ""
    return "no labels, as there are pictures beside the folders"


def _on_damaged(unreadable: dict[str, str]) -> str:
    if not unreadable:
        return ""
    first = [f"{file!r}: {reason}" for file, reason in sorted(unreadable.items())[:3]]
    more = f" and {len(unreadable) - 3} more" * (len(unreadable) > 3)
    return f"{len(unreadable)} {DAMAGED} ({', '.join(first)}{more})"
