"""The records of a run in training: a progress line, metrics.jsonl, TensorBoard and W&B.

Remarks of the monitor go to monitor.jsonl. A population reports means and standard deviations, and
writes each member's metrics to members.jsonl.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter
from tqdm import tqdm

from jaxgan.monitor import Word
from jaxgan.runs.config import Config
from jaxgan.runs.files import write_whole
from jaxgan.runs.members import members


class NullRecorder:
    """A recorder that does nothing, for processes that do not write."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def advance(self, step: int) -> None:
        """Move the progress bar."""

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Record the metrics of the steps since the last line."""

    def members(self, step: int, rows: list[dict]) -> None:
        """Record the metrics of each member of a population."""

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Record a picture of samples, uint8 `[H, W, 3]`."""

    def past(self) -> list[dict]:
        """Return the lines of metrics that were recorded before this start and are still valid."""
        return []

    def words(self, words: list[Word]) -> None:
        """Print and record remarks of the monitor."""

    def evaluation(self, step: int, values: dict[str, float], text: str) -> None:
        """Record an evaluation of samples, and print it."""

    def evaluations(self) -> list[dict]:
        """Return all evaluations that were recorded."""
        return []

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""


class Recorder(NullRecorder):
    """A recorder of the metrics and pictures of a run, which also shows its progress.

    Args:
        config: the settings.
        first_step: where the run starts or resumes; earlier records of later steps are dropped.
    """

    def __init__(self, config: Config, first_step: int):
        workdir = Path(config.run.workdir)
        self._config = config
        self._members = workdir / "members.jsonl"
        self._monitor = workdir / "monitor.jsonl"
        self._evaluations = workdir / "evaluations.jsonl"
        self._examples = (
            config.optimization.batch_size * config.optimization.d_steps * len(members(config))
        )
        metrics = workdir / "metrics.jsonl"
        for path in (metrics, self._members, self._monitor, self._evaluations):
            _drop_after(path, first_step)
        self._past = metrics.read_text().splitlines() if metrics.exists() else []
        self._file = metrics.open("a", buffering=1)
        self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=first_step)
        self._wandb = _start_wandb(config)
        self._terminal = sys.stderr.isatty()
        self._first = self._last = time.perf_counter(), first_step
        self._bar = tqdm(
            total=config.run.steps,
            initial=first_step,
            unit="step",
            disable=not self._terminal,
            dynamic_ncols=True,
        )

    def __exit__(self, *exception):
        self._bar.close()
        self._file.close()
        self._board.close()
        if self._wandb is not None:
            self._wandb.finish()

    def advance(self, step: int) -> None:
        """Move the progress bar."""
        self._bar.update(step - self._bar.n)

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Record the metrics of the steps since the last line."""
        now, (then, last) = time.perf_counter(), self._last
        self._last = now, step
        examples = (step - last) * self._examples
        values = {**values, "images_per_second": examples / max(now - then, 1e-9)}
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._log(step, values)
        self._show(step, values)

    def members(self, step: int, rows: list[dict]) -> None:
        """Record the metrics of each member of a population."""
        with self._members.open("a") as file:
            file.writelines(json.dumps({"step": step, **row}) + "\n" for row in rows)

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Record a picture of samples, uint8 `[H, W, 3]`."""
        self._board.add_image("samples", picture, step, dataformats="HWC")
        self._board.flush()
        if self._wandb is not None:
            self._wandb.log({"samples": self._wandb.Image(picture)}, step=step)

    def past(self) -> list[dict]:
        """Return the lines of metrics that were recorded before this start and are still valid."""
        return [json.loads(line) for line in self._past]

    def words(self, words: list[Word]) -> None:
        """Print and record remarks of the monitor."""
        if not words:
            return
        with self._monitor.open("a") as file:
            file.writelines(json.dumps(word._asdict()) + "\n" for word in words)
        for word in words:
            self.say(f"step {word.step}: {word.text}")

    def evaluation(self, step: int, values: dict[str, float], text: str) -> None:
        """Record an evaluation of samples, and print it."""
        with self._evaluations.open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        self._log(step, values)
        self.say(f"step {step}: {text}")
        # The time of the evaluation does not count as time of the steps.
        self._last = time.perf_counter(), self._last[1]

    def evaluations(self) -> list[dict]:
        """Return all evaluations that were recorded."""
        if not self._evaluations.exists():
            return []
        return [json.loads(line) for line in self._evaluations.read_text().splitlines()]

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        tqdm.write(text, file=sys.stderr)

    def _log(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._board.add_scalar(name, value, step)
        self._board.flush()
        if self._wandb is not None:
            self._wandb.log(values, step=step)

    def _show(self, step: int, values: dict[str, float]) -> None:
        text = (
            f"{values['images_per_second']:.0f} images/s, "
            f"d_loss {values['d_loss']:.3f}, g_loss {values['g_loss']:.3f}, "
            f"D right on real {values['d_accuracy_real']:.0%}, "
            f"on fake {values['d_accuracy_fake']:.0%}"
        )
        if self._terminal:
            self._bar.set_postfix_str(text)
        else:
            self.say(f"step {step}/{self._config.run.steps}: {text}{self._time_left(step)}")

    def _time_left(self, step: int) -> str:
        then, first = self._first
        seconds = (time.perf_counter() - then) / (step - first) * (self._config.run.steps - step)
        return f", {tqdm.format_interval(seconds)} left"


def _start_wandb(config: Config):
    if not config.run.wandb:
        return None
    import wandb  # pyright: ignore[reportMissingImports]

    wandb.init(
        project="jaxgan",
        name=Path(config.run.workdir).name,
        dir=config.run.workdir,
        config=config.flat(),
    )
    return wandb


def _drop_after(path: Path, step: int) -> None:
    """Keep the lines up to `step`: the steps after the checkpoint are going to be repeated."""
    if not path.exists():
        return
    lines = path.read_text().splitlines(keepends=True)
    # A line that was cut short when the program ended has no newline.
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    write_whole(path, "".join(kept))
