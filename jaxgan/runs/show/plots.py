"""Plots of points and of the curves of metrics, which need matplotlib."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from jaxgan.runs.files import read_lines

plt.switch_backend("agg")


def scatter(points: np.ndarray, real: np.ndarray | None = None) -> np.ndarray:
    """Draw generated points, over real ones if they are given.

    Args:
        points: float `[N, 2]`, roughly within [-1, 1].
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


def curves(metrics: Path, path: Path) -> Path | None:
    """Draw the metrics over the steps, from `metrics.jsonl`.

    Returns:
        `path`, or None if there are no metrics.
    """
    lines = read_lines(metrics)
    if not lines:
        return None
    panels = {
        "loss": ("d_loss", "g_loss"),
        "accuracy of D": ("d_accuracy_real", "d_accuracy_fake", "d_saturated"),
        "logits of D": ("d_logit_gap",),
        "diversity of G": ("g_diversity",),
        "norm of the gradient": ("d_grad_norm", "g_grad_norm"),
        "update / parameters": ("d_update_ratio", "g_update_ratio"),
    }
    norms = {*panels["norm of the gradient"], *panels["update / parameters"]}
    figure, grid_of_axes = plt.subplots(
        3, 2, sharex=True, figsize=(12, 9), dpi=100, layout="constrained"
    )
    figure.suptitle("Losses show which player is ahead, not how good the samples are")
    for axes, (label, names) in zip(grid_of_axes.flat, panels.items(), strict=True):
        for name in names:
            # A norm of 0, of a player that does not move, has no logarithm.
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
    """Draw a metric; for a population, its mean with a band of one standard deviation."""
    if not lines:
        return
    colors = {"saturated": "tab:purple", "real": "tab:green", "fake": "tab:red"}
    of_player = "tab:blue" if name.startswith("d_") else "tab:orange"
    color = colors.get(name.rpartition("_")[2], of_player)
    steps = [line["step"] for line in lines]
    mean = np.array([line[name] for line in lines])
    axes.plot(steps, mean, color=color, label=name)
    if f"{name}_std" in lines[0]:
        spread = np.array([line[f"{name}_std"] for line in lines])
        axes.fill_between(steps, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
