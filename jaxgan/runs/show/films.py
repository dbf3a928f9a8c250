"""Films: frames one after the other, as GIF or as MP4."""

import importlib.util
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jaxgan.runs.files import write_whole
from jaxgan.runs.settings import ConfigError

SUFFIXES = (".gif", ".mp4")
_FRAMES = 100
_SIDE = 640
_MILLISECONDS = 150  # between two frames of a GIF
RATE = 24  # frames a second of a film that is not a GIF
_QUALITY = "18"  # of H.264: nobody sees a difference


def check_film(path: Path) -> None:
    """Refuse an MP4 if the package that writes it is missing.

    Raises:
        ConfigError: it is.
    """
    if path.suffix.lower() == ".mp4" and importlib.util.find_spec("av") is None:
        raise ConfigError(
            f"--out={path}: PyAV is needed for it: pip install 'jaxgan[video]'; or write a .gif"
        )


def write_film(frames: Sequence[np.ndarray], path: Path, *, hold: int = 1) -> Path:
    """Write frames as an endless GIF or as an MP4, whole or not at all.

    Args:
        frames: uint8 `[H, W, 3]` each; smaller ones are padded with black.
        path: a .gif, which is at most 640 pixels wide and high, or an .mp4.
        hold: how many times the last frame is shown.

    Raises:
        OSError: it cannot be written.
    """
    height, width = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    frames = [
        np.pad(frame, ((0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)))
        for frame in frames
    ]
    write_whole(path, _gif(frames, hold) if path.suffix.lower() == ".gif" else _mp4(frames, hold))
    return path


def evolution(directory: Path, path: Path | None = None) -> Path | None:
    """Combine `step_*.png` into a film: at most 100 frames, the last one held.

    Args:
        directory: where the pictures are.
        path: the film; `evolution.gif` beside them if None.

    Returns:
        Its path, or None if there are no pictures.
    """
    paths = sorted(directory.glob("step_*.png"))
    if not paths:
        return None
    kept = sorted({round(i) for i in np.linspace(0, len(paths) - 1, min(len(paths), _FRAMES))})
    path = path or directory / "evolution.gif"
    # A film runs faster than a GIF, and each of its pictures is to be seen as long.
    times = 1 if path.suffix.lower() == ".gif" else round(RATE * _MILLISECONDS / 1000)
    frames = [np.asarray(Image.open(paths[i]).convert("RGB")) for i in kept for _ in range(times)]
    return write_film(frames, path, hold=10 * times)


def _gif(frames: Sequence[np.ndarray], hold: int) -> bytes:
    pictures = [Image.fromarray(frame) for frame in frames]
    for picture in pictures:
        picture.thumbnail((_SIDE, _SIDE))
    durations = [_MILLISECONDS] * (len(pictures) - 1) + [hold * _MILLISECONDS]
    content = io.BytesIO()
    first, *rest = pictures
    first.save(content, format="GIF", save_all=True, append_images=rest, duration=durations, loop=0)
    return content.getvalue()


def _mp4(frames: Sequence[np.ndarray], hold: int) -> bytes:
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"crf": _QUALITY})
        # The format that all players know has half as many colors as pixels along each side.
        stream.height, stream.width = (side + side % 2 for side in frames[0].shape[:2])
        stream.pix_fmt = "yuv420p"
        for frame in [*frames, *[frames[-1]] * (hold - 1)]:
            padded = np.pad(
                frame, ((0, stream.height - len(frame)), (0, frame.shape[1] % 2), (0, 0))
            )
            film.mux(stream.encode(av.VideoFrame.from_ndarray(padded, format="rgb24")))
        film.mux(stream.encode())
    return content.getvalue()
