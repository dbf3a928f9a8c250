"""The records of a run in training: a progress line, metrics.jsonl, and boards.

Remarks of the monitor go to monitor.jsonl. A population reports means and standard deviations, and
writes each member's metrics to members.jsonl.
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from jaxgan.monitor import Word
from jaxgan.runs.config import Config
from jaxgan.runs.files import Lines
from jaxgan.runs.members import members
from jaxgan.runs.training.board import Board, boards

_SHOWN = (
    ("d_loss", "d_loss {:.3f}"),
    ("g_loss", "g_loss {:.3f}"),
    ("d_accuracy_real", "D right {:.0%} real"),
    ("d_accuracy_fake", "{:.0%} fake"),
    ("images_per_second", "{:.0f} images/s"),
)
_NARROW = 120  # columns of a terminal, below which there is no room for a bar


class NullRecorder:
    """A recorder that does nothing, for processes that do not write."""

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def attempt(self, what: str) -> contextlib.AbstractContextManager[None]:
        """Go on if what is written in this context cannot be written, but say so."""
        del what
        return contextlib.nullcontext()

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
        names = ("metrics", "members", "monitor", "evaluations")
        self._lines = {name: Lines(workdir / f"{name}.jsonl", first_step) for name in names}
        self._examples = (
            config.optimization.batch_size * config.optimization.d_steps * len(members(config))
        )
        self._boards, self._open = boards(config), dict[str, Board]()
        for name in self._boards:
            self._opened(name, first_step)
        self._terminal = sys.stderr.isatty()
        self._first = self._last = time.perf_counter(), first_step
        self._bar = tqdm(
            total=config.run.steps,
            initial=first_step,
            unit="step",
            disable=not self._terminal,
            dynamic_ncols=True,
        )
        if shutil.get_terminal_size().columns < _NARROW:
            self._bar.bar_format = "{percentage:3.0f}% {elapsed}<{remaining}{postfix}"

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            self._bar.close()
        for name, board in self._open.items():
            with self.attempt(name):
                board.close()
        for name, lines in self._lines.items():
            # Those that are still waiting. If they cannot be written it is an error, the only one.
            with self.attempt(f"{name}.jsonl") if exception[0] else contextlib.nullcontext():
                lines.append()

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Go on if what is written in this context cannot be written, but say so."""
        try:
            yield
        except OSError as error:
            self.say(f"cannot write {what}: {error.strerror or error}; training goes on")

    def advance(self, step: int) -> None:
        """Move the progress bar."""
        with contextlib.suppress(OSError):  # the terminal may be gone
            self._bar.update(step - self._bar.n)

    def metrics(self, step: int, values: dict[str, float]) -> None:
        """Record the metrics of the steps since the last line."""
        now, (then, last) = time.perf_counter(), self._last
        self._last = now, step
        examples = (step - last) * self._examples
        values = {**values, "images_per_second": examples / max(now - then, 1e-9)}
        self._write("metrics", {"step": step, **values})
        self._log(step, values)
        self._show(step, values)

    def members(self, step: int, rows: list[dict]) -> None:
        """Record the metrics of each member of a population."""
        self._write("members", *({"step": step, **row} for row in rows))

    def picture(self, step: int, picture: np.ndarray) -> None:
        """Record a picture of samples, uint8 `[H, W, 3]`."""
        self._to_boards(step, lambda board: board.picture(step, picture))

    def past(self) -> list[dict]:
        """Return the lines of metrics that were recorded before this start and are still valid."""
        return self._lines["metrics"].kept

    def words(self, words: list[Word]) -> None:
        """Print and record remarks of the monitor."""
        if not words:
            return
        self._write("monitor", *(word._asdict() for word in words))
        for word in words:
            self.say(f"step {word.step}: {word.text}")

    def evaluation(self, step: int, values: dict[str, float], text: str) -> None:
        """Record an evaluation of samples, and print it."""
        self._write("evaluations", {"step": step, **values})
        self._log(step, values)
        self.say(f"step {step}: {text}")
        # The time of the evaluation does not count as time of the steps.
        self._last = time.perf_counter(), self._last[1]

    def evaluations(self) -> list[dict]:
        """Return all evaluations that were recorded."""
        return self._lines["evaluations"].read()

    def say(self, text: str) -> None:
        """Print a line above the progress bar."""
        with contextlib.suppress(OSError):
            tqdm.write(text, file=sys.stderr)

    def _write(self, name: str, *lines: dict) -> None:
        with self.attempt(f"{name}.jsonl now, but later"):
            self._lines[name].append(*lines)

    def _to_boards(self, step: int, write: Callable[[Board], None]) -> None:
        for name in self._boards:
            board = self._open.pop(name, None) or self._opened(name, step)
            with self.attempt(name):
                if board is not None:
                    write(board)
                    self._open[name] = board  # else a file with half an event in it is left

    def _opened(self, name: str, step: int) -> Board | None:
        with self.attempt(name):
            self._open[name] = self._boards[name](step)
        return self._open.get(name)

    def _log(self, step: int, values: dict[str, float]) -> None:
        self._to_boards(step, lambda board: board.scalars(step, values))

    def _show(self, step: int, values: dict[str, float]) -> None:
        text = ", ".join(form.format(values[name]) for name, form in _SHOWN if name in values)
        if self._terminal:
            with contextlib.suppress(OSError):
                self._bar.set_postfix_str(text)
        else:
            self.say(f"step {step}/{self._config.run.steps}: {text}{self._time_left(step)}")

    def _time_left(self, step: int) -> str:
        then, first = self._first
        seconds = (time.perf_counter() - then) / (step - first) * (self._config.run.steps - step)
        return f", {tqdm.format_interval(seconds)} left"
