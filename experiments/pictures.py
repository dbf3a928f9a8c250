"""Pictures of a run: grids of samples, how they changed, and the curves of the metrics."""

import io
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from files import write_whole
from PIL import Image, ImageDraw

plt.switch_backend("agg")

_GIF_FRAMES = 100
_GIF_SIDE = 640
_GIF_MILLISECONDS = 150
_LABEL_HEIGHT = 16


def grid(images: np.ndarray, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Put images side by side.

    Args:
        images: uint8 `[N, H, W, C]`, C being 1 or 3.
        columns: images in a row; about as many as rows if None.
        gap: black pixels between two images.

    Returns:
        uint8 `[H', W', 3]`.
    """
    count, height, width, _ = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    page = np.zeros((rows * (height + gap) + gap, columns * (width + gap) + gap, 3), np.uint8)
    for i, image in enumerate(images):
        top = gap + i // columns * (height + gap)
        left = gap + i % columns * (width + gap)
        page[top : top + height, left : left + width] = image
    return page


def scatter(points: np.ndarray, real: np.ndarray | None = None) -> np.ndarray:
    """Draw generated points, over real ones if they are given.

    Args:
        points: float `[N, 2]`, about within [-1, 1].
        real: float `[M, 2]`, likewise.

    Returns:
        uint8 `[H, W, 3]`.
    """
    figure, axes = plt.subplots(figsize=(4, 4), dpi=100, layout="constrained")
    if real is not None:
        axes.scatter(*real.T, s=4, color="0.75", label="real")
    axes.scatter(*points.T, s=4, color="tab:red", alpha=0.5, label="generated")
    axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
    axes.legend(loc="upper right")
    figure.canvas.draw()
    picture = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # pyright: ignore[reportAttributeAccessIssue]
    plt.close(figure)
    return picture


def labelled(blocks: list[np.ndarray], labels: list[str], columns: int = 1) -> np.ndarray:
    """Put pictures below and beside each other, each under its label.

    Args:
        blocks: uint8 `[H, W, 3]`, all of one shape.
        labels: one for each.
        columns: blocks in a row.

    Returns:
        uint8 `[H', W', 3]`.
    """
    height, width, _ = blocks[0].shape
    height += _LABEL_HEIGHT
    page = Image.new("RGB", (columns * width, math.ceil(len(blocks) / columns) * height))
    pen = ImageDraw.Draw(page)
    for i, (block, text) in enumerate(zip(blocks, labels, strict=True)):
        left, top = i % columns * width, i // columns * height
        pen.text((left + 2, top + 2), text, fill="white")
        page.paste(Image.fromarray(block), (left, top + _LABEL_HEIGHT))
    return np.asarray(page)


def save(picture: np.ndarray, path: Path) -> None:
    """Write a uint8 `[H, W, 3]` picture, whole or not at all."""
    content = io.BytesIO()
    Image.fromarray(picture).save(content, format="PNG")
    write_whole(path, content.getvalue())


def evolution(directory: Path) -> Path | None:
    """Join `step_*.png` to `evolution.gif`: at most 100 frames, the last one held.

    Returns:
        Its path, or None if there are no pictures.
    """
    paths = sorted(directory.glob("step_*.png"))
    if not paths:
        return None
    kept = sorted({round(i) for i in np.linspace(0, len(paths) - 1, min(len(paths), _GIF_FRAMES))})
    return animate([np.asarray(Image.open(paths[i])) for i in kept], directory / "evolution.gif")


def animate(frames: list[np.ndarray], path: Path, *, hold: int = 10) -> Path:
    """Write uint8 `[H, W, 3]` frames as an endless GIF that shows the last one `hold` times."""
    pictures = [Image.fromarray(frame) for frame in frames]
    for picture in pictures:
        picture.thumbnail((_GIF_SIDE, _GIF_SIDE))
    durations = [_GIF_MILLISECONDS] * (len(pictures) - 1) + [hold * _GIF_MILLISECONDS]
    pictures[0].save(
        path, format="GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0
    )
    return path


def curves(metrics: Path, path: Path) -> Path | None:
    """Draw the metrics over the steps, from `metrics.jsonl`.

    Returns:
        `path`, or None if there are no metrics.
    """
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    if not lines:
        return None
    panels = {
        "loss": ("d_loss", "g_loss"),
        "accuracy of D": ("d_accuracy_real", "d_accuracy_fake", "d_saturated"),
        "logits of D": ("d_logit_gap",),
        "diversity of G": ("g_diversity",),
        "length of the gradient": ("d_grad_norm", "g_grad_norm"),
        "update / parameters": ("d_update_ratio", "g_update_ratio"),
    }
    norms = {*panels["length of the gradient"], *panels["update / parameters"]}
    figure, grid_of_axes = plt.subplots(
        3, 2, sharex=True, figsize=(12, 9), dpi=100, layout="constrained"
    )
    figure.suptitle("Losses say who is ahead, not how good the samples are")
    for axes, (label, names) in zip(grid_of_axes.flat, panels.items(), strict=True):
        for name in names:
            # A length of 0, of a player that stands still, has no logarithm.
            drawn = [line for line in lines if name in line and (line[name] or name not in norms)]
            _curve(axes, drawn, name)
        axes.set(ylabel=label)
    _, accuracy, gap, diversity, gradient, update = grid_of_axes.flat
    for axes, value in (accuracy, 0.5), (gap, 0), (diversity, 1):
        axes.axhline(value, color="0.5", linestyle="--", label="equilibrium")
    accuracy.set(ylim=(-0.02, 1.02))
    diversity.set_ylim(bottom=0)
    for axes in gradient, update:
        axes.set(xlabel="step", yscale="log")
    for axes in grid_of_axes.flat:
        axes.legend(loc="best")
        axes.grid(alpha=0.3)
    figure.savefig(path)
    plt.close(figure)
    return path


def _curve(axes, lines: list[dict], name: str) -> None:
    """A metric, and of a population its mean within one standard deviation."""
    if not lines:
        return
    colours = {"saturated": "tab:purple", "real": "tab:green", "fake": "tab:red"}
    of_player = "tab:blue" if name.startswith("d_") else "tab:orange"
    colour = colours.get(name.rpartition("_")[2], of_player)
    steps = [line["step"] for line in lines]
    mean = np.array([line[name] for line in lines])
    axes.plot(steps, mean, color=colour, label=name)
    if f"{name}_std" in lines[0]:
        spread = np.array([line[f"{name}_std"] for line in lines])
        axes.fill_between(steps, mean - spread, mean + spread, color=colour, alpha=0.2, linewidth=0)
